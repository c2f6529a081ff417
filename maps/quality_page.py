"""A quality sheet as a page that opens without a network or a script."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import Any, Final

import pandas as pd

from layers.coverage import TOTAL
from maps import text

_STYLE: Final = """
body{font:15px/1.5 system-ui,"Noto Sans CJK SC","Microsoft YaHei",sans-serif;margin:1.5rem;
color:#1b1b1b;max-width:76rem}h1{font-size:1.4rem}h2{font-size:1.1rem;margin:1.6rem 0 .3rem}
table{border-collapse:collapse;width:100%;margin:.4rem 0}th,td{padding:.25rem .6rem;
text-align:left;vertical-align:top;border-bottom:1px solid #d6d6d0}thead th{border-bottom:2px
solid #14523c}td.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}
tr.none td{color:#5c5c5c;font-style:italic}tr.bad td{background:#fff4e6}
.bar{display:inline-block;height:.6rem;background:#b4480f;vertical-align:middle;min-width:1px}
details{margin:.2rem 0 1rem}summary{cursor:pointer;color:#14523c}.wide{overflow-x:auto}
th.n{text-align:right}
@media(max-width:40rem){body{margin:.7rem}th,td{padding:.2rem .3rem;font-size:14px}
.bar{display:none}thead th:first-child,tbody td:first-child{font-size:11px;max-width:4.5rem}}
@media print{body{margin:0}details{break-inside:avoid}}
"""

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"


def page(
    spoken: pd.DataFrame,
    *,
    lang: str,
    headings: Mapping[str, str],
    title: str,
    lines: Sequence[str],
) -> str:
    """The page: for each layer a table of the whole city, and one of each district folded below.

    Args:
        spoken: The sheet in words, with `place_key`; `layer`, `place`, `element`, `aspect`,
            `measure`, `of_what`, `faulty`, `of`, `share`, `why`.
        lang: "zh" or "en".
        headings: What stands over the columns.
        title: Of the page.
        lines: Below the title.
    """
    parts = [
        f'<!doctype html><html lang="{lang}"><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{_safe(title)}</title><style>{_STYLE}</style><h1>{_safe(title)}</h1>",
        *[f"<p>{_safe(line)}</p>" for line in lines],
    ]
    for layer, rows in spoken.groupby("layer", sort=False):
        parts.append(f"<section><h2>{_safe(layer)}</h2>")
        whole = rows[rows["place_key"] == TOTAL]
        if len(whole):
            parts.append(_table(whole, headings, lang))
        for place, held in rows[rows["place_key"] != TOTAL].groupby("place", sort=False):
            told = _table(held, headings, lang)
            parts.append(f"<details><summary>{_safe(place)}</summary>{told}</details>")
        parts.append("</section>")
    return "\n".join([*parts, "</html>\n"])


def _table(rows: pd.DataFrame, headings: Mapping[str, str], lang: str) -> str:
    shown = ("element", "measure", "faulty", "of", "share")
    numbers = {"faulty", "of", "share"}
    head = "".join(
        f'<th scope="col"{" class=n" if key in numbers else ""}>{_safe(headings[key])}</th>'
        for key in shown
    )
    body = "".join(_line(row, lang) for row in rows.to_dict("records"))
    table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return f'<div class="wide">{table}</div>'


def _line(row: Mapping[Any, Any], lang: str) -> str:
    first = f"<td>{_safe(row['element'])}</td><td>{_safe(row['measure'])}</td>"
    if pd.isna(row["of"]):
        return f'<tr class="none">{first}<td colspan="3">{_safe(row["why"])}</td></tr>'
    share = float(row["share"])
    bar = f'<span class="bar" style="width:{5 * share:.2f}rem"></span> ' if share else ""
    numbers = "".join(
        f'<td class="n">{_safe(one)}</td>'
        for one in (text.number(int(row["faulty"]), lang), text.number(int(row["of"]), lang))
    )
    kind = ' class="bad"' if share else ""
    said = _safe(text.share(share, lang, decimals=2))
    return f'<tr{kind}>{first}{numbers}<td class="n">{bar}{said}</td></tr>'


def _safe(written: Any) -> str:
    return html.escape(text.plain(str(written)))
