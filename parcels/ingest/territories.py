"""Districts from a file of the customer's own."""

from __future__ import annotations

from pathlib import Path

import geopandas as gpd
import pyogrio

from parcels import crs
from parcels.districts import Territory, territory_from
from parcels.errors import DistrictsNotUsableError, FileNotReadableError
from parcels.ingest.ogr import address


def read_territory(path: Path) -> Territory:
    """Districts from any file of polygons that GDAL reads, with a code and a name column.

    Args:
        path: The file; its first layer is taken.

    Raises:
        FileNotReadableError: It cannot be read.
        DistrictsNotUsableError: It has no CRS, or its districts cannot be used.
    """
    try:
        frame: gpd.GeoDataFrame = pyogrio.read_dataframe(address(path))
    except (pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, OSError) as error:
        raise FileNotReadableError(file=str(path), reason=str(error)) from error
    if not isinstance(frame, gpd.GeoDataFrame) or frame.crs is None:
        raise DistrictsNotUsableError(file=str(path), reason="crs")
    epsg = frame.crs.to_epsg()
    if epsg != crs.WGS84:
        frame = frame.to_crs(crs.STORAGE)
    return territory_from(frame.set_crs(crs.STORAGE, allow_override=True), file=path.name)
