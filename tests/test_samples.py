"""The sample deliveries are what districts send, and say that they are samples."""

from __future__ import annotations

import pandas as pd
import pytest
import shapely

from layers import catalog
from layers.samples import deliveries, handwriting
from layers.samples.attributes import parcels_frame
from layers.samples.words import words
from maps import text
from parcels import crs, districts
from parcels.findings import CODES
from parcels.ingest.delivery import receive

LAYERS = catalog.load()
CITY = districts.bundled()
NAMES = [entry["file"] for entry in words()["deliveries"]]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The deliveries, what receiving each of them gives, by file name."""
    folder = tmp_path_factory.mktemp("demo")
    samples = deliveries.demo_deliveries(folder, catalog=LAYERS, territory=CITY)
    known: dict[str, list] = {}
    received = {}
    for one in samples:
        register = pd.concat(known[one.layer]) if one.layer in known else None
        came = receive(one.path, LAYERS[one.layer], CITY, register=register)
        received[str(one.path.relative_to(folder).as_posix())] = (one, came)
        if one.good:
            known.setdefault(one.layer, []).append(came.frame[["code", "geometry"]])
    return received


@pytest.mark.parametrize("name", NAMES)
def test_every_row_that_was_written_is_read(made, name):
    sample, came = made[name]

    assert len(came.frame) == sample.count


@pytest.mark.parametrize("name", NAMES)
def test_a_delivery_shows_what_it_was_made_to_show(made, name):
    sample, came = made[name]

    found = set(came.findings.frame()["code"])

    assert sample.expected <= found


@pytest.mark.parametrize("name", NAMES)
def test_a_good_delivery_has_no_error_and_a_bad_one_has(made, name):
    sample, came = made[name]

    has_error = (came.findings.frame()["severity"] == "error").any()

    assert has_error != sample.good


@pytest.mark.parametrize("name", [name for name in NAMES if name.startswith("good/")])
def test_a_good_delivery_lies_in_the_district_of_its_sender(made, name):
    sample, came = made[name]

    if sample.district is not None:
        assert set(came.frame["district"]) == {sample.district}
    if sample.unit is not None:
        assert set(came.frame["unit"]) == {sample.unit}


def test_every_unit_sends_a_good_delivery(made):
    senders = {sample.unit for sample, _ in made.values() if sample.good}

    assert senders >= set(CITY.units.index)


def test_no_parcel_is_in_two_good_deliveries(made):
    codes = pd.concat(
        [came.frame["code"] + sample.layer for sample, came in made.values() if sample.good]
    )

    assert codes.is_unique


def test_every_parcel_says_that_it_is_a_sample(made):
    for sample, came in made.values():
        assert came.frame["name"].dropna().str.startswith("示例").all()
        if sample.path.suffix != ".txt":
            assert came.frame["source_document"].str.startswith("示例").all()


def test_areas_and_boundaries_come_through_every_kind_of_file(made):
    for sample, came in made.values():
        frame = came.frame
        if sample.good and frame["area_m2"].notna().any():
            off = (frame["declared_area_m2"] / frame["area_m2"] - 1).abs()
            # 0.005 mu is half a percent of the smallest sample, and half a hectare-digit more.
            assert off.max() < 0.02
            assert shapely.is_valid(frame.geometry.to_numpy()).all()


def test_the_expected_findings_exist_and_notes_can_be_said(made):
    for sample, _ in made.values():
        assert sample.expected <= set(CODES)
        assert text.say(sample.note, "zh") != text.say(sample.note, "en")


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path):
    for name, seed in (("a", 2024), ("b", 2024), ("c", 7)):
        deliveries.demo_deliveries(tmp_path / name, catalog=LAYERS, territory=CITY, seed=seed)

    def contents(name):
        folder = tmp_path / name
        files = sorted(p for p in folder.rglob("*") if p.is_file())
        return {str(p.relative_to(folder)): p.read_bytes() for p in files}

    first, again, other = contents("a"), contents("b"), contents("c")
    assert list(first) == list(again) == list(other)
    assert [name for name in first if first[name] != again[name]] == []
    told = {".prj", ".cpg"}
    assert all(first[n] != other[n] for n in first if not n.endswith(tuple(told)))


def test_a_second_run_replaces_the_files(tmp_path):
    once = deliveries.demo_deliveries(tmp_path, catalog=LAYERS, territory=CITY)
    files = sorted(tmp_path.rglob("*"))

    again = deliveries.demo_deliveries(tmp_path, catalog=LAYERS, territory=CITY)

    assert once == again
    assert sorted(tmp_path.rglob("*")) == files


@pytest.mark.parametrize("hand", list(words()["hands"]))
@pytest.mark.parametrize("key", ["heavy_metal_enterprise", "farmland", "priority_plot"])
def test_every_hand_writes_every_known_value(hand, key):
    layer = LAYERS[key]
    parcels = parcels_frame(layer, 60, seed=4, territory=CITY, districts=["110115"])
    by = handwriting.hand(hand)

    table = handwriting.written(parcels, layer, CITY, by=by)

    for field in layer.fields:
        if parcels[field.key].notna().any():
            column = table[handwriting.heading(field, by)]
            assert column.notna().tolist() == parcels[field.key].notna().tolist()
    assert table.crs == crs.STORAGE
    assert list(table.geometry) == list(parcels.geometry)
