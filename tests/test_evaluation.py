"""The quarterly evaluation: points by rule, exact scores, ranks, and points that people give."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from fractions import Fraction
from pathlib import Path

import geopandas as gpd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from town import act, square

from layers import catalog, evaluation, evaluation_book, evaluation_files, indicator_files, periods
from layers.evaluation import Aspect, Item, NoData, Override, Rule, Scheme, Standing
from layers.figures import Basis, Figure, State
from maps import cli, settings
from maps.answers import Exit
from parcels.errors import DeclarationError, OverrideNotUsableError, ReasonNeededError
from parcels.model import Label, Moment
from parcels.register import Register

LAYERS = catalog.load()
DECLARED = indicator_files.load(LAYERS.layers)
Q2 = periods.read("2024Q2")
SAFE, FILM = "construction_land_safe_use_rate", "film_recovery_rate"


def figure(value, *, indicator=SAFE, state=State.REPORTED, place="110101"):
    basis = Basis.REPORTED if state is State.REPORTED else Basis.COMPUTED
    return Figure(indicator, "2024Q2", "unit", place, "share", basis, state, written=value)


def scheme(*items, no_data=NoData.LEFT_OUT, weights=(1, 1)):
    """Two aspects that share the items, every other one each."""
    words = Label("示例", "sample")
    aspects = tuple(
        Aspect(f"a{n}", words, Fraction(weight), tuple(items[n::2]))
        for n, weight in enumerate(weights)
        if items[n::2]
    )
    return Scheme("2024Q1", words, words, is_sample=True, no_data=no_data, aspects=aspects)


def item(key, rule=Rule.SHARE, *, weight=1, cap=100, indicator=SAFE):
    return Item(key, indicator, rule, Fraction(weight), Fraction(cap))


@pytest.mark.parametrize(
    ("rule", "value", "cap", "points"),
    [
        (Rule.SHARE, "0.95", 100, 95),
        (Rule.SHARE, "0", 100, 0),
        (Rule.SHARE, "1.2", 100, 100),
        (Rule.SHARE, "0.95", 90, 90),
        (Rule.INVERSE, "0.95", 100, 5),
        (Rule.INVERSE, "1.2", 100, 0),
        # The plan asks for 92 % of the film.
        (Rule.TARGET, "0.92", 100, 100),
        (Rule.TARGET, "0.9199", 100, 0),
        (Rule.TARGET, "0.92", 80, 80),
        (Rule.TOWARD, "0.46", 100, 50),
        (Rule.TOWARD, "0.92", 100, 100),
        (Rule.TOWARD, "0.99", 100, 100),
        (Rule.TOWARD, "0.99", 120, Fraction(9900, 92)),
    ],
)
def test_points_follow_the_rule_of_the_item_up_to_its_cap(rule, value, cap, points):
    told = figure(value, indicator=FILM)

    found = evaluation.points(item("x", rule, cap=cap, indicator=FILM), told, DECLARED[FILM])
    assert found == points


@pytest.mark.parametrize("rule", list(Rule))
@pytest.mark.parametrize("state", [State.NO_DATA, State.CANNOT_BE_JUDGED])
def test_what_has_no_figure_has_no_points(rule, state):
    told = figure(None, indicator=FILM, state=state)

    assert evaluation.points(item("x", rule, indicator=FILM), told, DECLARED[FILM]) is None


def result(plan, values, overrides=()):
    """The result of one unit, by the value of each item's own indicator."""
    keys = {one.indicator for one in plan.items}
    figures = {(key, "u"): figure(value, indicator=key) for key, value in values.items()}
    given_ = {("u", key): Override(Fraction(n), "示例", "示例", 7) for key, n in overrides}
    (found,) = evaluation.evaluate(plan, ["u"], figures, {k: DECLARED[k] for k in keys}, given_)
    return found


TWO = (item("safe"), item("film", indicator=FILM))


def test_a_score_is_the_mean_of_the_points_by_weight():
    assert result(scheme(*TWO), {SAFE: "0.9", FILM: "0.5"}).score == 70
    assert result(scheme(*TWO, weights=(3, 1)), {SAFE: "0.9", FILM: "0.5"}).score == 80


def test_no_data_is_left_out_or_gets_no_points_as_the_scheme_says_and_is_told():
    left = result(scheme(*TWO), {SAFE: "0.9"})
    none = result(scheme(*TWO, no_data=NoData.NO_POINTS), {SAFE: "0.9"})

    assert (left.score, none.score) == (90, 45)
    assert left.judged == none.judged == Fraction(1, 2)
    assert [one.standing for one in left.lines] == [Standing.FIGURE, Standing.NO_DATA]
    assert left.lines[1].computed is None


