"""A figure and all it rests on, as a page that opens without a network: folding and searchable."""

from __future__ import annotations

import datetime as dt
import html
from collections.abc import Iterator
from typing import Final

import geopandas as gpd
import numpy as np
import shapely

from layers.explaining import Explanation
from layers.figures import Role
from maps import figure_words, text
from maps.figure_words import Node, Words
from maps.plane import Plane
from parcels import provenance
from parcels.register import Register

MOST_LISTED: Final = 1_000
"""Parcels of each term that a page lists; all of them are in the JSON."""

_SIDE: Final = 640
"""Pixels of the map."""

_SEEN: Final = 7
"""Pixels below which a parcel is marked with a dot too."""

_NAMED: Final = 60
"""Pixels below which a district has no room for its name."""

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
_STYLE: Final = """
:root{--ink:#1c2a24;--soft:#5d6b64;--line:#d9ddd8;--mark:#0b5a2a}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1080px;padding:20px;color:var(--ink);background:#fbfaf7;
font:15px/1.6 "Noto Sans CJK SC","Source Han Sans SC","Microsoft YaHei","PingFang SC",sans-serif}
h1{font-size:21px;line-height:1.35;margin:0 0 8px;overflow-wrap:anywhere}
h2{font-size:16px;margin:20px 0 6px}
p{margin:3px 0;overflow-wrap:anywhere}.value{font-size:19px;font-weight:600}
.soft{color:var(--soft)}
.bar{position:sticky;top:0;background:#fbfaf7;padding:8px 0;display:flex;gap:8px;flex-wrap:wrap;
align-items:center;border-bottom:1px solid var(--line);z-index:2}
.bar input{flex:1 1 220px;min-width:0;font:inherit;padding:6px 10px;border:1px solid #8b9690;
border-radius:4px;background:#fff}
.bar button{font:inherit;padding:6px 12px;border:1px solid #8b9690;border-radius:4px;
background:#fff;cursor:pointer}
.bar :focus-visible,summary:focus-visible{outline:3px solid #1f66b5;outline-offset:1px}
details{border-left:2px solid var(--line);padding-left:12px;margin:2px 0 2px 3px}
details.term{border:1px solid var(--line);border-radius:6px;background:#fff;padding:8px 12px;
margin:10px 0}
summary{cursor:pointer;overflow-wrap:anywhere;padding:2px 0}
details.term>summary{font-weight:600}
.more{font-style:italic;margin:4px 0 4px 18px}
.source p{margin-left:14px}
.here>summary{background:#fff3d6}
[hidden]{display:none}
svg{display:block;width:100%;max-width:640px;height:auto;background:#f7f7f5;
border:1px solid var(--line)}
.land{fill:#eceae4;stroke:#888;stroke-width:.8}
.yes{fill:#0b5a2a;stroke:#06351a;stroke-width:1.2}
.no{fill:#e3c27a;stroke:#8a5a00;stroke-width:1.2}
svg text{font-size:13px;fill:#5d6b64;text-anchor:middle}
svg a:focus,svg a:hover{stroke:#000;stroke-width:3}
@media print{.bar{display:none}body{background:#fff;padding:0}}
"""
_SCRIPT: Final = """
(function(){
var box=document.getElementById('q'),said=document.getElementById('n');
var all=[].slice.call(document.querySelectorAll('details.parcel'));
all.forEach(function(d){d.said=d.textContent.toLowerCase()});
function look(){var q=box.value.trim().toLowerCase(),n=0;
all.forEach(function(d){var hit=!q||d.said.indexOf(q)>=0;d.hidden=!hit;if(hit&&q)n++});
if(q)document.querySelectorAll('details.term').forEach(function(d){d.open=true});
said.textContent=!q?'':n?said.dataset.found.replace('{count}',n):said.dataset.none}
box.addEventListener('input',look);
function every(open){document.querySelectorAll('details').forEach(function(d){d.open=open})}
document.getElementById('open').addEventListener('click',function(){every(true)});
document.getElementById('fold').addEventListener('click',function(){every(false)});
function lead(){var d=document.getElementById(location.hash.slice(1));
document.querySelectorAll('.here').forEach(function(o){o.classList.remove('here')});
if(!d||!d.classList.contains('parcel'))return;d.classList.add('here');
for(var o=d;o;o=o.parentElement)if(o.tagName==='DETAILS')o.open=true;
d.hidden=false;d.scrollIntoView({block:'center'})}
addEventListener('hashchange',lead);lead();
document.querySelector('.bar').hidden=false;
})();
"""


def boundaries(register: Register, told: Explanation) -> gpd.GeoSeries:
    """Boundaries of the parcels that the page lists, by version."""
    some = [told.of(one).head(MOST_LISTED)["version"].to_numpy() for one in told.declared.terms]
    return provenance.boundaries(register, np.concatenate([np.empty(0, np.int64), *some]))


