"""A frozen period against later corrections, and every figure followed to what it rests on."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from fractions import Fraction

import pandas as pd
import pytest
from declared import delivery
from hypothesis import given, settings
from hypothesis import strategies as st
from town import act, square

from layers import catalog, explaining, figure_book, figures, indicator_files, periods, restating
from layers.coverage import TOTAL
from layers.figures import FigureKey, State
from layers.reckoning import Scope
from parcels import districts, freezing
from parcels.errors import PeriodFrozenError, PeriodNotFrozenError, UnknownFigureError
from parcels.register import Register

LAYERS = catalog.load()
EVERY = indicator_files.load(LAYERS)
FARM, CLASSED = "contaminated_farmland_safe_use_rate", "farmland_class_coverage"
ASKED = dataclasses.replace(EVERY, by_key={key: EVERY[key] for key in (FARM, CLASSED)})
Q2 = periods.read("2024Q2")
NOW = Scope(Q2, Q2.moment())
CITY = districts.bundled()


def border_square():
    """A square across the border of Chaoyang and Haidian."""
    border = CITY.districts.geometry["110105"].intersection(CITY.districts.geometry["110108"])
    at = border.interpolate(0.5, normalized=True)
    return square(at.x - 0.0006, at.y - 0.0006)


def farm(code, shape, **facts):
    whole = {"pollution_degree": "light", "measure_in_place": True, "produce_meets_standard": True}
    return {
        "code": code,
        "geometry": shape,
        "stage": "safe_use",
        "unit": "110108",
        **whole,
        **facts,
    }


FARMS = [
    farm("F1", square(116.2, 40.0)),
    farm("F2", square(116.21, 40.0), measure_in_place=False),
    farm("F3", border_square(), unit="110105"),
    farm("F4", square(116.23, 40.0), unit=None),
]


def take(register, farms, days, sha):
    rows = delivery(LAYERS["farmland"], farms)
    return register.take("farmland", rows, act(sha=sha * 64, days=days), corrects=True)


@pytest.fixture
def register(store_url):
    with Register(store_url, list(LAYERS.values())) as opened:
        take(opened, FARMS, 0, "a")
        yield opened


def freeze(register, days=9, **more):
    told = dataclasses.replace(act(days=days), reason="季度定格")
    return figure_book.freeze(register, ASKED, Q2, told, **more)


def value(told):
    return {str(one.figure.key): one.figure.value for one in told}


def key(place, by="unit", indicator=FARM):
    return FigureKey(indicator, place, "2024Q2", by)


def test_frozen_figures_stay_what_they_were_when_parcels_are_corrected(register):
    made = freeze(register)
    before = figure_book.kept(register, made)

    take(register, [{**FARMS[1], "measure_in_place": True}], 10, "b")

    assert figure_book.kept(register, made) == before
    assert value(before)[f"{FARM}:110108:2024Q2"] == pytest.approx(Fraction(1, 2), rel=1e-6)
    assert (
        figure_book.explain(register, ASKED, key("110108"), made).figure.value
        == (value(before)[f"{FARM}:110108:2024Q2"])
    )


def test_a_correction_is_a_restatement_that_names_parcel_change_and_amount(register):
    freeze(register)
    corrected = take(register, [{**FARMS[1], "measure_in_place": True}], 10, "b")

    told = figure_book.restate(register, ASKED, Q2, only=[FARM], ways=["unit"])

    names = told.moved[["term", "code", "why"]]
    assert names.to_dict("records") == [{"term": "c", "code": "F2", "why": "entered"}]
    assert told.moved["change"].tolist() == [corrected.change]
    assert told.changes.loc[corrected.change, ["sha256", "made_by"]].tolist() == [
        "b" * 64,
        "示例经办人",
    ]
    assert told.is_same_rule == {FARM: True}


def assert_exact(told):
    """The movements of each figure's parcels are what its terms differ by."""
    moved = figures.add_up([told.moved.assign(amount=told.moved["moved"])])
    seen = set()
    for was, now in zip(told.before, told.after, strict=True):
        one = (was or now).figure
        seen.add((one.indicator, one.by, one.place))
        before, after = ({} if side is None else side.figure.terms for side in (was, now))
        found = moved.get((one.indicator, one.by, one.place), {})
        for term in {*before, *after, *found}:
            assert found.get(term, 0) == after.get(term, 0) - before.get(term, 0)
    assert set(moved) <= seen


def test_movements_add_up_to_what_each_figure_differs_by(register):
    freeze(register)
    take(register, [{**FARMS[1], "measure_in_place": True}], 10, "b")
    take(register, [{**FARMS[2], "unit": "110108", "geometry": square(116.25, 40.0)}], 11, "c")

    told = figure_book.restate(register, ASKED, Q2)

    assert_exact(told)
    assert set(told.moved["by"]) == {"unit", "district"}


def test_nothing_is_restated_while_nothing_changes(register):
    freeze(register)

    told = figure_book.restate(register, ASKED, Q2)

    assert told.moved.empty
    assert [one.figure for one in told.after] == [one.figure for one in told.before]


def test_districts_drawn_anew_move_what_lies_in_them(register):
    register.load_territory(CITY, act(days=8), source="示例")
    freeze(register)
    moved = CITY.districts.copy()
    geometry = moved.geometry.translate(0.0001)
    register.load_territory(
        dataclasses.replace(CITY, districts=moved.set_geometry(geometry)),
        act(days=10),
        source="示例",
    )

    told = figure_book.restate(register, ASKED, Q2, only=[FARM], ways=["district"])

    assert restating.REDRAWN in set(told.moved["why"])
    assert told.moved["change"].notna().all()
    assert set(told.changes["kind"]) == {"districts"}