@pytest.mark.parametrize("no_data", list(NoData))
def test_a_unit_of_which_nothing_is_known_has_no_score_and_no_rank(no_data):
    found = result(scheme(*TWO, no_data=no_data), {})

    assert (found.score, found.rank, found.judged) == (None, None, 0)
    assert found.moves() == ()


def test_what_would_move_a_unit_most_comes_first_with_how_much():
    found = result(scheme(*TWO, weights=(3, 1)), {SAFE: "0.9", FILM: "0.5"})

    assert [(one.item.key, one.gain) for one in found.moves()] == [
        ("film", Fraction(25, 2)),
        ("safe", Fraction(15, 2)),
    ]


def test_data_that_is_missing_can_move_a_unit_too():
    found = result(scheme(*TWO), {SAFE: "0.5"})

    assert {one.item.key: one.gain for one in found.moves()} == {"safe": 50, "film": 25}


def test_points_by_hand_count_and_the_computed_ones_stay_beside_them():
    found = result(scheme(*TWO), {SAFE: "0.9"}, [("film", 40), ("safe", 10)])

    assert found.score == 25
    assert [one.computed for one in found.lines] == [90, None]
    assert {one.standing for one in found.lines} == {Standing.OVERRIDDEN}
    assert found.judged == 1


def test_units_with_the_same_score_have_the_same_rank():
    plan = scheme(item("safe"))
    values = {"a": "0.5", "b": "0.9", "c": "0.5", "d": None, "e": "0.1"}
    figures = {(SAFE, unit): figure(value) for unit, value in values.items() if value}

    found = evaluation.evaluate(plan, list(values), figures, {SAFE: DECLARED[SAFE]}, {})

    assert [one.rank for one in found] == [2, 1, 2, None, 4]


SHARES = st.decimals(0, 1, places=3).map(str)
WEIGHTS = st.integers(1, 9)


@given(st.lists(st.tuples(WEIGHTS, st.none() | SHARES), min_size=1, max_size=5))
def test_a_score_lies_between_its_points_and_a_gain_is_never_a_loss(rows):
    keys = [key for key, one in DECLARED.items() if one.unit == "share"][: len(rows)]
    items = [item(f"i{n}", weight=w, indicator=keys[n]) for n, (w, _) in enumerate(rows)]
    plan = scheme(*items)
    found = result(plan, {keys[n]: v for n, (_, v) in enumerate(rows) if v is not None})

    assert sum(plan.weights.values()) == 1
    points = [one.points for one in found.lines if one.points is not None]
    if points:
        assert min(points) <= found.score <= max(points)
        assert all(one.gain >= 0 for one in found.lines)
        assert all(found.score + one.gain <= 100 for one in found.lines)
    else:
        assert found.score is None


# Schemes


def test_the_scheme_that_comes_with_jingtu_is_a_sample_of_equal_weights():
    found, _ = evaluation_files.load(evaluation_files.SAMPLE, DECLARED)

    assert found.is_sample
    assert "示例" in found.title.zh
    assert {one.weight for one in found.aspects} | {one.weight for one in found.items} == {1}
    assert [one.label.zh for one in found.aspects] == [
        "土壤改良及监测达标", "重点任务落实情况", "推动提高绿色发展水平",
    ]  # fmt: skip


SAMPLE = evaluation_files.SAMPLE.read_text("utf-8")


@pytest.mark.parametrize(
    ("there", "instead", "code"),
    [
        ('quarter = "2024Q1"', 'quarter = "2024-1"', "scheme_quarter_wrong"),
        ('no_data = "left_out"', 'no_data = "zero"', "scheme_word_unknown"),
        ('rule = "share", weight = 1 },\n  { key = "farmland"',
         'rule = "best", weight = 1 },\n  { key = "farmland"', "scheme_word_unknown"),
        ('indicator = "priority_survey_rate"', 'indicator = "priority_rate"',
         "indicator_unknown"),
        ('key = "control"', 'key = "surveys"', "key_twice"),
        ('"film_recovery_rate", rule = "toward", weight = 1',
         '"film_recovery_rate", rule = "toward", weight = 0', "scheme_weight_wrong"),
        ('"film_recovery_rate", rule = "toward"', '"orchard_fertile_soil_area", rule = "share"',
         "scheme_not_share"),
        ('"priority_survey_rate", rule = "share"', '"priority_survey_rate", rule = "target"',
         "scheme_no_target"),
        ("weight = 1\nitems", "weigh = 1\nitems", "unknown_key"),
    ],
)  # fmt: skip
def test_a_scheme_is_refused_with_the_line_of_what_is_wrong(tmp_path, there, instead, code):
    assert there in SAMPLE
    path = tmp_path / "s.toml"
    path.write_text(SAMPLE.replace(there, instead, 1), "utf-8")

    with pytest.raises(DeclarationError) as refused:
        evaluation_files.load(path, DECLARED)

    first = next(p for p in refused.value.fields["problems"] if p.code == code)
    assert 0 < first.line <= SAMPLE.count("\n") + 1


