"""Changes of districts and of samples taken back by new ones, in both stores."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pandas as pd
import pytest
import shapely
from town import DAY, PLOT, act, plots

from maps import cli, text
from maps.answers import Exit
from parcels import districts
from parcels.errors import ChangeNotUndoableError, ChangeRestedOnError
from parcels.findings import Findings
from parcels.ingest.laboratory import receive_samples
from parcels.model import Moment
from parcels.register import Register

NOW = Moment(DAY.replace(year=2030))


@pytest.fixture
def register(store_url):
    with Register(store_url, [PLOT]) as opened:
        yield opened


def frame(register, moment=NOW):
    return register.frame(PLOT.key, moment).sort_values("code").reset_index(drop=True)


def redrawn(border=116.204):
    """Districts of which two are other than the bundled: west and east of a line."""
    old = districts.bundled()
    areas = old.districts.copy()
    areas.loc["110108", "geometry"] = shapely.MultiPolygon([shapely.box(115.9, 39, border, 41)])
    areas.loc["110105", "geometry"] = shapely.MultiPolygon([shapely.box(border, 39, 117, 41)])
    return replace(old, districts=areas)


def load(register, days, **more):
    territory = redrawn(**more)
    return register.load_territory(territory, act(days=days), source="示例").change


# Districts


def test_districts_taken_back_put_every_parcel_where_it_was(register):
    delivered = plots(4)
    # Whose unit is stated otherwise than the district, and is that of the new one.
    delivered["unit"] = ["110108", "110108", "110105", "110108"]
    register.take(PLOT.key, delivered, act())
    before, territory = frame(register), register.territory
    change = load(register, 1)
    between = frame(register)

    (done,) = register.undo(change, act(days=2))

    again = register.territory
    assert not between["district"].equals(before["district"])
    pd.testing.assert_frame_equal(frame(register), before)
    pd.testing.assert_frame_equal(pd.DataFrame(again.units), pd.DataFrame(territory.units))
    assert again.districts.geometry.geom_equals(territory.districts.geometry).all()
    assert (done.of, done.undoes, done.gone) == ("districts", change, 0)
    assert done.parcels == int((between["district"] != before["district"]).sum())
    pd.testing.assert_frame_equal(frame(register, Moment(NOW.on, change=change)), between)
    assert register.store.verify().fits


def test_a_parcel_that_came_with_the_districts_taken_back_follows_the_former_ones(register):
    register.take(PLOT.key, plots(1), act())
    change = load(register, 1)
    there = plots(2).assign(code=["X0", "X1"], district=["110108", "110105"])
    register.take(PLOT.key, there.assign(unit=there["district"]), act(days=2))

    register.undo(change, act(days=3))

    assert set(frame(register)["district"]) == {"110108"}
    assert set(frame(register)["unit"]) == {"110108"}
    assert register.store.verify().fits


def test_a_unit_that_somebody_stated_since_stays_when_districts_go_back(register):
    register.take(PLOT.key, plots(3), act())
    change = load(register, 1)
    stated = plots(3).iloc[2:].assign(unit="110106", district=pd.NA)
    register.take(PLOT.key, stated, act(DAY + dt.timedelta(days=9), days=2))

    register.undo(change, act(days=3))

    last = frame(register).iloc[-1]
    assert (last["district"], last["unit"]) == ("110108", "110106")


def test_districts_on_which_later_ones_stand_go_back_with_them(register):
    register.take(PLOT.key, plots(4), act())
    before = frame(register)
    first = load(register, 1)
    second = load(register, 2, border=116.207)

    with pytest.raises(ChangeRestedOnError) as refused:
        register.undo(first, act(days=3))
    done = register.undo(first, act(days=4), with_later=True)

    assert refused.value.fields["later"] == [second]
    assert [one.undoes for one in done] == [second, first]
    pd.testing.assert_frame_equal(frame(register), before)


def test_taking_districts_back_can_be_taken_back(register):
    register.take(PLOT.key, plots(4), act())
    change = load(register, 1)
    between = frame(register)
    (done,) = register.undo(change, act(days=2))

    register.undo(done.change, act(days=3))

    pd.testing.assert_frame_equal(frame(register), between)
    assert register.store.verify().fits


def test_the_first_districts_are_not_taken_back(register):
    change = load(register, 1)

    with pytest.raises(ChangeNotUndoableError) as refused:
        register.undo(change, act(days=2))

    assert refused.value.fields["reason"] == "no_districts_before"


def test_an_import_is_taken_back_whatever_districts_came_and_went_since(register):
    taken = register.take(PLOT.key, plots(2), act()).change
    (done,) = register.undo(load(register, 1), act(days=2))

    register.undo(taken, act(days=3))

    assert done.of == "districts"
    assert frame(register).empty


# Samples


HEAD = "样品编号,点位编码,介质,采样日期,用地类型,pH,镉(mg/kg),砷(mg/kg)\n"
FIRST = "S-1,D-1,土壤,2024-05-06,水田,6.0,0.4,1\n"
SECOND = "S-2,D-2,土壤,2024-05-06,水田,6.0,0.5,2\n"
BETTER = "S-1,D-1,土壤,2024-05-06,水田,6.0,0.3,<0.5\n"


def sampled(register, folder, name, written, days):
    path = folder / name
    path.write_text(HEAD + written, "utf-8")
    told = receive_samples(path, Findings("monitoring_point", name), said={})
    return register.take_samples(told.samples, told.readings, act(sha=name, days=days))


def readings(register):
    found = register.readings(NOW).drop(columns=["sample", "change", "file"])
    return found.sort_values(["number", "analyte"]).reset_index(drop=True)


def test_samples_taken_back_leave_what_was_known_before(register, tmp_path):
    sampled(register, tmp_path, "a.csv", FIRST, 1)
    before = readings(register)
    change = sampled(register, tmp_path, "b.csv", BETTER + SECOND, 2).change

    (done,) = register.undo(change, act(days=3))

    pd.testing.assert_frame_equal(readings(register), before)
    assert (done.of, done.parcels, done.gone) == ("samples", 2, 1)
    assert len(register.readings(Moment(NOW.on, change=change))) == 4
    assert register.store.verify().fits


def test_samples_on_which_later_ones_rest_go_back_with_them(register, tmp_path):
    first = sampled(register, tmp_path, "a.csv", FIRST + SECOND, 1).change
    second = sampled(register, tmp_path, "b.csv", BETTER, 2).change

    with pytest.raises(ChangeRestedOnError) as refused:
        register.undo(first, act(days=3))
    done = register.undo(first, act(days=4), with_later=True)

    assert refused.value.fields["later"] == [second]
    assert [one.undoes for one in done] == [second, first]
    assert readings(register).empty
    assert register.store.verify().fits


def test_taking_samples_back_can_be_taken_back_unless_they_came_again(register, tmp_path):
    first = sampled(register, tmp_path, "a.csv", FIRST, 1).change
    there = readings(register)
    undone = register.undo(first, act(days=2))[0].change
    again = register.undo(undone, act(days=3))[0].change
    back = readings(register)
    gone = register.undo(again, act(days=4))[0].change
    other = sampled(register, tmp_path, "b.csv", BETTER, 5).change

    with pytest.raises(ChangeRestedOnError) as refused:
        register.undo(gone, act(days=6))

    pd.testing.assert_frame_equal(back, there)
    assert refused.value.fields["later"] == [other]


def test_a_workbook_that_was_taken_back_can_be_sent_again(register, tmp_path):
    first = sampled(register, tmp_path, "a.csv", FIRST, 1)
    register.undo(first.change, act(days=2))

    again = sampled(register, tmp_path, "a.csv", FIRST, 3)

    assert (again.known_as, again.created) == (None, 1)
    assert len(readings(register)) == 2


def test_samples_are_undone_once(register, tmp_path):
    first = sampled(register, tmp_path, "a.csv", FIRST, 1).change
    register.undo(first, act(days=2))

    with pytest.raises(ChangeNotUndoableError) as refused:
        register.undo(first, act(days=3))

    assert refused.value.fields["reason"] == "change_is_undone"


@pytest.mark.parametrize("lang", text.LANGUAGES)
def test_what_was_taken_back_is_said(tmp_path, monkeypatch, lang, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "点.csv").write_text("点位编码,区,经度,纬度\nD-1,顺义区,116.6,40.1\n", "utf-8")
    (tmp_path / "样.csv").write_text(HEAD + FIRST, "utf-8")

    def run(*arguments):
        return cli.run(["--store", "库.gpkg", "--lang", lang, *arguments])

    run("import", "点.csv", "--layer", "monitoring_point", "--on", "2024-01-01")
    run("import-samples", "样.csv")
    capsys.readouterr()
    done = run("undo", "3", "--reason", "示例")

    said = capsys.readouterr().out
    assert done == Exit.DONE
    assert ("1 个样品，其中 1 个不再保留" if lang == "zh" else "1 sample, 1 of them") in said
