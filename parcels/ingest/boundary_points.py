"""Boundary-point TXT (自然资源电子报盘, 勘测定界界址点坐标交换格式) in all the ways it is written.

X is north and Y is east in these files; the geometry read from them has east first, as everywhere
in the register.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import pyproj

from parcels import words
from parcels.errors import CrsNotKnownError
from parcels.findings import Findings
from parcels.ingest.arrived import Arrived, Kind, TextRows, framed, source_of
from parcels.ingest.encodings import open_text
from parcels.ingest.rings import set_polygons, set_simple

_LINE_END: Final = re.compile(r"\r\n|\r|\n")
_SECTION: Final = r"^[\[【]\s*([^\]】]*?)\s*[\]】]$"
_NUMBER: Final = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_POINT: Final = rf"^([^,@]*),\s*(\d{{1,6}})\s*,\s*({_NUMBER})\s*,\s*({_NUMBER})\s*(?:,[^,@]*)?,?$"
_HEADER: Final = re.compile(r"^(.*)@.*$", re.MULTILINE)
_HEADER_COMMAS: Final = 5
# An easting with a zone number is at least this, metres.
_ZONED_M: Final = 1e7
_MILLION: Final = 1_000_000
# The zone of parcels that are in several systems.
_SEVERAL: Final = -1


@dataclass(frozen=True, slots=True)
class _Points:
    """Point lines: the parcel (position) and ring (running number) of each, north and east."""

    lines: np.ndarray
    parcel: np.ndarray
    ring: np.ndarray
    north: np.ndarray
    east: np.ndarray


@dataclass(frozen=True, slots=True)
class _System:
    """What one attribute section says of its coordinates; zone 0 where it says none."""

    words: str = ""
    zone: int = 0
    degrees: int = 0


def looks_like(text: str) -> bool:
    """Whether a text holds the section marks of this format, in brackets of any width."""
    marks = words.formats()["boundary_points"]["marks"]
    return any(f"{left}{mark}" in text for mark in marks for left in ("[", "【"))


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
        CrsNotKnownError: It is in a city's own system.
    """
    text, name = open_text(path, findings, encoding, telling=_headers)
    lines = _LINE_END.split(text)
    stripped = pd.Series(lines, dtype="str").str.strip().str.lstrip("\ufeff")
    section, instance = _sections(stripped)
    header, points, odd = _sorted_out(stripped, section)
    starts = np.flatnonzero(header)
    owner = np.cumsum(header) - 1
    orphans = np.flatnonzero(odd & (owner < 0))
    table = _table(stripped[starts])
    measured = _points(stripped, points & (owner >= 0), owner)
    systems = _systems(stripped, section, instance, file=path.name)
    measured, found = _one_system(measured, systems, instance[starts])
    measured = _closed_well(measured, starts, findings, stripped)
    geometry = _geometry(measured, table, starts + 1, findings)
    _report_odd(stripped, odd, owner, starts, findings)
    declared = _declared(found, measured, findings)
    return Arrived(
        Kind.BOUNDARY_POINTS,
        source_of(path),
        framed(table, geometry, rows=starts + 1),
        declared,
        encoding=name,
        crs_words=_strange(found),
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
    fields = headers.str.partition("@")[0].str.removesuffix(",").str.split(",", expand=True)
    fields = fields.reindex(columns=range(max(fields.shape[1], len(known["columns"]))))
    names = list(known["columns"])
    names += [f"{known['extra_column']}{n + 1}" for n in range(len(names), fields.shape[1])]
    table = fields.set_axis(names, axis=1).astype("str")
    table = table.apply(lambda column: column.str.strip()).replace("", None)
    extra = [n for n in names[len(known["columns"]) :] if table[n].isna().all()]
    return table.drop(columns=extra).reset_index(drop=True)


def _points(stripped: pd.Series, points: np.ndarray, owner: np.ndarray) -> _Points:
    at = np.flatnonzero(points)
    parts = stripped[at].str.extract(_POINT)
    number = parts[1].astype("int64").to_numpy() if len(at) else np.zeros(0, "int64")
    parcel = owner[at]
    fresh = np.ones(len(at), bool)
    fresh[1:] = (parcel[1:] != parcel[:-1]) | (number[1:] != number[:-1])
    return _Points(
        at,
        parcel,
        np.cumsum(fresh) - 1,
        parts[2].astype("float64").to_numpy(),
        parts[3].astype("float64").to_numpy(),
    )


def _systems(
    stripped: pd.Series, section: np.ndarray, instance: np.ndarray, *, file: str
) -> dict[int, _System]:
    """What each attribute section says, by the running number of that section."""
    known = words.formats()["boundary_points"]
    found: dict[int, _System] = {}
    for at in np.flatnonzero(section == known["attributes"]):
        key, mark, written = str(stripped.iloc[at]).replace("＝", "=").partition("=")
        if not mark:
            continue
        number = int(instance[at])
        found[number] = _with(found.get(number, _System()), key.strip(), written.strip(), known)
    for one in found.values():
        _refuse_local(one.words, file)
    return found


def _with(one: _System, key: str, written: str, known: Mapping[str, Any]) -> _System:
    if key == known["system"]:
        return replace(one, words=written)
    if key == known["zone"]:
        return replace(one, zone=_whole(written))
    if key == known["degrees"]:
        return replace(one, degrees=_whole(written))
    return one


def _refuse_local(system: str, file: str) -> None:
    name = words.plain(system)
    if any(words.plain(word) in name for word in words.formats()["local"]["words"]):
        raise CrsNotKnownError(file=file, bounds=system, supply="--crs PROJ|WKT")


def _one_system(
    measured: _Points, systems: Mapping[int, _System], instance: np.ndarray
) -> tuple[_Points, _System]:
    """The one system of all parcels; where sections differ in zone, eastings get their zone."""
    # A parcel belongs to the last attribute section before its own section.
    order = sorted(systems)
    place = np.searchsorted(order, instance, side="left") - 1
    used = [systems[order[p]] if p >= 0 else _System() for p in place]
    if len(set(used)) <= 1:
        return measured, (used[0] if used else _System())
    named = sorted({one.words for one in used})
    if len(named) > 1 or not _is_national(named[0]):
        return measured, _System(" / ".join(named), _SEVERAL)
    zones = np.array([one.zone for one in used], float)[measured.parcel]
    bare = (np.abs(measured.east) < _ZONED_M) & (zones > 0)
    east = np.where(bare, measured.east + zones * _MILLION, measured.east)
    return replace(measured, east=east), _System()


def _is_national(system: str) -> bool:
    return not system or _matching(system) == words.formats()["systems"][0]


def _matching(system: str) -> Mapping[str, Any] | None:
    """The coordinate system these words name; the national one where nothing is named."""
    named = words.plain(system)
    for row in words.formats()["systems"]:
        if not named or any(words.plain(word) in named for word in row["words"]):
            return dict(row)
    return None


def _closed_well(
    measured: _Points, starts: np.ndarray, findings: Findings, stripped: pd.Series
) -> _Points:
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
    measured: _Points, table: pd.DataFrame, rows: np.ndarray, findings: Findings
) -> np.ndarray:
    geometry = np.full(len(rows), None, object)
    known = words.formats()["boundary_points"]
    kind = table[known["shape"]].to_numpy(dtype=object)
    as_points = np.isin(kind, [known["shape_point"]])
    as_lines = np.isin(kind, [known["shape_line"]])
    sizes = np.bincount(measured.ring, minlength=0)
    coordinates = np.column_stack([measured.east, measured.north])
    closed = _closed_rings(measured, sizes)
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


