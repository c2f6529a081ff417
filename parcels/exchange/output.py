"""Files that are there whole or not at all, under any name."""

from __future__ import annotations

import errno
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from parcels.errors import OutputNotWritableError


@contextmanager
def placed(path: Path) -> Iterator[Path]:
    """A path to write to beside `path`; what is written there takes its place at the end.

    On any error nothing takes its place, and a file that was there is left as it was. A link
    stays a link. What is not an ordinary file, such as /dev/stdout, is written into.

    Args:
        path: Where the file shall be; its folder must exist.

    Raises:
        OutputNotWritableError: On an error of the system inside the block or on placing;
            `reason` is its name, e.g. "ENOSPC".
    """
    try:
        target = path.resolve()
        special = target.exists() and not target.is_file() and not target.is_dir()
        beside = None if special else target.parent
        with tempfile.TemporaryDirectory(prefix=".jingtu-", dir=beside) as folder:
            made = Path(folder) / (target.name or "file")
            yield made
            if special:
                with made.open("rb") as source, target.open("wb") as sink:
                    shutil.copyfileobj(source, sink)
            else:
                made.replace(target)
    except OSError as error:
        reason = errno.errorcode.get(error.errno or 0, str(error))
        raise OutputNotWritableError(file=str(path), reason=reason) from error


@contextmanager
def named(path: Path, *, keep: bool = False) -> Iterator[Path]:
    """A path GDAL can write to; what is written there and beside it is named as `path` at the end.

    pyogrio takes "!" in a path for the border of an archive and "?" for the query of a web
    address, and writes elsewhere without a word.

    Args:
        path: Where the file shall be; its folder must exist.
        keep: What is there already is written to, not replaced.

    Raises:
        OSError: A file cannot be placed.
    """
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / f"file{path.suffix}"
        if keep:
            shutil.copyfile(path, made)
        yield made
        for one in Path(folder).iterdir():
            shutil.move(one, path.with_name(path.stem + one.suffix))
