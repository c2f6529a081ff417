"""What is in the files, folders and ZIPs a sender sends: each set of data is one delivery.

A ZIP or folder may hold one shapefile or two hundred packages; every set of data in it becomes a
delivery of its own, with its own findings, rejects and change, and `part` narrows it to one. ZIPs
inside ZIPs are opened too. What is no data is named, so that nothing is lost without a word.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from parcels.errors import (
    FileNotReadableError,
    FileNotSafeError,
    FileTooLargeError,
    FormatNotKnownError,
    NothingInsideError,
    PartNotChosenError,
    Refusal,
)
from parcels.findings import Findings
from parcels.ingest import archives, national
from parcels.ingest.archives import Allowance, Contents
from parcels.ingest.arrived import Package
from parcels.ingest.bounds import Limits, limits
from parcels.ingest.encodings import first_foreign
from parcels.ingest.kinds import SUFFIXES, is_geodatabase, kind_of

_ZIP: Final = ".zip"
# Files that belong to another file beside them.
_COMPANIONS: Final[Mapping[str, tuple[str, ...]]] = {
    ".shx": (".shp",), ".dbf": (".shp",), ".prj": (".shp",), ".cpg": (".shp", ".dbf"),
    ".sbn": (".shp",), ".sbx": (".shp",), ".qix": (".shp",), ".qpj": (".shp",), ".fix": (".shp",),
    ".map": (".tab",), ".dat": (".tab",), ".id": (".tab",), ".ind": (".tab",), ".mid": (".mif",),
}  # fmt: skip
# What macOS and Windows leave in folders.
_LITTER: Final = frozenset({"__macosx", ".ds_store", "thumbs.db", "desktop.ini"})
_NAMED: Final = 20
_TAKEN_FOR_ADDRESS: Final = re.compile(r"[!;\x00-\x1f]")


@dataclass(frozen=True, slots=True)
class Item:
    """One delivery, where it can be read.

    Attributes:
        path: The file, or the folder of a FileGDB.
        name: As the user knows it: file name, inside a ZIP or folder with the way to it.
        part: Sheet or layer asked for.
        packed: It came out of a ZIP.
        package: What the name of its ZIP says, if that is one of the national boundary packages.
        notes: Findings of the container: code, found, details.
        sheet: `part` is one of a workbook's sheets that are all deliveries.
        refused: Why it cannot be opened, of a ZIP sent with other files.
    """

    path: Path
    name: str
    part: str | None = None
    packed: bool = False
    package: Package | None = None
    notes: tuple[tuple[str, str, Mapping[str, Any]], ...] = ()
    sheet: bool = False
    refused: Refusal | None = None

    def report(self, findings: Findings) -> None:
        """Add the findings of the container."""
        for code, found, details in self.notes:
            findings.add(code, found=found, details=details)


@dataclass(slots=True)
class _Search:
    """One walk through what was sent; ZIPs are unpacked into folders that last as long as it."""

    allowance: Allowance
    stack: ExitStack
    items: list[Item] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)
    notes: list[tuple[str, str, Mapping[str, Any]]] = field(default_factory=list)


@contextmanager
def opened(
    paths: Iterable[Path], *, part: str | None = None, bounds: Limits | None = None
) -> Iterator[list[Item]]:
    """The deliveries in these files, folders and ZIPs; what was unpacked is gone afterwards.

    Args:
        paths: As the user names them.
        part: One of several in a ZIP or folder (its way inside, name, or name without ending);
            where nothing is called so, the sheet or layer to read in the only one.
        bounds: None for those of `reference/formats.toml`.

    Raises:
        FileTooLargeError: Of a ZIP; see `archives`.
        FileNotReadableError, FileNotSafeError: The only ZIP; of several files, it is an item that
            tells so.
        NothingInsideError: The only ZIP or folder holds nothing that can be read.
        PartNotChosenError: Several are there, and none is called `part`.
    """
    with ExitStack() as stack:
        found: list[Item] = []
        for path in paths:
            search = _Search(Allowance(bounds or limits(), path.name), stack)
            _look_at(path, path.name, search, depth=0, packed=False)
            if not search.items:
                nothing = NothingInsideError(file=path.name, kinds=[*SUFFIXES, _ZIP])
                search.items.append(Item(path, path.name, refused=nothing))
            found += _chosen(_noted(search), part, path.name)
        if len(found) == 1 and found[0].refused is not None:
            raise found[0].refused
        yield found


@contextmanager
def only(path: Path, *, part: str | None, bounds: Limits | None = None) -> Iterator[Item]:
    """The one delivery in a file, folder or ZIP.

    Raises:
        PartNotChosenError: There are several; otherwise as `opened`.
    """
    with opened([path], part=part, bounds=bounds) as items:
        if len(items) != 1:
            raise PartNotChosenError(file=path.name, part=part or "", parts=_inside(items))
        yield items[0]


@contextmanager
def named_plainly(item: Item) -> Iterator[Item]:
    """The item under a way that pyogrio and fiona take for a file.

    Both read a way as an address: what stands before "!" is an archive to them, what stands after
    ";" is dropped, and "http:a.shp" is fetched. Such a file gets another name beside it.
    """
    way = str(item.path.absolute())
    if not _TAKEN_FOR_ADDRESS.search(way):
        yield replace(item, path=item.path.absolute())
        return
    with tempfile.TemporaryDirectory(prefix="jingtu-") as place:
        folder = Path(place)
        for one in item.path.parent.iterdir():
            if one.stem.lower() == item.path.stem.lower():
                (folder / _TAKEN_FOR_ADDRESS.sub("_", one.name)).symlink_to(one.absolute())
        yield replace(item, path=folder / _TAKEN_FOR_ADDRESS.sub("_", item.path.name))


def _look_at(path: Path, name: str, search: _Search, *, depth: int, packed: bool) -> None:
    folders = search.allowance.limits.folders
    if name.count("/") > folders:
        file, found = search.allowance.file, name.count("/")
        raise FileTooLargeError(file=file, reason="folder_depth", found=found, limit=folders)
    if path.is_dir():
        if is_geodatabase(path):
            search.items.append(Item(path, name, packed=packed))
            return
        _look_into(path, name, search, depth=depth, packed=packed)
        return
    if _is_zip(path):
        try:
            _unpacked(path, name, search, depth=depth)
        except (FileNotReadableError, FileNotSafeError) as refusal:
            search.items.append(Item(path, name, packed=packed, refused=refusal))
        return
    search.items.append(Item(path, name, packed=packed))


def _is_zip(path: Path) -> bool:
    """By its name; by its first bytes only where the name says nothing.

    A file named as a database is never opened here: it may be the register, and opening that
    beside SQLite would drop its locks.
    """
    suffix = path.suffix.lower()
    if suffix == _ZIP:
        return True
    if suffix in SUFFIXES:
        return False
    try:
        with path.open("rb") as stream:
            return stream.read(4) in {archives.MARK, archives.EMPTY_MARK}
    except OSError:
        return False


def _look_into(folder: Path, name: str, search: _Search, *, depth: int, packed: bool) -> None:
    try:
        inside = sorted(one for one in folder.iterdir() if not _is_litter(one.name))
    except OSError as error:
        raise FileNotReadableError(file=name, reason=error.strerror or str(error)) from error
    if not packed:  # what came out of a ZIP was counted in it
        search.allowance.count(len(inside))
    names = {one.name.lower() for one in inside}
    for one in inside:
        shown = f"{name}/{one.name}"
        if one.is_symlink():
            search.unread.append(shown)
        elif one.is_dir() or one.suffix.lower() == _ZIP:
            _look_at(one, shown, search, depth=depth, packed=packed)
        elif _is_data(one, names):
            search.items.append(Item(one, shown, packed=packed))
        elif not _is_companion(one, names):
            search.unread.append(shown)


def _unpacked(path: Path, name: str, search: _Search, *, depth: int) -> None:
    bounds = search.allowance.limits
    if depth >= bounds.depth:
        raise FileTooLargeError(
            file=search.allowance.file, reason="zip_depth", found=depth + 1, limit=bounds.depth
        )
    folder = Path(search.stack.enter_context(tempfile.TemporaryDirectory(prefix="jingtu-")))
    with archives.opened(path, bounds, name=name) as (archive, contents):
        search.allowance.take(contents)
        kept = [one for one in contents.entries if not _is_litter(*one.name.split("/"))]
        archives.unpack(archive, kept, folder, file=name)
    if contents.encoding is not None:
        search.notes.append(_guessed(contents))
    before = len(search.items)
    _look_into(folder, name, search, depth=depth + 1, packed=True)
    mine = search.items[before:]
    if len(mine) == 1:
        package = national.package_of(name.rpartition("/")[2], mine[0].path)
        search.items[before] = replace(mine[0], package=package)


def _is_data(path: Path, names: set[str]) -> bool:
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES or _is_companion(path, names):
        return False
    if suffix != ".txt":
        return True
    # Notes come as .txt too.
    try:
        kind_of(path)
    except (FileNotReadableError, FormatNotKnownError):
        return False
    return True


def _is_companion(path: Path, names: set[str]) -> bool:
    stem, suffix = path.stem.lower(), path.suffix.lower()
    if suffix == ".xml":
        return stem in names
    return any(f"{stem}{main}" in names for main in _COMPANIONS.get(suffix, ()))


def _is_litter(*steps: str) -> bool:
    return any(step.lower() in _LITTER or step.startswith("._") for step in steps)


def _guessed(contents: Contents) -> tuple[str, str, Mapping[str, Any]]:
    sample = first_foreign(next(e.name for e in contents.entries if not e.name.isascii()))
    return "encoding_guessed", sample, {"encoding": contents.encoding, "declared": ""}


def _noted(search: _Search) -> list[Item]:
    """The items found; the first tells what concerns the container."""
    notes = list(search.notes)
    if search.unread:
        shown = ", ".join(search.unread[:_NAMED])
        notes.append(("member_not_read", shown, {"count": len(search.unread)}))
    first, *others = search.items
    return [replace(first, notes=tuple(notes)), *others]


def _chosen(items: list[Item], part: str | None, file: str) -> list[Item]:
    if part is None:
        return items
    named = [one for one in items if part in _called(one)] if len(items) > 1 else []
    if named:
        notes = items[0].notes
        return [replace(named[0], notes=notes), *named[1:]]
    if len(items) > 1:
        raise PartNotChosenError(file=file, part=part, parts=_inside(items))
    return [replace(items[0], part=part)]


def _called(item: Item) -> set[str]:
    inside = item.name.partition("/")[2]
    return {item.name, inside, Path(inside).name, Path(inside).stem}


def _inside(items: list[Item]) -> list[str]:
    return [one.name.partition("/")[2] or one.name for one in items]
