"""What units report on the plan: progress and values, with documents, corrected and taken back."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from fractions import Fraction

import openpyxl
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from town import DAY, act

from layers import catalog, indicator_files, plan, progress, report_book, report_form
from layers.coverage import TOTAL
from layers.figures import Basis, exactly
from maps import cli
from maps.answers import Exit
from parcels import districts
from parcels.errors import UnknownReportError
from parcels.model import Moment, SourceFile
from parcels.register import Register

CATALOG = catalog.load()
LAYERS = list(CATALOG.values())
INDICATORS = indicator_files.load(CATALOG)
PLAN = plan.load()
TERRITORY = districts.bundled()
HEAD = "工作措施或指标,责任单位,进展,截至日期,数值,数值单位,期间,文件种类,文号,附件,时限事项\n"
YEAR_END = dt.date(2024, 12, 31)
PAPER = SourceFile("总结.pdf", "a" * 64, 3)


def run(store, *words, lang="zh"):
    return cli.run(["--store", store, "--lang", lang, *map(str, words)])


def asked(capsys, store, *words):
    capsys.readouterr()
    assert run(store, *words, "--format", "json") == Exit.DONE
    return json.loads(capsys.readouterr().out)["rows"]


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """An embedded register with nothing in it, in the folder where one works."""
    monkeypatch.chdir(tmp_path)
    store = str(tmp_path / "r.gpkg")
    with Register(store, LAYERS):
        pass
    return store


def told(**said):
    """One report, as `report_book.take` takes it."""
    row = dict.fromkeys((*report_book.SAID, "row", "source"))
    return pd.DataFrame([row | said], dtype=object)


def progress_of(state, on=DAY, *, unit="110108", **more):
    return told(
        subject="6.2", year=2024, deadline=plan.WHOLE, unit=unit, true_on=on, state=state, **more
    )


def value_of(written, amount, *, period="2024Q2", on=dt.date(2024, 6, 30)):
    return told(
        subject="straw_use_rate",
        unit="110115",
        period=period,
        true_on=on,
        written=written,
        amount=amount,
        amount_unit="share",
    )


# -- keeping ----------------------------------------------------------------------------------


def test_a_correction_closes_the_former_report_and_both_can_be_read(store_url):
    with Register(store_url, LAYERS) as register:
        first = report_book.take(register, value_of("98.7%", "0.987"), act())
        same = report_book.take(register, value_of("98.7%", "0.987"), act(days=1))
        second = report_book.take(register, value_of("97.8%", "0.978"), act(days=2))
        other = report_book.take(
            register, value_of("99%", "0.99", period="2024", on=YEAR_END), act(days=3)
        )
        now = report_book.reported(register, Moment(YEAR_END), values=True)
        then = report_book.reported(register, Moment(YEAR_END, change=first.change))
        early = report_book.reported(register, Moment(dt.date(2024, 6, 29)))
        whole = report_book.history(register)
        sealed = register.store.verify()

    assert (first.created, same.change, same.unchanged) == (1, None, 1)
    assert (second.created, second.replaced, other.created) == (0, 1, 1)
    assert now["amount"].tolist() == ["0.978", "0.99"]
    assert exactly(now["amount"].iloc[0]) == Fraction(978, 1000)
    assert then["written"].tolist() == ["98.7%"]
    assert early.empty
    assert whole["until_change"].tolist()[0] == second.change
    assert whole["until_change"].isna().tolist() == [False, True, True]
    assert sealed.misfits == {}


def test_progress_of_another_day_is_another_report_and_the_document_is_kept_with_it(store_url):
    with Register(store_url, LAYERS) as register:
        going = report_book.take(register, progress_of("going", dt.date(2024, 3, 1)), act())
        done = report_book.take(
            register,
            progress_of("done", kind="progress_report", number="5", source=PAPER, row=7),
            act(days=1),
        )
        now = report_book.reported(register, Moment(DAY), values=False)
        before = report_book.reported(register, Moment(dt.date(2024, 4, 1)))

    assert (going.created, done.created, done.replaced) == (1, 1, 0)
    assert now["state"].tolist() == ["going", "done"]
    assert now.iloc[1][["file", "sha256", "size_bytes", "row"]].tolist() == [
        "总结.pdf",
        "a" * 64,
        3,
        7,
    ]
    assert before["state"].tolist() == ["going"]


def test_a_report_taken_back_does_not_count_and_stays_in_the_history(store_url):
    with Register(store_url, LAYERS) as register:
        report_book.take(register, progress_of("done"), act())
        change = report_book.withdraw(register, 1, act(days=1))
        now = report_book.reported(register, Moment(DAY))
        whole = report_book.history(register)
        again = report_book.take(register, progress_of("done"), act(days=2))
        with pytest.raises(UnknownReportError):
            report_book.withdraw(register, 1, act(days=3))

    assert now.empty
    assert whole["until_change"].tolist() == [change]
    assert again.created == 1


def test_the_very_same_list_is_taken_in_once_unless_a_report_of_it_was_taken_back(store_url):
    with Register(store_url, LAYERS) as register:
        first = report_book.take(register, progress_of("done", row=2), act(sha="a"))
        again = report_book.take(register, progress_of("going", row=2), act(sha="a", days=1))
        report_book.withdraw(register, 1, act(days=2))
        third = report_book.take(register, progress_of("done", row=2), act(sha="a", days=3))

    assert (again.change, again.known_as) == (None, first.change)
    assert third.created == 1


# -- where units stand ------------------------------------------------------------------------


def standing(reports, today, *, measure="5.2"):
    concern = progress.concerns(PLAN, _bodies(), TERRITORY)
    rows = progress.standing(PLAN, concern, reports, today=today)
    return rows[rows["measure"] == measure].set_index("unit")["state"]


def _bodies():
    from layers import plan_words  # noqa: PLC0415 - only here

    return {
        (one.id, role): plan_words.bodies(one.raw(role))
        for one in PLAN.measures
        for role in plan.ROLES
    }


def reported(*rows, measure="5.2"):
    return pd.DataFrame(
        [(i, measure, plan.WHOLE, "110108", on, state) for i, (on, state) in enumerate(rows, 1)],
        columns=["report", "subject", "deadline", "unit", "true_on", "state"],
    )


JUNE_30 = dt.date(2024, 6, 30)
JULY_1 = dt.date(2024, 7, 1)


@pytest.mark.parametrize(
    ("reports", "today", "state"),
    [
        ([], JUNE_30, "no_report"),
        ([], JULY_1, "no_report"),
        ([(DAY, "going")], JUNE_30, "going"),
        ([(DAY, "going")], JULY_1, "late"),
        ([(DAY, "not_started")], JUNE_30, "not_started"),
        ([(DAY, "not_started")], JULY_1, "late"),
        ([(DAY, "done")], JULY_1, "done"),
        ([(JULY_1, "done")], JULY_1, "done"),
        ([(DAY, "done"), (JUNE_30, "going")], JULY_1, "late"),
        ([(JUNE_30, "going"), (DAY, "done")], JULY_1, "late"),
    ],
)
def test_late_is_what_was_reported_as_not_done_after_the_last_day(reports, today, state):
    assert standing(reported(*reports), today)["110108"] == state


def test_a_unit_that_the_measure_is_not_of_is_not_concerned_and_its_report_still_counts():
    none = standing(reported(), JUNE_30, measure="16.1")
    said = standing(reported((DAY, "done"), measure="16.1"), JUNE_30, measure="16.1")

    assert (none["110108"], none["110112"], none[TOTAL]) == (
        *("not_concerned", "no_report", "no_report"),
    )
    assert said["110108"] == "done"


def test_all_units_of_a_measure_are_counted_once():
    concern = progress.concerns(PLAN, _bodies(), TERRITORY)
    rows = progress.standing(PLAN, concern, reported((DAY, "going")), today=JULY_1)
    counted = progress.counted(rows).set_index(["measure", "deadline"])

    ours = counted.loc["5.2", plan.WHOLE]
    assert (ours["concerned"], ours["late"], ours["no_report"]) == (17, 1, 16)
    sums = counted[list(progress.STATES[:-1])].sum(axis=1)
    told_of = (rows["state"] != progress.NOT_CONCERNED).groupby(
        [rows["measure"], rows["deadline"]], sort=False
    )
    assert sums.tolist() == told_of.sum().tolist()


# -- periods and values -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "period"),
    [
        ("2024Q2", "2024Q2"),
        ("2024q2", "2024Q2"),
        ("2024年第二季度", "2024Q2"),
        ("2024年2季度", "2024Q2"),
        ("2024年", "2024"),
        ("2024年度", "2024"),
        ("2024-06-30", "2024-06-30"),
        ("二季度", None),
        ("2024Q5", None),
        ("2024年第五季度", None),
        ("2024-06-31", None),
    ],
)
def test_a_period_is_a_quarter_a_year_or_a_day(written, period):
    found = report_form.period(written)

    assert (None if found is None else str(found)) == period


@pytest.mark.parametrize(
    ("written", "beside", "declared", "amount"),
    [
        ("43.1%", "", "share", "0.431"),
        ("43.1 ％", "", "share", "0.431"),
        ("43.1", "%", "share", "0.431"),
        ("0.431", "比例", "share", "0.431"),
        ("100%", "", "share", "1"),
        ("12", "", "count", "12"),
        ("1,200家", "", "count", "1200"),
        ("1.5万", "", "count", "15000"),
        ("88.5分", "", "score", "88.5"),
        ("3.58万亩", "", "mu", "35800"),
        ("2公顷", "", "mu", "30"),
    ],
)
def test_a_value_is_kept_exact_in_the_unit_of_its_indicator(written, beside, declared, amount):
    found = report_form.amount(written, beside, declared)

    assert isinstance(found, Decimal)
    assert report_form.plain_digits(found) == amount


@pytest.mark.parametrize(
    ("written", "beside", "declared", "code"),
    [
        ("0.98", "", "share", "unit_of_value_needed"),
        ("1", "", "share", "unit_of_value_needed"),
        ("很高", "", "share", "value_not_understood"),
        ("1e5", "", "count", "value_not_understood"),
        ("12亩", "", "count", "value_not_understood"),
        ("12%", "", "mu", "value_not_understood"),
        ("1亩", "", "m2", "value_not_understood"),
        ("9" * 40, "", "count", "value_not_understood"),
        ("", "", "count", "value_not_understood"),
    ],
)
def test_a_value_that_may_mean_two_things_or_none_is_not_taken(written, beside, declared, code):
    assert report_form.amount(written, beside, declared) == code


@given(st.decimals(min_value=0, max_value=100, places=4, allow_nan=False))
def test_a_percentage_is_a_hundredth_whatever_its_digits(number):
    found = report_form.amount(f"{number:f}%", "", "share")

    assert isinstance(found, Decimal)
    assert Fraction(found) == Fraction(number) / 100
    assert exactly(report_form.plain_digits(found)) == Fraction(number) / 100


def test_every_reported_indicator_of_the_plan_is_declared_as_one_with_the_plans_target():
    for target in PLAN.targets:
        if target.indicator is None or target.operator is None or target.unit == "count":
            continue
        asked_ = INDICATORS[target.indicator].asked
        found = {(one.target.operator, one.target.value) for one in asked_}

        assert (target.operator, target.value) in found, target.indicator


def test_every_indicator_of_the_plan_is_declared():
    assert set(PLAN.indicators) <= set(INDICATORS)


# -- typed ------------------------------------------------------------------------------------


def test_a_report_is_typed_with_its_document_and_seen_in_the_plan(desk, tmp_path, capsys):
    (tmp_path / "总结.pdf").write_bytes(b"abc")

    done = run(
        desk,
        *("plan", "report", "6.2", "--unit", "海淀", "--state", "已完成", "--on", "2024-06-20"),
        *("--evidence", "工作总结", "--number", "海环5号", "--dated", "2024-06-18"),
        *("--issued-by", "海淀区生态环境局", "--file", "总结.pdf", "--note", "全区"),
    )

    (row,) = [
        one
        for one in asked(capsys, desk, "plan", "show", "6.2", "--today", "2024-07-01")
        if one["unit"] == "110108"
    ]
    assert done == Exit.DONE
    assert (row["state"], row["reported_on"], row["report"]) == ("done", "2024-06-20", 1)
    assert (row["kind"], row["number"], row["dated_on"]) == (
        *("progress_report", "海环5号", "2024-06-18"),
    )
    assert (row["issued_by"], row["file"], row["note"]) == ("海淀区生态环境局", "总结.pdf", "全区")
    assert (tmp_path / "r.gpkg.files" / row["sha256"][:2] / row["sha256"][2:]).read_bytes() == (
        b"abc"
    )


def test_a_report_on_a_deadline_in_the_text_says_nothing_of_the_others(desk, capsys):
    assert run(
        desk,
        *("plan", "report", "2.1", "--unit", "丰台", "--state", "done", "--on", "2024-02-20"),
        *("--deadline", "list_february", "--evidence", "优先监管地块清单", "--number", "1"),
    ) == Exit.DONE  # fmt: skip

    rows = asked(capsys, desk, "plan", "--unit", "丰台", "--task", "2", "--today", "2024-03-01")
    states = {row["deadline"]: row["state"] for row in rows if row["measure"] == "2.1"}
    assert states == {"list_february": "done", "list_august": "no_report", "whole": "no_report"}


def test_a_damaged_document_of_a_report_is_found_by_verify(desk, tmp_path, capsys):
    (tmp_path / "a.pdf").write_bytes(b"abc")
    said = ("plan", "report", "6.2", "--unit", "海淀", "--state", "going", "--evidence", "函")
    assert run(desk, *said, "--number", "1", "--file", "a.pdf") == Exit.DONE
    (kept,) = [one for one in (tmp_path / "r.gpkg.files").rglob("*") if one.is_file()]
    kept.chmod(0o644)
    kept.write_bytes(b"abd")

    capsys.readouterr()
    assert run(desk, "verify", "--format", "json") == Exit.DOCUMENT_DAMAGED
    (row,) = json.loads(capsys.readouterr().out)["rows"]
    assert row["kind"] == "document"


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["9.9", "--unit", "海淀", "--state", "going"], "value_not_understood"),
        (["6.2", "--unit", "天津", "--state", "going"], "value_not_in_list"),
        (["6.2", "--unit", "海淀"], "value_missing"),
        (["6.2", "--unit", "海淀", "--state", "late"], "value_not_in_list"),
        (["6.2", "--unit", "海淀", "--state", "done"], "report_evidence_missing"),
        (
            ["6.2", "--unit", "海淀", "--state", "going", "--number", "1"],
            "report_evidence_missing",
        ),
        (["6.2", "--unit", "海淀", "--state", "going", "--on", "2099-01-01"], "report_ahead"),
        (["6.2", "--unit", "海淀", "--state", "going", "--value", "3"], "field_not_of_report"),
        (
            ["2.1", "--unit", "海淀", "--state", "going", "--deadline", "list_may"],
            "value_not_in_list",
        ),
        (["straw_use_rate", "--unit", "大兴", "--value", "98%"], "value_missing"),
        (
            ["straw_use_rate", "--unit", "大兴", "--value", "98%", "--period", "上季度"],
            "value_not_understood",
        ),
        (
            ["straw_use_rate", "--unit", "大兴", "--value", "98", "--period", "2024Q2"],
            "unit_of_value_needed",
        ),
        (
            ["straw_use_rate", "--unit", "大兴", "--value", "101%", "--period", "2024Q2"],
            "value_out_of_range",
        ),
        (
            ["straw_use_rate", "--unit", "大兴", "--value", "9%", "--period", "2099Q1"],
            "report_ahead",
        ),
        (["straw_use_rate", "--unit", "大兴", "--state", "done"], "field_not_of_report"),
        (["priority_survey_rate", "--unit", "大兴", "--value", "9%"], "indicator_is_computed"),
        (["measure_progress", "--unit", "大兴", "--value", "1"], "report_by_measure"),
        (
            ["6.2", "--unit", "海淀", "--state", "going", "--evidence", "函", "--number", "1",
             "--file", "没有.pdf"],
            "evidence_file_missing",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_a_report_is_told_with_its_cure_and_not_kept(desk, capsys, words, code):
    assert run(desk, "plan", "report", *words) == Exit.DELIVERY_NOT_ACCEPTED

    assert code in capsys.readouterr().out
    with Register(desk, LAYERS) as register:
        assert report_book.history(register).empty


def test_a_unit_whose_measure_it_is_not_is_warned_and_its_report_is_kept(desk, capsys):
    done = run(desk, "plan", "report", "16.1", "--unit", "海淀", "--state", "going")

    assert done == Exit.DONE
    assert "report_not_concerned" in capsys.readouterr().out


# -- lists ------------------------------------------------------------------------------------


def bring(store, tmp_path, text, *more, name="上报.csv"):
    (tmp_path / name).write_text(HEAD + text, "utf-8")
    return run(store, "plan", "import", tmp_path / name, *more)


def test_a_list_is_taken_in_whole_with_documents_beside_it(desk, tmp_path, capsys):
    folder = tmp_path / "报来"
    folder.mkdir()
    (folder / "表.pdf").write_bytes(b"abc")
    (folder / "上报.csv").write_text(
        HEAD
        + "6.2,海淀区,已办结,2024-06-20,,,,工作总结,海环5号,表.pdf,\n"
        + "秸秆综合利用率,大兴,,,98.7,%,2024年第二季度,统计报表,京统2号,表.pdf,\n"
        + "2.1,全市,推进中,2024-02-01,,,,,,,8月底前更新优先监管地块清单\n",
        "utf-8",
    )

    first = run(desk, "plan", "import", folder / "上报.csv", "--reason", "二季度")
    again = run(desk, "plan", "import", folder / "上报.csv")

    rows = asked(capsys, desk, "plan", "reports")
    assert (first, again) == (Exit.DONE, Exit.DONE)
    assert [(row["subject"], row["unit"], row["row"]) for row in rows] == [
        ("6.2", "110108", 2),
        ("straw_use_rate", "110115", 3),
        ("2.1", TOTAL, 4),
    ]
    assert [row["deadline"] for row in rows] == ["whole", None, "list_august"]
    assert (rows[1]["written"], rows[1]["amount"], rows[1]["period"]) == (
        *("98.7 %", "0.987", "2024Q2"),
    )
    assert rows[0]["sha256"] == rows[1]["sha256"]
    assert {row["list"] for row in rows} == {"上报.csv"}
    assert {row["reason"] for row in rows} == {"二季度"}


def test_one_wrong_row_keeps_the_whole_list_out_and_every_error_names_its_row(
    desk, tmp_path, capsys
):
    text = (
        "6.2,海淀区,完成,2024-06-20,,,,工作总结,5,,\n"
        "6.2,天津,进行中,2024-06-20,,,,,,,\n"
        "6.2,海淀区,进行中,2024-06-20,,,,,,,\n"
        "6.3,海淀区,进行中,2024-06-20,,,,函,1,../../etc/passwd,\n"
    )

    refused = bring(desk, tmp_path, text)

    said = capsys.readouterr().out
    assert refused == Exit.DELIVERY_NOT_ACCEPTED
    for code, row in (
        ("value_not_in_list", 3),
        ("report_repeated", 4),
        ("evidence_file_missing", 5),
    ):
        assert code in said
        assert f"第 {row} 行" in said
    with Register(desk, LAYERS) as register:
        assert report_book.history(register).empty


@pytest.mark.parametrize("name", ["/etc/hostname", "..\\..\\a.pdf", "连接.pdf", "子"])
def test_a_list_reaches_no_file_outside_its_folder(desk, tmp_path, capsys, name):
    (tmp_path / "a.pdf").write_bytes(b"x")
    folder = tmp_path / "内"
    (folder / "子").mkdir(parents=True)
    (folder / "连接.pdf").symlink_to(tmp_path / "a.pdf")
    (folder / "上报.csv").write_text(
        HEAD + f"6.2,海淀区,进行中,2024-06-20,,,,函,1,{name},\n", "utf-8"
    )

    assert run(desk, "plan", "import", folder / "上报.csv") == Exit.DELIVERY_NOT_ACCEPTED
    assert "evidence_file_missing" in capsys.readouterr().out


def test_a_column_that_every_report_needs_is_missed(desk, tmp_path, capsys):
    (tmp_path / "缺.csv").write_text("措施,进展\n6.2,进行中\n", "utf-8")

    assert run(desk, "plan", "import", tmp_path / "缺.csv") == Exit.DELIVERY_NOT_ACCEPTED
    assert "责任单位" in capsys.readouterr().out


def test_the_register_itself_is_no_list_of_reports(desk):
    assert run(desk, "plan", "import", desk) == Exit.FILE_NOT_READABLE


def test_a_template_holds_what_a_unit_reports_on_and_comes_back_filled_in(desk, tmp_path, capsys):
    made = tmp_path / "表.xlsx"
    assert run(desk, "plan", "template", made, "--unit", "海淀", "--period", "2024Q2") == Exit.DONE

    book = openpyxl.load_workbook(made)
    sheet = book.worksheets[0]
    heads = [cell.value for cell in sheet[1]]
    subjects = [row[0].value for row in sheet.iter_rows(min_row=2) if row[0].value]
    reported_ = [
        one
        for one in INDICATORS.values()
        if one.basis is Basis.REPORTED and one.unit != "state"
    ]  # fmt: skip
    place = {name: heads.index(name) + 1 for name in ("进展", "数值", "文件种类", "文号")}
    for row, (subject, said) in enumerate(
        zip(subjects, sheet.iter_rows(min_row=2), strict=False), start=2
    ):
        del said
        if subject == "6.2":
            sheet.cell(row, place["进展"]).value = "进行中"
        if subject == "农膜回收率":
            sheet.cell(row, place["数值"]).value = 93.5
            sheet.cell(row, place["文件种类"]).value = "统计报表"
            sheet.cell(row, place["文号"]).value = "2"
    book.save(made)
    done = run(desk, "plan", "import", made, "--part", sheet.title)
    rows = asked(capsys, desk, "plan", "reports")

    assert {one.label.zh for one in reported_} <= set(subjects)
    assert subjects.count("2.1") == 3
    assert "16.1" not in subjects
    assert done == Exit.DONE
    assert [(row["subject"], row["amount"], row["period"]) for row in rows] == [
        ("6.2", None, None),
        ("film_recovery_rate", "0.935", "2024Q2"),
    ]


def test_a_dry_run_keeps_nothing(desk, tmp_path):
    text = "6.2,海淀区,进行中,2024-06-20,,,,,,,\n"

    assert bring(desk, tmp_path, text, "--dry-run") == Exit.DONE
    with Register(desk, LAYERS) as register:
        assert report_book.history(register).empty


def test_reports_are_listed_as_of_a_day_by_subject_by_unit_and_with_their_history(
    desk, tmp_path, capsys
):
    bring(
        desk, tmp_path, "6.2,海淀区,进行中,2024-06-20,,,,,,,\n6.2,房山,未开始,2024-05-01,,,,,,,\n"
    )
    bring(desk, tmp_path, "6.2,海淀区,未开始,2024-06-20,,,,,,,\n", name="更正.csv")
    assert run(desk, "plan", "withdraw", "2", "--reason", "填错") == Exit.DONE
    assert run(desk, "plan", "withdraw", "2", "--reason", "填错") == Exit.UNKNOWN_CHANGE
    assert run(desk, "plan", "withdraw", "1") == Exit.USAGE

    now = asked(capsys, desk, "plan", "reports", "6.2", "--unit", "海淀")
    early = asked(capsys, desk, "plan", "reports", "--today", "2024-06-19")
    whole = asked(capsys, desk, "plan", "reports", "--history")
    assert [(row["report"], row["state"]) for row in now] == [(3, "not_started")]
    assert early == []
    assert [row["until_change"] is None for row in whole] == [False, False, True]


# -- laws -------------------------------------------------------------------------------------

STEPS = st.lists(
    st.tuples(
        st.sampled_from(["take", "take", "take", "withdraw"]),
        st.sampled_from(["110105", "110108"]),
        st.sampled_from([dt.date(2024, 3, 1), dt.date(2024, 6, 1)]),
        st.sampled_from(progress.REPORTABLE),
    ),
    max_size=8,
)


@settings(max_examples=12)
@given(STEPS)
def test_what_counted_after_each_change_can_be_read_for_ever(tmp_path_factory, steps):
    path = tmp_path_factory.mktemp("law") / "r.gpkg"
    known: dict[int, dict[tuple[str, dt.date], str]] = {}
    told_: dict[tuple[str, dt.date], str] = {}
    with Register(str(path), LAYERS) as register:
        for day, (step, unit, on, state) in enumerate(steps):
            if step == "take":
                done = report_book.take(register, progress_of(state, on, unit=unit), act(days=day))
                number, told_ = done.change, told_ | {(unit, on): state}
            else:
                rows = report_book.reported(register, Moment(YEAR_END))
                if rows.empty:
                    continue
                last = rows.iloc[-1]
                number = report_book.withdraw(register, int(last["report"]), act(days=day))
                told_ = {k: v for k, v in told_.items() if k != (last["unit"], last["true_on"])}
            if number is not None:
                known[number] = told_
        found = {
            number: {
                (row["unit"], row["true_on"]): row["state"]
                for row in report_book.reported(register, Moment(YEAR_END, change=number)).to_dict(
                    "records"
                )
            }
            for number in known
        }
        sealed = register.store.verify()

    assert found == known
    assert sealed.misfits == {}


def test_what_is_edited_by_sql_afterwards_no_longer_fits_its_seal(store_url):
    with Register(store_url, LAYERS) as register:
        report_book.take(register, value_of("98.7%", "0.987"), act())
        with register.store._writer.begin() as connection:
            connection.exec_driver_sql("UPDATE report SET amount = '0.999'")
        found = register.store.verify()

    assert [one.kind for one in found.misfits[1]] == ["report"]