@pytest.mark.parametrize("empty", ["aspects = []", "[[aspects]]\n{aspect}items = []"])
def test_a_scheme_without_anything_to_score_is_refused(tmp_path, empty):
    start = SAMPLE.index("[[aspects]]") + len("[[aspects]]\n")
    aspect = SAMPLE[start : SAMPLE.index("items", start)]
    path = tmp_path / "s.toml"
    path.write_text(SAMPLE[: SAMPLE.index("[[aspects]]")] + empty.format(aspect=aspect), "utf-8")

    with pytest.raises(DeclarationError) as refused:
        evaluation_files.load(path, DECLARED)

    assert [p.code for p in refused.value.fields["problems"]] == ["scheme_items_missing"]


# In the register


@pytest.fixture
def register(store_url):
    with Register(store_url, list(LAYERS.values())) as opened:
        yield opened


def why(reason="示例：会议纪要", *, days=0):
    return dataclasses.replace(act(dt.date(2024, 7, 1), days=days), reason=reason)


def written(tmp_path, *, quarter, title):
    path = tmp_path / f"{quarter}.toml"
    text = SAMPLE.replace('quarter = "2024Q1"', f'quarter = "{quarter}"')
    path.write_text(text.replace("季度评价（示例）", title), "utf-8")
    return path


def test_the_scheme_of_a_quarter_is_the_last_one_loaded_for_it_or_before(register, tmp_path):
    for n, (quarter, title) in enumerate([("2024Q1", "甲"), ("2024Q3", "乙"), ("2024Q1", "丙")]):
        path = written(tmp_path, quarter=quarter, title=title)
        evaluation_book.load_scheme(register, path, DECLARED, why(days=n))

    def title(quarter, moment=None):
        period = periods.read(quarter)
        found, _ = evaluation_book.scheme_of(register, period, moment or Moment(period.last))
        return found.title.zh[-1]

    assert [title(one) for one in ("2023Q4", "2024Q1", "2024Q2", "2024Q3", "2025Q1")] == [
        "）", "丙", "丙", "乙", "乙",
    ]  # fmt: skip
    first = register.changes()["made_at"].min()
    assert title("2024Q2", Moment(Q2.last, first)) == "甲"
    assert not register.store.verify().misfits


def test_points_by_hand_are_kept_with_person_and_reason_and_can_be_withdrawn(register):
    give = evaluation_book.give_points
    give(register, Q2, "110105", "surveys", Fraction(80), why("甲"))
    give(register, Q2, "110105", "surveys", Fraction(171, 2), why("乙", days=1))

    (line,) = [
        one
        for unit in evaluation_book.evaluate(register, DECLARED, Q2, Moment(Q2.last)).results
        for one in unit.lines
        if one.override
    ]
    assert (line.points, line.override.person, line.override.reason) == (
        Fraction(171, 2), "示例经办人", "乙",
    )  # fmt: skip
    evaluation_book.withdraw_points(register, Q2, "110105", "surveys", why("丙", days=2))
    again = evaluation_book.evaluate(register, DECLARED, Q2, Moment(Q2.last))
    assert all(one.override is None for unit in again.results for one in unit.lines)
    told = evaluation_book.overrides_made(register)
    assert told["points"].tolist() == ["80", "171/2"]
    assert told["ended_in"].notna().all()
    assert not register.store.verify().misfits
    with pytest.raises(OverrideNotUsableError):
        evaluation_book.withdraw_points(register, Q2, "110105", "surveys", why(days=3))


def test_points_by_hand_need_a_reason_an_item_and_a_range(register):
    for unit, key, points, reason in (
        ("110105", "no_such", 1, "示例"), ("999999", "surveys", 1, "示例"),
        ("110105", "surveys", 101, "示例"), ("110105", "surveys", -1, "示例"),
    ):  # fmt: skip
        with pytest.raises(OverrideNotUsableError):
            evaluation_book.give_points(register, Q2, unit, key, Fraction(points), why(reason))
    with pytest.raises(ReasonNeededError):
        evaluation_book.give_points(register, Q2, "110105", "surveys", Fraction(1), why(" "))

    assert evaluation_book.overrides_made(register).empty


