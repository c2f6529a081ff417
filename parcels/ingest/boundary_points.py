"""Boundary-point TXT (自然资源电子报盘, 勘测定界界址点坐标交换格式) in all the ways it is written.

X is north and Y is east in these files; the geometry read from them has east first, as everywhere
in the register.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd

from parcels import words
from parcels.findings import Findings
from parcels.ingest.arrived import Arrived, Kind, TextRows, framed, source_of
from parcels.ingest.boundary_systems import declared, one_system, strange, systems_of
from parcels.ingest.encodings import open_text
from parcels.ingest.rings import Points, closed_rings, parted, set_polygons, set_simple

_LINE_END: Final = re.compile(r"\r\n|\r|\n")
_SECTION: Final = r"^[\[【［]\s*([^\]】］]*?)\s*[\]】］][,，;；\s]*$"
_NUMBER: Final = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_POINT: Final = rf"^([^,@]*),\s*(\d{{1,6}})\s*,\s*({_NUMBER})\s*,\s*({_NUMBER})\s*(?:,[^,@]*)?,?$"
_HEADER: Final = re.compile(r"^(.*)@.*$", re.MULTILINE)
_HEADER_COMMAS: Final = 5
_FULL_WIDTH: Final = r"[\uff01-\uff5e\u3000]"
# What keeps the fields of a header apart; a name may hold any other full-width character.
_SEPARATORS: Final = str.maketrans("\uff0c\uff20", ",@")


def looks_like(text: str) -> bool:
    """Whether a text holds the section marks of this format, in brackets of any width."""
    marks = words.formats()["boundary_points"]["marks"]
    return any(f"{left}{mark}" in text for mark in marks for left in ("[", "【", "［"))


def read_boundary_points(
    path: Path, *, findings: Findings, encoding: str | None = None
) -> Arrived:
    """A boundary-point file as it arrived; a row is the line number of a parcel's header.

    Columns are named as the format names them. Rings become holes or parts by where they lie,
    whatever their number says.

    Args:
        path: The file.
        findings: Takes lines not understood and point counts that differ.
        encoding: As stated by the user; None to look for a byte order mark, then to guess.

    Raises:
        FileNotReadableError: It cannot be opened, or is not text in the stated encoding.
    """
    text, name = open_text(path, findings, encoding, telling=_headers)
    lines = _LINE_END.split(text)
    stripped = pd.Series(lines, dtype="str").str.strip().str.lstrip("\ufeff")
    section, instance = _sections(stripped)
    stripped = _half_width(stripped, section, findings)
    header, points, odd = _sorted_out(stripped, section)
    starts = np.flatnonzero(header)
    owner = np.cumsum(header) - 1
    orphans = np.flatnonzero(odd & (owner < 0))
    table = _table(stripped[starts])
    measured = _points(stripped, points & (owner >= 0), owner)
    systems = systems_of(stripped, section, instance)
    measured, found = one_system(measured, systems, instance[starts])
    measured = _closed_well(measured, starts, findings, stripped)
    geometry = _geometry(measured, table, starts + 1, findings)
    _report_odd(stripped, odd, owner, starts, findings)
    _report_lost(stripped, _lost(stripped, section, header | points, owner), findings)
    stated = declared(found, measured, findings)
    return Arrived(
        Kind.BOUNDARY_POINTS,
        source_of(path),
        framed(table, geometry, rows=starts + 1),
        stated,
        encoding=name,
        crs_words=strange(found),
        text=_text_rows(lines, starts, section, orphans),
    )


def _headers(text: str) -> str:
    """The parcels' own words, which say more than those of the format."""
    return "\n".join(_HEADER.findall(text)) or text


