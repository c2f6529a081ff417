"""Where coordinates are: declared, stated, told by the numbers, or asked for."""

import geopandas as gpd
import numpy as np
import pyogrio
import pyproj
import pytest
import shapely

from layers import catalog
from parcels import districts
from parcels.errors import CrsNotKnownError
from parcels.ingest.delivery import ReceiveOptions, receive

LAYERS = catalog.load()
PLOT = LAYERS["priority_plot"]
CITY = districts.bundled()
# In Dongcheng (zone 39), and in Fangshan west of 115.5E (zone 38).
TOWN = shapely.box(116.397, 39.908, 116.398, 39.909)
WEST = shapely.box(115.46, 39.76, 115.461, 39.761)
TXT = """[属性描述]
坐标系={system}
几度分带={degrees}
带号={zone}
计量单位=米
[地块坐标]
5,1.0,1101010320001,示例一号地块,面,,,,@
{points}
"""
GAUSS_KRUEGER = (
    'PROJCS["{name}",GEOGCS["{geogcs}",DATUM["{datum}",SPHEROID["{spheroid}]],'
    'PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]],PROJECTION["Gauss_Kruger"],'
    'PARAMETER["False_Easting",500000.0],PARAMETER["False_Northing",0.0],'
    'PARAMETER["Central_Meridian",117.0],PARAMETER["Scale_Factor",1.0],'
    'PARAMETER["Latitude_Of_Origin",0.0],UNIT["Meter",1.0]]'
)
CGCS = 'CGCS2000",6378137.0,298.257222101'


def plane(shape, epsg):
    step = pyproj.Transformer.from_crs(4490, epsg, always_xy=True)
    return shapely.transform(shape, lambda xy: np.column_stack(step.transform(xy[:, 0], xy[:, 1])))


def swapped(shape):
    return shapely.transform(shape, lambda xy: xy[:, ::-1])


def shapefile(tmp_path, *shapes, prj=None, **columns):
    """A shapefile of these shapes with this .prj, or with none."""
    data = {"DKBM": [f"11010103200{n:02}" for n in range(len(shapes))], "stage": "优先监管"}
    path = tmp_path / "delivered.shp"
    frame = gpd.GeoDataFrame(data | columns, geometry=list(shapes), crs=4490)
    pyogrio.write_dataframe(frame, path, encoding="UTF-8")
    path.with_suffix(".prj").unlink(missing_ok=True)
    if prj is not None:
        wkt = pyproj.CRS.from_epsg(prj).to_wkt("WKT1_ESRI") if isinstance(prj, int) else prj
        path.with_suffix(".prj").write_text(wkt, "utf-8")
    return path


def text(tmp_path, shape, *, system="2000国家大地坐标系", degrees=3, zone=""):
    corners = shapely.get_coordinates(shape)
    points = "\n".join(f"J{n},1,{y:.4f},{x:.4f}" for n, (x, y) in enumerate(corners, 1))
    path = tmp_path / "界址点.txt"
    path.write_text(TXT.format(system=system, degrees=degrees, zone=zone, points=points), "utf-8")
    return path


def door(path, **options):
    return receive(path, PLOT, CITY, options=ReceiveOptions(**options))


def codes(delivery):
    found = delivery.findings.frame()["code"]
    return set(found[found.str.startswith(("crs", "datum", "zone", "offset", "shift", "control"))])


def details(delivery, code):
    found = delivery.findings.frame()
    return found.loc[found["code"] == code, "details"].iloc[0]


def far(delivery, *true):
    """How far corners lie from where they truly are, metres."""
    came = shapely.get_coordinates(delivery.frame.geometry.to_numpy()).reshape(len(true), -1, 2)
    wanted = [shapely.get_coordinates(shape) for shape in true]
    # Readers may turn rings round: boxes compare the same land.
    boxes = [np.r_[c.min(axis=0), c.max(axis=0)] for c in came]
    return 111_320 * np.abs(boxes - np.array([np.r_[w.min(0), w.max(0)] for w in wanted])).max()


