"""The class of a unit of farmland from its points and its produce, with each step of the way.

Classes are 1 优先保护类, 2 安全利用类 and 3 严格管控类. What is uncertain of the rules stands in
`reference/farmland_class.toml`. A class that does not follow from what is known is None: nothing
is filled in.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import pandas as pd

from parcels.standards import Verdict, Why


class Quality(IntEnum):
    """Classes of farmland by soil quality, and the stages of the layer that stand for them."""

    PRIORITY_PROTECTION = 1
    SAFE_USE = 2
    STRICT_CONTROL = 3

    @property
    def stage(self) -> str:
        """Key of the stage."""
        return self.name.lower()


class Ground(StrEnum):
    """What a step rests on."""

    NO_POINTS = "no_points"
    NOT_JUDGED = "not_judged"
    SAME = "same"
    DOMINANT = "dominant"
    DIVIDE = "divide"
    LOOK_WHETHER_SIDE_BY_SIDE = "look_whether_side_by_side"
    WORST = "worst"
    WORST_OPEN = "worst_open"
    TOO_LITTLE_PRODUCE = "too_little_produce"
    PRODUCE_NOT_JUDGED = "produce_not_judged"
    PRODUCE_WITHIN = "produce_within"
    PRODUCE_MOSTLY_WITHIN = "produce_mostly_within"
    PRODUCE_ABOVE = "produce_above"
    STAYS = "stays"


@dataclass(frozen=True, slots=True)
class Rules:
    """The numbers of the rules.

    Attributes:
        analytes: Keys of what a point is judged by.
        dominant_share: Share of points from which the dominant class stands.
        enough: Samples of produce below which the class stays.
        lowered_share: Share of produce within its limit from which class 3 becomes 2.
        produce_up_to: Reading divided by limit, up to which produce is class 1, and class 2.
    """

    analytes: tuple[str, ...]
    dominant_share: float
    enough: int
    lowered_share: float
    produce_up_to: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Step:
    """One step to the class of a unit.

    Attributes:
        ground: What it rests on.
        quality: The class after it; None where it does not follow.
        counts: How many points, or samples of produce, are of class 1, 2 and 3.
        unknown: How many could not be judged.
        analyte: Whose step it is; None for steps about all together.
    """

    ground: Ground
    quality: Quality | None
    counts: tuple[int, int, int] = (0, 0, 0)
    unknown: int = 0
    analyte: str | None = None

    @property
    def total(self) -> int:
        """How many points or samples."""
        return sum(self.counts) + self.unknown


@dataclass(frozen=True, slots=True)
class Classified:
    """The class of a unit, and how it came about.

    Attributes:
        preliminary: By soil alone.
        quality: By soil and produce.
        steps: One for each analyte, one for the worst of them, one for the produce.
    """

    preliminary: Quality | None
    quality: Quality | None
    steps: tuple[Step, ...]


@cache
def settings() -> Mapping[str, Any]:
    """The rules as configured, with how sure each is."""
    path = files("parcels").joinpath("reference", "farmland_class.toml")
    return MappingProxyType(tomllib.loads(path.read_text(encoding="utf-8")))


@cache
def rules() -> Rules:
    """The rules as configured."""
    found = settings()
    light, heavy = found["produce"]["classes"]["up_to"]
    return Rules(
        analytes=tuple(found["points"]["analytes"]),
        dominant_share=float(found["unit"]["dominant_share"]),
        enough=int(found["produce"]["enough"]),
        lowered_share=float(found["produce"]["lowered_share"]),
        produce_up_to=(float(light), float(heavy)),
    )


_BY_VERDICT: Final = {
    Verdict.WITHIN.value: 1,
    Verdict.ABOVE_SCREENING.value: 2,
    Verdict.ABOVE_CONTROL.value: 3,
}


def point_classes(judged: pd.DataFrame, by: Rules) -> pd.DataFrame:
    """The class of each point by each analyte.

    Args:
        judged: Readings judged by GB 15618 (`standards.judge`) with `point` and `analyte`.
        by: The rules.

    Returns:
        Indexed by `point`, a column of Int8 for each analyte of the rules: the worst of the
        readings of the point; missing where that does not follow, and where none was taken.
    """
    ours = judged[judged["analyte"].isin(by.analytes)]
    quality = ours["verdict"].astype(object).map(_BY_VERDICT).astype(np.float64)
    # Above screening for certain, but the detection limit does not tell whether above control.
    quality = quality.mask(ours["why"].astype(object) == Why.CONTROL_OPEN.value)
    rows = pd.DataFrame(
        {
            "point": ours["point"],
            "analyte": ours["analyte"],
            "quality": quality.fillna(0),
            # One of class 3 settles it, whatever the others are.
            "open": quality.isna(),
        }
    )
    worst = rows.groupby(["point", "analyte"])[["quality", "open"]].max()
    settled = worst["quality"].mask(worst["open"] & (worst["quality"] < 3))
    points = pd.Index(judged["point"].drop_duplicates(), name="point")
    # A row for each pair already: nothing is left to aggregate.
    wide = settled.unstack("analyte") if len(settled) else pd.DataFrame()  # noqa: PD010
    return wide.reindex(index=points, columns=list(by.analytes)).astype("Int8")


def classify(
    points: pd.DataFrame,
    produce: Sequence[int | None] = (),
    *,
    side_by_side: bool | None = None,
    by: Rules,
) -> Classified:
    """The class of one unit.

    Args:
        points: As `point_classes` gives it, the points of the unit.
        produce: Class of each sample of produce of the unit (`produce_classes`), None where it
            could not be judged.
        side_by_side: Whether points that are not of the dominant class lie side by side; None if
            nobody looked.
        by: The rules.
    """
    steps = [
        _by_analyte(points[key], key, side_by_side=side_by_side, by=by) for key in by.analytes
    ]
    together = _worst(steps)
    final = _by_produce(together.quality, produce, by)
    return Classified(together.quality, final.quality, (*steps, together, final))


def _by_analyte(classes: pd.Series, analyte: str, *, side_by_side: bool | None, by: Rules) -> Step:
    """All points of one class, or nearly all: that class."""
    counts = _counts(classes.dropna())
    unknown = int(classes.isna().sum())
    ground, quality = _of_points(counts, unknown, side_by_side=side_by_side, by=by)
    return Step(ground, quality, counts, unknown, analyte)


def _of_points(
    counts: tuple[int, int, int], unknown: int, *, side_by_side: bool | None, by: Rules
) -> tuple[Ground, Quality | None]:
    total = sum(counts)
    if not total and not unknown:
        return Ground.NO_POINTS, None
    if unknown:
        return Ground.NOT_JUDGED, None
    most = max(counts)
    dominant = Quality(counts.index(most) + 1)
    if most == total:
        return Ground.SAME, dominant
    others_severe = counts[2] > 0 and dominant is not Quality.STRICT_CONTROL
    if _share_below(most, total, by.dominant_share) or others_severe:
        return Ground.DIVIDE, None
    # A single point lies beside no other.
    if total - most > 1 and side_by_side is not False:
        return (Ground.DIVIDE if side_by_side else Ground.LOOK_WHETHER_SIDE_BY_SIDE), None
    return Ground.DOMINANT, dominant


def _share_below(part: int, whole: int, share: float) -> bool:
    """Compare as decimals: 4 of 5 is not below 0.8."""
    return round(part - share * whole, 9) < 0


def _worst(steps: Iterable[Step]) -> Step:
    """The worst of the analytes; open unless the worst possible is among them."""
    found = [step.quality for step in steps]
    known = [one for one in found if one is not None]
    worst = max(known, default=None)
    if worst is not Quality.STRICT_CONTROL and len(known) < len(found):
        return Step(Ground.WORST_OPEN, None)
    return Step(Ground.WORST, worst)


def _by_produce(before: Quality | None, produce: Sequence[int | None], by: Rules) -> Step:
    known = [one for one in produce if one is not None]
    counts = _counts(known)
    unknown = len(produce) - len(known)
    ground, quality = adjusted(before, counts, unknown, by=by)
    return Step(ground, quality, counts, unknown)


def adjusted(
    before: Quality | None, counts: tuple[int, int, int], unknown: int = 0, *, by: Rules
) -> tuple[Ground, Quality | None]:
    """The class after looking at what grows there.

    Args:
        before: The class by soil; None stays None.
        counts: How many samples of produce are of class 1, 2 and 3.
        unknown: How many could not be judged; they only count where they matter.
        by: The rules.
    """
    within, light, heavy = counts
    total = sum(counts) + unknown
    if before is None or before is Quality.PRIORITY_PROTECTION:
        return Ground.STAYS, before
    if total < by.enough:
        return Ground.TOO_LITTLE_PRODUCE, before
    if unknown and not light + heavy:
        return Ground.PRODUCE_NOT_JUDGED, None
    if not light + heavy:
        return Ground.PRODUCE_WITHIN, Quality(before - 1)
    if before is Quality.STRICT_CONTROL and not heavy:
        return _mostly_within(within, total, unknown, by)
    return Ground.PRODUCE_ABOVE, before


def _mostly_within(
    within: int, total: int, unknown: int, by: Rules
) -> tuple[Ground, Quality | None]:
    """Class 3 of which no sample is known to be heavily above its limit."""
    if _share_below(within + unknown, total, by.lowered_share):
        return Ground.PRODUCE_ABOVE, Quality.STRICT_CONTROL
    if unknown:
        return Ground.PRODUCE_NOT_JUDGED, None
    return Ground.PRODUCE_MOSTLY_WITHIN, Quality.SAFE_USE


def produce_classes(judged: pd.DataFrame, by: Rules) -> pd.Series:
    """The class of each sample of produce, by the worst of its readings.

    Args:
        judged: Readings judged by a given table of limits, with `sample`.
        by: The rules.

    Returns:
        Int8 indexed by `sample`; missing where it does not follow, and where no limit was given.
    """
    light, heavy = by.produce_up_to
    # Twice the limit is twice it, whatever dividing two decimals leaves over.
    above = judged["times"].to_numpy(np.float64).round(9)
    verdict = judged["verdict"].astype(object).to_numpy()
    quality = np.select(
        [verdict == Verdict.WITHIN.value, above > heavy, above > light], [1.0, 3.0, 2.0], np.nan
    )
    rows = pd.DataFrame(
        {"sample": judged["sample"], "quality": quality, "open": np.isnan(quality)}
    )[verdict != Verdict.NO_LIMIT.value]
    worst = rows.groupby("sample")[["quality", "open"]].max()
    settled = worst["quality"].mask(worst["open"] & ~(worst["quality"] >= 3))
    samples = pd.Index(judged["sample"].drop_duplicates(), name="sample")
    return settled.reindex(samples).astype("Int8").rename("quality")


def _counts(classes: Iterable[Any]) -> tuple[int, int, int]:
    found = [int(one) for one in classes]
    return found.count(1), found.count(2), found.count(3)