# At the desk


def jingtu(*words, lang="zh"):
    return cli.run(["--lang", lang, "--user", "示例审核人", "--store", "r.gpkg", *map(str, words)])


@pytest.fixture
def _office(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("p.csv").write_text(
        "编码,名称,环节,所在区,责任单位,列入年度,污染管控措施\n"
        "A,示例甲,风险评估,朝阳区,朝阳区,2023,围挡\nB,示例乙,优先监管,朝阳区,朝阳区,2023,\n"
        "C,示例丙,风险评估,海淀区,海淀区,2023,围挡\n", "utf-8",
    )  # fmt: skip
    assert jingtu("import", "p.csv", "--layer", "priority_plot", "--on", "2024-01-01") == Exit.DONE


def told(capsys, *words):
    capsys.readouterr()
    assert jingtu(*words, "--format", "json") == Exit.DONE
    return json.loads(capsys.readouterr().out)


@pytest.mark.usefixtures("_office")
def test_units_are_scored_by_what_the_register_holds_and_told_it_is_a_sample(capsys):
    said = told(capsys, "evaluate", "2024Q2")

    results = {one["unit"]: one for one in said["meta"]["results"]}
    assert len(results) == 17
    items = {one["item"]: one for one in results["110105"]["items"]}
    assert items["surveys"]["points"] == "50"
    assert items["surveys"]["figure"] == "priority_survey_rate:110105:2024Q2"
    assert items["film"]["standing"] == "no_data"
    assert (results["110101"]["score"], results["110101"]["rank"]) == (None, None)
    # All plots of both lack a boundary in the register.
    assert results["110108"]["rank"] == 1
    assert Fraction(results["110108"]["score"]) > Fraction(results["110105"]["score"])
    assert said["meta"]["scheme"] == {
        "quarter": "2024Q1", "change": None, "sample": True, "no_data": "left_out",
    }  # fmt: skip
    assert any("示例" in note for note in said["meta"]["notes"])


@pytest.mark.usefixtures("_office")
def test_one_unit_is_shown_item_by_item_with_who_gave_points(capsys):
    done = jingtu(
        "evaluation", "points", "2024Q2", "朝阳区", "surveys", "85.5", "--reason", "纪要"
    )
    capsys.readouterr()
    assert jingtu("evaluate", "2024Q2", "--unit", "朝阳区") == done == Exit.DONE

    out = capsys.readouterr().out
    assert "人工评分（示例审核人：纪要）" in out
    assert "85.50" in out
    assert "没有数据" in out
    assert told(capsys, "evaluation", "given")["rows"][0]["points"] == 85.5


@pytest.mark.usefixtures("_office")
def test_the_sample_is_printed_changed_loaded_and_used(capsys, tmp_path):
    capsys.readouterr()
    jingtu("evaluation", "sample")
    text = capsys.readouterr().out.replace("sample = true", "sample = false")
    (tmp_path / "s.toml").write_text(text, "utf-8")

    assert jingtu("evaluation", "load", "s.toml") == Exit.USAGE
    assert jingtu("evaluation", "load", "s.toml", "--reason", "示例") == Exit.DONE

    assert told(capsys, "evaluate", "2024Q2")["meta"]["scheme"]["sample"] is False
    assert told(capsys, "evaluate", "2023Q4")["meta"]["scheme"]["sample"] is True
    assert told(capsys, "evaluation", "schemes")["rows"][0]["quarter"] == "2024Q1"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["evaluate", "2024"], Exit.USAGE),
        (["evaluate", "2024Q5"], Exit.USAGE),
        (["evaluate", "2024Q2", "--unit", "没有的单位"], Exit.UNKNOWN_DISTRICT),
        (
            ["evaluation", "points", "2024Q2", "朝阳区", "surveys", "许多", "--reason", "x"],
            Exit.USAGE,
        ),
        (
            ["evaluation", "points", "2024Q2", "朝阳区", "surveys", "NaN", "--reason", "x"],
            Exit.USAGE,
        ),
        (
            ["evaluation", "points", "2024Q2", "朝阳区", "surveys", "101", "--reason", "x"],
            Exit.USAGE,
        ),
        (["evaluation", "withdraw", "2024Q2", "朝阳区", "surveys", "--reason", "x"], Exit.USAGE),
    ],
)
@pytest.mark.usefixtures("_office")
def test_what_cannot_be_evaluated_is_refused(words, code):
    assert jingtu(*words) == code


# The scorecard


