"""Senses in which a layer is covered: parcels with a boundary, surveyed, sampled, and so on.

Counts and areas come from `layers.coverage`: an answer takes the place of a stage, so that a
parcel across a border counts once and land under two parcels is counted once, here as there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import geopandas as gpd
import numpy as np
import pandas as pd

from layers.claim_files import CLAIM, ClaimReader
from layers.claims import BOUNDARY, Claim, Facts
from layers.coverage import TOTAL, By, Holdings, coverage
from layers.declaration import Declaration, Entry, Form, Problems, nearest
from layers.toml_lines import Path as Place
from parcels import crs
from parcels.districts import Territory
from parcels.model import Label, Layer

FILE: Final = Path(__file__).parent / "reference" / "senses.toml"
"""The senses that come with Jingtu."""

YES: Final = "yes"
NO: Final = "no"
UNKNOWN: Final = "unknown"
ANSWERS: Final = (YES, NO, UNKNOWN)
"""Whether a parcel is covered in a sense; what is not known is an answer of its own."""

COLUMNS: Final = (
    "place",
    "parcels",
    *ANSWERS,
    "share",
    "area_m2",
    *(f"{answer}_m2" for answer in ANSWERS),
    "area_share",
)
"""Columns of a table of one sense.

`yes`, `no` and `unknown` count parcels and add up to `parcels`; `share` is yes of parcels. Areas
are counted once, those of each answer for itself; `area_share` is yes_m2 of area_m2. Areas are NA
where parcels are known but no area is.
"""

_LABEL: Final[Form] = {"zh": Entry("text", required=True), "en": Entry("text", required=True)}

SENSES: Final[Form] = {
    "senses": Entry(
        "tables",
        required=True,
        form={
            "key": Entry("text", required=True),
            **_LABEL,
            "note": Entry("table", form=_LABEL),
            "shown": Entry(
                "tables",
                required=True,
                form={
                    "layers": Entry("texts"),
                    "every_layer": Entry("boolean"),
                    "where": Entry("table", required=True, form=CLAIM),
                },
            ),
        },
    )
}
"""The file of the senses."""


@dataclass(frozen=True, slots=True)
class Sense:
    """One sense of being covered.

    Attributes:
        shown: What shows it, by key of the layer; a layer that is not there cannot show it.
        note: What staff should know of it.
    """

    key: str
    label: Label
    shown: Mapping[str, Claim] = field(default_factory=dict)
    note: Label | None = None


def load(layers: Mapping[str, Layer], *, file: Path = FILE) -> dict[str, Sense]:
    """Read and check the declared senses, by key.

    Raises:
        DeclarationError: With all problems of the file.
    """
    problems = Problems()
    declaration = Declaration(file, problems)
    read = declaration.form(SENSES).get("senses", [])
    problems.refuse()
    found: dict[str, Sense] = {}
    for position, row in enumerate(read):
        at = ("senses", position)
        if row["key"] in found:
            declaration.problem("key_twice", at=(*at, "key"), found=row["key"])
        shown: dict[str, Claim] = {}
        for place, one in enumerate(row["shown"]):
            shown |= _shown(declaration, one, (*at, "shown", place), layers)
        note = Label(**row["note"]) if "note" in row else None
        found[row["key"]] = Sense(row["key"], Label(row["zh"], row["en"]), shown, note)
    problems.refuse()
    return found


def _shown(
    declaration: Declaration, row: Mapping[str, Any], at: Place, layers: Mapping[str, Layer]
) -> dict[str, Claim]:
    keys = list(layers) if row.get("every_layer") else [k for k in row.get("layers", []) if k]
    for place, key in enumerate(keys):
        if key not in layers:
            expected = nearest(key, layers)
            where = (*at, "layers", place)
            declaration.problem("layer_unknown", at=where, found=key, expected=expected)
    return {
        key: ClaimReader(declaration, layers[key]).read(row["where"], (*at, "where"))
        for key in keys
        if key in layers
    }


def answers(claim: Claim, facts: Facts) -> pd.Series:
    """One of ANSWERS for each parcel, on the index of the parcels."""
    found = facts(claim)
    blank = np.asarray(pd.isna(found), dtype=bool)
    said = np.where(found.to_numpy(bool, na_value=False), YES, NO)
    return pd.Series(np.where(blank, UNKNOWN, said), facts.parcels.index, dtype="str")


def held(
    said: pd.Series,
    parcels: pd.DataFrame,
    *,
    crossing: pd.DataFrame,
    overlapping: gpd.GeoDataFrame,
    pairs: pd.DataFrame,
) -> Holdings:
    """What coverage adds up, with the answers in place of the stages.

    Args:
        said: The answer of each parcel, by parcel id.
        parcels: On the same index: `district`, `unit`, `area_m2`.
        crossing: As `Register.crossing` gives it.
        overlapping: As `Register.overlapping` gives it.
        pairs: The same.
    """
    whole = parcels[~parcels.index.isin(crossing["parcel"])]
    area = whole[BOUNDARY].to_numpy(float)
    table = pd.DataFrame(
        {
            "district": whole["district"].astype("str").to_numpy(),
            "unit": whole["unit"].astype("str").to_numpy(),
            "stage": said.reindex(whole.index).to_numpy(),
            "with_boundary": ~np.isnan(area),
            "area_mm2": crs.whole_mm2(area),
        }
    ).astype({"district": "str", "unit": "str", "stage": "str"})
    groups = (
        table.groupby(["district", "unit", "stage"], dropna=False)
        .agg(
            parcels=("area_mm2", "size"),
            with_boundary=("with_boundary", "sum"),
            area_mm2=("area_mm2", "sum"),
        )
        .reset_index()
    )
    return Holdings(
        groups,
        crossing.assign(stage=_of(said, crossing["parcel"])),
        overlapping.assign(stage=_of(said, overlapping.index)),
        pairs,
    )


def table(holdings: Holdings, territory: Territory, *, by: By) -> pd.DataFrame:
    """The table of one sense and layer: COLUMNS, a row for each place, the city last."""
    whole = coverage(holdings, territory, by=by)
    by_answer = {
        answer: whole[whole["stage"] == answer].set_index("place") for answer in (*ANSWERS, TOTAL)
    }
    total = by_answer[TOTAL]
    made = pd.DataFrame({"parcels": total["parcels"]})
    for answer in ANSWERS:
        counted = by_answer[answer]["parcels"].reindex(total.index)
        made[answer] = counted.fillna(0).astype("int64")
    made["share"] = made[YES] / made["parcels"].where(made["parcels"] > 0)
    made["area_m2"] = total["area_once_m2"]
    for answer in ANSWERS:
        area = by_answer[answer]["area_once_m2"].reindex(total.index)
        none = made[answer] == 0
        made[f"{answer}_m2"] = area.where(~(area.isna() & none), 0.0)
    made["area_share"] = made[f"{YES}_m2"] / made["area_m2"].where(made["area_m2"] > 0)
    return made.reset_index()[list(COLUMNS)]


def _of(said: pd.Series, parcels: pd.Series | pd.Index) -> np.ndarray:
    found: np.ndarray = said.reindex(parcels).fillna(UNKNOWN).astype("str").to_numpy()
    return found
