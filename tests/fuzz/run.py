"""Fuzz the readers for long, led by coverage: `python tests/fuzz/run.py txt --seconds 600`.

Inputs that reach new code are kept in build/fuzz/<kind>/; one that falls through the door stands
there as crash-*, and belongs into tests/fuzz/corpus/<kind>/ together with its cure.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import atheris

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT), str(Path(__file__).parent)]

with atheris.instrument_imports(include=["parcels"], enable_loader_override=False):
    import targets


def main() -> None:
    """Fuzz one kind of file until the time is over or something falls."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("kind", choices=targets.KINDS)
    asked.add_argument("--seconds", type=int, default=60)
    asked.add_argument("--megabytes", type=int, default=3_000)
    given = asked.parse_args()
    kept = ROOT / "build" / "fuzz" / given.kind
    kept.mkdir(parents=True, exist_ok=True)
    options = [
        f"-max_total_time={given.seconds}",
        f"-rss_limit_mb={given.megabytes}",
        f"-artifact_prefix={kept}/",
        "-max_len=8192",
        "-timeout=20",
        "-print_final_stats=1",
    ]
    folders = [str(kept), str(targets.CORPUS / given.kind)]
    atheris.Setup(
        [sys.argv[0], *options, *folders],
        lambda content: targets.deliver_bytes(content, given.kind, one_in=8),
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