@pytest.mark.parametrize("epsg", [4490, 4326, 4527, 4548, 4498, 4509, 3857, 32650])
def test_a_declared_crs_that_leads_into_the_city_is_taken_without_a_word(tmp_path, epsg):
    shape = TOWN if epsg in {4490, 4326} else plane(TOWN, epsg)

    delivery = door(shapefile(tmp_path, shape, prj=epsg))

    assert codes(delivery) == set()
    assert far(delivery, TOWN) < 0.01


@pytest.mark.parametrize(
    ("came", "declared", "fits"),
    [
        (4527, 4526, "EPSG:4527"),
        (4548, 4547, "EPSG:4548"),
        (4548, 4527, "EPSG:4548"),
        (4490, 4548, "EPSG:4490"),
        (4548, 4490, "EPSG:4548"),
        (3857, 4527, "EPSG:3857"),
        (4527, 3857, "EPSG:4527"),
    ],
    ids=["zone", "meridian", "prefix", "degrees as metres", "metres as degrees", "web", "not web"],
)
def test_a_declared_crs_that_leads_elsewhere_is_an_error_that_names_the_right_one(
    tmp_path, came, declared, fits
):
    shape = TOWN if came == 4490 else plane(TOWN, came)

    delivery = door(shapefile(tmp_path, shape, prj=declared))

    assert codes(delivery) == {"crs_doubtful"}
    assert f'"fits": "{fits}"' in details(delivery, "crs_doubtful")
    assert not delivery.frame["ok"].any()


@pytest.mark.parametrize("epsg", [4490, 4527, 4498, 3857], ids=str)
@pytest.mark.parametrize("turn", [lambda shape: shape, swapped], ids=["east first", "north first"])
def test_numbers_that_allow_one_reading_are_read_so_and_that_is_said(tmp_path, epsg, turn):
    shape = TOWN if epsg == 4490 else plane(TOWN, epsg)

    delivery = door(shapefile(tmp_path, turn(shape)))

    assert codes(delivery) == {"crs_assumed"}
    assert far(delivery, TOWN) < 0.01
    assert delivery.place["read_as"] == f"EPSG:{epsg}"
    assert delivery.place.get("swapped", False) is (turn is swapped)


@pytest.mark.parametrize("epsg", [4548, 32650])
def test_six_digits_and_nothing_said_are_asked_about_with_all_that_fits(tmp_path, epsg):
    delivery = door(shapefile(tmp_path, plane(TOWN, epsg)))

    assert codes(delivery) == {"crs_missing"}
    assert "EPSG:4548, EPSG:32650" in details(delivery, "crs_missing")
    assert not delivery.frame["ok"].any()


def test_six_digits_come_in_once_the_crs_is_stated(tmp_path):
    delivery = door(shapefile(tmp_path, plane(TOWN, 4548)), crs="EPSG:4548")

    assert codes(delivery) == set()
    assert far(delivery, TOWN) < 0.01


@pytest.mark.parametrize("name", ["DH", "带号"])
def test_six_digits_take_their_zone_from_a_column(tmp_path, name):
    path = shapefile(tmp_path, plane(TOWN, 4548), plane(WEST, 4547), **{name: [39, 38]})

    delivery = door(path)

    assert codes(delivery) == {"crs_assumed", "zone_from_column"}
    assert far(delivery, TOWN, WEST) < 0.01
    assert delivery.place["zone_column"] == name
    assert "column_not_used" not in set(delivery.findings.frame()["code"])


def test_a_column_of_plot_numbers_is_not_taken_for_zones(tmp_path):
    path = shapefile(tmp_path, plane(TOWN, 4548), plane(TOWN, 4548), DH=[39, 3907])

    delivery = door(path)

    assert codes(delivery) == {"crs_missing"}
    assert "column_not_used" in set(delivery.findings.frame()["code"])


@pytest.mark.parametrize("prj", [None, 4527, 4526], ids=["undeclared", "as 39", "as 38"])
def test_zones_mixed_in_one_file_are_read_each_by_its_own_number(tmp_path, prj):
    shapes = [plane(TOWN, 4527), plane(WEST, 4526)]

    delivery = door(shapefile(tmp_path, *shapes, prj=prj))

    assert codes(delivery) == {"crs_assumed" if prj is None else "zones_by_easting"}
    assert far(delivery, TOWN, WEST) < 0.01
    assert delivery.place["zones"] == "by easting"


