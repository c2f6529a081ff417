"""A file comes in whatever its name and its folder are called."""

from __future__ import annotations

import geopandas as gpd
import pytest
import shapely

from layers import catalog
from maps import cli
from maps.answers import Exit
from parcels import districts
from parcels.ingest.delivery import receive
from parcels.ingest.territories import read_territory

LAYER = catalog.load()["priority_plot"]
CITY = districts.bundled()
NAMES = ["最终版!", "!急", "第2版?", "a b#c", "100%", "x&y=z", "[1]", "‘引’", "-r", "a.b", "zip!a"]


def plots():
    shapes = [shapely.box(116.2, 40, 116.202, 40.002), shapely.box(116.203, 40, 116.205, 40.002)]
    columns = {"code": ["A1", "A2"], "name": ["示例甲", "示例乙"]}
    return gpd.GeoDataFrame(columns, geometry=shapes, crs=4490)


@pytest.mark.parametrize("suffix", [".gpkg", ".shp", ".geojson"])
@pytest.mark.parametrize("name", NAMES)
def test_a_file_comes_in_whatever_its_name(tmp_path, name, suffix):
    plain = tmp_path / f"plain{suffix}"
    plots().to_file(plain)
    folder = tmp_path / name
    folder.mkdir()
    for one in tmp_path.glob("plain.*"):
        one.rename(folder / f"{name}{one.suffix}")

    came = receive(folder / f"{name}{suffix}", LAYER, CITY)

    assert came.ready["code"].tolist() == ["A1", "A2"]
    assert came.source.name == f"{name}{suffix}"


def test_districts_are_read_whatever_the_name_of_their_file(tmp_path):
    frame = CITY.districts.reset_index()[["code", "name", "geometry"]]
    frame.to_file(tmp_path / "plain.gpkg")
    path = (tmp_path / "plain.gpkg").rename(tmp_path / "新区划!.gpkg")

    assert read_territory(path).districts.index.tolist() == CITY.districts.index.tolist()


def test_what_is_kept_out_of_a_file_with_an_exclamation_mark_is_written(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plots().assign(环节=["优先监管", "没有的"]).to_file("plain.gpkg")
    (tmp_path / "plain.gpkg").rename(tmp_path / "最终版!.gpkg")

    done = cli.run(["import", "最终版!.gpkg", "--layer", "priority_plot", "--accept-valid"])
    again = cli.run(["import", "最终版!.rejects.gpkg", "--layer", "priority_plot", "--dry-run"])

    assert done == again == Exit.DELIVERY_NOT_ACCEPTED
