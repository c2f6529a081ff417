"""What a map shows: its layers, and what stands around them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import geopandas as gpd

from parcels.model import Layer

NAMING: Final = ("code", "name", "former_name")
"""What a parcel is searched by; the first columns of a popup."""


@dataclass(frozen=True, slots=True)
class LayerView:
    """One layer on the map.

    Attributes:
        layer: As declared.
        parcels: Parcels frame.
        on: Whether it is shown when the map opens; it can be switched on any time.
    """

    layer: Layer
    parcels: gpd.GeoDataFrame
    on: bool = True


@dataclass(frozen=True, slots=True)
class Sheet:
    """What stands around the map.

    Attributes:
        title: Of the map and the page.
        moment: Which state of the register is shown, as a sentence for people.
        approval: Number under which the map was reviewed for publication; None if it was not.
        notices: Further lines for the notice box.
        show_sensitive: Whether sensitive fields are listed; otherwise they are left out whole.
    """

    title: str
    moment: str
    approval: str | None = None
    notices: tuple[str, ...] = ()
    show_sensitive: bool = False
