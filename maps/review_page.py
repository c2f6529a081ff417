"""What a submission would change, as a page with maps that opens without a network or a script."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
import shapely

from maps import text
from maps.plane import Plane
from parcels.districts import Territory
from parcels.review import Compared

MOST_SHOWN: Final = 1_000
"""Parcels that a page draws; a list of all is in the other forms."""

_SIDE: Final = 240
"""Pixels of a parcel's map."""

_OVERVIEW: Final = 560
"""Pixels of the map of all districts."""

_STYLE: Final = """
body{font:15px/1.5 system-ui,"Noto Sans CJK SC","Microsoft YaHei",sans-serif;margin:1.5rem;
color:#1b1b1b;max-width:76rem}h1{font-size:1.4rem}h2{font-size:1.05rem;margin:0 0 .4rem}
.sheet{display:flex;flex-wrap:wrap;gap:1rem}.one{border:1px solid #999;padding:.8rem;
display:flex;flex-wrap:wrap;gap:1rem;flex:1 1 34rem;break-inside:avoid}
.since{border:3px solid #8a3b00}.note{color:#8a3b00;font-weight:600}
table{border-collapse:collapse}td,th{padding:.15rem .6rem .15rem 0;text-align:left;
vertical-align:top;overflow-wrap:anywhere}th{font-weight:600;
white-space:nowrap}del{color:#8a1c1c}ins{color:#0b5a2a}
svg{background:#f7f7f5;flex:none;max-width:100%;height:auto}.one>div{flex:1 1 12rem}
.was{fill:none;stroke:#555;stroke-width:1.5;
stroke-dasharray:5 4}.now{fill:none;stroke:#0b3d91;stroke-width:2}.gained{fill:url(#gained)}
.lost{fill:url(#lost)}.land{fill:#eceae4;stroke:#888;stroke-width:.8}
.mark{fill:#0b3d91;stroke:#fff;stroke-width:1}.mark.since{fill:#d95f02;stroke:#000}
@media print{body{margin:0}}
"""

_PATTERNS: Final = (
    '<svg width="0" height="0" style="position:absolute" aria-hidden="true"><defs>'
    '<pattern id="gained" width="6" height="6" patternUnits="userSpaceOnUse">'
    '<rect width="6" height="6" fill="#9fd8b3"/><path d="M0 6L6 0" stroke="#0b5a2a"/></pattern>'
    '<pattern id="lost" width="6" height="6" patternUnits="userSpaceOnUse">'
    '<rect width="6" height="6" fill="#f3b3ab"/><path d="M0 3H6" stroke="#8a1c1c"/></pattern>'
    "</defs></svg>"
)

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"


def page(
    found: Compared,
    territory: Territory,
    *,
    lang: str,
    labels: Mapping[str, str],
    about: Sequence[str],
) -> str:
    """The page.

    Args:
        found: What would change.
        territory: Whose outlines stand on the overview.
        lang: "zh" or "en".
        labels: Word for each field, and for its values by "field=value".
        about: Title, then lines below it.
    """
    shapes = found.shapes.head(MOST_SHOWN)
    lines = dict(iter(found.lines.groupby("row")))
    say = _Said(lang)
    parts = [
        f'<!doctype html><html lang="{lang}"><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{_safe(about[0])}</title><style>{_STYLE}</style>{_PATTERNS}",
        f"<h1>{_safe(about[0])}</h1>",
        *[f"<p>{_safe(line)}</p>" for line in about[1:]],
    ]
    if len(shapes) < len(found.shapes):
        parts.append(f"<p>{say('cut', shown=len(shapes), all=len(found.shapes))}</p>")
    parts += [_overview(shapes, territory, say), _legend(say), '<div class="sheet">']
    for one in shapes.itertuples(index=False):
        parts.append(_card(one, lines.get(one.row), labels, say))
    return "\n".join([*parts, "</div></html>\n"])


class _Said:
    """Sentences of the page, safe to stand in it."""

    def __init__(self, lang: str) -> None:
        self.lang = lang

    def __call__(self, key: str, **fields: Any) -> str:
        return _safe(text.say(f"review.page.{key}", self.lang, **fields))


def _safe(written: Any) -> str:
    return html.escape(text.plain(str(written)))