def test_land_of_the_west_in_one_zone_needs_no_word(tmp_path):
    delivery = door(shapefile(tmp_path, plane(WEST, 4526), prj=4526))

    assert codes(delivery) == set()
    assert far(delivery, WEST) < 0.01


def test_north_first_is_doubted_and_comes_in_once_that_is_said(tmp_path):
    path = shapefile(tmp_path, swapped(plane(TOWN, 4527)), prj=4527)

    doubted = door(path)
    said = door(path, swapped=True)

    assert codes(doubted) == {"crs_doubtful"}
    assert '"swapped": true' in details(doubted, "crs_doubtful")
    assert codes(said) == set()
    assert said.place["swapped"] is True
    assert far(said, TOWN) < 0.01


@pytest.mark.parametrize(
    ("geogcs", "datum"),
    [
        ("GCS_China_Geodetic_Coordinate_System_2000", "D_China_2000"),
        ("GCS_CGCS_2000", "D_CGCS_2000"),
        ("CGCS2000", "CGCS2000"),
        ("GCS_WGS_1984", "D_WGS_1984"),
    ],
)
def test_cgcs2000_is_known_however_programs_name_it(tmp_path, geogcs, datum):
    prj = GAUSS_KRUEGER.format(name="custom", geogcs=geogcs, datum=datum, spheroid=CGCS)

    delivery = door(shapefile(tmp_path, plane(TOWN, 4548), prj=prj))

    assert codes(delivery) == set()
    assert far(delivery, TOWN) < 0.01


def test_a_crs_without_a_datum_counts_as_cgcs2000_by_its_ellipsoid_and_says_so(tmp_path):
    prj = GAUSS_KRUEGER.format(name="c", geogcs="unknown", datum="D_unknown", spheroid=CGCS)

    delivery = door(shapefile(tmp_path, plane(TOWN, 4548), prj=prj))

    assert codes(delivery) == {"datum_assumed"}
    assert delivery.place["datum"] == "assumed CGCS2000"
    assert far(delivery, TOWN) < 0.01


def test_the_name_of_cgcs2000_on_another_ellipsoid_is_not_cgcs2000(tmp_path):
    krassovsky = 'Krasovsky_1940",6378245.0,298.3'
    prj = GAUSS_KRUEGER.format(
        name="c", geogcs="GCS_CGCS_2000", datum="D_CGCS_2000", spheroid=krassovsky
    )

    delivery = door(shapefile(tmp_path, plane(TOWN, 4548), prj=prj))

    assert codes(delivery) == {"crs_doubtful"}


ESRI_OLD = [
    ("GCS_Beijing_1954", "D_Beijing_1954", 'Krasovsky_1940",6378245.0,298.3'),
    ("GCS_Xian_1980", "D_Xian_1980", 'Xian_1980",6378140.0,298.257'),
]


@pytest.mark.parametrize("prj", [2415, 2436, 2363, 2384, 4214, 4610, 4555, *ESRI_OLD], ids=str)
def test_an_old_datum_is_an_error_while_proj_knows_no_accuracy_here(tmp_path, prj):
    degrees = prj in {4214, 4610, 4555}
    if isinstance(prj, tuple):
        geogcs, datum, spheroid = prj
        prj = GAUSS_KRUEGER.format(name="old", geogcs=geogcs, datum=datum, spheroid=spheroid)
        shape = plane(TOWN, 4548)
    else:
        shape = TOWN if degrees else plane(TOWN, 4527 if prj in {2415, 2363} else 4548)

    delivery = door(shapefile(tmp_path, shape, prj=prj))

    assert codes(delivery) == {"crs_doubtful"}
    assert "no public transformation" in details(delivery, "crs_doubtful")
    assert not delivery.frame["ok"].any()


