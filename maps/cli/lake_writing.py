"""`jingtu export lake`: a layer's parcels as GeoParquet files for many to read."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from layers import library, shares
from maps import settings
from maps.cli import bars
from maps.cli.desk import AsOf, Known, desk_of
from maps.cli.exporting import Ask
from parcels import handing_out
from parcels.errors import OutputNotWritableError
from parcels.exchange import lake as lakes
from parcels.model import SourceFile
from parcels.register import Filter

_STEPS = ("write",)


def lake(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(help="cluster.options.folder")],
    layer: Annotated[str, typer.Option("--layer", "-l", help="history.options.layer")],
    parcels: Annotated[int, typer.Option(min=1, help="cluster.options.parcels")] = shares.MOST,
    as_of: AsOf = None,
    known: Known = None,
) -> None:
    """Write a layer's parcels as a lake."""
    desk = desk_of(context)
    moment = desk.moment(as_of, known)
    layers = desk.catalog()
    declared = layers.layer(layer)
    place = folder.absolute()
    _refuse_other_folder(place)
    with desk.open(layers) as register:
        pinned = register.pinned(moment)
        with handing_out.workshop(register, place.parent) as made:
            new = made / place.name
            new.mkdir()
            with bars.bar(desk, place.name, _STEPS) as told:
                written = library.write_lake(
                    register,
                    declared.key,
                    pinned,
                    new,
                    made_at=settings.now(),
                    most=parcels,
                    told=lambda done, total: told("write", done, total),
                )
            ask = Ask(declared, pinned, Filter(), "file")
            manifest = new / lakes.MANIFEST
            size = manifest.stat().st_size
            file = SourceFile(manifest.name, handing_out.sha256(manifest), size)
            # The log knows the manifest, and the manifest the digest of every file.
            number = register.log_export(ask.entry(desk, "lake", written.parcels)((file,)))
            _put(new, place, made / "before")
    count = len(written.parts)
    said = {"count": written.parcels, "files": count, "folder": place, "number": number}
    desk.print(desk.say("cluster.said.written", **said))


def _refuse_other_folder(place: Path) -> None:
    """Only a lake is written over: whatever else is in a folder would be lost."""
    if not place.exists():
        return
    if not place.is_dir():
        raise OutputNotWritableError(file=str(place), reason="ENOTDIR")
    if any(place.iterdir()) and not (place / lakes.MANIFEST).is_file():
        raise OutputNotWritableError(file=str(place), reason="not_a_lake")


def _put(new: Path, place: Path, aside: Path) -> None:
    """Put a folder in its place; the one that was there goes."""
    if place.exists():
        place.replace(aside)
    try:
        new.replace(place)
    except OSError:
        if aside.exists():
            aside.replace(place)
        raise
    with suppress(OSError):
        shutil.rmtree(aside)
