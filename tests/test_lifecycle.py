"""The life cycle: every move of building land, what it rests on, and the gates on both sides."""

from __future__ import annotations

import datetime as dt

import pandas as pd
import pytest

from layers import catalog
from parcels import legal_basis, lifecycle
from parcels.errors import UnknownRuleError
from parcels.lifecycle import Evidence

LAYERS = catalog.load()
PLOT = LAYERS["priority_plot"]
SITE = LAYERS["contaminated_site"]
LAND = LAYERS["key_construction_land"]
SOIL = LAYERS["transported_soil"]
UNIT = LAYERS["supervised_unit"]
OLD = dt.date(2026, 8, 14)
NEW = dt.date(2026, 8, 15)

# The states of building land by the number they have in the procedure, and the moves between them.
NUMBERED = {
    "0": "screening_ledger",
    "1": "priority",
    "2": "preliminary_survey",
    "3": "detailed_survey",
    "4": "risk_assessment",
    "5": "listed",
    "6a": "risk_control",
    "6b": "remediation",
    "7": "effect_assessment",
    "8": "delisted",
    "9": "aftercare",
    "X": "closed",
}
ALLOWED = {
    "0": "1 2",
    "1": "2",
    "2": "3 X",
    "3": "4 X",
    "4": "5 X",
    "5": "6a 6b",
    "6a": "6b 7",
    "6b": "6a 7",
    "7": "6a 6b 8",
    "8": "9 X",
    "9": "X",
    "X": "",
}
PAIRS = [(one, other) for one in NUMBERED for other in NUMBERED if one != other]


@pytest.mark.parametrize(("one", "other"), PAIRS, ids=str)
def test_building_land_moves_as_the_procedure_says_and_in_no_other_way(one, other):
    stage, to = NUMBERED[one], NUMBERED[other]

    assert lifecycle.may_follow(PLOT, stage, to) is (other in ALLOWED[one].split())


@pytest.mark.parametrize("to", NUMBERED.values())
def test_a_parcel_without_a_stage_may_enter_at_any(to):
    assert lifecycle.may_follow(PLOT, None, to)


@pytest.mark.parametrize("layer", LAYERS.values(), ids=list(LAYERS))
def test_every_layer_says_which_stage_may_follow_which(layer):
    assert lifecycle.is_declared(layer)


@pytest.mark.parametrize(
    ("stage", "to", "kind", "lost"),
    [
        ("preliminary_survey", "detailed_survey", "survey_report", ()),
        ("preliminary_survey", "closed", "review_opinion", ()),
        ("preliminary_survey", "closed", "remediation_plan", ("kind",)),
        ("risk_assessment", "listed", "list_entry", ()),
        ("risk_assessment", "listed", "survey_report", ("kind",)),
        ("listed", "remediation", "remediation_plan", ()),
        ("remediation", "effect_assessment", "completion_report", ()),
        ("effect_assessment", "delisted", "effect_assessment_report", ()),
        ("delisted", "aftercare", "aftercare_plan", ()),
    ],
)
def test_a_move_rests_on_what_ends_one_stage_or_opens_the_next(stage, to, kind, lost):
    evidence = Evidence(kind, "1号", OLD, "示例单位", "示例评审单位")

    assert lifecycle.lacks(PLOT, stage, to, evidence) == lost


@pytest.mark.parametrize(
    ("stage", "to", "kind", "reviewed"),
    [
        ("preliminary_survey", "closed", "survey_report", True),
        ("detailed_survey", "risk_assessment", "detailed_survey_report", True),
        ("risk_assessment", "listed", "risk_assessment_report", True),
        ("listed", "remediation", "remediation_plan", False),
        ("effect_assessment", "remediation", "effect_assessment_report", False),
        ("effect_assessment", "delisted", "removal_entry", True),
    ],
)
def test_surveys_assessments_and_removals_name_who_reviewed_them(stage, to, kind, reviewed):
    evidence = Evidence(kind, "1号", OLD, "示例单位")

    assert lifecycle.lacks(PLOT, stage, to, evidence) == (("reviewed_by",) if reviewed else ())


def test_evidence_says_its_day_and_its_issuing_body():
    assert lifecycle.lacks(PLOT, "listed", "remediation", Evidence("remediation_plan", "1号")) == (
        "dated_on",
        "issued_by",
    )


# Articles

PAIRS_OF_ARTICLES = [
    ("transport", "41", "436"),
    ("aftercare", "42", "437"),
    ("list", "58", "453"),
    ("survey", "59", "454"),
    ("risk_assessment", "60", "455"),
    ("listed_use", "61", "456"),
    ("risk_control", "62", "457"),
    ("remediation", "64", "459"),
    ("effect_assessment", "65", "460"),
    ("construction", "66", "461"),
    ("key_unit_land", "67", "462"),
    ("platform", "82", "406"),
    ("key_units", "21", "414"),
]


