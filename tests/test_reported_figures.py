"""What units report as figures: exact, of its period and unit alone, and shown with the plan."""

from __future__ import annotations

import datetime as dt
import json
from fractions import Fraction
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers import catalog, indicator_files, indicators, periods, report_book, reported
from layers.coverage import TOTAL
from layers.figures import State, Verdict
from maps import cli
from maps.answers import Exit
from parcels.model import Moment
from parcels.register import Register

CATALOG = catalog.load()
DECLARED = indicator_files.load(CATALOG)
STRAW = DECLARED["straw_use_rate"]
Q2 = periods.read("2024Q2")
COLUMNS = [
    *("report", "subject", "unit", "period", "true_on", "amount", "amount_unit", "sha256"),
    *("number", "made_by"),
]


def reports(*rows):
    """Reports of straw: unit, period and amount."""
    return pd.DataFrame(
        [
            (
                i,
                STRAW.key,
                unit,
                period,
                periods.read(period).last,
                amount,
                "share",
                None,
                "7",
                "甲",
            )
            for i, (unit, period, amount) in enumerate(rows, 1)
        ],
        columns=COLUMNS,
        dtype=object,
    )


def empty(place, *, by="unit", period=Q2, indicator=STRAW):
    return indicators.without(
        indicator, period, by, place, state=State.NO_DATA, reason=indicators.NOT_REPORTED
    )


@given(st.decimals(min_value=0, max_value=1, places=6, allow_nan=False))
def test_a_reported_figure_is_exactly_what_was_reported(amount):
    (figure,) = reported.filled([empty("110115")], reports(("110115", "2024Q2", f"{amount:f}")))

    assert figure.state is State.REPORTED
    assert figure.value == Fraction(amount)
    assert (figure.report, figure.evidence, figure.person, figure.reason) == (1, "7", "甲", None)
    meets = indicators.verdict(STRAW, figure) is Verdict.MET
    assert meets == (Fraction(amount) >= Fraction(985, 1000))


@pytest.mark.parametrize(
    "figure",
    [
        empty("110116"),
        empty("110115", by="district"),
        empty("110115", period=periods.read("2024")),
        empty("110115", indicator=DECLARED["manure_use_rate"]),
        empty("110115", indicator=DECLARED["priority_survey_rate"]),
        empty(TOTAL),
    ],
    ids=lambda one: str(one.key),
)
def test_a_report_is_of_its_unit_period_and_indicator_alone(figure):
    assert reported.filled([figure], reports(("110115", "2024Q2", "0.99"))) == [figure]


def test_the_city_has_what_the_municipal_bodies_reported_and_nothing_is_added_up():
    found = reported.filled(
        [empty("110115"), empty(TOTAL)],
        reports(("110115", "2024Q2", "0.99"), (TOTAL, "2024Q2", "1")),
    )

    assert [one.value for one in found] == [Fraction(99, 100), Fraction(1)]


def test_the_last_that_a_unit_reported_is_shown_with_its_own_period():
    told = reports(("110115", "2024Q1", "0.97"), ("110115", "2024Q2", "0.99"))
    first, second = reported.latest(
        [STRAW, DECLARED["priority_survey_rate"]], ["110115", "110116"], told, period=Q2
    )

    assert (first.period, first.value) == ("2024Q2", Fraction(99, 100))
    assert (second.state, second.reason) == (State.NO_DATA, indicators.NOT_REPORTED)


def run(*words):
    return cli.run(["--store", "r.gpkg", "--lang", "zh", *words])


def asked(capsys, *words):
    capsys.readouterr()
    assert run(*words, "--format", "json") == Exit.DONE
    return json.loads(capsys.readouterr().out)


def say(value, period="2024Q2"):
    said = ["--unit", "大兴", "--period", period, "--value", value]
    proof = ["--evidence", "统计报表", "--number", "7"]
    assert run("plan", "report", "straw_use_rate", *said, *proof) == Exit.DONE


@pytest.fixture(autouse=True)
def _desk(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("地块.csv").write_text(
        "编码,名称,环节,区,列入年度\nA,甲,优先监管,海淀区,2023\nB,乙,优先监管,海淀区,2023\n",
        "utf-8",
    )
    done = run("import", "地块.csv", "--layer", "priority_plot", "--on", "2024-01-01")
    assert done == Exit.DONE


def test_a_reported_value_is_a_figure_of_the_indicators_command(capsys):
    say("98.7%")
    found = asked(capsys, "indicators", "-i", "straw_use_rate", "--trend", "2024Q1..2024Q2")[
        "rows"
    ]

    ours = [row for row in found if row["place"] == "110115"]
    assert [(row["period"], row["state"], row["value"]) for row in ours] == [
        ("2024Q1", "no_data", None),
        ("2024Q2", "reported", 0.987),
    ]
    assert [row["verdict"] for row in ours] == ["no_data", "met"]


def test_a_correction_moves_the_figure_and_what_was_known_before_stays():
    say("98.7%")
    with Register("r.gpkg", list(CATALOG.values())) as register:
        before = int(register.changes()["change"].max())
    say("98.4%")

    with Register("r.gpkg", list(CATALOG.values())) as register:
        values = [
            report_book.with_reports(register, [empty("110115")], moment)[0].value
            for moment in (
                Moment(dt.date(2024, 12, 31), change=before),
                Moment(dt.date(2024, 12, 31)),
                Moment(dt.date(2024, 6, 29)),
            )
        ]
    assert values == [Fraction(987, 1000), Fraction(984, 1000), None]


def test_a_measure_is_shown_with_its_indicators_for_every_unit(capsys):
    say("98.7%", "2024Q1")

    straw = asked(capsys, "plan", "show", "11.3", "--today", "2024-09-01")["meta"]["figures"]
    plots = asked(capsys, "plan", "show", "2.1", "--today", "2024-09-01")["meta"]["figures"]
    progress = asked(capsys, "plan", "show", "6.2")["meta"]["figures"]
    (ours,) = [f for f in straw if f["place"] == "110115" and f["indicator"] == "straw_use_rate"]
    haidian = {f["indicator"]: f for f in plots if f["place"] == "110108"}
    assert (ours["period"], ours["value"], ours["verdict"]) == ("2024Q1", 0.987, "met")
    assert {f["place"] for f in straw} == {f["place"] for f in plots}
    assert len({f["place"] for f in straw}) == 18
    assert haidian["priority_survey_rate"]["state"] == "computed"
    assert haidian["priority_survey_rate"]["value"] == 0
    assert progress == []


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_screen_has_units_beside_their_indicators(capsys, lang):
    say("98.7%", "2024Q1")
    capsys.readouterr()
    done = cli.run(["--store", "r.gpkg", "--lang", lang, "plan", "show", "11.3"])

    said = capsys.readouterr().out
    assert done == Exit.DONE
    assert "98.70%" in said
    assert "2024Q1" in said
    assert DECLARED["manure_use_rate"].label.in_(lang) in said