def _sections(stripped: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """The section each line is in ("" for none, "#" for its mark), and its running number."""
    named = stripped.str.extract(_SECTION, expand=False)
    marks = named.notna().to_numpy()
    inside = np.array(named.ffill().fillna(""), dtype=object)
    inside[marks] = "#"
    return inside, np.cumsum(marks)


def _half_width(stripped: pd.Series, section: np.ndarray, findings: Findings) -> pd.Series:
    """Points and headers written with full-width signs, in the signs of the format."""
    inside = section == words.formats()["boundary_points"]["parcels"]
    wide = np.flatnonzero(inside & stripped.str.contains(_FULL_WIDTH).to_numpy(bool))
    if not len(wide):
        return stripped
    written = stripped.iloc[wide]
    narrow = written.str.normalize("NFKC").str.strip()
    # A name may hold full-width signs, in a header that is otherwise well written.
    short = (written.str.count(",") < _HEADER_COMMAS) | ~written.str.contains("@", regex=False)
    header = written.where(~short, written.str.translate(_SEPARATORS))
    mended = header.where(~narrow.str.match(_POINT), narrow)
    changed = np.flatnonzero((mended != written).to_numpy(bool))
    if not len(changed):
        return stripped
    first = int(changed[0])
    details = {
        "count": len(changed),
        "row": int(wide[first]) + 1,
        "became": mended.iloc[first][:80],
    }
    findings.add(
        "value_harmonised", field="boundary", found=written.iloc[first][:80], details=details
    )
    return pd.concat([stripped.drop(index=wide), mended]).sort_index()


def _sorted_out(
    stripped: pd.Series, section: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which lines of the parcel sections are headers, points, and neither."""
    mark = words.formats()["boundary_points"]["parcels"]
    inside = (section == mark) & (stripped != "").to_numpy(bool)
    points = inside & stripped.str.match(_POINT).to_numpy(bool)
    ends = stripped.str.contains("@", regex=False).to_numpy(bool)
    # A header that lost its "@" still has more fields than a point.
    many = (stripped.str.count(",") >= _HEADER_COMMAS).to_numpy(bool)
    header = inside & ~points & (ends | many)
    return header, points, inside & ~points & ~header


def _table(headers: pd.Series) -> pd.DataFrame:
    known = words.formats()["boundary_points"]
    if headers.empty:  # nothing to partition, and then no column to take
        return pd.DataFrame({name: pd.Series(dtype="str") for name in known["columns"]})
    # Whatever follows the last "@" is no field, and a name may hold another.
    ended = headers.where(headers.str.contains("@", regex=False), headers + "@")
    fields = ended.str.rpartition("@")[0].str.removesuffix(",").str.split(",", expand=True)
    fields = fields.reindex(columns=range(max(fields.shape[1], len(known["columns"]))))
    names = list(known["columns"])
    names += [f"{known['extra_column']}{n + 1}" for n in range(len(names), fields.shape[1])]
    table = fields.set_axis(names, axis=1).astype("str")
    table = table.apply(lambda column: column.str.strip()).replace("", None)
    extra = [n for n in names[len(known["columns"]) :] if table[n].isna().all()]
    return table.drop(columns=extra).reset_index(drop=True)


def _points(stripped: pd.Series, points: np.ndarray, owner: np.ndarray) -> Points:
    at = np.flatnonzero(points)
    parts = stripped[at].str.extract(_POINT)
    number = parts[1].astype("int64").to_numpy() if len(at) else np.zeros(0, "int64")
    parcel = owner[at]
    fresh = np.ones(len(at), bool)
    fresh[1:] = (parcel[1:] != parcel[:-1]) | (number[1:] != number[:-1])
    north = parts[2].astype("float64").to_numpy()
    east = parts[3].astype("float64").to_numpy()
    return Points(at, parcel, parted(np.cumsum(fresh) - 1, north, east), north, east)


def _closed_well(
    measured: Points, starts: np.ndarray, findings: Findings, stripped: pd.Series
) -> Points:
    """Mend the closing points of a known writer, which puts X in place of Y."""
    if not len(measured.ring):
        return measured
    first = np.flatnonzero(np.r_[True, np.diff(measured.ring) > 0])
    last = np.r_[first[1:] - 1, len(measured.ring) - 1]
    wrong = (
        (last - first >= 3)
        & (measured.north[last] == measured.north[first])
        & (measured.east[last] == measured.north[last])
        & (measured.east[first] != measured.north[first])
    )
    if not wrong.any():
        return measured
    east = measured.east.copy()
    east[last[wrong]] = measured.east[first[wrong]]
    findings.add(
        "value_harmonised",
        field="boundary",
        found=stripped.iloc[int(measured.lines[last[wrong][0]])],
        details={
            "count": int(wrong.sum()),
            "row": int(starts[measured.parcel[last[wrong][0]]] + 1),
            "became": f"{measured.north[first[wrong][0]]},{measured.east[first[wrong][0]]}",
        },
    )
    return replace(measured, east=east)


def _geometry(
    measured: Points, table: pd.DataFrame, rows: np.ndarray, findings: Findings
) -> np.ndarray:
    geometry = np.full(len(rows), None, object)
    known = words.formats()["boundary_points"]
    kind = table[known["shape"]].to_numpy(dtype=object)
    as_points = np.isin(kind, [known["shape_point"]])
    as_lines = np.isin(kind, [known["shape_line"]])
    sizes = np.bincount(measured.ring, minlength=0)
    coordinates = np.column_stack([measured.east, measured.north])
    closed = closed_rings(measured)
    surface = ~(as_points | as_lines)[measured.parcel]
    _count_points(measured, table, rows, closed, findings)
    set_simple(geometry, coordinates, measured.parcel, as_points, as_lines)
    distinct = (sizes - closed)[measured.ring]
    thin = np.unique(measured.parcel[surface & (distinct < 3)])
    fault = words.faults()["Too few points in geometry component"]
    details = {"fault": fault.key, "fault_zh": fault.zh, "fault_en": fault.en}
    findings.add("boundary_invalid", rows=rows[thin], details=details)
    whole = surface & ~np.isin(measured.parcel, thin)
    set_polygons(geometry, coordinates[whole], measured.ring[whole], measured.parcel[whole])
    return geometry


def _count_points(
    measured: Points,
    table: pd.DataFrame,
    rows: np.ndarray,
    closed: np.ndarray,
    findings: Findings,
) -> None:
    """Compare the stated number of points; closing points may be counted or not."""
    name = words.formats()["boundary_points"]["point_count"]
    stated = pd.to_numeric(table[name], errors="coerce").to_numpy(float)
    lines = np.bincount(measured.parcel, minlength=len(rows))
    ring_parcel = np.zeros(len(closed), "int64")
    ring_parcel[measured.ring] = measured.parcel
    repeated = np.bincount(ring_parcel, closed, minlength=len(rows))
    opened = np.bincount(ring_parcel, 1 - closed, minlength=len(rows))
    agrees = (stated == lines) | (stated == lines - repeated) | (stated == lines + opened)
    off = np.flatnonzero(np.isfinite(stated) & ~agrees)
    findings.add(
        "point_count_differs",
        rows=rows[off],
        found=table[name].iloc[off],
        details=[{"stated": int(stated[i]), "counted": int(lines[i])} for i in off],
    )


def _report_odd(
    stripped: pd.Series,
    odd: np.ndarray,
    owner: np.ndarray,
    starts: np.ndarray,
    findings: Findings,
) -> None:
    at = np.flatnonzero(odd)
    if not len(at):
        return
    lost = owner[at] < 0
    rows = np.where(lost, at + 1, starts[owner[at]] + 1 if len(starts) else at + 1)
    details = [{"line": int(line) + 1} for line in at]
    findings.add(
        "line_not_understood", rows=rows, found=stripped.iloc[at].str[:80], details=details
    )


def _lost(
    stripped: pd.Series, section: np.ndarray, taken: np.ndarray, owner: np.ndarray
) -> np.ndarray:
    """Lines that are points or headers and yet belong to no parcel that is read."""
    known = words.formats()["boundary_points"]
    points = stripped.str.match(_POINT).to_numpy(bool) & ~stripped.str.contains("=", regex=False)
    ends = stripped.str.contains("@", regex=False).to_numpy(bool)
    headers = ends & (stripped.str.count(",") >= _HEADER_COMMAS).to_numpy(bool)
    elsewhere = ~np.isin(section, [known["parcels"], known["problems"], "#"])
    first = taken & (owner < 0)
    return np.asarray(first | (elsewhere & (points.to_numpy(bool) | headers)), bool)


def _report_lost(stripped: pd.Series, lost: np.ndarray, findings: Findings) -> None:
    """One finding for each run of such lines: a lost header leaves a thousand points."""
    steps = np.diff(np.r_[False, lost, False].astype("int8"))
    starts, stops = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    details = [
        {"line": int(begin) + 1, "last": int(end)}
        for begin, end in zip(starts, stops, strict=True)
    ]
    found = stripped.iloc[starts].str[:80]
    findings.add("lines_without_parcel", rows=starts + 1, found=found, details=details)


def _text_rows(
    lines: list[str], starts: np.ndarray, section: np.ndarray, orphans: np.ndarray
) -> TextRows:
    """Where each parcel's lines end: at the next header, section mark, or end of file."""
    stops = np.r_[starts, np.flatnonzero(section == "#"), len(lines)]
    stops.sort()
    ends = stops[np.searchsorted(stops, starts, side="right")] if len(starts) else starts
    mark = words.formats()["boundary_points"]["parcels"]
    inside = np.flatnonzero(section == mark)
    heading = int(inside[0]) if len(inside) else len(lines)
    return TextRows(tuple(lines), starts + 1, ends, tuple(int(o) + 1 for o in orphans), heading)