@pytest.mark.parametrize(("subject", "old", "new"), PAIRS_OF_ARTICLES)
def test_the_article_is_that_in_force_on_the_day_of_the_act(subject, old, new):
    on = legal_basis.subjects()[subject].on

    assert on(dt.date(2018, 12, 31)) is None
    assert on(dt.date(2019, 1, 1)).cited.zh == f"土壤污染防治法第{old}条"
    assert on(OLD).cited.zh == f"土壤污染防治法第{old}条"
    assert on(NEW).cited.zh == f"生态环境法典第{new}条"
    assert on(NEW).cited.en == f"Ecological and Environmental Code, art. {new}"


def test_no_subject_is_without_an_article_on_either_side():
    assert {key for key, _, _ in PAIRS_OF_ARTICLES} == set(legal_basis.subjects())


# Gates

FILED = {
    "filed_at_origin_on": OLD,
    "filed_at_destination_on": OLD,
    "planned_transport_time": "8月",
    "transport_mode": "公路",
    "route": "示例路",
    "volume_m3": 100.0,
    "destination": "示例场",
    "final_disposal": "水泥窑协同处置",
}


def stopped(layer, stage, on, **facts):
    """Keys of the gates that stop a parcel."""
    parcels = pd.DataFrame([{"stage": stage, **facts}])
    gates = [gate for gate in layer.gates if not gate.leaving]
    return {g.key for g in gates if lifecycle.breaches(g, layer, parcels, on=on).any()}


def held_back(layer, stage, on, **facts):
    """Keys of the gates that do not let a parcel out of a stage."""
    parcels = pd.DataFrame([{"stage": stage, **facts}])
    gates = [gate for gate in layer.gates if gate.leaving]
    return {g.key for g in gates if lifecycle.breaches(g, layer, parcels, on=on).any()}


@pytest.mark.parametrize("stage", NUMBERED.values())
@pytest.mark.parametrize("layer", [PLOT, SITE], ids=["plot", "site"])
@pytest.mark.parametrize(
    ("use", "forbidden"),
    [("residential", True), ("public", True), ("other", False), (None, False)],
)
def test_a_site_in_the_list_is_not_planned_for_homes_or_public_services(
    layer, stage, use, forbidden
):
    listed = stage in {"listed", "risk_control", "remediation", "effect_assessment"}
    units = {"works_unit": "甲", "effect_assessor": "乙"}

    found = stopped(layer, stage, OLD, planned_use_class=use, **units)

    assert found == ({"listed_not_for_homes"} if listed and forbidden else set())


@pytest.mark.parametrize("on", [OLD, NEW])
def test_nothing_is_built_in_the_list_before_the_target_is_reached(on):
    assert stopped(SITE, "remediation", on, construction_started_on=on) == {
        "no_building_before_target"
    }
    assert stopped(SITE, "remediation", on, construction_started_on=on + dt.timedelta(1)) == set()
    assert stopped(SITE, "delisted", on, construction_started_on=on) == set()


@pytest.mark.parametrize("stage", ["preliminary_survey", "detailed_survey", "risk_assessment"])
@pytest.mark.parametrize(("began", "forbidden"), [(OLD, False), (NEW, True)])
def test_the_code_extends_the_ban_to_land_not_surveyed_and_judges_by_the_day_work_began(
    stage, began, forbidden
):
    found = stopped(PLOT, stage, dt.date(2027, 1, 1), construction_started_on=began)

    assert found == ({"no_building_before_survey"} if forbidden else set())


@pytest.mark.parametrize(
    ("surveyed", "changed", "forbidden"),
    [
        (None, OLD, True),
        (NEW, OLD, True),
        (OLD, OLD, False),
        (OLD, NEW, False),
        (None, None, False),
    ],
)
def test_the_survey_comes_before_the_change_to_homes_or_public_services(
    surveyed, changed, forbidden
):
    facts = {"surveyed_on": surveyed, "change_approved_on": changed}
    on = dt.date(2027, 1, 1)

    assert stopped(LAND, "surveyed", on, **facts) == (
        {"survey_before_change_of_use"} if forbidden else set()
    )
    assert stopped(LAND, "unlawful", on, **facts) == set()
    mended = {"punished_on": NEW, "rectified_on": NEW}
    assert stopped(LAND, "surveyed", on, **facts, **mended) == set()


@pytest.mark.parametrize(
    ("works", "assessor", "passes"),
    [
        ("甲公司", "乙公司", True),
        ("甲公司", "甲公司", False),
        ("甲（北京）公司", " 甲(北京) 公司 ", False),
        ("甲公司", None, False),
        (None, "乙公司", False),
    ],
)
def test_the_effect_is_assessed_by_another_unit(works, assessor, passes):
    found = stopped(SITE, "effect_assessment", OLD, works_unit=works, effect_assessor=assessor)

    assert found == (set() if passes else {"assessor_is_another_unit"})


@pytest.mark.parametrize("lost", ["filed_at_origin_on", "filed_at_destination_on"])
def test_soil_is_filed_at_both_ends_before_it_moves(lost):
    complete = {**FILED, "transported_on": NEW}

    assert stopped(SOIL, "in_transit", NEW, **complete) == set()
    assert len(stopped(SOIL, "in_transit", NEW, **{**complete, lost: None})) == 2
    later = {**complete, lost: NEW + dt.timedelta(1)}
    assert len(stopped(SOIL, "in_transit", NEW + dt.timedelta(2), **later)) == 1


