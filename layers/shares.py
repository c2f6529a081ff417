"""Shares of a layer: what one reader reads and adds up, from the register or from a lake.

A share says where its parcels are and can be sent to any process that reaches them; what comes
back are the holdings of its block. The arithmetic is that of `layers.coverage`, there alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

import geopandas as gpd

from layers.coverage import Holdings, holdings, merged
from parcels.districts import Territory
from parcels.exchange import lake as lakes
from parcels.exchange.lake import Lake, Part
from parcels.model import Layer, Moment
from parcels.partition import Block
from parcels.register import Filter, Register

MOST: Final = 50_000
"""Parcels in a share, about: some 100 MB while they are added up."""

Told: TypeAlias = Callable[[int, int], None]
"""Told how many shares are done, and of how many."""

_COLUMNS: Final = ("district", "unit", "stage")


@dataclass(frozen=True, slots=True)
class OfRegister:
    """A block of the register.

    Attributes:
        url: Of the register.
        layers: Every declared layer.
        key: The layer to add up.
        moment: The state to read, by the number of a change: the same for every share.
        where: Which parcels.
        block: None for the parcels that have no boundary.
    """

    url: str
    layers: tuple[Layer, ...]
    key: str
    moment: Moment
    where: Filter
    block: Block | None


@dataclass(frozen=True, slots=True)
class OfLake:
    """A file of a lake.

    Attributes:
        folder: Of the lake, as every reader names it.
        name: Of the lake.
        part: The file.
        others: Files that may hold parcels near its block.
        where: Which parcels.
    """

    folder: str
    name: str
    part: Part
    others: tuple[Part, ...]
    where: Filter


Share: TypeAlias = OfRegister | OfLake


def of_register(
    register: Register,
    key: str,
    moment: Moment,
    *,
    where: Filter | None = None,
    most: int = MOST,
) -> list[Share]:
    """Shares that hold every parcel of a layer of the register once.

    Args:
        register: The register; every reader opens it anew by its address.
        key: The layer.
        moment: The two times.
        where: Which parcels.
        most: About so many parcels in a share.
    """
    pinned = register.pinned(moment)
    chosen = where or Filter()
    own = register.store.path
    url = register.store.url if own is None else str(own)
    divided = register.blocks(key, pinned, most=most, where=chosen)
    layers = tuple(register.layers)
    return [OfRegister(url, layers, key, pinned, chosen, block) for block in (*divided, None)]


def of_lake(lake: Lake, *, where: Filter | None = None) -> list[Share]:
    """Shares that hold every parcel of a lake once: its files."""
    folder = str(lake.folder.absolute())
    chosen = where or Filter()
    return [OfLake(folder, lake.name, part, lake.about(part), chosen) for part in lake.parts]


def added_up(share: Share, territory: Territory) -> Holdings:
    """The holdings of one share.

    Raises:
        LakeNotUsableError: A file is missing, damaged, or of another lake.
        StoreNotFoundError, StoreNotUsableError: The register cannot be reached from here.
    """
    if isinstance(share, OfLake):
        return holdings(_from_lake(share), territory, block=share.part.block)
    with Register(share.url, list(share.layers), create=False) as register:
        if share.block is None:
            nowhere = register.nowhere(
                share.key, share.moment, where=share.where, columns=_COLUMNS
            )
            return holdings(nowhere, territory)
        near = register.near(
            share.key, share.moment, share.block, where=share.where, columns=_COLUMNS
        )
        return holdings(near, territory, block=share.block)


def all_added_up(shares: Sequence[Share], territory: Territory, told: Told) -> Holdings:
    """The holdings of all shares together, added up in this process, one share at a time."""

    def each() -> Iterable[Holdings]:
        for done, share in enumerate(shares):
            told(done, len(shares))
            yield added_up(share, territory)

    return merged(each())


def _from_lake(share: OfLake) -> gpd.GeoDataFrame:
    where = share.where
    columns = _COLUMNS if where.codes is None else (*_COLUMNS, "code")
    near = lakes.near(Path(share.folder), share.name, share.part, share.others, columns=columns)
    for column, wanted in (
        ("district", where.districts),
        ("unit", where.units),
        ("stage", where.stages),
        ("code", where.codes),
    ):
        if wanted is not None:
            near = near[near[column].isin(wanted)]
    return near
