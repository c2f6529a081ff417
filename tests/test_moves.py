"""Deliveries and acts against the life cycle: order, evidence, gates, first entry, corrections."""

from __future__ import annotations

import datetime as dt
import json

import pandas as pd
import pytest

from layers import catalog
from parcels import lifecycle, moves
from parcels.findings import Findings
from parcels.lifecycle import Evidence
from parcels.model import FOREVER
from parcels.moves import Claim

LAYERS = catalog.load()
PLOT = LAYERS["priority_plot"]
SITE = LAYERS["contaminated_site"]
CENSUS = LAYERS["soil_census_point"]
DAY = dt.date(2024, 6, 1)
REPORT = Evidence("survey_report", "示例〔2024〕1号", DAY, "示例单位", "示例评审单位")
UPLOADED = {"survey_uploaded_on": DAY, "assessment_uploaded_on": DAY, "effect_uploaded_on": DAY}
UNITS = {"works_unit": "甲公司", "effect_assessor": "乙公司"}


def frame(*rows):
    return pd.DataFrame([{"row": n, **row} for n, row in enumerate(rows, 2)])


def held(*rows):
    whole = frame(*rows)
    whole["version"] = range(1, len(whole) + 1)
    for key in ("valid_from", "valid_to"):
        whole[key] = pd.to_datetime(whole[key]).astype("datetime64[s]")
    return whole.reindex(columns=[*{*whole.columns, *moves.HELD}])


def known(stage, *, since="2024-01-01", until=str(FOREVER), code="A", **facts):
    return {"code": code, "stage": stage, "valid_from": since, "valid_to": until, **facts}


def found(layer, delivered, believed, **claim):
    findings = Findings(layer.key, "示例.csv")
    moves.assess(delivered, believed, layer, Claim(**{"on": DAY, **claim}), findings)
    return findings.frame()


def codes(layer, delivered, believed, **claim):
    return sorted(found(layer, delivered, believed, **claim)["code"])


def fitting(stage, to):
    kinds = lifecycle.documents(PLOT, stage, to)
    return Evidence(kinds[0].code, "1号", DAY, "示例单位", "示例评审单位") if kinds else REPORT


PAIRS = [(a.key, b.key) for a in PLOT.stages for b in PLOT.stages if a != b]


@pytest.mark.parametrize(("stage", "to"), PAIRS)
def test_a_delivery_moves_building_land_only_where_the_life_cycle_does(stage, to):
    row = {"code": "A", "stage": to, **UPLOADED, **UNITS}
    allowed = to in PLOT.stage(stage).next
    proof = fitting(stage, to)

    told = codes(PLOT, frame(row), held(known(stage)), evidence=proof)

    assert ("stage_not_allowed" in told) is not allowed
    assert told == [] if allowed else True


def test_custom_alone_is_no_bar():
    row = {"code": "A", "stage": "accepted"}

    assert codes(CENSUS, frame(row), held(known("planned"))) == ["stage_unusual"]


def test_a_move_needs_a_document_and_the_row_can_name_it():
    believed = held(known("preliminary_survey", source_document="旧"))
    row = {"code": "A", "stage": "detailed_survey", **UPLOADED}

    assert codes(PLOT, frame(row), believed) == ["evidence_missing"]
    assert codes(PLOT, frame({**row, "source_document": "旧"}), believed) == ["evidence_missing"]
    assert codes(PLOT, frame({**row, "source_document": "新"}), believed) == []
    assert codes(PLOT, frame(row), believed, evidence=REPORT) == []


def test_what_the_document_does_not_say_is_told_one_by_one():
    believed = held(known("preliminary_survey"))
    row = {"code": "A", "stage": "detailed_survey", **UPLOADED}

    assert codes(PLOT, frame(row), believed, evidence=Evidence("aftercare_plan", "1号")) == [
        "evidence_kind_not_fitting",
        "evidence_undated",
        "evidence_without_issuer",
        "evidence_without_reviewer",
    ]


@pytest.mark.parametrize("on", ["2024-01-01", "2023-06-01"])
def test_a_move_is_later_than_the_stage_it_leaves(on):
    row = {"code": "A", "stage": "detailed_survey", **UPLOADED}
    day = dt.date.fromisoformat(on)

    told = found(PLOT, frame(row), held(known("preliminary_survey")), on=day, evidence=REPORT)

    assert "move_too_early" in set(told["code"])
    assert '"since": "2024-01-01"' in told.loc[told["code"] == "move_too_early", "details"].item()