@pytest.mark.parametrize("system", ["1954北京坐标系", "北京54", "1980西安坐标系", "西安80"])
def test_an_old_datum_in_words_is_the_same_error(tmp_path, system):
    delivery = door(text(tmp_path, plane(TOWN, 4527), system=system, zone=39))

    assert codes(delivery) == {"crs_doubtful"}
    assert "no public transformation" in details(delivery, "crs_doubtful")


def test_parameters_given_with_an_old_datum_are_used_and_kept(tmp_path):
    given = (
        "+proj=tmerc +lat_0=0 +lon_0=117 +k=1 +x_0=500000 +ellps=krass "
        "+towgs84=15.8,-154.4,-82.3 +units=m"
    )
    to_old = pyproj.Transformer.from_crs(4326, given, always_xy=True)
    shape = shapely.transform(TOWN, lambda c: np.column_stack(to_old.transform(c[:, 0], c[:, 1])))

    delivery = door(shapefile(tmp_path, shape), crs=given)

    assert codes(delivery) == {"datum_shifted"}
    assert far(delivery, TOWN) < 0.01
    assert "15.8, -154.4, -82.3" in delivery.place["datum"]["operation"]
    assert delivery.place["datum"]["accuracy_m"] is None


@pytest.mark.parametrize(
    ("epsg", "degrees", "zone"),
    [(4548, 3, 39), (4527, 3, 39), (4527, 3, ""), (4509, 6, 20), (4498, 6, 20), (4498, 6, "")],
)
def test_the_head_of_boundary_points_gives_zone_and_degrees(tmp_path, epsg, degrees, zone):
    delivery = door(text(tmp_path, plane(TOWN, epsg), degrees=degrees, zone=zone))

    assert codes(delivery) == set()
    assert far(delivery, TOWN) < 0.01


def test_boundary_points_of_six_digits_without_a_zone_are_asked_about(tmp_path):
    delivery = door(text(tmp_path, plane(TOWN, 4548)))

    assert codes(delivery) == {"crs_missing"}


@pytest.mark.parametrize("system", ["北京地方坐标系", "2000北京城市坐标系", "独立坐标系"])
def test_a_citys_own_system_is_refused_with_what_to_supply(tmp_path, system):
    with pytest.raises(CrsNotKnownError) as refused:
        door(text(tmp_path, shapely.box(304_000, 500_000, 304_100, 500_100), system=system))

    assert refused.value.fields["bounds"] == system
    assert "--control-points" in refused.value.fields["supply"]


def test_a_prj_that_names_a_citys_own_system_is_refused(tmp_path):
    prj = GAUSS_KRUEGER.format(
        name="北京地方坐标系", geogcs="unknown", datum="D_unknown", spheroid=CGCS
    )

    with pytest.raises(CrsNotKnownError):
        door(shapefile(tmp_path, shapely.box(504_000, 304_000, 504_100, 304_100), prj=prj))


def test_a_local_system_comes_in_by_a_proj_string(tmp_path):
    local = "+proj=tmerc +lat_0=0 +lon_0=116.35 +x_0=500000 +y_0=-4000000 +ellps=GRS80 +units=m"
    step = pyproj.Transformer.from_crs(
        pyproj.CRS.from_user_input(local).geodetic_crs, local, always_xy=True
    )
    shape = shapely.transform(TOWN, lambda c: np.column_stack(step.transform(c[:, 0], c[:, 1])))

    delivery = door(text(tmp_path, shape, system="北京地方坐标系"), crs=local)

    assert codes(delivery) == {"datum_assumed"}
    assert "116.35" in delivery.place["wkt"]
    assert far(delivery, TOWN) < 0.01


@pytest.mark.parametrize("written", ["EPSG:999999", "北京54", "+proj=nothing"])
def test_a_stated_crs_that_proj_does_not_understand_is_refused(tmp_path, written):
    with pytest.raises(CrsNotKnownError):
        door(shapefile(tmp_path, plane(TOWN, 4548)), crs=written)


def test_numbers_that_fit_nothing_are_refused(tmp_path):
    with pytest.raises(CrsNotKnownError):
        door(shapefile(tmp_path, shapely.box(1000, 2000, 1100, 2100)))