@pytest.mark.usefixtures("_office")
def test_a_card_counts_what_is_late_incomplete_and_at_fault_with_the_list_to_mend(capsys):
    shapes = [square(116.2, 40), square(116.201, 40), square(116.25, 40)]
    frame = gpd.GeoDataFrame(
        {"编码": ["X", "Y", "Z"], "环节": "优先监管", "面积": [1.0, None, None]},
        geometry=shapes, crs=4490,
    )  # fmt: skip
    frame.to_file("x.gpkg", driver="GPKG")
    jingtu("import", "x.gpkg", "--layer", "priority_plot", "--on", "2024-01-01")
    said = told(capsys, "scorecard", "2024Q2")

    card = {(one["unit"], one["kind"]): (one["faults"], one["of"]) for one in said["rows"]}
    assert card["朝阳区", "不完整"] == (2, 2)
    assert card["海淀区", "不完整"] == (1, 4)
    assert card["东城区", "不完整"] == (0, 0)
    assert card["海淀区", "边界问题"] == (2, 3)
    # Nobody sent a list for the end of February; two units sent theirs before.
    assert card["东城区", "逾期"][0] == 1
    mend = {(one["unit"], one["code"], one["what"]) for one in said["meta"]["mend"]}
    assert {
        ("朝阳区", "A", "没有边界"),
        ("海淀区", "X", "申报面积与计算面积不符"),
        ("海淀区", "Y", "与本图层其他地块重叠"),
    } <= mend
    assert not any(code == "Z" for _, code, _ in mend)


@pytest.mark.usefixtures("_office")
def test_a_card_counts_what_was_sent_back_of_what_was_sent_in_the_quarter(capsys):
    now = str(periods.quarter_of(settings.today()))
    for n in range(3):
        Path(f"q{n}.csv").write_text(f"编码,名称,环节\nD{n},示例丁,优先监管\n", "utf-8")
        more = ["--layer", "priority_plot", "--unit", "西城区", "--submit"]
        assert jingtu("import", f"q{n}.csv", *more) == Exit.DONE
    waiting = told(capsys, "review", "list")["rows"][-1]["submission"]
    assert jingtu("review", "return", waiting, "--reason", "示例：缺边界") == Exit.DONE

    said = told(capsys, "scorecard", now, "--unit", "西城区")
    card = {one["kind"]: (one["faults"], one["of"]) for one in said["rows"]}
    assert card["退回"] == (1, 3)
    assert [one["what"] for one in said["meta"]["mend"] if one["kind"] == "退回"] == [
        "报送被退回，尚未重报"
    ]


@pytest.mark.usefixtures("_office")
def test_the_list_of_one_unit_is_written_as_a_workbook(tmp_path):
    done = jingtu("scorecard", "2024Q2", "--unit", "朝阳区", "--format", "xlsx", "--out", "m.xlsx")

    assert done == Exit.DONE
    assert (tmp_path / "m.xlsx").stat().st_size > 4000


@pytest.mark.usefixtures("_office")
def test_what_a_unit_reported_counts_and_a_value_of_another_quarter_does_not(capsys):
    for quarter, value in (("2024Q2", "98.5%"), ("2024Q1", "50%")):
        done = jingtu(
            "plan", "report", "straw_use_rate", "--unit", "朝阳区", "--period", quarter,
            "--value", value, "--evidence", "统计报表", "--number", "示例2号",
        )  # fmt: skip
        assert done == Exit.DONE

    said = told(capsys, "evaluate", "2024Q2", "--unit", "朝阳区")
    (straw,) = [one for one in said["meta"]["results"][0]["items"] if one["item"] == "straw"]
    assert (straw["value"], straw["points"], straw["standing"]) == ("197/200", "100", "figure")


@pytest.mark.usefixtures("_office")
def test_a_frozen_quarter_is_evaluated_as_it_was_frozen_whatever_was_corrected_since(capsys):
    assert jingtu("freeze", "2024Q2", "--reason", "示例") == Exit.DONE
    Path("c.csv").write_text("编码,环节\nB,风险评估\n", "utf-8")
    more = ["--layer", "priority_plot", "--on", "2024-01-01", "--correct", "--reason", "示例"]
    assert jingtu("import", "c.csv", *more) == Exit.DONE

    def surveys(quarter):
        said = told(capsys, "evaluate", quarter, "--unit", "朝阳区")
        (one,) = [one for one in said["meta"]["results"][0]["items"] if one["item"] == "surveys"]
        return one["points"], said["meta"]["freeze"]

    assert surveys("2024Q2") == ("50", 1)
    assert surveys("2024Q3") == ("100", None)
