"""How parcels go out to a file, and what became of them on the way."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import geopandas as gpd
import pandas as pd

from parcels.errors import OutputNotWritableError
from parcels.exchange.losses import Loss

Pages = Iterable[gpd.GeoDataFrame]
"""Parcels frames in EPSG:4490, at least one, all with the same columns."""

NOT_IN_XML = "[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]"
"""Pattern of the characters that XML cannot hold."""


@dataclass(frozen=True, slots=True)
class Style:
    """How a file is written where there is a choice.

    Attributes:
        encoding: Of shapefiles, boundary points and CSV; None for UTF-8.
        epsg: CRS of the file; None for EPSG:4490, and zone 39 for boundary points.
        sender: Who made the data, for boundary points.
        made_at: Instant to put into the file (aware); None for the clock of GDAL.
        speak: Parcels as lists have them; by default as they are.
        headings: Words over the columns of lists, by field key.
        title: Name of the sheet of a workbook.
    """

    encoding: str | None = None
    epsg: int | None = None
    sender: str = ""
    made_at: dt.datetime | None = None
    speak: Callable[[pd.DataFrame], pd.DataFrame] = lambda frame: frame
    headings: Mapping[str, str] = field(default_factory=dict)
    title: str = "parcels"


@dataclass(slots=True)
class Account:
    """What went out, counted on the way.

    Attributes:
        parcels: How many.
        losses: What could not go out as it was.
    """

    parcels: int = 0
    losses: list[Loss] = field(default_factory=list)

    def counted(self, pages: Pages) -> Iterator[gpd.GeoDataFrame]:
        """The pages, their parcels added up."""
        for page in pages:
            self.parcels += len(page)
            yield page

    def lose(self, loss: Loss) -> None:
        """Add up a loss; one of the same column is one."""
        if loss.count == 0:
            return
        for place, one in enumerate(self.losses):
            if (one.what, one.field) == (loss.what, loss.field):
                count = one.count if loss.what == "field_name" else one.count + loss.count
                self.losses[place] = Loss(one.what, one.field, one.became, count)
                return
        self.losses.append(loss)


def refuse_lacking(column: pd.Series, encoding: str) -> None:
    """Refuse a text that an encoding cannot hold: GDAL would write a question mark."""
    if encoding.replace("-", "") == "UTF8":
        return
    for written in column.dropna().unique():
        try:
            str(written).encode(encoding)
        except UnicodeEncodeError as error:
            lacking = str(written)[error.start : error.end]
            raise OutputNotWritableError(file=lacking, reason="character_lacking") from error
