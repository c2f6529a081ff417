"""The declared indicators, against the plan; and what is said of a file that is wrong."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import re
import tomllib
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers import catalog, indicator_files, plan
from layers.figures import AMOUNTS, Basis, Measure, Role
from maps import text
from parcels.errors import DeclarationError, FileNotReadableError, UnknownIndicatorError

LAYERS = catalog.load()
INDICATORS = indicator_files.load(LAYERS)
PLAN = plan.load()
TEXT = re.sub(r"\s", "", (catalog.REFERENCE / plan.CURRENT / "action_plan.zh.txt").read_text())

GARDEN = """
source = { zh = "示例文件", en = "Example" }
valid_from = 2024-01-01

[[claims]]
key = "listed"
where = { stages = ["listed"] }

[[indicators]]
key = "garden"
zh = "示例指标"
en = "Example"
unit = "share"
basis = "computed"
formula = { zh = "示例", en = "Example" }
layers = ["contaminated_site"]
asked = [{ operator = ">=", value = "0.95", all_of = "in_list", are = "filed" }]
terms = [
  { key = "sites", role = "denominator", zh = "地块", en = "Sites", where = { every = true } },
  { key = "in_list", role = "numerator", zh = "名录", en = "Listed", where = { named = "listed" } },
  { key = "filed", role = "part", zh = "备案", en = "Filed", where = { day = "plan_filed_on", when = "come" } },
]
"""  # noqa: E501

WRONG = [
    ('basis = "computed"', 'basis = "guessed"', "figure_basis_unknown"),
    ('role = "part"', 'role = "whole"', "figure_role_unknown"),
    ('unit = "share"', 'unit = "furlong"', "unit_unknown"),
    ('unit = "share"', 'unit = "count"', "term_not_used"),
    ('role = "denominator"', 'role = "part"', "term_missing"),
    ('basis = "computed"', 'basis = "reported"', "terms_not_used"),
    ('"contaminated_site"', '"contaminated_sites"', "layer_unknown"),
    ('operator = ">="', 'operator = "=>"', "operator_unknown"),
    ('value = "0.95"', 'value = "95%"', "number_wrong"),
    ('all_of = "in_list"', 'all_of = "in_lists"', "term_unknown"),
    ('named = "listed"', 'named = "lists"', "claim_unknown"),
    ('stages = ["listed"]', 'stages = ["list"]', "stage_unknown"),
    ('stages = ["listed"]', 'gates = ["no_gate"]', "gate_unknown"),
    ('stages = ["listed"]', 'field = "planned_use_class", codes = ["pub"]', "code_unknown"),
    ('day = "plan_filed_on"', 'day = "pollutants"', "field_kind_differs"),
    ('day = "plan_filed_on"', 'day = "plan_file_on"', "layer_field_unknown"),
    ('when = "come"', 'when = "soon"', "when_unknown"),
    ('stages = ["listed"]', 'stages = ["listed"], boundary = true', "claim_unclear"),
    (', when = "come"', "", "claim_unclear"),
    ('stages = ["listed"]', 'ordered = ["listed_on"]', "ordered_not_two"),
    ('stages = ["listed"]', 'any = [{ yes = "phase" }]', "layer_field_unknown"),
    ("valid_from = 2024", "valid_to = 2024-01-01\nvalid_from = 2024", "unknown_key"),
    ('unit = "share"', 'unit = "share"\nvalid_to = 2023-12-31', "days_reversed"),
    ('unit = "share"', 'unit = "share"\nmeasure = "weight"', "figure_measure_unknown"),
    ('unit = "share"', 'unit = "share"\nbeside = "gardens"', "indicator_unknown"),
    ('key = "filed"', 'key = "unknown"', "key_reserved"),
    ('zh = "示例指标"', 'zh = " "', "text_empty"),
    ('key = "garden"', "", "missing_key"),
    ("every = true", "every = ", "syntax_wrong"),
]  # fmt: skip


def written(folder: Path, whole: str) -> Path:
    (folder / "garden.toml").write_text(whole, "utf-8")
    return folder


def problems(folder: Path, whole: str):
    with pytest.raises(DeclarationError) as refused:
        indicator_files.load(LAYERS, folder=written(folder, whole))
    return refused.value.fields["problems"]


def test_every_indicator_that_a_measure_names_is_declared_and_no_other():
    named = {key for measure in PLAN.measures for key in measure.indicators}
    own = {key for key, one in INDICATORS.items() if one.beside is None}

    assert own == named


@pytest.mark.parametrize("key", [k for k, one in INDICATORS.items() if one.basis == "computed"])
def test_the_plan_names_the_layers_an_indicator_is_computed_from(key):
    indicator = INDICATORS[key]
    measures = [m for m in PLAN.measures if {key, indicator.beside} & set(m.indicators)]

    assert set(indicator.layers) <= {layer for m in measures for layer in m.layers}


@pytest.mark.parametrize("key", list(INDICATORS))
def test_the_words_of_an_indicator_are_there_in_both_languages(key):
    indicator = INDICATORS[key]

    for label in (indicator.label, indicator.text, indicator.source):
        assert re.search(r"[\u4e00-\u9fff]", label.zh)
        assert not re.search(r"[\u4e00-\u9fff]", label.en)
    if indicator.basis is Basis.REPORTED:
        assert not indicator.counted


NUMBERS = {
    "construction_land_safe_use_rate": ["100%", "95%"],
    "construction_land_safe_use_rate_by_count": ["100%", "95%"],
    "fuel_station_leak_check_rate": ["20%"],
    "lookback_completion": ["64家"],
    "contaminated_farmland_safe_use_rate": ["95%"],
    "orchard_fertile_soil_area": ["约10万亩"],
    "green_control_area": ["约10万亩"],
    "high_standard_farmland_area": ["3.58万亩"],
    "fertiliser_use_efficiency": ["42%"],
    "pesticide_use_efficiency": ["45%"],
    "film_recovery_rate": ["92%"],
    "straw_use_rate": ["98.5%"],
    "manure_use_rate": ["95%"],
}


def test_what_is_asked_is_what_the_text_says_and_nothing_else():
    asked = {key: one.asked for key, one in INDICATORS.items() if one.asked}

    assert set(asked) == set(NUMBERS)
    for key, numbers in NUMBERS.items():
        assert [one.target.value for one in asked[key]] == [exact(one) for one in numbers]
        assert all(number in TEXT for number in numbers)
        assert all(
            one.about == number.startswith("约")
            for one, number in zip(asked[key], numbers, strict=True)
        )


def exact(written: str) -> Fraction:
    """The number of a phrase of the plan."""
    digits = Fraction(re.search(r"[\d.]+", written)[0])
    if "%" in written:
        return digits / 100
    return digits * 10_000 if "万" in written else digits


def test_what_a_unit_is_asked_for_is_not_what_the_city_is_asked_for():
    city = {key for key, one in INDICATORS.items() if any(way.city for way in one.asked)}

    assert city == {
        "lookback_completion",
        "orchard_fertile_soil_area",
        "green_control_area",
        "high_standard_farmland_area",
    }


def test_another_reading_has_the_terms_of_the_first_and_another_measure():
    area, count = (
        INDICATORS[key]
        for key in ("construction_land_safe_use_rate", "construction_land_safe_use_rate_by_count")
    )

    assert [one.claim for one in area.counted] == [one.claim for one in count.counted]
    assert (area.measure, count.measure) == (Measure.AREA, Measure.COUNT)
    assert INDICATORS.with_readings((area.key,)) == (area.key, count.key)


def test_a_weight_can_be_set_for_a_term_and_is_one_by_default():
    key = "contaminated_farmland_safe_use_rate.c"
    weighed = indicator_files.load(LAYERS, weights={key: Fraction(19, 20)})

    before, after = (
        {term.key: term.weight for term in one[key[:-2]].formula.of(Role.NUMERATOR)}
        for one in (INDICATORS, weighed)
    )
    assert before == {"b": 1, "c": 1, "d": 1}
    assert after == {"b": 1, "c": Fraction(19, 20), "d": 1}


@pytest.mark.parametrize("key", ["garden.c", "contaminated_farmland_safe_use_rate.z", "c", ""])
def test_a_weight_for_a_term_that_is_not_there_is_refused(key):
    with pytest.raises(UnknownIndicatorError):
        indicator_files.load(LAYERS, weights={key: Fraction(1)})


def test_the_unit_of_a_computed_indicator_can_be_computed():
    computed = [one for one in INDICATORS.values() if one.basis is Basis.COMPUTED]

    assert computed
    assert all(one.unit == "share" or one.unit in AMOUNTS for one in computed)


def test_a_file_of_ones_own_is_read_beside_those_that_come_with_jingtu(tmp_path):
    found = indicator_files.load(LAYERS, extra=[written(tmp_path, GARDEN)])

    assert list(found) == [*INDICATORS, "garden"]


@pytest.mark.parametrize(("there", "instead", "code"), WRONG)
def test_what_is_wrong_is_named_with_its_line(tmp_path, there, instead, code):
    assert GARDEN.count(there) >= 1
    whole = GARDEN.replace(there, instead, 1)
    line = whole[: whole.index(instead)].count("\n") + 1 if instead else None

    found = problems(tmp_path, whole)

    lines = [one.line for one in found if one.code == code]
    assert lines
    if code not in {
        "missing_key",
        "unknown_key",
        "claim_unclear",
        "term_missing",
        "term_not_used",
        "terms_not_used",
    }:
        assert line <= lines[0] <= line + 1
    for lang in text.LANGUAGES:
        for one in found:
            said = text.say(f"catalog.problem.{one.code}", lang, **dataclasses.asdict(one))
            assert said
            assert "{" not in said.replace(one.found, "")


TREES = st.recursive(
    st.booleans() | st.integers(-9, 9) | st.text(alphabet='ab"', max_size=3) | st.dates(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["any", "all", "not", "day", "stages", "key", "zh"]), inner, max_size=3
        )
    ),
    max_leaves=5,
)


@given(TREES, st.sampled_from(sorted(indicator_files.INDICATOR)))
def test_whatever_stands_under_a_key_is_a_problem_or_fine_but_never_a_crash(found, key):
    file = tomllib.loads(GARDEN)
    file["indicators"][0][key] = found
    with TemporaryDirectory() as folder:
        (Path(folder) / "garden.toml").write_text(toml(file), "utf-8")
        with suppress(DeclarationError):
            assert len(indicator_files.load(LAYERS, folder=Path(folder))) == 1


def toml(table: dict) -> str:
    return "\n".join(f"{key} = {inline(found)}" for key, found in table.items())


def inline(found: object) -> str:
    if isinstance(found, dict):
        return "{" + ", ".join(f"{key} = {inline(one)}" for key, one in found.items()) + "}"
    if isinstance(found, list):
        return "[" + ", ".join(map(inline, found)) + "]"
    if isinstance(found, dt.date):
        return found.isoformat()
    return json.dumps(found, ensure_ascii=False)


def test_the_same_key_in_two_files_is_a_problem(tmp_path):
    one = GARDEN[GARDEN.index("[[indicators]]") :]

    assert [p.code for p in problems(tmp_path, GARDEN + one)] == ["key_twice"]


def test_a_folder_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(FileNotReadableError):
        indicator_files.load(LAYERS, folder=tmp_path / "nowhere")


def test_an_unknown_indicator_is_refused_with_those_there_are():
    with pytest.raises(UnknownIndicatorError) as refused:
        INDICATORS.indicator("safe_use")

    assert "overall" in refused.value.fields["known"]
