"""A copy in QGIS itself: the style it opens with, its form, and what is edited there."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from shapely import affinity

from layers import catalog
from maps import cli, palette
from maps.answers import Exit
from maps.qml import NOTHING
from parcels.exchange.checkout import NUMBER
from parcels.model import Moment
from parcels.register import Register

DAY, LATER = "2024-06-01", "2024-07-01"
PYTHON = "/usr/bin/python3"
SESSION = Path(__file__).with_name("qgis_session.py")
LAYERS = catalog.load()
PLOT = LAYERS["priority_plot"]
STAGES = [stage for stage in PLOT.stages if not stage.derived]
CODES = [f"11010803200{n:02d}" for n in range(len(STAGES))]
ENVIRONMENT = {"QT_QPA_PLATFORM": "offscreen", "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}


@pytest.fixture(scope="session")
def qgis():
    """QGIS for the Python of the system; 930 MB, so that nobody must have it."""
    done = subprocess.run(
        [PYTHON, "-c", "import qgis.core"], capture_output=True, env=ENVIRONMENT, check=False
    )
    if done.returncode:
        pytest.skip("QGIS is not installed: apt-get install python3-qgis qgis-providers")


@pytest.fixture
def office(tmp_path, monkeypatch):
    """A register with a plot in every stage."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments):
        store = str(tmp_path / "register.gpkg")
        return cli.run(["--store", store, "--lang", "zh", "--user", "示例", *arguments])

    gpd.GeoDataFrame(
        {
            "code": CODES,
            "name": [f"示例地块{n}" for n in range(len(CODES))],
            "stage": [stage.key for stage in STAGES],
            "district": "110108",
            "unit": "110108",
            "industry": "化工",
            "closed_on": pd.Timestamp("2020-01-31").as_unit("s"),
        },
        geometry=[
            affinity.translate(shapely.box(116.2, 40, 116.2055, 40.003), n % 4 / 150, n // 4 / 250)
            for n in range(len(CODES))
        ],
        crs=4490,
    ).to_file(tmp_path / "报送.gpkg")
    assert (
        run("import", "报送.gpkg", "--layer", "priority_plot", "--on", "2024-06-01") == Exit.DONE
    )
    assert run("checkout", "副本.gpkg", "--layer", "priority_plot") == Exit.DONE
    return run


def session(folder, orders):
    """What QGIS saw in the copy, after it carried out the orders."""
    command = [PYTHON, SESSION, folder / "副本.gpkg", "priority_plot", folder, json.dumps(orders)]
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, env=ENVIRONMENT, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def now(folder):
    """What the register says, by code."""
    with Register(str(folder / "register.gpkg"), list(LAYERS.values())) as register:
        frame = register.frame("priority_plot", Moment(pd.Timestamp(LATER).date()))
    return frame.set_index("code")


def rgb(colour):
    """Red, green and blue of "#rrggbb"."""
    return np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)])


@pytest.mark.qgis
@pytest.mark.usefixtures("qgis")
def test_qgis_opens_a_copy_with_stages_form_and_labels(office, tmp_path):
    del office

    seen = session(tmp_path, {})

    marks = palette.marks(PLOT)
    shown = [(one["value"], one["label"], one["colour"]) for one in seen["categories"]]
    wanted = [(one.key, one.label.zh, marks[one.key].colour) for one in PLOT.stages]
    patterns = {tuple(map(tuple, one["layers"])) for one in seen["categories"][:8]}
    form = seen["form"]
    assert (seen["renderer"], seen["by"], seen["labels"]) == ("categorizedSymbol", "stage", True)
    assert shown == [*wanted, ("", "环节未知", palette.NO_STAGE.colour)]
    assert len(patterns) == 8
    assert form["industry"]["alias"] == "行业类别"
    assert form["declared_area_m2"]["alias"] == "申报面积（平方米）"
    assert form[NUMBER]["read_only"]
    assert form["closed_on"]["widget"] == "DateTime"
    assert form["is_priority"]["widget"] == "CheckBox"
    assert form["stage"]["widget"] == "ValueMap"
    offered = [dict(one) for one in form["stage"]["map"]]
    assert offered == [{"（空）": NOTHING}, *({one.label.zh: one.key} for one in STAGES)]
    assert form["code"]["constraints"] == 3


@pytest.mark.qgis
@pytest.mark.usefixtures("qgis")
def test_a_copy_is_drawn_by_qgis_in_the_colours_of_its_stages(office, tmp_path):
    del office

    seen = np.array([rgb(colour) for colour in session(tmp_path, {})["colours"]])

    marks = palette.marks(PLOT)
    # Over white, as what lies below the parcels shows through.
    fills = np.array([255 - (255 - rgb(marks[one.key].colour)) * 150 / 255 for one in STAGES])
    off = np.abs(fills[:, None, :] - seen[None, :, :]).max(axis=2).min(axis=1)
    assert (off <= 2).all()


@pytest.mark.qgis
@pytest.mark.usefixtures("qgis")
def test_what_is_edited_in_qgis_is_merged(office, tmp_path):
    new = "MULTIPOLYGON(((116.25 40,116.255 40,116.255 40.003,116.25 40.003,116.25 40)))"
    seen = session(
        tmp_path,
        {
            "change": {CODES[0]: {"name": "新名称", "closed_on": "@2021-02-28"}},
            "move": {CODES[1]: [0, 0.0002]},
            "delete": [CODES[2]],
            "add": [
                {"wkt": new, "code": "1101080320090", "stage": "priority", "batch_year": 1800}
            ],
        },
    )
    back = ["import", "副本.gpkg", "--on", LATER]
    done = office(*back)
    refused = now(tmp_path)
    office(*back, "--accept-valid", "--end-removed", "--reason", "示例")
    after = now(tmp_path)

    # What the form of QGIS warned of is what the door finds.
    assert any("batch_year" in one and "1990" in one for one in seen["wrong"])
    assert done == Exit.DELIVERY_NOT_ACCEPTED
    assert refused.loc[CODES[0], "name"] == "示例地块0"
    assert after.loc[CODES[0], "name"] == "新名称"
    assert str(after.loc[CODES[0], "closed_on"].date()) == "2021-02-28"
    assert after.geometry[CODES[1]].bounds[1] == pytest.approx(40.0002)
    assert CODES[2] not in after.index
    assert "1101080320090" not in after.index
