"""From a sender's local system to CGCS2000 by points known in both.

The transformation is a similarity of four parameters (two shifts, a turn, a scale), fitted by
least squares; it keeps angles, so that parcels keep their shape.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

import numpy as np
import pandas as pd
import pyproj

from parcels import crs, words
from parcels.errors import ControlPointsNotUsableError
from parcels.findings import Findings
from parcels.ingest.readings import (
    Box,
    Reading,
    candidates,
    datum_step,
    degrees_of,
    fitting,
    name_of,
    zones_in,
)
from parcels.ingest.separated import read_csv
from parcels.ingest.workbook import read_xlsx

# Two points always fit; the third shows whether they should have.
_LEAST: Final = 3
# Half a metre on each side of a parcel of one hectare is one hundredth of its area, as far as
# declared and computed areas may differ. Which accuracy the customer asks of red lines is an open
# question; stricter offices look at the residuals, which are kept with the change.
_MOST_RMS_M: Final = 0.5
# A similarity far from its points multiplies their errors: it is used up to as far outside the
# points' box as the box is wide.
_BEYOND: Final = 1.0
# Nearly one line of points leaves no second direction: a tenth of the longer extent.
_ROUND: Final = 0.1
_SIDES: Final = ("local_east", "local_north", "east", "north")


@dataclass(frozen=True, slots=True)
class Similarity:
    """A similarity from a local plane to a known one, east first, metres.

    x' = a x - b y + c and y' = b x + a y + d, about the middle of the points.

    Attributes:
        a, b: Scale times cosine and sine of the turn.
        to: Middle of the points in the known plane.
        origin: Middle of the points in the local plane.
        target: The known plane.
        residuals_m: Distance of each point from where it should come.
        box: Local box of the points: west, south, east, north.
    """

    a: float
    b: float
    to: tuple[float, float]
    origin: tuple[float, float]
    target: pyproj.CRS
    residuals_m: tuple[float, ...]
    box: Box
    file: str
    sha256: str

    @property
    def rms_m(self) -> float:
        """Root of the mean squared residual, by the points that are not needed to fit."""
        count = len(self.residuals_m)
        return float(np.sqrt(np.square(self.residuals_m).sum() / (count - 2)))

    @property
    def details(self) -> dict[str, Any]:
        """All that is needed to do the transformation again, and how well it fits."""
        return {
            "control_points": self.file,
            "sha256": self.sha256,
            "points": len(self.residuals_m),
            "a": self.a,
            "b": self.b,
            "origin_east_north": list(self.origin),
            "to_east_north": list(self.to),
            "plane": name_of(self.target) if self.target.to_epsg() else self.target.to_wkt(),
            "scale_ppm": round((float(np.hypot(self.a, self.b)) - 1) * 1e6, 3),
            "turn_seconds": round(float(np.degrees(np.arctan2(self.b, self.a))) * 3600, 3),
            "rms_m": round(self.rms_m, 4),
            "most_m": round(max(self.residuals_m), 4),
            "residuals_m": [round(one, 4) for one in self.residuals_m],
        }

    def degrees(self, xy: np.ndarray) -> np.ndarray:
        """Local coordinates, east first, in degrees on CGCS2000."""
        x, y = xy[:, 0] - self.origin[0], xy[:, 1] - self.origin[1]
        plane = np.column_stack(
            [self.a * x - self.b * y + self.to[0], self.b * x + self.a * y + self.to[1]]
        )
        return degrees_of(plane, Reading(self.target))

    def reaches(self, xy: np.ndarray) -> bool:
        """Whether local coordinates lie near enough to the control points."""
        west, south, east, north = self.box
        wide = _BEYOND * max(east - west, north - south)
        low, high = np.array([west, south]) - wide, np.array([east, north]) + wide
        return bool(((xy >= low) & (xy <= high)).all())


def read_control_points(path: Path, *, city: Box, plane: pyproj.CRS | None = None) -> Similarity:
    """The similarity that a file of control points gives.

    Args:
        path: CSV or XLSX with four columns named as in `reference/formats.toml`: local X (north)
            and Y (east), and CGCS2000 X and Y or latitude and longitude.
        city: Box that must hold the points, degrees; tells the zone where eastings do not.
        plane: Where the similarity is fitted, e.g. with the local system's own central meridian;
            by default the 3-degree zone of 117E.

    Raises:
        FileNotReadableError: It cannot be read.
        ControlPointsNotUsableError: A column is missing, there are too few points or nearly on
            one line, they lie outside the city, or they do not fit. Reasons "control_columns",
            "control_few", "control_line", "control_elsewhere", "control_residuals",
            "control_plane".
    """
    target = plane or pyproj.CRS.from_epsg(crs.GK_117)
    if not target.is_projected or not datum_step(target).same:
        _refuse(path.name, "control_plane", name_of(target))
    local, known, sha256 = _points(path)
    middle = local.mean(axis=0)
    spread = np.linalg.svd(local - middle, compute_uv=False)
    if spread[1] <= _ROUND * spread[0]:
        _refuse(path.name, "control_line", str(len(local)))
    plane_xy = _in_plane(_degrees(known, city, path.name), target)
    to = plane_xy.mean(axis=0)
    # As complex numbers a similarity is one factor: least squares has a closed form.
    source = (local - middle) @ np.array([1, 1j])
    there = (plane_xy - to) @ np.array([1, 1j])
    factor = (source.conj() @ there) / (source.conj() @ source)
    residuals = np.abs(factor * source - there)
    low, high = local.min(axis=0), local.max(axis=0)
    found = Similarity(
        float(factor.real),
        float(factor.imag),
        (float(to[0]), float(to[1])),
        (float(middle[0]), float(middle[1])),
        target,
        tuple(float(one) for one in residuals),
        (float(low[0]), float(low[1]), float(high[0]), float(high[1])),
        path.name,
        sha256,
    )
    if found.rms_m > _MOST_RMS_M:
        worst = int(residuals.argmax()) + 1
        said = f"RMS {found.rms_m:.3f} m > {_MOST_RMS_M} m; {worst}: {residuals.max():.3f} m"
        _refuse(path.name, "control_residuals", said)
    return found


def _points(path: Path) -> tuple[np.ndarray, np.ndarray, str]:
    """Local and known coordinates, east or longitude first, of the rows that have all four."""
    listed = words.formats()["control_points"]
    wanted = {side: words.plain_set(listed[side]) for side in _SIDES}
    headings = frozenset().union(*wanted.values())
    read = read_xlsx if path.suffix.lower() in {".xlsx", ".xlsm"} else read_csv
    found = Findings("", path.name)
    arrived = read(path, findings=found, known=headings, surfaces=False)
    columns = {words.plain(one): one for one in arrived.columns}
    taken = {
        side: next((columns[word] for word in columns if word in wanted[side]), None)
        for side in _SIDES
    }
    if None in taken.values():
        _refuse(path.name, "control_columns", ", ".join(arrived.columns))
    table = pd.DataFrame(arrived.frame)[[str(taken[side]) for side in _SIDES]]
    numbers = table.apply(pd.to_numeric, errors="coerce").dropna().to_numpy(float)
    if len(numbers) < _LEAST:
        _refuse(path.name, "control_few", str(len(numbers)))
    return numbers[:, :2], numbers[:, 2:], arrived.source.sha256


def _degrees(known: np.ndarray, city: Box, file: str) -> np.ndarray:
    """Known coordinates in degrees: by their zone, as degrees, or by the zone that fits."""
    national = (
        one
        for one in candidates(known)
        # The columns are named north and east, and the system is stated: no other is tried.
        if not one.swapped and one.crs.to_epsg() not in {crs.WEB_MERCATOR, crs.UTM_50N}
    )
    reading = next(fitting(national, known, city, least=1.0), None)
    if reading is None:
        found = ", ".join(str(one) for one in zones_in(known, swapped=False))
        _refuse(file, "control_elsewhere", found or f"{known[0, 0]:.3f}, {known[0, 1]:.3f}")
    return degrees_of(known, reading)


def _in_plane(lonlat: np.ndarray, target: pyproj.CRS) -> np.ndarray:
    step = pyproj.Transformer.from_crs(target.geodetic_crs, target, always_xy=True)
    return np.column_stack(step.transform(lonlat[:, 0], lonlat[:, 1]))


def _refuse(file: str, reason: str, found: str) -> NoReturn:
    raise ControlPointsNotUsableError(file=file, reason=reason, found=found)
