"""OGC API - Features: what other programs read, with GDAL's own driver among them."""

from __future__ import annotations

import base64
import json
import shutil
import socket
import subprocess
import threading

import geopandas as gpd
import pandas as pd
import pytest
import shapely
import uvicorn
import website
from hypothesis import given
from hypothesis import strategies as st
from town import DAY, PLOT
from website import PASSWORD

from maps.web import cql2
from maps.web.features import CONFORMANCE, CRS84, SYSTEMS
from parcels.accounts import Role
from parcels.model import Moment

ITEMS = f"/ogc/collections/{PLOT.key}/items"


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    path = tmp_path_factory.mktemp("town") / "town.gpkg"
    website.build(str(path))
    return path


@pytest.fixture
def town(built, tmp_path):
    made = website.open_site(str(shutil.copy(built, tmp_path / "town.gpkg")))
    yield made
    made.office.register.close()


@pytest.fixture
def program(town):
    """A program that asks in the name of the administrator."""
    visitor = town.visitor()
    written = base64.b64encode(f"admin:{PASSWORD}".encode()).decode()
    visitor.headers["authorization"] = f"Basic {written}"
    return visitor


def codes(answer):
    assert answer.status_code == 200, answer.text
    return [one["properties"]["code"] for one in answer.json()["features"]]


def test_a_program_finds_its_way_from_the_first_page(program):
    first = program.get("/ogc").json()
    by_rel = {one["rel"]: one["href"].removeprefix("http://127.0.0.1") for one in first["links"]}

    assert set(program.get(by_rel["conformance"]).json()["conformsTo"]) == set(CONFORMANCE)
    listed = program.get(by_rel["data"]).json()["collections"]
    assert [one["id"] for one in listed] == [PLOT.key]
    assert program.get(by_rel["service-desc"]).json()["openapi"].startswith("3.")
    links = {one["rel"]: one["href"] for one in listed[0]["links"]}
    assert codes(program.get(links["items"])) == [f"P000{i}" for i in range(7)]


def test_a_page_leads_to_the_next_until_all_were_given(program):
    place, seen, pages = f"{ITEMS}?limit=3", [], 0
    while place:
        answer = program.get(place)
        seen += codes(answer)
        said = answer.json()
        assert said["numberMatched"] == 7
        assert said["numberReturned"] == len(said["features"])
        place = next((one["href"] for one in said["links"] if one["rel"] == "next"), None)
        pages += 1

    assert seen == [f"P000{i}" for i in range(7)]
    assert pages == 3


def test_one_parcel_is_asked_for_by_its_number(program):
    first = program.get(ITEMS).json()["features"][2]

    one = program.get(f"{ITEMS}/{first['id']}").json()

    assert one["properties"] == first["properties"]
    assert program.get(f"{ITEMS}/999999").status_code == 404


@pytest.mark.parametrize(
    ("box", "wanted"),
    [
        ("116.2,40.0,116.2035,40.01", ["P0000", "P0001"]),
        ("116.2021,40.0,116.2029,40.01", []),
        ("116.2,40.0,0,116.2035,40.01,10", ["P0000", "P0001"]),
        ("0,0,1,1", []),
    ],
)
def test_a_box_gives_the_parcels_that_it_meets(program, box, wanted):
    assert codes(program.get(ITEMS, params={"bbox": box})) == wanted


@pytest.mark.parametrize("uri", [uri for uri in SYSTEMS if uri != CRS84])
def test_coordinates_come_in_the_system_and_the_order_asked_for(program, town, uri):
    code = SYSTEMS[uri]
    frame = town.office.register.frame(PLOT.key, Moment(DAY)).to_crs(code)
    north, east = frame.geometry.iloc[0].centroid.y, frame.geometry.iloc[0].centroid.x

    answer = program.get(ITEMS, params={"crs": uri, "limit": 1})
    near = 50 if code != 4490 else 1e-4
    box = f"{north - near},{east - near},{north + near},{east + near}"
    found = program.get(ITEMS, params={"bbox": box, "bbox-crs": uri})

    given = shapely.geometry.shape(answer.json()["features"][0]["geometry"]).centroid
    assert answer.headers["content-crs"] == f"<{uri}>"
    assert (given.x, given.y) == pytest.approx((north, east), rel=1e-9)
    assert codes(found) == ["P0000"]


@pytest.mark.parametrize(
    ("asked", "count"),
    [
        ("2024-05-31", 0),
        ("2024-06-01", 7),
        ("2024-06-01T00:00:00Z", 7),
        ("../2024-05-31", 0),
        ("2024-01-01/..", 7),
    ],
)
def test_a_day_gives_the_parcels_as_they_were(program, asked, count):
    assert len(codes(program.get(ITEMS, params={"datetime": asked}))) == count


