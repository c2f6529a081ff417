"""The three-way difference of a merge as a page: parcel by parcel, boundaries drawn."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, Final

import numpy as np
import shapely

from maps import text
from parcels import crs
from parcels.ingest.returned import Returned

MOST_PARCELS: Final = 1_000
"""Parcels that a page shows, conflicts first."""

_WIDTH, _HEIGHT, _EDGE = 360, 260, 14
_ORDER: Final = ("conflict", "theirs", "added", "removed", "same", "ours")
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
_STYLE: Final = """
:root{--ink:#1c2a24;--soft:#5d6b64;--line:#d9ddd8;--theirs:#1f66b5;--ours:#b35900;--open:#fff3d6}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1180px;padding:24px;color:var(--ink);background:#fbfaf7;
font:15px/1.6 "Noto Sans CJK SC","Source Han Sans SC","Microsoft YaHei","PingFang SC",sans-serif}
h1{font-size:22px;margin:0 0 4px}h2{font-size:17px;margin:0}p{margin:4px 0}
.about,.key{color:var(--soft)}
.key span{display:inline-block;margin-right:18px}
.key svg{width:34px;height:10px;vertical-align:middle;margin-right:6px}
section{background:#fff;border:1px solid var(--line);border-radius:6px;padding:14px 16px;
margin:16px 0;break-inside:avoid}
section.open{border-color:#d9a400;box-shadow:inset 4px 0 #d9a400}
.both{display:flex;gap:18px;flex-wrap:wrap;align-items:flex-start}
.wide{flex:1 1 480px;overflow-x:auto}
table{border-collapse:collapse;width:100%;margin-top:8px}
th,td{text-align:left;vertical-align:top;padding:5px 10px 5px 0;
border-bottom:1px solid var(--line);overflow-wrap:anywhere}
th{font-weight:600;color:var(--soft);font-size:13px;white-space:nowrap}
tr.open td{background:var(--open)}
td.theirs{color:var(--theirs)}td.ours{color:var(--ours)}td b{font-weight:600}
figure{margin:8px 0 0}figure svg{border:1px solid var(--line);background:#fdfcf9;display:block}
figcaption{color:var(--soft);font-size:13px;max-width:360px}
@media print{body{background:#fff;padding:0}}
"""
_LINES: Final = {
    "base": 'fill="none" stroke="#6f6b66" stroke-width="1.6" stroke-dasharray="2 4"',
    "theirs": 'fill="#1f66b5" fill-opacity=".16" stroke="#1f66b5" stroke-width="2.4"',
    "ours": 'fill="#b35900" fill-opacity=".16" stroke="#b35900" stroke-width="2" '
    'stroke-dasharray="9 4"',
}
"""Base, file and register: told apart by colour and by the dashes of their lines."""


def page(rows: Sequence[Mapping[str, Any]], returned: Returned, *, lang: str) -> str:
    """The page.

    Args:
        rows: Differences in words, as `merge_files.spoken` gives them.
        returned: The merge.
        lang: "zh" or "en".
    """
    grouped: dict[tuple[str, str], list[Mapping[str, Any]]] = {}
    for number, row in enumerate(rows):
        parcel = (row["parcel"], row["code"] if row["parcel"] else f"{row['code']} {number}")
        grouped.setdefault(parcel, []).append(row)
    ordered = sorted(grouped.values(), key=lambda those: min(map(_rank, those)))
    shown = ordered[:MOST_PARCELS]
    title = text.say("checkout.page.title", lang)
    base = returned.base
    about = text.say(
        "checkout.page.about",
        lang,
        file=text.plain(returned.delivery.source.name),
        layer=returned.delivery.layer.label.in_(lang),
        by=text.plain(base.by),
        on=base.on,
        change=base.change,
    )
    cut = (
        [text.say("checkout.page.cut", lang, shown=len(shown), all=len(ordered))]
        if len(shown) < len(ordered)
        else []
    )
    body = "".join(
        [
            f"<h1>{escape(title)}</h1>",
            *(f'<p class="about">{escape(line)}</p>' for line in (about, *cut)),
            _key(lang),
            *(_parcel(those, lang) for those in shown),
        ]
    )
    return (
        f'<!DOCTYPE html>\n<html lang="{"en" if lang == "en" else "zh-CN"}"><head>'
        f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>{body}</body></html>\n"
    )


def _rank(row: Mapping[str, Any]) -> tuple[bool, int]:
    return not row["open"], _ORDER.index(row["kind"])


def _key(lang: str) -> str:
    parts = [
        f'<span><svg viewBox="0 0 34 10"><path d="M0 5H34" {_LINES[name]}/></svg>'
        f"{escape(text.say(f'checkout.page.{name}', lang))}</span>"
        for name in _LINES
    ]
    return f'<p class="key">{"".join(parts)}</p>'


def _parcel(rows: Sequence[Mapping[str, Any]], lang: str) -> str:
    first = rows[0]
    heads = [text.say(f"checkout.columns.{key}", lang) for key in
             ("label", "base", "theirs", "ours", "state")]  # fmt: skip
    cells = "".join(_row(row, lang) for row in sorted(rows, key=_rank))
    drawn = "".join(_drawing(row, lang) for row in rows if row["shapes"])
    named = escape(text.plain(f"{first['code']}　{first['name']}"))
    return (
        f'<section class="{"open" if any(row["open"] for row in rows) else ""}">'
        f'<h2>{named}</h2><div class="both"><div class="wide"><table><tr>'
        + "".join(f"<th>{escape(head)}</th>" for head in heads)
        + f"</tr>{cells}</table></div>{drawn}</div></section>"
    )


def _row(row: Mapping[str, Any], lang: str) -> str:
    blank = text.say("checkout.blank", lang)
    cells = [f"<td><b>{escape(row['label'])}</b></td>"]
    cells += [
        f'<td class="{name}">{escape(text.plain(row[name]) or blank)}</td>'
        for name in ("base", "theirs", "ours")
    ]
    state = text.say("checkout.page.open", lang) if row["open"] else row["state"]
    chosen = f" → {row['choice']}" if row["choice"] else ""
    cells.append(f"<td>{escape(state + chosen)}</td>")
    return f'<tr class="{"open" if row["open"] else ""}">{"".join(cells)}</tr>'


# Boundaries


def _drawing(row: Mapping[str, Any], lang: str) -> str:
    shapes: Mapping[str, Any] = row["shapes"]
    west, south, east, north = shapely.total_bounds(list(shapes.values()))
    flat = math.cos(math.radians((south + north) / 2))
    wide, high = max((east - west) * flat, 1e-6), max(north - south, 1e-6)
    scale = min((_WIDTH - 2 * _EDGE) / wide, (_HEIGHT - 2 * _EDGE) / high)
    left = (_WIDTH - wide * scale) / 2
    top = (_HEIGHT - high * scale) / 2

    def to_page(at: np.ndarray) -> np.ndarray:
        across = left + (at[:, 0] - west) * flat * scale
        return np.column_stack([across, top + (north - at[:, 1]) * scale])

    paths = "".join(
        f'<path d="{_path(shapely.transform(shapes[name], to_page))}" fill-rule="evenodd" '
        f"{_LINES[name]}/>"
        for name in ("ours", "theirs", "base")
        if name in shapes
    )
    caption = "；".join(_areas(shapes, lang)) if lang != "en" else "; ".join(_areas(shapes, lang))
    title = escape(text.say("checkout.page.drawing", lang, label=row["label"], code=row["code"]))
    return (
        f'<figure><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" '
        f'role="img" aria-label="{title}">{paths}</svg>'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _path(shape: Any) -> str:
    """An SVG path; a point is a small cross."""
    if shape.geom_type in {"Point", "MultiPoint"}:
        at = shapely.get_coordinates(shape)[0]
        return f"M{at[0] - 6:.1f} {at[1]:.1f}h12M{at[0]:.1f} {at[1] - 6:.1f}v12"
    rings = shapely.get_rings(shapely.get_parts(shapely.simplify(shape, 0.2)))
    parts = []
    for ring in rings:
        corners = shapely.get_coordinates(ring)[:-1]
        parts.append("M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in corners) + "Z")
    return "".join(parts)


def _areas(shapes: Mapping[str, Any], lang: str) -> list[str]:
    """What each side gained and lost against the base, m2."""
    told = []
    for side in ("theirs", "ours"):
        if side not in shapes or "base" not in shapes:
            continue
        one, was = shapes[side], shapes["base"]
        if not (one.is_valid and was.is_valid):
            continue
        pair = np.array([shapely.difference(one, was), shapely.difference(was, one)], object)
        gained, lost = np.nan_to_num(crs.area_m2(pair))
        told.append(
            text.say(
                "checkout.page.areas",
                lang,
                side=text.say(f"checkout.side.{side}", lang),
                gained=gained,
                lost=lost,
            )
        )
    return told
