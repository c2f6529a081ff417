"""Every real file beside the checkout comes in, or is refused for a reason a person agrees with.

`real_files.csv` is the reviewed table: one line for each way a file is delivered. `territory` is
whose register it is delivered to (data from abroad come in where the districts are a box around
them), `columns` what the clerk says of columns, `taken` and `kept_out` rows, `refused` the code of
a refusal, `findings` the codes that must be among those found, `remark` why that is right.
"""

from __future__ import annotations

import csv
from collections import Counter
from functools import cache
from pathlib import Path

import geopandas as gpd
import pytest
import shapely
from town import act

from layers import catalog
from parcels import districts
from parcels.errors import Refusal
from parcels.findings import CODES
from parcels.ingest.delivery import ReceiveOptions, receive
from parcels.register import Register

LAYERS = catalog.load()
SHARED = Path(__file__).parents[2] / "shared" / "data"
_LINES = Path(__file__).with_name("real_files.csv").read_text("utf-8").splitlines()
TABLE = list(csv.DictReader(_LINES))
BOXES = {
    "europe": (-10, 35, 30, 70),
    "grenada": (-62.2, 11.5, -61, 12.8),
    "japan": (122, 20, 154, 46),
    "liechtenstein": (9.4, 47.0, 9.7, 47.3),
    "new_zealand": (165, -48, 179.9, -33),
    "ontario": (-96, 41, -74, 57),
    "united_states": (-125, 24, -66, 50),
}


@cache
def territory(name):
    """The districts in force: those of Beijing, or one box abroad."""
    if name == "beijing":
        return districts.bundled()
    columns = {"code": ["1"], "name": [name]}
    box = gpd.GeoDataFrame(columns, geometry=[shapely.box(*BOXES[name])], crs=4490)
    return districts.territory_from(box, file=name)


def delivered(line, path):
    """What receiving one line of the table gives; raises a Refusal."""
    said = (one.rpartition("=") for one in line["columns"].split("|") if one)
    options = ReceiveOptions(
        crs=line["crs"] or None, mapping={column: field for column, _, field in said}
    )
    layer = LAYERS[line["layer"]]
    return receive(path, layer, territory(line["territory"]), options=options)


def named(line):
    return " ".join(line[key] for key in ("file", "layer", "territory", "crs"))


@pytest.mark.parametrize("line", TABLE, ids=named)
def test_a_real_file_comes_in_or_is_refused_as_reviewed(line, shared_data, tmp_path):
    path = shared_data(line["file"])
    if line["refused"]:
        with pytest.raises(Refusal) as refusal:
            delivered(line, path)
        assert refusal.value.code == line["refused"]
        return

    came = delivered(line, path)

    found = Counter(came.findings.frame()["code"])
    outcome = (len(came.ready), len(came.frame) - len(came.ready))
    assert outcome == (int(line["taken"]), int(line["kept_out"])), found
    assert set(line["findings"].split()) <= set(found)
    if len(came.ready):
        with Register(str(tmp_path / "r.gpkg"), [came.layer]) as register:
            register.load_territory(territory(line["territory"]), act(), source="示例")
            stored = register.take(came.layer.key, came.ready, act(days=1))
            assert stored.created == int(line["taken"])


def test_every_real_file_is_in_the_table(shared_data):
    there = {
        path.relative_to(SHARED).as_posix()
        for path in shared_data(".").rglob("*")
        if path.is_file()
    }

    assert there - {line["file"] for line in TABLE} == set()


def test_every_line_of_the_table_says_why_that_is_right():
    for line in TABLE:
        assert line["remark"], line
        assert bool(line["refused"]) != bool(line["taken"] and line["kept_out"]), line
        assert set(line["findings"].split()) <= set(CODES), line
