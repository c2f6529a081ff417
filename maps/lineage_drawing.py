"""Splits and merges drawn: before and after side by side, on a page that needs no network."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import shapely

from maps import text

WIDTH: Final = 420
"""Of one panel, in the units of its drawing; on the page it takes the width there is."""

_MARGIN: Final = 24
_COLOURS: Final = ("#4e79a7", "#f2cf7a", "#7fb3a6", "#c98bb0", "#b7c77a", "#9c8fc4")
_DASHES: Final = ("", "8 3", "2 3", "8 3 2 3")
_FAULT: Final = "#c1272d"


@dataclass(frozen=True, slots=True)
class Act:
    """One act as it is drawn.

    Attributes:
        said: What happened, when and on what ground, as a sentence for people.
        before: Boundaries by what is written on them, EPSG:4490.
        after: The same for the children.
        faults: Land left over, from elsewhere or given twice, by the word for it.
        left: Land left out on purpose, by the words for it.
    """

    said: str
    before: Sequence[tuple[str, shapely.Geometry]]
    after: Sequence[tuple[str, shapely.Geometry]]
    faults: Mapping[str, shapely.Geometry] = field(default_factory=dict)
    left: Mapping[str, shapely.Geometry] = field(default_factory=dict)


def page(title: str, acts: Sequence[Act], *, lang: str, notes: Sequence[str] = ()) -> str:
    """The page of some acts, the earliest first.

    Args:
        title: Of the page.
        acts: What is drawn.
        lang: "zh" or "en".
        notes: Sentences below the title.
    """
    heads = "".join(f"<p>{html.escape(text.plain(note))}</p>" for note in notes)
    body = "".join(_section(act, lang) for act in acts)
    return (
        f'<!DOCTYPE html>\n<html lang="{lang}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; '
        "style-src 'unsafe-inline'\">"
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head>"
        f"<body><h1>{html.escape(title)}</h1>{heads}{body}</body></html>\n"
    )


def _section(act: Act, lang: str) -> str:
    shown = [shape for _, shape in (*act.before, *act.after)]
    frame = _Frame.around(shown)
    panels = [
        _panel(text.say("lineage.before", lang), act.before, _marks({}, frame), frame),
        _panel(
            text.say("lineage.after", lang),
            act.after,
            _marks({"left": act.left, "fault": act.faults}, frame),
            frame,
        ),
    ]
    known = "".join(
        f'<li><span class="mark {kind}"></span>{html.escape(text.plain(name))}</li>'
        for kind, shapes in (("left", act.left), ("fault", act.faults))
        for name in shapes
    )
    legend = f"<ul>{known}</ul>" if known else ""
    said = html.escape(text.plain(act.said))
    return f'<section><h2>{said}</h2><div class="pair">{"".join(panels)}</div>{legend}</section>'


@dataclass(frozen=True, slots=True)
class _Frame:
    """Degrees to the units of a drawing: east is right, north is up, a metre is a metre."""

    west: float
    north: float
    per_degree: float
    shrink: float
    height: float

    @classmethod
    def around(cls, shapes: Sequence[shapely.Geometry]) -> _Frame:
        west, south, east, north = shapely.total_bounds(np.array(shapes, dtype=object)).tolist()
        shrink = float(np.cos(np.radians((south + north) / 2)))
        wide, high = max((east - west) * shrink, 1e-9), max(north - south, 1e-9)
        # A long parcel along a road is not drawn higher than the page is wide.
        per_degree = (WIDTH - 2 * _MARGIN) / max(wide, high)
        west -= (max(wide, high) - wide) / 2 / shrink
        return cls(west, north, per_degree, shrink, high * per_degree + 2 * _MARGIN)

    def of(self, lonlat: np.ndarray) -> np.ndarray:
        """Places on the drawing."""
        across = (lonlat[:, 0] - self.west) * self.shrink * self.per_degree + _MARGIN
        down = (self.north - lonlat[:, 1]) * self.per_degree + _MARGIN
        return np.column_stack([across, down]).round(2)


def _panel(
    heading: str,
    parcels: Sequence[tuple[str, shapely.Geometry]],
    marks: Sequence[str],
    frame: _Frame,
) -> str:
    drawn = [
        f'<path d="{_path(shape, frame)}" fill="{_COLOURS[place % len(_COLOURS)]}" '
        f'stroke-dasharray="{_DASHES[place // len(_COLOURS) % len(_DASHES)]}"/>'
        for place, (_, shape) in enumerate(parcels)
    ]
    drawn += marks
    drawn += [_label(name, shape, frame) for name, shape in parcels]
    names = "、".join(name for name, _ in parcels)
    return (
        f"<figure><figcaption>{html.escape(heading)}</figcaption>"
        f'<svg viewBox="0 0 {WIDTH} {frame.height:.0f}" role="img" '
        f'aria-label="{html.escape(text.plain(f"{heading}: {names}"))}">{"".join(drawn)}</svg>'
        "</figure>"
    )


def _marks(kinds: Mapping[str, Mapping[str, shapely.Geometry]], frame: _Frame) -> list[str]:
    """Land that is no parcel, drawn over the parcels in the manner of its kind."""
    return [
        f'<path class="{kind}" d="{_path(shape, frame)}"/>'
        for kind, shapes in kinds.items()
        for shape in shapes.values()
    ]


def _path(shape: shapely.Geometry, frame: _Frame) -> str:
    """The rings of a geometry, holes left open by the even-odd rule."""
    rings: list[str] = []
    for polygon in shapely.get_parts(shape):
        for ring in shapely.get_rings(polygon):
            places = frame.of(shapely.get_coordinates(ring)[:-1])
            rings.append("M" + "L".join(f"{x:g} {y:g}" for x, y in places.tolist()) + "Z")
    return "".join(rings)


def _label(name: str, shape: shapely.Geometry, frame: _Frame) -> str:
    """What is written on a parcel, inside its largest part."""
    parts = shapely.get_parts(shape)
    if not len(parts):
        return ""
    largest = parts[np.argmax(shapely.area(parts))]
    at = frame.of(shapely.get_coordinates(shapely.point_on_surface(largest)))[0]
    return f'<text x="{at[0]:g}" y="{at[1]:g}">{html.escape(text.plain(name))}</text>'


_STYLE: Final = """
body{font:16px/1.6 "Noto Sans CJK SC","Microsoft YaHei",system-ui,sans-serif;margin:0 auto;
max-width:62rem;padding:1rem;color:#1c2733;background:#fff}
h1{font-size:1.4rem}h2{font-size:1.05rem;overflow-wrap:anywhere}
.pair{display:flex;flex-wrap:wrap;gap:1rem}figure{flex:1 1 18rem;margin:0}
figcaption{color:#4a5a6a}svg{width:100%;background:#f4f6f8;border:1px solid #c8d0d8}
path{stroke:#1c2733;stroke-width:1.5;fill-opacity:.65;fill-rule:evenodd}
.fault{fill:#c1272d;fill-opacity:.55;stroke:#7a0f14;stroke-width:2;stroke-dasharray:4 2}
.left{fill:#8a939c;fill-opacity:.35;stroke:#4a5a6a;stroke-width:2;stroke-dasharray:1 4}
text{font-size:13px;text-anchor:middle;dominant-baseline:middle;paint-order:stroke;stroke:#fff;
stroke-width:3px;fill:#10181f}
ul{list-style:none;padding:0}.mark{display:inline-block;width:1em;height:1em;margin-right:.4em;
vertical-align:-.15em}.mark.fault{background:#c1272d;border:2px dashed #7a0f14}
.mark.left{background:#c9ced3;border:2px dotted #4a5a6a}
@media print{section{break-inside:avoid}}
""".replace("\n", "")
