"""The coordinate system a boundary-point TXT states: by words, zone number and zone width."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd
import pyproj

from parcels import words
from parcels.findings import Findings
from parcels.ingest.rings import Points

_EQUALS: Final = re.compile(r"[=:]")
# An easting with a zone number is at least this, metres.
_ZONED_M: Final = 1e7
_MILLION: Final = 1_000_000
# The zone of parcels that are in several systems.
_SEVERAL: Final = -1


@dataclass(frozen=True, slots=True)
class System:
    """What one attribute section says of its coordinates; zone 0 where it says none."""

    words: str = ""
    zone: int = 0
    degrees: int = 0


def systems_of(
    stripped: pd.Series, section: np.ndarray, instance: np.ndarray
) -> dict[int, System]:
    """What each attribute section says, by the running number of that section."""
    known = words.formats()["boundary_points"]
    found: dict[int, System] = {}
    for at in np.flatnonzero(section == known["attributes"]):
        line = unicodedata.normalize("NFKC", str(stripped.iloc[at]))
        key, *written = _EQUALS.split(line, maxsplit=1)
        if not written:
            continue
        number, said = int(instance[at]), written[0].strip()
        found[number] = _with(found.get(number, System()), key.strip(), said, known)
    return found


def one_system(
    measured: Points, systems: Mapping[int, System], instance: np.ndarray
) -> tuple[Points, System]:
    """The one system of all parcels; where sections differ in zone, eastings get their zone."""
    # A parcel belongs to the last attribute section before its own section.
    order = sorted(systems)
    place = np.searchsorted(order, instance, side="left") - 1
    used = [systems[order[p]] if p >= 0 else System() for p in place]
    if len(set(used)) <= 1:
        return measured, (used[0] if used else System())
    named = sorted({one.words for one in used})
    if len(named) > 1 or not _is_national(named[0]):
        return measured, System(" / ".join(named), _SEVERAL)
    zones = np.array([one.zone for one in used], float)[measured.parcel]
    bare = (np.abs(measured.east) < _ZONED_M) & (zones > 0)
    east = np.where(bare, measured.east + zones * _MILLION, measured.east)
    return replace(measured, east=east), System()


def declared(one: System, measured: Points, findings: Findings) -> pyproj.CRS | None:
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


def strange(one: System) -> str:
    """How the file names its system, if those words tell no system."""
    return one.words if one.zone == _SEVERAL or _matching(one.words) is None else ""


def _with(one: System, key: str, written: str, known: Mapping[str, Any]) -> System:
    if key == known["system"]:
        return replace(one, words=written)
    if key == known["zone"]:
        return replace(one, zone=_whole(written))
    if key == known["degrees"]:
        return replace(one, degrees=_whole(written))
    return one


def _is_national(system: str) -> bool:
    return not system or _matching(system) == words.formats()["systems"][0]


def _matching(system: str) -> Mapping[str, Any] | None:
    """The coordinate system these words name; the national one where nothing is named.

    None where it is not known, or a city's own, which `position` refuses.
    """
    if words.is_local_system(system):
        return None
    named = words.plain(system)
    for row in words.formats()["systems"]:
        if not named or any(words.plain(word) in named for word in row["words"]):
            return dict(row)
    return None


def _zone_crs(one: System, zone: int, *, zoned: bool) -> pyproj.CRS | None:
    system = _matching(one.words)
    if system is None:
        return None
    three = one.degrees == 3 or (one.degrees == 0 and zone >= 25)
    row = system["three_degree" if three else "six_degree"]
    if not row["first"] <= zone <= row["first"] + (20 if three else 10):
        return None
    return pyproj.CRS.from_epsg(row["zoned" if zoned else "plain"] + zone - row["first"])


def _zone_of(measured: Points) -> int:
    east = np.maximum(measured.east, measured.north)
    return int(np.median(east) // _MILLION)


def _is_degrees(measured: Points) -> bool:
    both = np.abs(np.r_[measured.east, measured.north])
    return bool(len(both)) and float(np.median(both)) <= 180


def _name(crs: pyproj.CRS) -> str:
    return f"EPSG:{crs.to_epsg()}"


def _whole(written: str) -> int:
    found = re.search(r"\d+", written)
    if found:
        return int(found.group()[:4])
    # A numeral: the zone width is often written as one.
    return next((int(n) for c in written if (n := unicodedata.numeric(c, 0)) >= 1), 0)
