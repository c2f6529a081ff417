"""Lakes as they are named on the command line, and whether they may still be read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from layers import library
from layers.catalog import Catalog
from maps.cli.desk import Desk
from parcels.errors import LakeStaleError, StoreNotFoundError
from parcels.exchange import lake as lakes
from parcels.exchange.lake import Lake
from parcels.model import Moment
from parcels.register import Register


def opened(
    folders: Sequence[Path], desk: Desk, layers: Catalog, asked: Moment | None
) -> list[Lake]:
    """The lakes in these folders.

    Raises:
        LakeNotUsableError: A folder holds none, or a damaged one.
        UnknownLayerError: It is of a layer that is not declared.
        LakeStaleError: It is of another day than was asked for, or the register has learned more
            of the layer. Where there is no register, a lake is as good as it says.
        StoreNotFoundError: There is no register, and what it knew when was asked for.
    """
    found = [lakes.opened(folder) for folder in folders]
    for one in found:
        layers.layer(one.layer)
        if asked is not None and asked.on != one.moment.on:
            raise LakeStaleError(
                folder=str(one.folder),
                layer=one.layer,
                reason="lake_other_day",
                found=one.moment.on,
                asked=asked.on,
            )
    needed = asked is not None and asked.known is not None
    with _register(desk, layers, needed=needed) as register:
        if register is not None:
            for one in found:
                library.refuse_stale(one, register, asked)
    return found


@contextmanager
def _register(desk: Desk, layers: Catalog, *, needed: bool) -> Iterator[Register | None]:
    try:
        register = desk.open(layers)
    except StoreNotFoundError:
        if needed:
            raise
        yield None
        return
    with register:
        yield register