def _legend(say: _Said) -> str:
    marks = (("gained", "gained"), ("lost", "lost"), ("was", "was"), ("now", "now"))
    drawn = "".join(
        f'<svg width="30" height="16" aria-hidden="true">'
        f'<rect class="{kind}" x="2" y="2" width="26" height="12"/></svg> {say(key)} &ensp;'
        for kind, key in marks
    )
    return f"<p>{drawn}</p>"


def _overview(shapes: pd.DataFrame, territory: Territory, say: _Said) -> str:
    areas = shapely.coverage_simplify(territory.districts.geometry.to_numpy(), 0.003)
    plane = Plane(areas, _OVERVIEW)
    middles = [_middle(one) for one in shapes[["before", "after"]].itertuples(index=False)]
    marks = "".join(
        f'<circle class="mark{" since" if since else ""}" r="{6 if since else 4}" '
        f'cx="{x:.1f}" cy="{y:.1f}"/>'
        for place, since in zip(middles, shapes["changed_since"], strict=True)
        if place is not None
        for x, y in plane.at(np.array([place]))
    )
    land = "".join(f'<path class="land" d="{plane.path(one)}"/>' for one in areas)
    return (
        f'<svg width="{_OVERVIEW}" height="{_OVERVIEW}" viewBox="0 0 {_OVERVIEW} {_OVERVIEW}" '
        f'role="img" '
        f'aria-label="{say("overview")}">{land}{marks}</svg>'
    )


def _middle(both: Any) -> tuple[float, float] | None:
    known = [one for one in (both.after, both.before) if one is not None and not one.is_empty]
    if not known:
        return None
    point = known[0].centroid
    return float(point.x), float(point.y)


def _card(one: Any, lines: pd.DataFrame | None, labels: Mapping[str, str], say: _Said) -> str:
    code = one.code if isinstance(one.code, str) else say("no_code")
    name = one.name if isinstance(one.name, str) else ""
    since = f'<p class="note">{say("since")}</p>' if one.changed_since else ""
    told = [] if lines is None else [_line(line, labels, say) for line in lines.itertuples()]
    kind = "one since" if one.changed_since else "one"
    return (
        f'<section class="{kind}">{_drawing(one, say)}<div><h2>{_safe(code)} {_safe(name)}</h2>'
        f"{since}<table>{''.join(told)}</table></div></section>"
    )


def _line(line: Any, labels: Mapping[str, str], say: _Said) -> str:
    if line.what == "added":
        return f"<tr><th>{say('added')}</th></tr>"
    if line.what == "boundary":
        said = say("areas", gained=line.gained_m2, lost=line.lost_m2)
        return f"<tr><th>{say('boundary')}</th><td>{said}</td></tr>"
    before, after = (
        say("nothing") if pd.isna(one) else _safe(labels.get(f"{line.field}={one}", one))
        for one in (line.before, line.after)
    )
    word = _safe(labels.get(line.field, line.field))
    return f"<tr><th>{word}</th><td><del>{before}</del> → <ins>{after}</ins></td></tr>"


def _drawing(one: Any, say: _Said) -> str:
    """A parcel's boundary before and after, with the area gained and lost."""
    known = [shape for shape in (one.before, one.after) if shape is not None]
    known = [shapely.make_valid(shapely.force_2d(shape)) for shape in known if not shape.is_empty]
    if not known:
        return f"<p>{say('no_boundary')}</p>"
    plane = Plane(np.array(known, object), _SIDE)
    drawn = []
    if one.before is not None and one.after is not None:
        was, now = known[0], known[-1]
        drawn.append(f'<path class="gained" d="{plane.path(shapely.difference(now, was))}"/>')
        drawn.append(f'<path class="lost" d="{plane.path(shapely.difference(was, now))}"/>')
    if one.before is not None:
        drawn.append(f'<path class="was" d="{plane.path(one.before)}"/>')
    if one.after is not None:
        drawn.append(f'<path class="now" d="{plane.path(one.after)}"/>')
    return (
        f'<svg width="{_SIDE}" height="{_SIDE}" viewBox="0 0 {_SIDE} {_SIDE}" role="img" '
        f'aria-label="{say("drawing")}">{"".join(drawn)}</svg>'
    )
