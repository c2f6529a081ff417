"""Files that once made a reader fall, or nearly: each comes in or is refused in words of ours."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

FUZZ = Path(__file__).parent / "fuzz"
sys.path.insert(0, str(FUZZ))

import targets  # noqa: E402 - stands beside the corpus

CASES = sorted(path for path in (FUZZ / "corpus").rglob("*") if path.is_file())


@pytest.mark.parametrize("path", CASES, ids=lambda p: f"{p.parent.name}/{p.name}")
def test_every_file_of_the_corpus_comes_in_or_is_refused(path):
    targets.deliver_bytes(path.read_bytes(), path.parent.name)


def test_the_corpus_is_small_and_of_every_kind():
    assert {path.parent.name for path in CASES} == set(targets.KINDS)
    assert max(path.stat().st_size for path in CASES) < 20_000
