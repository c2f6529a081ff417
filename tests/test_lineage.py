"""Splits, merges and new surveys: what is inherited, whether land adds up, who came from whom."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st
from town import DAY, PLOT, act, plots, square

from parcels import crs, descent, lineage, seals, succession
from parcels.errors import LineageNotPossibleError, UnknownParcelError
from parcels.findings import Findings
from parcels.lifecycle import Evidence
from parcels.model import Inheritance, Label, Moment
from parcels.register import Register
from parcels.tables import version
from parcels.undo import undo

RULE = Inheritance(
    Label("示例规则", "example"),
    inherits_stage=True,
    strictest_first=("listed", "surveyed"),
    carried=("use",),
)
LAYER = dataclasses.replace(PLOT, inheritance=RULE)
LATER = DAY + dt.timedelta(days=30)
BEFORE = LATER - dt.timedelta(days=1)
DOCUMENT = Evidence("plan", "示例〔2024〕5号", DAY, "示例规划部门")


@pytest.fixture
def register(store_url):
    with Register(store_url, [LAYER]) as opened:
        yield opened


def halves(*codes, west=116.2, south=40.0, side=0.002, at=0.5, **columns):
    """A square cut in two from north to south, as children of a delivery."""
    middle = west + side * at
    shapes = [
        shapely.MultiPolygon([shapely.box(west, south, middle, south + side)]),
        shapely.MultiPolygon([shapely.box(middle, south, west + side, south + side)]),
    ]
    blank = {"stage": None, "use": None, "unit": None}
    made = plots(2, **(blank | columns)).assign(code=list(codes))
    return made.set_geometry(gpd.GeoSeries(shapes, crs=4490))


def touching(**columns):
    """Two plots side by side."""
    shapes = [square(116.2, 40.0), square(116.202, 40.0)]
    return plots(2, **columns).set_geometry(gpd.GeoSeries(shapes, crs=4490))


def errors(made):
    return sorted(made.findings.loc[made.findings["severity"] == "error", "code"])


def frame(register, on):
    return register.frame("town_plot", Moment(on)).sort_values("code").reset_index(drop=True)


def test_a_split_ends_the_parcel_and_its_children_inherit(register):
    register.take("town_plot", plots(1, stage="listed"), act())
    made = succession.split(register, "town_plot", "P0000", halves("A", "B"), act=act(LATER))
    number = succession.record(register, made, act(LATER, days=1), DOCUMENT)

    before, after = frame(register, BEFORE), frame(register, LATER)
    assert errors(made) == []
    assert before["code"].tolist() == ["P0000"]
    assert after["code"].tolist() == ["A", "B"]
    assert after["stage"].tolist() == ["listed", "listed"]
    assert after["use"].tolist() == ["M", "M"]
    assert after["unit"].tolist() == ["110108", "110108"]
    assert after["area_m2"].sum() == pytest.approx(before["area_m2"].sum(), rel=1e-9)
    assert register.changes()["kind"].tolist()[-1] == "split"
    assert number == register.changes()["change"].tolist()[-1]


def test_the_chain_says_what_a_parcel_came_from_and_became(register):
    register.take("town_plot", plots(1), act())
    first = succession.split(register, "town_plot", "P0000", halves("A", "B"), act=act(LATER))
    succession.record(register, first, act(LATER, days=1), DOCUMENT)
    then = LATER + dt.timedelta(days=9)
    second = succession.merge(register, "town_plot", ["A", "B"], "C", act=act(then))
    succession.record(register, second, act(then, days=2))

    from_above = descent.chain(register, "town_plot", "P0000")
    from_below = descent.chain(register, "town_plot", "C")
    named = from_below.parcels.set_index("code")["relation"]
    assert named.to_dict() == {"P0000": "ancestor", "A": "ancestor", "B": "ancestor", "C": "self"}
    assert sorted(from_above.parcels["relation"]) == ["descendant"] * 3 + ["self"]
    assert from_below.steps["act"].tolist() == ["split", "split", "merge", "merge"]
    assert from_below.steps["number"].tolist()[:2] == ["示例〔2024〕5号"] * 2
    drawn = {*from_below.steps["parent_boundary"], *from_below.steps["child_boundary"]}
    assert drawn == set(from_below.boundaries.index)
    assert from_below.boundaries.geometry.notna().all()


def test_a_merge_takes_the_strictest_stage_and_what_the_parents_agree_on(register):
    delivered = touching(stage=["surveyed", "listed"], industry=["化工", "电镀"])
    register.take("town_plot", delivered, act())
    made = succession.merge(register, "town_plot", ["P0000", "P0001"], "M1", act=act(LATER))
    succession.record(register, made, act(LATER, days=1))

    (row,) = frame(register, LATER).to_dict("records")
    assert errors(made) == []
    assert (row["code"], row["stage"], row["use"]) == ("M1", "listed", "M")
    assert (row["district"], row["unit"], row["years"]) == ("110108", "110108", 7)
    assert pd.isna(row["industry"])
    assert row["area_m2"] == pytest.approx(crs.area_m2(delivered.geometry.to_numpy()).sum())


def test_a_merge_may_keep_the_code_of_a_parent(register):
    register.take("town_plot", touching(), act())
    made = succession.merge(register, "town_plot", ["P0000", "P0001"], "P0000", act=act(LATER))
    succession.record(register, made, act(LATER, days=1))

    chain = descent.chain(register, "town_plot", "P0000")
    assert frame(register, LATER)["code"].tolist() == ["P0000"]
    assert frame(register, BEFORE)["code"].tolist() == ["P0000", "P0001"]
    assert (chain.steps["parent"] != chain.steps["child"]).all()


def test_a_new_survey_keeps_the_parcel_and_its_facts(register):
    register.take("town_plot", plots(1, stage="listed"), act())
    shape = square(116.2, 40.0, side=0.00205)
    made = succession.resurvey(register, "town_plot", "P0000", shape, act=act(LATER))
    succession.record(register, made, act(LATER, days=1), DOCUMENT)

    before, after = frame(register, BEFORE), frame(register, LATER)
    (step,) = descent.chain(register, "town_plot", "P0000").steps.to_dict("records")
    kept = ["code", "name", "stage", "industry", "use", "unit"]
    assert after[kept].to_dict("records") == before[kept].to_dict("records")
    assert after["area_m2"].iloc[0] > before["area_m2"].iloc[0]
    assert step["act"] == "resurvey"
    assert step["parent"] == step["child"]
    assert step["parent_boundary"] != step["child_boundary"]


@pytest.mark.parametrize(
    ("codes", "reason"), [(["nobody"], None), (["P0000"], "one_parent")], ids=["unknown", "one"]
)
def test_what_cannot_be_merged_is_refused(register, codes, reason):
    register.take("town_plot", touching(), act())

    with pytest.raises((UnknownParcelError, LineageNotPossibleError)) as refused:
        succession.merge(register, "town_plot", [*codes, codes[0]], "M", act=act(LATER))
    assert refused.value.fields.get("reason") == "one_parent" or reason is None


def refused(register, *, on=LATER, code="P0000", into=None):
    children = halves("A", "B") if into is None else into
    with pytest.raises(LineageNotPossibleError) as error:
        succession.split(register, "town_plot", code, children, act=act(on))
    return error.value.fields["reason"]


def test_a_split_needs_a_parcel_that_was_there_and_is_no_more_known_later(register):
    register.take("town_plot", plots(2), act())
    register.take("town_plot", plots(2, name="新名称").iloc[1:], act(LATER, days=1))

    assert refused(register, on=DAY) == "begins_later"
    assert refused(register, on=DAY - dt.timedelta(days=9)) == "not_in_force"
    assert refused(register, on=BEFORE, code="P0001") == "known_later"


def test_children_cannot_take_the_code_of_another_parcel_or_share_one(register):
    register.take("town_plot", plots(2), act())

    assert refused(register, into=halves("A", "P0001")) == "code_taken"
    assert refused(register, into=halves("A", "A")) == "codes_unclear"
    assert refused(register, into=halves("A", "B").iloc[:1]) == "one_child"


def test_a_parcel_without_a_surface_is_not_split(register):
    register.take("town_plot", plots(1).set_geometry([shapely.Point(116.2, 40)], crs=4490), act())

    assert refused(register) == "no_surface"


def test_another_change_in_between_is_not_overwritten(register):
    register.take("town_plot", plots(1), act())
    made = succession.split(register, "town_plot", "P0000", halves("A", "B"), act=act(LATER))
    register.take("town_plot", plots(1, name="改名"), act(DAY + dt.timedelta(days=1), days=1))

    with pytest.raises(LineageNotPossibleError) as error:
        succession.record(register, made, act(LATER, days=2))
    assert error.value.fields["reason"] == "changed_since"
    assert frame(register, LATER)["name"].tolist() == ["改名"]


def test_parcels_of_the_register_can_be_the_children_and_stay_as_they_are(register):
    register.take("town_plot", plots(1), act())
    register.take("town_plot", halves("A", "B", stage="surveyed", use="M"), act(days=1))
    made = succession.split(register, "town_plot", "P0000", ["A", "B"], act=act(LATER))
    succession.record(register, made, act(LATER, days=2))

    assert frame(register, LATER)["code"].tolist() == ["A", "B"]
    assert frame(register, BEFORE)["code"].tolist() == ["A", "B", "P0000"]
    chain = descent.chain(register, "town_plot", "A")
    assert chain.parcels.set_index("code")["relation"].to_dict() == {
        "P0000": "ancestor",
        "A": "self",
        "B": "beside",
    }


def test_a_parcel_cannot_become_its_own_ancestor(register):
    register.take("town_plot", plots(1), act())
    register.take("town_plot", halves("A", "B", stage="surveyed", use="M"), act(days=1))
    made = succession.split(register, "town_plot", "P0000", ["A", "B"], act=act(LATER))
    succession.record(register, made, act(LATER, days=2))
    back = plots(1).assign(parcel=pd.array([1], "Int64"))
    register.take("town_plot", back, act(LATER + dt.timedelta(days=1), days=3))
    then = act(LATER + dt.timedelta(days=2))

    with pytest.raises(LineageNotPossibleError) as error:
        succession.merge(register, "town_plot", ["A", "B"], "P0000", act=then)
    assert error.value.fields["reason"] == "own_ancestor"


@pytest.mark.parametrize("into", ["M1", "P0000"])
def test_a_merge_can_be_undone_and_redone_and_the_chain_follows(register, into):
    register.take("town_plot", touching(), act())
    before = frame(register, LATER)
    made = succession.merge(register, "town_plot", ["P0000", "P0001"], into, act=act(LATER))
    number = succession.record(register, made, act(LATER, days=1))
    merged = frame(register, LATER)
    (undone,) = undo(register, number, act(LATER, days=2))

    pd.testing.assert_frame_equal(frame(register, LATER), before)
    assert descent.chain(register, "town_plot", "P0001").steps.empty
    undo(register, undone.change, act(LATER, days=3))
    pd.testing.assert_frame_equal(frame(register, LATER), merged)
    assert len(descent.chain(register, "town_plot", "P0001").steps) == 2


def test_an_undone_split_gives_the_parcel_back_and_seals_hold(register):
    register.take("town_plot", plots(1), act())
    before = frame(register, LATER)
    made = succession.split(register, "town_plot", "P0000", halves("A", "B"), act=act(LATER))
    number = succession.record(register, made, act(LATER, days=1), DOCUMENT)
    undo(register, number, act(LATER, days=2))

    pd.testing.assert_frame_equal(frame(register, LATER), before)
    with register.store.read() as connection:
        assert not seals.check(connection).misfits


# The rules


def assess(parents, children, layer=LAYER):
    findings = Findings("town_plot", "")
    filled = lineage.inherit(parents, children, layer, findings)
    return filled, sorted(findings.frame()["code"])


@pytest.mark.parametrize(
    ("stages", "said", "gives", "found"),
    [
        (["listed"], None, "listed", []),
        (["listed"], "listed", "listed", []),
        (["listed"], "surveyed", "surveyed", ["lineage_stage_differs"]),
        (["surveyed", "listed"], None, "listed", []),
        (["listed", None], None, "listed", []),
        (["surveyed", None], None, "surveyed", []),
        ([None], None, None, []),
    ],
)
def test_the_stage_is_inherited_and_a_merge_takes_the_strictest(stages, said, gives, found):
    child = plots(1, stage=[said], use=None)
    filled, codes = assess(plots(len(stages), stage=stages), child)

    assert codes == found
    assert (None if pd.isna(filled["stage"].iloc[0]) else filled["stage"].iloc[0]) == gives


@pytest.mark.parametrize("rule", [None, Inheritance(Label("", "")), RULE])
def test_what_a_layer_does_not_state_is_asked(rule):
    stages = ["surveyed", "elsewhere"] if rule is RULE else ["surveyed", "surveyed"]
    layer = dataclasses.replace(LAYER, inheritance=rule)
    silent = assess(plots(2, stage=stages), plots(1, stage=[None], use=None), layer)
    told = assess(plots(2, stage=stages), plots(1, stage=["listed"], use=None), layer)

    assert silent[1] == ["lineage_stage_asked"]
    assert told[1] == []


@pytest.mark.parametrize(
    ("uses", "said", "found"),
    [
        (["M", "M"], None, []),
        (["M", "M"], "R", ["lineage_value_differs"]),
        (["M", "R"], None, ["lineage_value_asked"]),
        (["M", "R"], "R", []),
        (["M", None], None, []),
        ([None, None], "R", []),
    ],
)
def test_restrictions_hold_of_the_children_and_contradictions_are_asked(uses, said, found):
    _, codes = assess(plots(2, use=uses), plots(1, stage=["surveyed"], use=[said]))

    assert codes == found


def test_parcels_of_the_register_must_say_themselves_what_the_rule_asks():
    findings = Findings("town_plot", "")
    child = plots(1, stage=[None], use=None)
    lineage.inherit(plots(1), child, LAYER, findings, registered=True)

    assert sorted(findings.frame()["code"]) == ["lineage_stage_differs", "lineage_value_differs"]


def balanced(children):
    findings = Findings("town_plot", "")
    found = lineage.balance(np.array([square(116.2, 40.0)]), children.geometry.to_numpy())
    lineage.report_balance(found, findings)
    return found, findings.frame()


@pytest.mark.parametrize(
    ("children", "code", "lies"),
    [
        (halves("A", "B").iloc[:1], "lineage_left", 116.2015),
        (halves("A", "B", side=0.003), "lineage_outside", 116.2025),
        (pd.concat([halves("A", "B"), halves("C", "D").iloc[:1]]), "lineage_twice", 116.2005),
    ],
)
def test_land_that_does_not_add_up_is_found_with_its_place(children, code, lies):
    _, found = balanced(children)

    row = found.set_index("code").loc[code]
    assert row["lon"] == pytest.approx(lies, abs=0.001)
    assert 40 < row["lat"] < 40.003


@pytest.mark.parametrize(("out_by", "found"), [(0.0009, []), (0.0011, ["lineage_left"])])
def test_land_may_be_out_of_balance_by_the_stated_tolerance_and_no_more(out_by, found):
    children = halves("A", "B")
    shapes = children.geometry.to_numpy()
    west, south, east, north = shapes[1].bounds
    shapes[1] = shapely.box(west, south, east - 0.002 * out_by, north)
    _, seen = balanced(children.set_geometry(shapes, crs=4490))

    assert seen["code"].tolist() == found


@given(cuts=st.lists(st.floats(0.01, 0.99), min_size=1, max_size=6, unique=True))
@settings(max_examples=40)
def test_pieces_of_a_parcel_have_its_land_and_no_other(cuts):
    west, side = 116.2, 0.002
    at = [0.0, *sorted(cuts), 1.0]
    pieces = [
        shapely.box(west + side * a, 40, west + side * b, 40 + side)
        for a, b in itertools.pairwise(at)
    ]
    found = lineage.balance(np.array([square(west, 40)]), np.array(pieces))

    assert found.children_m2 == pytest.approx(found.parents_m2, rel=1e-6)
    assert found.common["area_m2"].sum() == pytest.approx(found.parents_m2, rel=1e-4)
    for shape in (found.left, found.outside, found.twice):
        assert crs.area_m2(shape) <= lineage.tolerance().of(found.parents_m2)


@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 12)), max_size=25).map(
        # An act makes its children after its parents.
        lambda pairs: [(a, b) for a, b in pairs if a < b]
    ),
    st.integers(0, 12),
)
def test_nobody_is_an_ancestor_of_themselves_and_children_point_back(pairs, one):
    links = pd.DataFrame(pairs, columns=["parent", "child"]).astype("int64")
    above, below = lineage.ancestors(links, [one]), lineage.descendants(links, [one])

    assert one not in above | below
    assert not above & below
    assert all(one in lineage.descendants(links, [other]) for other in above)
    assert all(one in lineage.ancestors(links, [other]) for other in below)


def test_every_version_of_a_split_belongs_to_its_change(register):
    register.take("town_plot", plots(1), act())
    made = succession.split(register, "town_plot", "P0000", halves("A", "B"), act=act(LATER))
    number = succession.record(register, made, act(LATER, days=1))

    with register.store.read() as connection:
        written = connection.execute(
            sa.select(version.c.code).where(version.c.recorded_from == number)
        ).scalars()
        assert sorted(written) == ["A", "B", "P0000"]


def settled(child, *, uses=("M",), stages=("listed",), layer=LAYER):
    parents = plots(len(uses), use=list(uses), stage=list(stages) * (len(uses) // len(stages)))
    return assess(parents, plots(1, **{"stage": [None], "use": None} | child), layer)[1]


def pieces(children):
    return balanced(children)[1]["code"].tolist()


def left_out(children):
    findings = Findings("town_plot", "")
    parents = plots(1).geometry.to_numpy()
    found = lineage.balance(parents, children.geometry.to_numpy())
    lineage.report_balance(found, findings, left_out="修路")
    return findings.frame()["code"].tolist()


def surveyed(east):
    findings = Findings("town_plot", "")
    lineage.report_survey(square(116.2, 40), square(116.2 + east, 40), findings)
    return findings.frame()["code"].tolist()


def joined(gap):
    findings = Findings("town_plot", "")
    shapes = [square(116.2, 40.0), square(116.202 + gap, 40.0)]
    parents = plots(2).set_geometry(gpd.GeoSeries(shapes, crs=4490))
    lineage.report_apart(lineage.merged(parents, LAYER, "M"), findings)
    return findings.frame()["code"].tolist()


UNRULED = dataclasses.replace(LAYER, inheritance=None)
FOUND = {
    "lineage_left": (
        lambda: pieces(halves("A", "B", side=0.00199)),
        lambda: pieces(halves("A", "B")),
    ),
    "lineage_left_out": (
        lambda: left_out(halves("A", "B", side=0.00199)),
        lambda: left_out(halves("A", "B")),
    ),
    "lineage_outside": (
        lambda: pieces(halves("A", "B", side=0.00201)),
        lambda: pieces(halves("A", "B")),
    ),
    "lineage_twice": (
        lambda: pieces(pd.concat([halves("A", "B"), halves("C", "D", at=0.01).iloc[:1]])),
        lambda: pieces(halves("A", "B", at=0.01)),
    ),
    "lineage_moved": (lambda: surveyed(0.00101), lambda: surveyed(0.00099)),
    "lineage_apart": (lambda: joined(1e-7), lambda: joined(0)),
    "lineage_stage_asked": (
        lambda: settled({"use": "M"}, layer=UNRULED),
        lambda: settled({"use": "M"}),
    ),
    "lineage_stage_differs": (
        lambda: settled({"stage": ["surveyed"]}),
        lambda: settled({"stage": ["listed"]}),
    ),
    "lineage_value_asked": (
        lambda: settled({}, uses=("M", "R")),
        lambda: settled({}, uses=("M", "M")),
    ),
    "lineage_value_differs": (lambda: settled({"use": "R"}), lambda: settled({"use": "M"})),
}
"""A split, merge or survey with each fault, and one just without."""


@pytest.mark.parametrize("code", FOUND)
def test_a_fault_raises_its_finding_and_what_is_just_without_does_not(code):
    raises, spares = FOUND[code]

    assert code in raises()
    assert code not in spares()