@pytest.mark.parametrize(
    "lost", ["planned_transport_time", "transport_mode", "route", "volume_m3", "destination",
             "final_disposal"]
)  # fmt: skip
def test_a_transport_plan_says_all_the_law_asks(lost):
    assert stopped(SOIL, "filed", OLD, **{**FILED, lost: None}) == {"transport_plan_complete"}


@pytest.mark.parametrize("stage", [stage.key for stage in UNIT.stages])
def test_a_key_units_land_is_surveyed_and_reported_before_it_changes(stage):
    sent = {"land_changed_on": OLD, "surveyed_on": OLD, "sent_to_registry_on": OLD}

    assert stopped(UNIT, stage, NEW, **sent) == set()
    assert stopped(UNIT, stage, NEW, **{**sent, "surveyed_on": NEW}) == {
        "key_unit_survey_before_change"
    }
    assert stopped(UNIT, stage, NEW, **{**sent, "sent_to_registry_on": None}) == {
        "key_unit_report_to_registry"
    }
    assert stopped(UNIT, stage, NEW) == set()


@pytest.mark.parametrize(
    ("layer", "stage", "field", "gate"),
    [
        (PLOT, "preliminary_survey", "survey_uploaded_on", "survey_report_uploaded"),
        (PLOT, "detailed_survey", "survey_uploaded_on", "survey_report_uploaded"),
        (LAND, "surveyed", "survey_uploaded_on", "survey_report_uploaded"),
        (PLOT, "risk_assessment", "assessment_uploaded_on", "assessment_report_uploaded"),
        (SITE, "effect_assessment", "effect_uploaded_on", "effect_report_uploaded"),
    ],
)
def test_a_report_is_uploaded_before_its_stage_ends(layer, stage, field, gate):
    assert held_back(layer, stage, OLD) == {gate}
    assert held_back(layer, stage, OLD, **{field: NEW}) == {gate}
    assert held_back(layer, stage, OLD, **{field: OLD}) == set()


@pytest.mark.parametrize(
    ("layer", "stage", "facts", "gate"),
    [
        (SITE, "listed", {"planned_use_class": "public"}, "listed_not_for_homes"),
        (SITE, "listed", {"construction_started_on": dt.date(2018, 12, 31)}, None),
        (LAND, "surveyed", {"change_approved_on": dt.date(2018, 12, 31)}, None),
    ],
)
def test_an_act_before_any_law_stood_behind_a_gate_passes_it(layer, stage, facts, gate):
    assert stopped(layer, stage, OLD, **facts) == ({gate} if gate else set())
    assert stopped(layer, stage, dt.date(2018, 12, 31), **facts) == set()


def test_what_is_uncertain_is_off_until_it_is_switched_on():
    built = {"construction_started_on": NEW}
    on = catalog.load(enable=["no_building_on_priority_plot", "survey_after_notice"])
    plot = on["priority_plot"]

    assert stopped(PLOT, "priority", NEW, **built) == set()
    assert stopped(plot, "priority", NEW, **built) == {"no_building_on_priority_plot"}
    assert [m.key for m in PLOT.milestones if m.question] == ["survey_after_notice"]
    assert [m.key for m in plot.milestones if m.question] == []


def test_only_what_is_there_can_be_switched_on():
    with pytest.raises(UnknownRuleError) as refusal:
        catalog.load(enable=["no_such_gate"])

    assert "no_building_on_priority_plot" in refusal.value.fields["known"]


def test_every_gate_and_milestone_is_named_by_a_layer_and_says_its_question_in_both_languages():
    held = {g.key for layer in LAYERS.values() for g in (*layer.gates, *layer.milestones)}
    asked = [
        rule.question
        for layer in LAYERS.values()
        for rule in (*layer.gates, *layer.milestones)
        if rule.question
    ]

    assert len(held) >= 20
    assert all(question.zh and question.en for question in asked)


def test_a_gate_asks_nothing_of_what_is_not_known_when_only_contradictions_count():
    parcels = pd.DataFrame({"stage": ["effect_assessment"] * 2, "works_unit": ["甲", "甲"],
                            "effect_assessor": [None, "甲"]})  # fmt: skip
    (gate,) = [g for g in SITE.gates if g.key == "assessor_is_another_unit"]

    found = lifecycle.breaches(gate, SITE, parcels, on=OLD, contradictions=True)

    assert found.tolist() == [False, True]


@pytest.mark.parametrize("layer", LAYERS.values(), ids=list(LAYERS))
def test_gates_and_milestones_look_at_stages_their_layer_has(layer):
    stages = {stage.key for stage in layer.stages}

    assert all(stages & set(gate.stages) for gate in layer.gates)
    assert all(stages & set(m.stages) for m in layer.milestones if m.stages)
