"""The national boundary package: a ZIP named by survey and parcel with one shapefile in it.

Domain notes 5.1, after the public generator and checker of such packages: the name is the stage of
the survey and the 13 digits of the parcel; inside lies a folder of that name with .shp .shx .dbf
.prj .cpg of that name; coordinates are on CGCS2000 in a 3-degree zone with the zone number in the
easting. The checker takes any text before the digits.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import numpy as np
import pandas as pd
import shapely

from parcels import words
from parcels.findings import Findings
from parcels.ingest.arrived import Arrived, Package
from parcels.model import Layer

# A rejects file keeps the name with something behind it, and is a package still.
_NAME: Final = re.compile(
    r"^(?P<stage>.*?)(?P<code>\d{13})(?:\.rejects(?:-\d+)?)?\.zip$", re.IGNORECASE
)
_MEMBERS: Final = (".shp", ".shx", ".dbf", ".prj", ".cpg")
_MILLION: Final = 1_000_000
_DEGREES: Final = 400


def package_of(file: str, path: Path) -> Package | None:
    """The package a ZIP is, by its name and the only set of data in it; None if it is none.

    Args:
        file: Name of the ZIP.
        path: What it holds, unpacked.
    """
    named = _NAME.match(file)
    if named is None or path.suffix.lower() != ".shp":
        return None
    there = {one.suffix.lower() for one in path.parent.iterdir() if one.stem == path.stem}
    base = named["stage"] + named["code"]
    return Package(
        file,
        named["stage"].strip(),
        named["code"],
        tuple(end for end in _MEMBERS if end not in there),
        "" if path.stem in {base, Path(file).stem} else path.stem,
    )


def check(package: Package, arrived: Arrived, findings: Findings) -> None:
    """Compare what a package holds with what its name says, and with what it ought to hold."""
    if package.missing:
        lacking = {"missing": list(package.missing)}
        findings.add("package_incomplete", found=package.file, details=lacking)
    if package.misnamed:
        details = {"file": package.file}
        findings.add("package_misnamed", found=package.misnamed, details=details)
    rows = arrived.frame.index.to_numpy("int64")
    known = words.formats()["national"]
    column = next((c for c in known["code"] if c in arrived.columns), None)
    if column is not None:
        held = arrived.frame[column].astype("str").str.strip()
        differs = (held.notna() & (held != "") & (held != package.code)).to_numpy(bool)
        findings.add(
            "package_code_differs",
            rows=rows[differs],
            field=column,
            found=held[differs],
            details={"stated": package.code, "package": package.file},
        )
    _check_places(arrived, rows, known["zone"], findings)


def stage_of(package: Package, layer: Layer, findings: Findings) -> str | None:
    """The stage that the name of a package gives its parcel, where the layer has such a stage."""
    if package.stage not in words.formats()["national"]["stages"]:
        return None
    if not any(package.stage in {s.label.zh, *s.synonyms} for s in layer.stages):
        return None
    findings.add("package_stage_taken", found=package.stage, details={"package": package.file})
    return package.stage


def _check_places(arrived: Arrived, rows: np.ndarray, column: str, findings: Findings) -> None:
    bounds = shapely.bounds(arrived.frame.geometry.to_numpy())
    east = bounds[:, 0]
    degrees = np.abs(east) < _DEGREES
    if degrees.any():
        findings.add("package_degrees", details={"count": int(degrees.sum())})
    if column not in arrived.columns:
        return
    stated = pd.to_numeric(arrived.frame[column], errors="coerce").to_numpy("float64")
    zones = np.floor_divide(east, _MILLION)
    with np.errstate(invalid="ignore"):
        differs = (zones > 0) & (zones < 100) & ~np.isnan(stated) & (stated != zones)
    findings.add(
        "package_zone_differs",
        rows=rows[differs],
        field=column,
        found=[f"{one:g}" for one in stated[differs]],
        details=[{"zone": int(one)} for one in zones[differs]],
    )
