"""A local system comes in by points known in both, if they fit, and what was done is kept."""

import contextlib
import json

import numpy as np
import openpyxl
import pandas as pd
import pyproj
import pytest
import shapely
import sqlalchemy as sa

from layers import catalog
from maps import cli, text
from maps.answers import Exit
from parcels import districts, offsets
from parcels.errors import ControlPointsNotUsableError, FileNotReadableError
from parcels.ingest.delivery import ReceiveOptions, receive
from parcels.store import Store
from parcels.tables import change

LAYERS = catalog.load()
PLOT = LAYERS["priority_plot"]
CITY = districts.bundled()
# An invented local system: turned by an arc minute, 30 ppm longer, with small numbers.
TURN = np.exp(1j * np.radians(1 / 60)) * (1 + 30e-6)
PLACES = np.array([(448000, 4419000), (450000, 4419200), (449900, 4421000), (448100, 4420800)])
PARCEL = np.array([(448500, 4420000), (448600, 4420000), (448600, 4420100), (448500, 4420100)])
"""On the plane of EPSG:4548, east first."""

TXT = """[属性描述]
坐标系=北京地方坐标系
[地块坐标]
4,1.0,1101010320001,示例一号地块,面,,,,@
{points}
"""


def local(places):
    """Places of EPSG:4548 in the local system, east first."""
    there = (places - [448000, 4419000]) @ np.array([1, 1j]) * TURN
    return np.column_stack([there.real + 3000, there.imag + 2000])


def points(tmp_path, *, places=PLACES, spoil=None, known=None, names=("X", "Y", "X2000", "Y2000")):
    """A file of control points, X north as in Chinese tables."""
    came = local(places)
    if spoil is not None:
        came = came + spoil
    national = places if known is None else known
    path = tmp_path / "控制点.csv"
    table = pd.DataFrame(np.column_stack([came[:, ::-1], national[:, ::-1]]), columns=names)
    table.insert(0, "点名", [f"K{n}" for n in range(len(table))])
    table.to_csv(path, index=False, encoding="gb18030")
    return path


def delivered(tmp_path, places=PARCEL):
    lines = "\n".join(f"J{n},1,{y:.4f},{x:.4f}" for n, (x, y) in enumerate(local(places), 1))
    path = tmp_path / "红线.txt"
    path.write_text(TXT.format(points=lines), "utf-8")
    return path


def door(path, **options):
    return receive(path, PLOT, CITY, options=ReceiveOptions(stage="优先监管", **options))


def codes(delivery):
    return set(delivery.findings.frame()["code"])


def off(delivery):
    """How far the corners lie from where they truly are, metres."""
    step = pyproj.Transformer.from_crs(4490, 4548, always_xy=True)
    came = shapely.get_coordinates(delivery.frame.geometry.to_numpy())
    plane = np.column_stack(step.transform(came[:, 0], came[:, 1]))
    return max(np.hypot(*(plane - corner).T).min() for corner in PARCEL)


def degrees(places):
    step = pyproj.Transformer.from_crs(4548, 4490, always_xy=True)
    return np.column_stack(step.transform(places[:, 0], places[:, 1]))


@pytest.mark.parametrize(
    "known",
    [PLACES, PLACES + np.array([39_000_000, 0]), degrees(PLACES)],
    ids=["six digits", "with zone", "degrees"],
)
def test_a_local_system_comes_in_by_control_points(tmp_path, known):
    delivery = door(delivered(tmp_path), control_points=points(tmp_path, known=known))

    assert "control_points_used" in codes(delivery)
    assert delivery.frame["ok"].all()
    assert off(delivery) < 0.002
    kept = delivery.place["transformation"]
    assert kept["points"] == 4
    assert kept["scale_ppm"] == pytest.approx(-30, abs=0.1)
    assert kept["turn_seconds"] == pytest.approx(-60, abs=0.1)
    assert kept["rms_m"] < 0.002


def test_what_is_kept_is_enough_to_do_it_again(tmp_path):
    kept = door(delivered(tmp_path), control_points=points(tmp_path)).place["transformation"]

    came = (local(PARCEL) - kept["origin_east_north"]) @ np.array([1, 1j])
    again = came * complex(kept["a"], kept["b"]) + complex(*kept["to_east_north"])

    assert np.abs(again - PARCEL @ np.array([1, 1j])).max() < 0.001
    assert kept["plane"] == "EPSG:4548"
    assert len(kept["sha256"]) == 64


def test_control_points_may_stand_in_a_workbook(tmp_path):
    book = openpyxl.Workbook()
    book.active.append(["点名", "地方X", "地方Y", "国家2000X", "国家2000Y"])
    for (x, y), (east, north) in zip(local(PLACES), PLACES, strict=True):
        book.active.append(["K", y, x, int(north), int(east)])
    path = tmp_path / "控制点.xlsx"
    book.save(path)

    assert off(door(delivered(tmp_path), control_points=path)) < 0.002


