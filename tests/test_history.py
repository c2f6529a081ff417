"""What became of a parcel: every version, what it changed, who changed it and on what."""

from __future__ import annotations

import datetime as dt
import json

import openpyxl
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from town import DAY, PLOT, act, plots, square

from maps import cli, settings, text
from maps.answers import Exit
from parcels import comparison, crs, history
from parcels.model import Moment
from parcels.register import Register

LATER = dt.date(2024, 9, 1)


@pytest.fixture
def register(store_url):
    with Register(store_url, [PLOT]) as opened:
        yield opened


def test_every_version_says_what_it_changed_and_in_which_change(register):
    register.take(PLOT.key, plots(2), act(sha="a" * 64))
    second = register.take(PLOT.key, plots(1, stage="listed", use="R"), act(LATER, days=1)).change
    third = register.take(PLOT.key, plots(1, west=116.201), act(LATER, days=2)).change
    register.undo(third, act(days=3))

    found = history.versions(register, PLOT, ["P0000"])
    steps, fields = history.steps(found, PLOT)

    assert list(zip(found["recorded_from"], steps["step"], strict=True)) == [
        (second - 1, "created"),
        (second, "shortened"),
        (second, "changed"),
        (third, "changed"),
        (third + 1, "restored"),
    ]
    assert fields[fields["parcel"] == 2][["field", "before", "after"]].to_numpy().tolist() == [
        ["stage", "surveyed", "listed"],
        ["use", "M", "R"],
    ]
    moved = steps["moved"].astype("boolean").fillna(value=False)
    assert moved.tolist() == [False, False, False, True, True]
    whole = crs.area_m2(plots(1).geometry.to_numpy())[0]
    assert steps["gained_m2"].iloc[3] == pytest.approx(whole / 2, rel=1e-6)
    assert steps["lost_m2"].iloc[3] == pytest.approx(whole / 2, rel=1e-6)
    assert found["file"].tolist()[0] == "示例.shp"
    assert found["row"].tolist()[0] == 1
    assert found["undone_by"].tolist()[3] == third + 1
    assert history.is_believed(found).tolist() == [False, True, False, False, True]


def test_a_parcel_nobody_knows_has_no_history(register):
    register.take(PLOT.key, plots(1), act())

    found = history.versions(register, PLOT, ["nothing"])
    steps, fields = history.steps(found, PLOT)

    assert (len(found), len(steps), len(fields)) == (0, 0, 0)


def test_states_compared_are_added_changed_and_removed(register):
    first = register.take(PLOT.key, plots(3), act()).change
    changed = plots(3, years=9).iloc[1:]
    changed["geometry"] = [square(116.203, 40.0), square(116.206, 40.0, side=0.003)]
    register.take(PLOT.key, changed, act(days=1))
    register.take(PLOT.key, plots(1).assign(code="X", geometry=[square(117, 40)]), act(days=2))
    before, after = (
        register.frame(PLOT.key, Moment(DAY, change=number)) for number in (first, None)
    )

    told = comparison.compare(before, after, PLOT)
    back = comparison.compare(after, before, PLOT)

    assert told.parcels[["code", "what"]].to_numpy().tolist() == [
        ["P0001", "changed"],
        ["P0002", "changed"],
        ["X", "added"],
    ]
    assert told.unchanged == 1
    assert set(told.fields["field"]) == {"years"}
    assert told.parcels["moved"].tolist() == [False, True, False]
    assert told.parcels["lost"].tolist() == [None, None, None]
    assert told.parcels["gained"].iloc[1].area == pytest.approx(0.003**2 - 0.002**2, rel=1e-6)
    assert back.parcels["what"].tolist() == ["changed", "changed", "removed"]
    assert back.parcels["lost_m2"].iloc[1] == told.parcels["gained_m2"].iloc[1]
    assert comparison.compare(after, after, PLOT).parcels.empty


def box(sides):
    return shapely.box(116 + sides[0], 40 + sides[1], 116.01 + sides[2], 40.01 + sides[3])


@given(
    st.lists(
        st.lists(st.sampled_from([0.0, 0.001, 0.005]), min_size=8, max_size=8),
        min_size=1,
        max_size=5,
    )
)
def test_what_was_gained_less_what_was_lost_is_the_difference_of_the_areas(sides):
    before = [box(one[:4]) for one in sides]
    after = [box(one[4:]) for one in sides]

    told = comparison.land_changes(_array(before), _array(after))

    grown = crs.area_m2(_array(after)) - crs.area_m2(_array(before))
    assert (told["gained_m2"] - told["lost_m2"]).to_numpy() == pytest.approx(grown, abs=1.0)
    assert ((told["gained_m2"] + told["lost_m2"] > 0) <= told["moved"]).all()


def _array(shapes):
    return shapely.from_wkb(shapely.to_wkb(shapes))