def test_a_formula_declared_otherwise_is_told_and_its_movements_have_no_change(register):
    freeze(register)
    kept_out = next(one for one in ASKED[FARM].counted if one.term.key == "c")
    other = dataclasses.replace(
        ASKED[FARM], counted=tuple(one for one in ASKED[FARM].counted if one is not kept_out)
    )
    asked = dataclasses.replace(ASKED, by_key={FARM: other})

    told = figure_book.restate(register, asked, Q2, only=[FARM])

    assert told.is_same_rule == {FARM: False}
    assert told.moved["why"].unique().tolist() == [restating.RECKONED]
    assert told.moved["change"].isna().all()


def test_a_period_is_frozen_once_and_again_only_as_another_edition(register):
    freeze(register)
    take(register, [{**FARMS[1], "measure_in_place": True}], 10, "b")

    with pytest.raises(PeriodFrozenError):
        freeze(register, 11)
    freeze(register, 12, again=True)

    first, second = (figure_book.find(register, Q2, edition) for edition in (1, 2))
    assert value(figure_book.kept(register, first)) != value(figure_book.kept(register, second))
    assert figure_book.find(register, Q2).edition == 2
    assert register.store.verify().misfits == {}
    assert freezing.check(register, total=TOTAL)[0] == []


def test_what_is_not_frozen_is_refused_with_what_is(register):
    freeze(register)

    with pytest.raises(PeriodNotFrozenError) as refused:
        figure_book.frozen(register, periods.read("2024Q3"))
    with pytest.raises(PeriodNotFrozenError):
        figure_book.frozen(register, Q2, 7)

    assert refused.value.fields["known"] == ["2024Q2 (1)"]


@pytest.mark.parametrize("place", ["110108", "110105", "unknown", TOTAL])
@pytest.mark.parametrize("by", ["unit", "district"])
@pytest.mark.parametrize("is_frozen", [True, False])
def test_the_parts_of_every_figure_add_up_to_it(register, place, by, is_frozen):
    of = freeze(register) if is_frozen else NOW

    told = figure_book.explain(register, ASKED, key(place, by), of)

    assert explaining.unexplained(told) == {}
    assert (told.frozen is not None) is is_frozen
    if told.figure.state is State.COMPUTED:
        assert len(told.parts)


def test_each_part_names_version_change_file_row_and_person(register):
    told = figure_book.explain(register, ASKED, key("110108"), NOW)

    (mine,) = told.parts[told.parts["term"] == "c"].to_dict("records")
    said = told.changes.loc[mine["said_in"]]
    assert (mine["code"], mine["row"], mine["layer"]) == ("F1", 1, "farmland")
    assert (said["sha256"], said["made_by"], said["kind"]) == ("a" * 64, "示例经办人", "correct")
    assert explaining.by_change(told.parts[told.parts["term"] == "e"])["parcels"].tolist() == [2]


def test_a_figure_of_a_frozen_period_can_be_explained_as_known_now(register):
    freeze(register)
    take(register, [{**FARMS[1], "measure_in_place": True}], 10, "b")

    told = figure_book.explain(register, ASKED, key("110108"), NOW)

    assert (told.frozen, told.figure.value) == (None, 1)


@pytest.mark.parametrize(
    "named", [key("110108", indicator="no_such"), key("999999"), key("999999", "district")]
)
@pytest.mark.parametrize("is_frozen", [True, False])
def test_a_figure_that_is_none_is_refused(register, named, is_frozen):
    of = freeze(register) if is_frozen else NOW

    with pytest.raises(UnknownFigureError):
        figure_book.explain(register, ASKED, named, of)


@pytest.fixture(scope="module")
def fields(tmp_path_factory):
    with Register(str(tmp_path_factory.mktemp("book") / "r.gpkg"), list(LAYERS.values())) as one:
        yield one


FIELDS = st.lists(
    st.tuples(
        st.sampled_from(["slight", "light", "heavy", None]),
        st.booleans(),
        st.sampled_from(["110108", "110105", None]),
        st.integers(0, 3),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=15)
@given(FIELDS)
def test_whatever_is_corrected_contributions_and_movements_add_up_exactly(fields, drawn):
    number = len(freezing.listed(fields))
    period = periods.read(f"{2025 + number}Q1")
    figure_book.freeze(fields, ASKED, period, act(days=2 * number))
    farms = [
        farm(
            f"H{place}",
            square(116.2 + place * 0.003, 40.0, side=0.0005 * (size + 1)),
            pollution_degree=degree,
            measure_in_place=done,
            unit=unit,
        )
        for place, (degree, done, unit, size) in enumerate(drawn)
    ]
    take(fields, farms, 2 * number + 1, f"{number:x}"[-1])

    told = figure_book.restate(fields, ASKED, period)

    assert_exact(told)
    for place in ("110108", TOTAL):
        now = FigureKey(FARM, place, str(period))
        for of in (told.frozen, Scope(period, period.moment())):
            assert explaining.unexplained(figure_book.explain(fields, ASKED, now, of)) == {}


def test_what_is_kept_of_the_declarations_reads_back_as_the_formula(register):
    made = freeze(register)

    kept = json.loads(made.declarations)

    assert set(kept) == {FARM, CLASSED}
    assert kept[FARM]["text"]["zh"].startswith("A =")
    told = figure_book.explain(register, ASKED, key(TOTAL), made)
    assert told.declared.formula == ASKED[FARM].formula
    assert isinstance(made.at, dt.datetime)
    assert isinstance(told.parts, pd.DataFrame)