def test_what_was_not_yet_known_is_not_given(program):
    assert codes(program.get(ITEMS, params={"known": 1})) == []
    assert len(codes(program.get(ITEMS, params={"known": 2}))) == 7


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("stage = 'listed'", [1, 4]),
        ("stage <> 'listed'", [0, 2, 5, 6]),
        ("NOT stage = 'listed'", [0, 2, 5, 6]),
        ("stage IS NULL", [3]),
        ("unit IN ('110105') OR code = 'P0000'", [0, 4, 5]),
        ("name LIKE '示例地块_号' AND NOT (code = 'P0002')", [0, 1, 3, 4, 5, 6]),
        ("area_m2 BETWEEN 1 AND 2", []),
        ("area_m2 > 1000", [0, 1, 2, 3, 4, 5, 6]),
        ("closed_on < DATE('2021-01-01')", [0, 1, 2, 3, 4, 5, 6]),
        ("years = 7 AND in_park = TRUE", [0, 1, 2, 3, 4, 5, 6]),
        ("S_INTERSECTS(geometry, POINT(116.201 40.001))", [0]),
    ],
)
def test_a_filter_gives_what_it_says(program, text, wanted):
    found = codes(program.get(ITEMS, params={"filter": text}))

    assert found == [f"P000{i}" for i in wanted]


@pytest.mark.parametrize(
    ("params", "status"),
    [
        ({"filter": "stage ="}, 400),
        ({"filter": "no_such_field = 1"}, 400),
        ({"filter": "name > 5"}, 400),
        ({"filter": "x" * 3000}, 400),
        ({"filter": "code = 'a'", "filter-lang": "cql2-json"}, 400),
        ({"bbox": "1,2,3"}, 400),
        ({"bbox": "1,5,3,4"}, 400),
        ({"bbox": "a,b,c,d"}, 400),
        ({"crs": "http://www.opengis.net/def/crs/EPSG/0/3857"}, 400),
        ({"datetime": "yesterday"}, 400),
        ({"limit": "0"}, 422),
        ({"limit": "many"}, 422),
    ],
)
def test_what_means_nothing_is_refused(program, params, status):
    assert program.get(ITEMS, params=params).status_code == status


def test_a_filter_cannot_ask_about_what_its_reader_may_not_see(town):
    viewer = town.visitor(Role.VIEWER)

    fields = viewer.get(f"/ogc/collections/{PLOT.key}/queryables").json()["properties"]

    assert "industry" not in fields
    assert viewer.get(ITEMS, params={"filter": "industry = '化工'"}).status_code == 400
    assert "industry" not in viewer.get(ITEMS).json()["features"][0]["properties"]
    assert codes(viewer.get(ITEMS)) == ["P0000", "P0001", "P0002", "P0003"]
    foreign = town.visitor(Role.ADMIN).get(ITEMS).json()["features"][4]["id"]
    assert viewer.get(f"{ITEMS}/{foreign}").status_code == 404


def test_a_program_with_a_wrong_password_gets_nothing(town):
    visitor = town.visitor()
    visitor.headers["authorization"] = "Basic " + base64.b64encode(b"admin:wrong").decode()

    assert [visitor.get("/ogc").status_code for _ in range(6)] == [401] * 6


def test_a_password_in_a_header_changes_nothing(program):
    sent = program.post("/accounts", data={"login": "neu", "name": "名", "role": "viewer"})

    assert sent.status_code == 403


@given(
    st.lists(st.one_of(st.none(), st.integers(-3, 3)), min_size=1, max_size=8),
    st.integers(-3, 3),
    st.sampled_from(["=", "<>", "<", "<=", ">", ">="]),
)
def test_a_comparison_and_its_contrary_are_never_both_true_and_unknown_is_neither(
    values, limit, sign
):
    column = pd.Series(values, dtype="Int64")
    frame = gpd.GeoDataFrame({"years": column}, geometry=[None] * len(values), crs=4490)

    yes = cql2.passes(cql2.read(f"years {sign} {limit}"), frame)
    no = cql2.passes(cql2.read(f"NOT years {sign} {limit}"), frame)

    assert not (yes & no).any()
    assert (yes | no).tolist() == column.notna().tolist()


@pytest.fixture
def address(town):
    """The site on a port of this machine, for programs of their own."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(8)
    server = uvicorn.Server(uvicorn.Config(town.app, log_level="error", ws="none"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}/ogc"
    server.should_exit = True
    thread.join(timeout=30)
    listener.close()


def run(command):
    return subprocess.run(command, check=False, capture_output=True, text=True)


def test_gdal_reads_every_parcel_through_its_own_driver(address, ogrinfo, tmp_path):
    ogr2ogr = ogrinfo.replace("ogrinfo", "ogr2ogr")
    out = tmp_path / "出.geojson"
    source = ["OAPIF:" + address, PLOT.key]
    options = ["-oo", f"USERPWD=admin:{PASSWORD}", "-oo", "PAGE_SIZE=3"]

    done = run([ogr2ogr, "-f", "GeoJSON", str(out), *source, *options])

    assert done.returncode == 0, done.stderr
    read = json.loads(out.read_text("utf-8"))["features"]
    assert {one["properties"]["code"] for one in read} == {f"P000{i}" for i in range(7)}
    assert read[0]["properties"]["name"].startswith("示例地块")


def test_gdal_reads_by_box_and_by_filter(address, ogrinfo):
    options = ["-oo", f"USERPWD=admin:{PASSWORD}", "-ro", "-so"]
    ask = [ogrinfo, "OAPIF:" + address, PLOT.key, *options]

    boxed = run([*ask, "-spat", "116.2", "40.0", "116.2035", "40.01"])
    chosen = run([*ask, "-where", "code = 'P0003'"])

    assert "Feature Count: 2" in boxed.stdout, boxed.stderr
    assert "Feature Count: 1" in chosen.stdout, chosen.stderr
