"""The files that evidence rests on: kept whole, once, never written over, checked on reading."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys

import pytest

from parcels.documents import Documents
from parcels.errors import (
    DocumentDamagedError,
    DocumentFolderNeededError,
    DocumentNotFoundError,
    FileNotReadableError,
    OutputNotWritableError,
)

PDF = b"%PDF-1.4 \xe7\xa4\xba\xe4\xbe\x8b" * 100_000


@pytest.fixture
def report(tmp_path):
    path = tmp_path / "调查报告.pdf"
    path.write_bytes(PDF)
    return path


def test_a_file_is_kept_under_its_digest_and_comes_back_as_it_was(tmp_path, report):
    documents = Documents(tmp_path / "r.gpkg.files")
    kept = documents.keep(report)
    report.unlink()

    digest = hashlib.sha256(PDF).hexdigest()
    assert (kept.name, kept.sha256, kept.size_bytes) == ("调查报告.pdf", digest, len(PDF))
    assert documents.read(digest) == tmp_path / "r.gpkg.files" / digest[:2] / digest[2:]
    assert documents.read(digest).read_bytes() == PDF


def test_the_same_bytes_are_kept_once_and_their_file_is_not_touched(tmp_path, report):
    documents = Documents(tmp_path / "f")
    first = documents.read(documents.keep(report).sha256).stat()
    again = report.rename(tmp_path / "另一个名字.pdf")
    second = documents.read(documents.keep(again).sha256).stat()

    assert (first.st_ino, first.st_mtime_ns) == (second.st_ino, second.st_mtime_ns)
    assert len([p for p in (tmp_path / "f").rglob("*") if p.is_file()]) == 1


def test_a_changed_file_is_noticed_and_never_written_over(tmp_path, report):
    documents = Documents(tmp_path / "f")
    digest = documents.keep(report).sha256
    place = documents.read(digest)
    place.chmod(0o644)
    place.write_bytes(PDF + b"!")

    with pytest.raises(DocumentDamagedError):
        documents.read(digest)
    with pytest.raises(DocumentDamagedError):
        documents.keep(report)
    assert place.read_bytes() == PDF + b"!"


def test_a_lost_file_is_noticed(tmp_path, report):
    documents = Documents(tmp_path / "f")
    digest = documents.keep(report).sha256
    documents.read(digest).unlink()

    with pytest.raises(DocumentNotFoundError):
        documents.read(digest)
    assert documents.keep(report).sha256 == digest  # kept again, it is back


@pytest.mark.parametrize("name", ["nothing.pdf", "."])
def test_what_is_no_file_is_refused(tmp_path, name):
    with pytest.raises(FileNotReadableError):
        Documents(tmp_path / "f").keep(tmp_path / name)


def test_without_a_folder_nothing_can_be_kept(report):
    with pytest.raises(DocumentFolderNeededError):
        Documents(None).keep(report)


def test_a_folder_that_cannot_be_written_is_said(tmp_path, report):
    (tmp_path / "f").write_text("a file stands where the folder belongs")

    with pytest.raises(OutputNotWritableError):
        Documents(tmp_path / "f").keep(report)


def test_killed_at_any_moment_there_is_a_whole_file_or_none(tmp_path):
    big = tmp_path / "大.pdf"
    big.write_bytes(os.urandom(1 << 20) * 40)
    digest = hashlib.sha256(big.read_bytes()).hexdigest()
    program = (
        "import pathlib, sys; from parcels.documents import Documents; print('go', flush=True); "
        "Documents(pathlib.Path(sys.argv[2])).keep(pathlib.Path(sys.argv[1]))"
    )
    folder = tmp_path / "f"
    for wait in (0.0, 0.02, 0.05, 0.1):
        with subprocess.Popen(
            [sys.executable, "-c", program, str(big), str(folder)], stdout=subprocess.PIPE
        ) as child:
            assert child.stdout.readline() == b"go\n"
            try:
                child.wait(wait)
            except subprocess.TimeoutExpired:
                child.kill()
        place = folder / digest[:2] / digest[2:]
        assert not place.exists() or hashlib.sha256(place.read_bytes()).hexdigest() == digest

    assert Documents(folder).keep(big).sha256 == digest
    assert Documents(folder).read(digest).stat().st_size == 40 << 20