def page(
    told: Explanation, words: Words, target: str, drawn: gpd.GeoSeries, *, at: dt.datetime
) -> str:
    """The page.

    Args:
        told: The figure.
        words: Who names things.
        target: What the plan asks, in words; "" where it asks nothing.
        drawn: As `boundaries` gives them.
        at: The instant of making.
    """
    tree = figure_words.tree(told, words, target, most=MOST_LISTED)
    facts = [node for node in tree.below if node.kind == "fact"]
    terms = [node for node in tree.below if node.kind == "term"]
    say = _Said(words)
    parts = [
        f'<!doctype html><html lang="{words.lang}"><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{_safe(tree.line)}</title><style>{_STYLE}</style>",
        f"<h1>{_safe(tree.line)}</h1>",
        f'<p class="value">{_safe(facts[0].line)}</p>',
        *[f"<p>{_safe(node.line)}</p>" for node in facts[1:]],
        _made(told, at, say),
        _map(told, words, drawn, say),
        f"<noscript><p>{say('noscript')}</p></noscript>",
        _bar(say),
    ]
    if any(len(told.of(one)) > MOST_LISTED for one in told.declared.terms):
        parts.append(f"<p>{say('cut', shown=MOST_LISTED)}</p>")
    seen: set[int] = set()
    for node in terms:
        parts += _term(node, seen)
    return "\n".join([*parts, f"<script>{_SCRIPT}</script></html>\n"])


class _Said:
    """Sentences of the page, safe to stand in it."""

    def __init__(self, words: Words) -> None:
        self.words = words

    def __call__(self, key: str, **fields: object) -> str:
        return _safe(self.words.say(f"page.{key}", **fields))


def _safe(written: str) -> str:
    return html.escape(written)


def _made(told: Explanation, at: dt.datetime, say: _Said) -> str:
    said = say("made", at=text.instant(at, say.words.lang))
    return f'<p class="soft">{_safe(str(told.figure.key))} · {said}</p>'


def _bar(say: _Said) -> str:
    """What is searched and folded with; shown by the script that does it."""
    return (
        f'<div class="bar" hidden><input id="q" type="search" placeholder="{say("search")}" '
        f'aria-label="{say("search")}"><button id="open">{say("unfold")}</button>'
        f'<button id="fold">{say("fold")}</button><span id="n" role="status" '
        f'data-none="{say("none")}" data-found="{say("found", count="{count}")}"></span></div>'
    )


def _term(node: Node, seen: set[int]) -> Iterator[str]:
    yield f'<details class="term" open><summary>{_safe(node.line)}</summary>'
    for below in node.below:
        yield from _lines(below, seen)
    yield "</details>"


def _lines(node: Node, seen: set[int]) -> Iterator[str]:
    if not node.below:
        yield f'<p class="{node.kind}">{_safe(node.line)}</p>'
        return
    own = ""
    if node.key is not None and node.key not in seen:
        # A parcel stands in several terms; the map leads to the first.
        seen.add(node.key)
        own = f' id="v{node.key}"'
    yield f'<details class="{node.kind}"{own}><summary>{_safe(node.line)}</summary>'
    for below in node.below:
        yield from _lines(below, seen)
    yield "</details>"


def _map(told: Explanation, words: Words, drawn: gpd.GeoSeries, say: _Said) -> str:
    """The parcels over the districts, near enough to be seen; "" where none has a boundary."""
    there = drawn[drawn.notna() & ~drawn.is_empty]
    if there.empty:
        return ""
    plane = Plane(there.to_numpy(), _SIDE)
    west, south, east, north = there.total_bounds
    room = max(east - west, north - south, 1e-4) * 2
    window = shapely.box(west - room, south - room, east + room, north + room)
    lands = words.territory.districts.geometry.to_numpy()
    met = np.flatnonzero(shapely.intersects(lands, window))
    near = shapely.intersection(lands[met], window)
    land = "".join(f'<path class="land" d="{plane.path(one)}"/>' for one in near)
    above = {one.term.key for one in told.declared.terms if one.term.role is Role.NUMERATOR}
    counted = set(told.parts.loc[told.parts["term"].isin(above), "version"])
    codes = told.parts.drop_duplicates("version").set_index("version")["code"]
    marks = "".join(
        f'<a href="#v{version}" aria-label="{_safe(text.plain(str(codes.get(version))))}" '
        f'class="{"yes" if version in counted else "no"}">{_mark(plane, shape)}</a>'
        for version, shape in there.items()
    )
    land += _names(words, met, near, plane)
    return (
        f'<h2>{say("map")}</h2><svg viewBox="0 0 {_SIDE} {_SIDE}" role="group" '
        f'aria-label="{say("map")}">{land}{marks}</svg><p class="soft">{say("map_note")}</p>'
    )


def _mark(plane: Plane, shape: shapely.Geometry) -> str:
    """A parcel as it lies, and a dot where that is too small to be seen or hit."""
    west, south, east, north = shape.bounds
    (left, low), (right, high) = plane.at(np.array([[west, south], [east, north]]))
    drawn = f'<path d="{plane.path(shape)}"/>'
    if max(right - left, low - high) >= _SEEN:
        return drawn
    return f'{drawn}<circle r="4" cx="{(left + right) / 2:.1f}" cy="{(low + high) / 2:.1f}"/>'


def _names(words: Words, met: np.ndarray, near: np.ndarray, plane: Plane) -> str:
    """The names of the districts that are seen, each within its land."""
    name = words.territory.districts["name_en" if words.lang == "en" else "name"].to_numpy()[met]
    view = plane.window(_SIDE)
    inside = shapely.intersection(near, view)
    points = plane.at(shapely.get_coordinates(shapely.point_on_surface(inside)))
    wide = np.sqrt(shapely.area(inside) / shapely.area(view)) * _SIDE > _NAMED
    there = [one for one, empty in zip(name, shapely.is_empty(inside), strict=True) if not empty]
    return "".join(
        f'<text x="{x:.0f}" y="{y:.0f}">{_safe(str(one))}</text>'
        for one, (x, y), shown in zip(there, points, wide[~shapely.is_empty(inside)], strict=True)
        if shown
    )
