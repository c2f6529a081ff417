"""Natural contents of soil that the office states: of an analyte, in an area.

GB 36600 asks to look at them where arsenic, cobalt or vanadium is above its screening value. Which
content is natural where is for the office to say, with its source; Jingtu knows none.
"""

from __future__ import annotations

import csv
import io
from typing import Final

import numpy as np
import pandas as pd

from parcels.analytes import analyte_of
from parcels.concentrations import intervals, shifted, unit_of
from parcels.districts import Territory
from parcels.errors import BackgroundsNotUsableError

_COLUMNS: Final = ("analyte", "area", "background", "unit", "source")
_SOIL: Final = "soil"
# The narrower area counts.
_AREAS: Final = ("point", "parcel", "district")
_EVERYWHERE: Final = ""


def given(text: str, territory: Territory, *, file: str) -> pd.DataFrame:
    """A table of natural contents, as CSV with `analyte`, `area`, `background`, `unit`, `source`.

    Args:
        text: The table. `area` is the code of a point or parcel, the code or name of a district,
            or nothing for the whole city; `source` says who found the value, and must be there.
        territory: Districts in force.
        file: Name of the file.

    Returns:
        `analyte` (key), `area` (code, "" for the whole city), `background` (mg/kg), `source`.

    Raises:
        BackgroundsNotUsableError: A column is missing, or a row is not understood or said twice.
    """
    reader = csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))
    for needed in _COLUMNS:
        if needed not in (reader.fieldnames or ()):
            raise BackgroundsNotUsableError(file=file, row=1, found=needed)
    rows = [_row(row, number, file) for number, row in enumerate(reader, start=2)]
    table = pd.DataFrame(rows, columns=["analyte", "area", "background", "source"])
    codes = territory.district_codes(table["area"].astype("str"))
    table["area"] = codes.astype(object).where(codes.notna(), table["area"])
    twice = table.duplicated(["analyte", "area"])
    if twice.any():
        place = int(np.flatnonzero(twice)[0])
        raise BackgroundsNotUsableError(file=file, row=place + 2, found=table["area"].iloc[place])
    return table


def beside(readings: pd.DataFrame, table: pd.DataFrame) -> pd.Series:
    """The natural content that is stated for each reading of soil, mg/kg.

    Args:
        readings: Any index. `analyte`, `medium`, and where they are known `point`, `parcel` and
            `district`: a value for the point goes before one for the parcel, the district, the
            city.
        table: As `given` gives it.

    Returns:
        On the same index, named "background"; missing where none is stated.
    """
    stated = dict(
        zip(zip(table["analyte"], table["area"], strict=True), table["background"], strict=True)
    )
    found = pd.Series(np.nan, index=readings.index, name="background")
    everywhere = pd.Series(_EVERYWHERE, index=readings.index)
    areas = [readings[column] for column in _AREAS if column in readings]
    for area in (*areas, everywhere):
        pairs = zip(readings["analyte"], area, strict=True)
        found = found.fillna(pd.Series([stated.get(one) for one in pairs], found.index, "float64"))
    return found.where(readings["medium"] == _SOIL)


def _row(row: dict[str, str | None], number: int, file: str) -> tuple[str, str, float, str]:
    said = {key: (row[key] or "").strip() for key in _COLUMNS}
    analyte, unit = analyte_of(said["analyte"]), unit_of(said["unit"])
    content = intervals(pd.Series([said["background"]])).iloc[0]
    for wrong, key in (
        (analyte is None, "analyte"),
        (not content["detected"] or not np.isfinite(content["high"]), "background"),
        (unit is None or unit.basis != _SOIL, "unit"),
        (not said["source"], "source"),
    ):
        if wrong:
            raise BackgroundsNotUsableError(file=file, row=number, found=said[key] or key)
    ten = 0 if unit is None else unit.ten
    at_most = float(shifted(pd.Series([content["high"]]), ten).iloc[0])
    return str(analyte), said["area"], at_most, said["source"]