def test_land_is_compared_only_where_both_are_areas():
    point, area = shapely.Point(116, 40), square(116, 40)
    before, after = [point, None, area, area, None], [area, area, None, area, None]

    told = comparison.land_changes(_array(before), _array(after))

    assert told["moved"].tolist() == [True, True, True, False, False]
    assert told["gained_m2"].isna().tolist() == [True, True, True, False, False]
    assert told["gained"].tolist() == [None] * 5


FIRST = "地块编码,地块名称,所属区,环节,行业类别\n1101050320001,示例一号,朝阳区,优先监管,化工\n"


@pytest.fixture
def office(store_url, tmp_path, monkeypatch):
    """A parcel delivered, changed, and the change undone."""
    monkeypatch.chdir(tmp_path)
    clock = [dt.datetime(2024, 10, 1, 1, tzinfo=dt.UTC)]
    monkeypatch.setattr(settings, "now", lambda: clock[0])

    def run(*arguments, lang="zh"):
        clock[0] += dt.timedelta(days=1)
        return cli.run(["--store", store_url, "--lang", lang, "--user", "示例", *arguments])

    for name, content in (("一.csv", FIRST), ("二.csv", FIRST.replace("化工", "电镀"))):
        (tmp_path / name).write_text(content, "utf-8")
        assert run("import", name, "--layer", "priority_plot", "--on", "2024-06-30") == Exit.DONE
    return run


def told(path):
    return json.loads(path.read_text("utf-8-sig"))


def test_the_history_of_a_code_is_told_in_every_form(office, tmp_path, capsys):
    assert office("history", "1101050320001") == Exit.DONE
    assert office("history", "1101050320001", lang="en") == Exit.DONE
    take = ["history", "1101050320001", "--layer", "priority_plot", "--format"]
    for form in ("json", "csv", "xlsx", "geojson"):
        assert office(*take, form, "--out", f"h.{form}") == Exit.DONE

    said = capsys.readouterr().out
    assert "行业类别：化工 → 电镀" in said
    assert "化工 -> 电镀" in said
    rows = told(tmp_path / "h.json")["rows"]
    assert [row["step"] for row in rows] == ["created", "changed"]
    assert rows[1]["changes"] == [{"field": "industry", "before": "化工", "after": "电镀"}]
    assert (rows[1]["file"], rows[1]["row"], rows[1]["made_by"]) == ("二.csv", 2, "示例")
    assert rows[0]["known_to"] == rows[1]["known_from"]
    cells = openpyxl.load_workbook(tmp_path / "h.xlsx").worksheets[0].iter_rows(values_only=True)
    assert any("行业类别：化工 → 电镀" in row for row in cells)


def test_a_code_of_no_parcel_is_refused(office, capsys):
    assert office("history", "没有") == Exit.UNKNOWN_PARCEL
    assert "没有" in capsys.readouterr().err


def test_an_import_is_undone_by_its_number_with_a_reason(office, tmp_path, capsys):
    office("changes", "--format", "json", "--out", "c.json")
    number = told(tmp_path / "c.json")["rows"][-1]["change"]

    done = office("undo", str(number), "--reason", "报错了")
    again = office("undo", str(number), "--reason", "报错了", lang="en")
    office("changes")
    office("history", "1101050320001", "--format", "json", "--out", "h.json")

    said = capsys.readouterr()
    assert (done, again) == (Exit.DONE, Exit.CHANGE_NOT_UNDOABLE)
    assert f"变更 {number} 号已由变更 {number + 1} 号撤销" in said.out
    assert "undone already" in said.err
    assert "报错了" in said.out
    rows = told(tmp_path / "h.json")["rows"]
    assert [row["step"] for row in rows] == ["created", "changed", "restored"]
    assert rows[1]["undone_by"] == number + 1


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["2", "--reason", "示例"], Exit.CHANGE_RESTED_ON),
        (["1", "--reason", "示例"], Exit.CHANGE_NOT_UNDOABLE),
        (["99", "--reason", "示例"], Exit.UNKNOWN_CHANGE),
        (["2", "--reason", " "], Exit.USAGE),
        (["2"], Exit.USAGE),
        (["2", "--reason", "示例", "--with-later"], Exit.DONE),
    ],
)
def test_what_cannot_be_undone_is_refused_with_a_code_of_its_own(office, capsys, arguments, code):
    assert office("undo", *arguments) == code
    assert capsys.readouterr()


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_kind_of_change_has_a_word(lang):
    named = set(text.words("history.kinds", lang))

    assert named >= {
        *("import", "correct", "advance", "districts", "undo", "forget"),
        *("split", "merge", "resurvey"),
        *("propose_sites", "confirm_site", "reject_site"),
        *("submit", "return", "withdraw", "approve"),
    }