def test_a_plane_with_the_local_meridian_may_be_stated(tmp_path):
    plane = "+proj=tmerc +lat_0=0 +lon_0=116.35 +x_0=500000 +ellps=GRS80 +datum=WGS84 +units=m"

    delivery = door(delivered(tmp_path), control_points=points(tmp_path), crs=plane)

    assert off(delivery) < 0.05
    assert "116.35" in delivery.place["transformation"]["plane"]


@pytest.mark.parametrize(("error", "fits"), [(0.6, True), (1.4, False)])
def test_points_that_do_not_fit_to_half_a_metre_are_refused(tmp_path, error, fits):
    # One corner of a square moved by e leaves e/2 at each: RMS e/√2 by two degrees of freedom.
    spoil = np.array([[error, 0], [0, 0], [0, 0], [0, 0]])
    path = points(tmp_path, spoil=spoil)

    if fits:
        kept = door(delivered(tmp_path), control_points=path).place["transformation"]
        assert 0.2 < kept["rms_m"] < 0.5
        assert kept["most_m"] == max(kept["residuals_m"])
        return
    with pytest.raises(ControlPointsNotUsableError) as refused:
        door(delivered(tmp_path), control_points=path)
    assert refused.value.fields["reason"] == "control_residuals"


LINE = np.column_stack([np.linspace(448000, 450000, 4), np.linspace(4419000, 4419100, 4)])


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({"places": PLACES[:2]}, "control_few"),
        ({"places": LINE}, "control_line"),
        ({"known": PLACES + np.array([0, 900_000])}, "control_elsewhere"),
        ({"known": PLACES[:, ::-1]}, "control_elsewhere"),
        ({"names": ("X", "Y", "甲", "乙")}, "control_columns"),
        ({"places": PLACES[[0, 0, 0, 0]]}, "control_line"),
    ],
)
def test_control_points_that_cannot_be_used_are_refused(tmp_path, given, reason):
    with pytest.raises(ControlPointsNotUsableError) as refused:
        door(delivered(tmp_path), control_points=points(tmp_path, **given))

    assert refused.value.fields["reason"] == reason


def test_three_points_are_enough(tmp_path):
    path = points(tmp_path, places=PLACES[:3])

    assert off(door(delivered(tmp_path), control_points=path)) < 0.002


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(FileNotReadableError):
        door(delivered(tmp_path), control_points=tmp_path / "nothing.csv")


@pytest.mark.parametrize(("away", "far"), [(2000, False), (4000, True)])
def test_parcels_far_from_the_control_points_are_a_warning(tmp_path, away, far):
    path = delivered(tmp_path, PARCEL + np.array([0, away]))

    found = codes(door(path, control_points=points(tmp_path)))

    assert ("control_points_far" in found) is far


@pytest.fixture
def kept(store_url, tmp_path, monkeypatch):
    """Import a file by the command line; what the last change keeps of it."""
    monkeypatch.chdir(tmp_path)

    def run(path, *options):
        given = ["--layer", "priority_plot", "--stage", "优先监管", *map(str, options)]
        done = cli.run(["--store", store_url, "--user", "示例", "import", str(path), *given])
        assert done == Exit.DONE
        query = sa.select(change.c.details).order_by(change.c.id.desc())
        with contextlib.closing(Store(store_url)) as store, store.read() as connection:
            said = connection.execute(query).scalars().first()
        return json.loads(said) if isinstance(said, str) else said

    return run


def test_a_change_keeps_the_transformation(kept, tmp_path):
    said = kept(delivered(tmp_path), "--control-points", points(tmp_path))

    assert said["place"]["transformation"]["points"] == 4
    assert len(said["place"]["transformation"]["sha256"]) == 64


def test_a_change_keeps_what_was_stated_of_the_coordinates(kept, tmp_path):
    shown = offsets.to_gcj02(np.array([[116.397, 39.908], [116.398, 39.908], [116.398, 39.909]]))
    lines = "\n".join(f"J{n},1,{x:.9f},{y:.9f}" for n, (x, y) in enumerate(shown, 1))
    path = tmp_path / "图上.txt"
    path.write_text(TXT.format(points=lines).replace("北京地方", "2000国家大地"), "utf-8")

    said = kept(path, "--crs", "EPSG:4490", "--swapped", "--offset", "gcj02")

    assert said["crs"] == "EPSG:4490"
    assert said["swapped"] is True
    assert said["offset"] == "gcj02"
    assert said["place"]["offset"]["formula"] == offsets.FORMULA["gcj02"]


@pytest.mark.parametrize("lang", text.LANGUAGES)
@pytest.mark.parametrize(
    "example",
    ["--crs EPSG:4527", "--crs EPSG:4527 --swapped", "--offset gcj02", "--control-points "],
)
def test_the_help_gives_an_example_of_every_option_about_coordinates(example, lang, capsys):
    option = example.split()[-1 if "swapped" in example else 0]

    cli.run(["--lang", lang, "import", "--help"])

    assert option in capsys.readouterr().out
    key = option.removeprefix("--").replace("-", "_")
    assert example in text.say(f"commands.options.{key}", lang)
