"""How things are told apart by eye: the same colours, patterns and classes on screen and paper.

Colour is never alone: what differs in colour differs in pattern too, and points differ in shape.
The categorical colours stay apart for people who see no red, no green or no blue; the distances
are checked by a test (Machado, Oliveira, Fernandes, A Physiologically-based Model for Simulation
of Color Vision Deficiency, IEEE TVCG 15(6), 2009).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from typing import Final

import numpy as np
import pandas as pd

from parcels.model import Layer


class Pattern(StrEnum):
    """How an area is filled over its colour."""

    PLAIN = "plain"
    RISING = "rising"
    DOTTED = "dotted"
    LEVEL = "level"
    CROSSED = "crossed"
    FALLING = "falling"
    UPRIGHT = "upright"
    GRID = "grid"

    @property
    def hatch(self) -> str:
        """The same pattern in Matplotlib's hatch letters."""
        return _HATCHES[self]


_HATCHES: Final[Mapping[Pattern, str]] = {
    Pattern.PLAIN: "",
    Pattern.RISING: "////",
    Pattern.DOTTED: "...",
    Pattern.LEVEL: "---",
    Pattern.CROSSED: "xxx",
    Pattern.FALLING: "\\\\\\\\",
    Pattern.UPRIGHT: "|||",
    Pattern.GRID: "+++",
}


class Symbol(StrEnum):
    """How a point is drawn."""

    CIRCLE = "circle"
    SQUARE = "square"
    TRIANGLE = "triangle"
    DIAMOND = "diamond"
    CROSS = "cross"
    WEDGE = "wedge"
    STAR = "star"
    HEXAGON = "hexagon"

    @property
    def marker(self) -> str:
        """The same shape in Matplotlib's marker letters."""
        return _MARKERS[self]


_MARKERS: Final[Mapping[Symbol, str]] = {
    Symbol.CIRCLE: "o",
    Symbol.SQUARE: "s",
    Symbol.TRIANGLE: "^",
    Symbol.DIAMOND: "D",
    Symbol.CROSS: "P",
    Symbol.WEDGE: "v",
    Symbol.STAR: "*",
    Symbol.HEXAGON: "h",
}


@dataclass(frozen=True, slots=True)
class Mark:
    """How one kind of thing is drawn.

    Attributes:
        colour: Of the fill, "#rrggbb".
        edge: Of outline and pattern lines, "#rrggbb"; at least 4.5:1 against white.
        pattern: Of the fill.
        symbol: For points.
    """

    colour: str
    edge: str
    pattern: Pattern
    symbol: Symbol


CATEGORICAL: Final = (
    "#c65f12",
    "#f4c542",
    "#33308f",
    "#6e94f0",
    "#52e0c4",
    "#7d1220",
    "#b3838c",
    "#4a78a8",
)
"""Colours of stages, in the order in which they are given out."""

SEQUENTIAL: Final = ("#e3ecef", "#bdd5da", "#8fb8c1", "#5d95a2", "#2f6f7e")
"""Colours of classes from little to much: one hue, ever darker."""

NO_DATA: Final = Mark("#f1f0ee", "#6f6b66", Pattern.FALLING, Symbol.CROSS)
"""What is not known: hatched grey, never a class of the scale."""

NO_STAGE: Final = Mark("#d9d6d1", "#5f5b57", Pattern.PLAIN, Symbol.CIRCLE)
"""A parcel whose stage is not known."""


def marks(layer: Layer, *, position: int = 0) -> dict[str, Mark]:
    """How each stage of a layer is drawn, by stage key, in life-cycle order.

    The colour tells the place in the life cycle, the same in every layer; patterns and shapes
    shift from layer to layer, so that two layers on one map never share colour and pattern.
    Past the eighth stage colours come again with another pattern, and past the eighth layer the
    shifts come again.

    Args:
        layer: Whose stages.
        position: Place of the layer on the map, from 0.
    """
    return {stage.key: _mark(i, position) for i, stage in enumerate(layer.stages)}


def _mark(stage: int, layer: int) -> Mark:
    turn = (stage + stage // len(CATEGORICAL) + layer) % len(Pattern)
    colour = CATEGORICAL[stage % len(CATEGORICAL)]
    return Mark(colour, edge(colour), tuple(Pattern)[turn], tuple(Symbol)[turn])


def edge(colour: str) -> str:
    """The colour darkened until it stands out 4.5:1 from white; "#rrggbb".

    An already dark colour is darkened by a fifth, so that its outline still shows on its fill.
    """
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) * 0.8
    while _contrast_to_white(rgb) < 4.5:
        rgb = rgb * 0.95
    return "#" + "".join(f"{int(channel):02x}" for channel in rgb)


def _contrast_to_white(rgb: np.ndarray) -> float:
    """Contrast ratio of WCAG 2.2."""
    part = rgb / 255
    linear = np.where(part <= 0.04045, part / 12.92, ((part + 0.055) / 1.055) ** 2.4)
    return float(1.05 / (linear @ np.array([0.2126, 0.7152, 0.0722]) + 0.05))