def _closed_rings(measured: _Points, sizes: np.ndarray) -> np.ndarray:
    """1 for each ring whose first point is repeated at its end, else 0."""
    if not len(sizes):
        return sizes
    last = np.cumsum(sizes) - 1
    first = last - sizes + 1
    same = (measured.east[first] == measured.east[last]) & (
        measured.north[first] == measured.north[last]
    )
    return np.asarray(same & (sizes > 1), "int64")


def _count_points(
    measured: _Points,
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


def _declared(one: _System, measured: _Points, findings: Findings) -> pyproj.CRS | None:
    """The CRS of the head of the file, by the length of its eastings; None if it does not tell."""
    if not len(measured.east) or _is_degrees(measured):
        return None
    zoned = float(np.median(np.maximum(measured.east, measured.north))) >= _ZONED_M
    zone = one.zone
    if zone == _SEVERAL:
        return None
    if not zone and zoned:
        return None if not one.words else _zone_crs(one, _zone_of(measured), zoned=True)
    if not zone:
        return None
    crs = _zone_crs(one, zone, zoned=zoned)
    if crs is not None and not one.words:
        details = {"crs": _name(crs), "swapped": False}
        findings.add("crs_assumed", details=details)
    return crs


def _zone_crs(one: _System, zone: int, *, zoned: bool) -> pyproj.CRS | None:
    system = _matching(one.words)
    if system is None:
        return None
    three = one.degrees == 3 or (one.degrees == 0 and zone >= 25)
    row = system["three_degree" if three else "six_degree"]
    if not row["first"] <= zone <= row["first"] + (20 if three else 10):
        return None
    return pyproj.CRS.from_epsg(row["zoned" if zoned else "plain"] + zone - row["first"])


def _zone_of(measured: _Points) -> int:
    east = np.maximum(measured.east, measured.north)
    return int(np.median(east) // _MILLION)


def _is_degrees(measured: _Points) -> bool:
    both = np.abs(np.r_[measured.east, measured.north])
    return bool(len(both)) and float(np.median(both)) <= 180


def _strange(one: _System) -> str:
    """How the file names its system, if those words tell no system."""
    return one.words if one.zone == _SEVERAL or _matching(one.words) is None else ""


def _name(crs: pyproj.CRS) -> str:
    return f"EPSG:{crs.to_epsg()}"


def _whole(written: str) -> int:
    found = re.search(r"\d+", written)
    return int(found.group()[:4]) if found else 0


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