def test_a_move_before_one_that_is_known_is_refused():
    believed = held(
        known("priority", until="2024-07-01"), known("preliminary_survey", since="2024-07-01")
    )
    row = {"code": "A", "stage": "preliminary_survey"}

    assert codes(
        PLOT, frame(row), believed, evidence=fitting("priority", "preliminary_survey")
    ) == ["move_too_early"]


def test_another_change_on_the_day_of_the_move_does_not_bar_it():
    believed = held(
        known("preliminary_survey", until=str(DAY)), known("preliminary_survey", since=str(DAY))
    )
    row = {"code": "A", "stage": "detailed_survey", **UPLOADED}

    assert codes(PLOT, frame(row), believed, evidence=REPORT) == []


def test_a_new_parcel_enters_at_any_stage_and_a_contradiction_only_warns():
    rows = [{"code": s.key, "stage": s.key, "planned_use_class": "public"} for s in SITE.stages]

    told = found(SITE, frame(*rows), held(known("listed", code="another")))

    assert set(told["code"]) == {"gate_not_met_on_entry"}
    assert set(told["severity"]) == {"warning"}
    assert set(told["number"]) == {"listed", "risk_control", "remediation", "effect_assessment"}


def test_a_listed_site_may_not_become_land_for_homes():
    believed = held(known("listed", planned_use_class="other"))
    told = found(SITE, frame({"code": "A", "planned_use_class": "residential"}), believed)

    assert told["code"].tolist() == ["gate_not_met"]
    assert "土壤污染防治法第61条" in told["details"].item()


def test_the_article_is_that_of_the_day_of_the_act_on_both_sides_of_the_change_of_law():
    believed = held(known("listed"))
    row = frame({"code": "A", "planned_use_class": "public"})

    cited = [
        json.loads(found(SITE, row, believed, on=on)["details"].item())["basis_zh"]
        for on in (dt.date(2026, 8, 14), dt.date(2026, 8, 15))
    ]

    assert cited == ["土壤污染防治法第61条", "生态环境法典第456条"]


def test_a_breach_that_stood_before_is_not_blamed_on_the_next_move():
    believed = held(known("listed", planned_use_class="public"))
    plan = Evidence("remediation_plan", "1号", DAY, "示例单位")

    assert codes(SITE, frame({"code": "A", "stage": "remediation"}), believed, evidence=plan) == []


def test_a_correction_is_no_move_but_what_is_wrong_is_said():
    believed = held(known("delisted"))
    row = frame({"code": "A", "stage": "listed", "planned_use_class": "public"})

    assert codes(SITE, row, believed, corrects=True) == ["gate_not_met_on_entry"]


def test_a_blank_stage_keeps_the_one_in_force():
    believed = held(known("listed"))

    assert codes(SITE, frame({"code": "A", "stage": None, "name": "新名"}), believed) == []


def test_a_parcel_without_a_stage_may_enter_anywhere_later():
    believed = held(known(None))

    assert codes(SITE, frame({"code": "A", "stage": "aftercare"}), believed) == []


def test_only_the_rows_concerned_are_told():
    believed = held(*[known("listed", code=f"P{i}") for i in range(50)])
    rows = [{"code": f"P{i}", "stage": "listed"} for i in range(49)]

    told = found(SITE, frame(*rows, {"code": "P49", "stage": "closed"}), believed)

    assert told["number"].unique().tolist() == ["P49"]
    assert told["row"].unique().tolist() == [51]


def test_a_stage_cannot_be_taken_away_to_enter_again_anywhere():
    row = {"code": "A", "stage": None, "erased": "name;stage"}

    assert codes(SITE, frame(row), held(known("listed"))) == ["stage_erased"]
    assert codes(SITE, frame(row), held(known("listed")), corrects=True) == []


def test_a_fact_that_a_gate_asks_for_cannot_be_taken_away():
    believed = held(known("effect_assessment", **UNITS))
    row = {"code": "A", "effect_assessor": None, "erased": "effect_assessor"}

    assert codes(SITE, frame(row), believed) == ["gate_not_met"]
    assert codes(SITE, frame({**row, "erased": "remarks"}), believed) == []