class Method(StrEnum):
    """How class breaks are found."""

    QUANTILE = "quantile"
    EQUAL = "equal"
    FIXED = "fixed"


@dataclass(frozen=True, slots=True)
class Classes:
    """Classes of an amount, each from its lower edge up to below the next; the last takes both.

    Attributes:
        edges: Ascending, one more than there are classes; none when nothing is known.
        colours: One per class, "#rrggbb".
    """

    edges: tuple[float, ...]
    colours: tuple[str, ...]

    def of(self, amounts: pd.Series) -> pd.Series:
        """The class of each amount, from 0; <NA> where the amount is not known.

        An amount outside the edges belongs to the nearest class.

        Returns:
            "Int64" series on the same index, named "class".
        """
        known = amounts.astype("Float64").to_numpy(dtype=float, na_value=np.nan)
        place = np.searchsorted(np.asarray(self.edges[1:-1]), known, side="right")
        return pd.Series(
            pd.array(np.where(np.isnan(known), -1, place), dtype="Int64"),
            index=amounts.index,
            name="class",
        ).mask(np.isnan(known) | (not self.colours))


def classes(
    amounts: pd.Series,
    *,
    method: Method = Method.QUANTILE,
    count: int = 5,
    fixed: Sequence[float] = (),
) -> Classes:
    """Classes of the known amounts.

    Edges are rounded to two significant figures before anything is classed, so that what the
    legend says is what was done. Equal edges fall together: many districts of one amount give
    fewer classes, and the palest and the darkest colour are still used.

    Args:
        amounts: NaN or <NA> where not known.
        method: QUANTILE for as many amounts in each class, EQUAL for classes as wide as each
            other, FIXED for the edges given.
        count: How many classes at most, up to the number of SEQUENTIAL colours.
        fixed: Ascending edges, for FIXED.
    """
    known = amounts.dropna().astype(float).to_numpy()
    if known.size == 0:
        return Classes((), ())
    if method is Method.FIXED:
        return _coloured(tuple(fixed))
    wanted = min(count, len(SEQUENTIAL))
    if method is Method.EQUAL:
        raw = np.linspace(known.min(), known.max(), wanted + 1)
    else:
        raw = np.quantile(known, np.linspace(0, 1, wanted + 1))
    return _coloured(_rounded(raw))


def _rounded(raw: np.ndarray) -> tuple[float, ...]:
    """Edges at two significant figures, the outer ones moved outwards, without repetition."""
    inner = [_significant(one, ROUND_HALF_EVEN) for one in raw[1:-1]]
    low, high = _significant(raw[0], ROUND_FLOOR), _significant(raw[-1], ROUND_CEILING)
    edges = sorted({low, high, *(one for one in inner if low < one < high)})
    return tuple(edges) if len(edges) > 1 else (low, low)


def _significant(amount: float, rounding: str) -> float:
    exact = Decimal(repr(float(amount)))
    return float(exact.quantize(Decimal(1).scaleb(exact.adjusted() - 1), rounding=rounding))


def _coloured(edges: tuple[float, ...]) -> Classes:
    number = len(edges) - 1
    if number > len(SEQUENTIAL):
        raise ValueError(number)
    picked = np.linspace(0, len(SEQUENTIAL) - 1, number).round().astype(int)
    if number == 1:
        picked = np.array([len(SEQUENTIAL) // 2])
    return Classes(edges, tuple(SEQUENTIAL[i] for i in picked))


@dataclass(frozen=True, slots=True)
class LegendRow:
    """One line of a legend.

    Attributes:
        key: Of the stage, or "" for parcels without a known stage.
        label: For people.
        mark: How it is drawn.
        count: Parcels.
        area_m2: Sum of their areas; parcels without a boundary add nothing.
    """

    key: str
    label: str
    mark: Mark
    count: int
    area_m2: float


def stage_rows(
    layer: Layer, parcels: pd.DataFrame, *, lang: str, no_stage: str = "", position: int = 0
) -> tuple[LegendRow, ...]:
    """The legend of a layer: a row per stage in life-cycle order, stages without parcels too.

    Args:
        layer: Whose legend.
        parcels: Parcels frame; columns used: stage, area_m2.
        lang: "zh" or "en".
        no_stage: Label of the last row, which is there only if a stage is not known.
        position: Place of the layer on the map, from 0.
    """
    drawn = marks(layer, position=position)
    stage = parcels["stage"].astype(object).where(parcels["stage"].isin(list(drawn)), "")
    counts = stage.value_counts()
    areas = parcels["area_m2"].astype(float).groupby(stage.to_numpy()).sum()
    named = [(s.key, s.label.in_(lang), drawn[s.key]) for s in layer.stages]
    if counts.get("", 0):
        named.append(("", no_stage, NO_STAGE))
    return tuple(
        LegendRow(key, label, mark, int(counts.get(key, 0)), float(areas.get(key, 0.0)))
        for key, label, mark in named
    )
