"""What is due: days of parcels, lists of units, the command, a calendar others read."""

from __future__ import annotations

import datetime as dt
import json

import openpyxl
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers import catalog, milestones
from maps import cli, ics
from maps.answers import Exit
from maps.ics import Event

LAYERS = catalog.load(enable=["survey_after_notice"])
PLOT = LAYERS["priority_plot"]
SITE = LAYERS["contaminated_site"]
SOIL = LAYERS["transported_soil"]
TODAY = dt.date(2024, 6, 30)
NOW = dt.datetime(2024, 6, 30, 2, 3, 4, tzinfo=dt.UTC)


def milestone(layer, key):
    return next(one for one in layer.milestones if one.key == key)


def judged(layer, key, **facts):
    """Status and due day of one parcel."""
    row = {"code": "A", "name": None, "district": "110108", "unit": "110108", **facts}
    rule = milestone(layer, key)
    parcels = pd.DataFrame([{**dict.fromkeys(rule.fields), **row}])
    found = milestones.of_parcels(parcels, layer, rule, today=TODAY)
    return [(one.status, str(one.due_on), one.days) for one in found.itertuples()]


@pytest.mark.parametrize(
    ("day", "stage", "status", "days"),
    [
        ("2024-06-29", "priority", "overdue", -1),
        ("2024-06-30", "priority", "due", 0),
        ("2024-07-01", "preliminary_survey", "due", 1),
        ("2024-06-29", "risk_assessment", "done", -1),
        ("2024-06-29", "closed", "done", -1),
        ("2024-06-29", None, "overdue", -1),
    ],
)
def test_a_survey_is_due_until_its_stages_are_left(day, stage, status, days):
    assert judged(PLOT, "survey", stage=stage, survey_due_on=pd.Timestamp(day)) == [
        (status, day, days)
    ]


def test_what_has_no_day_is_not_listed():
    assert judged(PLOT, "survey", stage="priority", survey_due_on=pd.NaT) == []


@pytest.mark.parametrize("stage", [stage.key for stage in SOIL.stages if not stage.derived])
def test_transported_soil_is_due_until_it_is_filed_as_done(stage):
    ((status, _, _),) = judged(
        SOIL, "transported_soil_commitment", stage=stage, due_on=pd.Timestamp("2024-06-01")
    )

    assert status == ("done" if stage == "completed" else "overdue")


@pytest.mark.parametrize(
    ("stage", "flag", "reviewed", "expected"),
    [
        ("aftercare", None, None, ["overdue"]),
        ("aftercare", None, "2024-05-31", ["overdue"]),
        ("aftercare", None, "2024-06-01", ["done"]),
        ("aftercare", None, "2024-07-01", ["overdue"]),
        ("listed", True, None, ["overdue"]),
        ("listed", None, None, []),
    ],
)
def test_after_care_is_reviewed_on_its_day_or_later_also_while_a_site_is_listed(
    stage, flag, reviewed, expected
):
    found = judged(
        SITE,
        "aftercare_review",
        stage=stage,
        in_aftercare=flag,
        aftercare_review_due_on=pd.Timestamp("2024-06-01"),
        aftercare_reviewed_on=pd.Timestamp(reviewed) if reviewed else pd.NaT,
    )

    assert [status for status, _, _ in found] == expected


@pytest.mark.parametrize(
    ("notified", "due"),
    [
        ("2023-12-30", "2024-06-30"),
        ("2023-08-31", "2024-02-29"),
        ("2024-08-31", "2025-02-28"),
        ("2024-02-29", "2024-08-29"),
    ],
)
def test_months_after_a_notice_end_with_a_shorter_month(notified, due):
    ((_, day, _),) = judged(
        PLOT, "survey_after_notice", stage="priority", survey_notified_on=pd.Timestamp(notified)
    )

    assert day == due


@pytest.mark.parametrize(
    ("today", "refreshed", "expected"),
    [
        ("2024-02-29", None, [("overdue", "2023-08-31"), ("due", "2024-02-29")]),
        ("2024-03-01", None, [("overdue", "2024-02-29"), ("due", "2024-08-31")]),
        ("2024-03-01", "2024-02-29", [("done", "2024-02-29"), ("due", "2024-08-31")]),
        ("2024-03-01", "2023-08-31", [("overdue", "2024-02-29"), ("due", "2024-08-31")]),
        ("2024-03-01", "2023-09-01", [("done", "2024-02-29"), ("due", "2024-08-31")]),
        ("2024-08-31", "2024-03-01", [("overdue", "2024-02-29"), ("done", "2024-08-31")]),
        ("2024-09-01", "2024-03-01", [("done", "2024-08-31"), ("due", "2025-02-28")]),
    ],
)
def test_a_list_is_refreshed_by_the_end_of_february_and_of_august(today, refreshed, expected):
    units = pd.DataFrame({"district": ["110108", None]}, index=["110108", "110115403"])
    told = pd.DataFrame({"unit": ["110108"], "effective_on": [dt.date.fromisoformat(refreshed)]} if
                        refreshed else {"unit": [], "effective_on": []})  # fmt: skip
    rule = milestone(PLOT, "list_refresh")

    found = milestones.of_lists(told, units, PLOT, rule, today=dt.date.fromisoformat(today))

    ours = found[found["unit"] == "110108"]
    assert [(one.status, str(one.due_on)) for one in ours.itertuples()] == expected
    others = found[found["unit"] == "110115403"]
    assert set(others["status"]) <= {"overdue", "due"}


# The command

PLOTS = """地块编码,地块名称,所属区,环节,调查完成期限
1101050320001,示例一号,朝阳区,优先监管,2024-06-01
1101050320002,示例二号,朝阳区,优先监管,2024-07-10
1101080320003,示例三号,海淀区,优先监管,2024-12-31
1101080320004,示例四号,海淀区,风险评估,2024-06-01
"""


@pytest.fixture
def office(tmp_path, monkeypatch):
    """A register with four plots, and a way to run commands on it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "地块.csv").write_text(PLOTS, "utf-8")

    def run(*arguments, lang="zh"):
        return cli.run(["--store", "库.gpkg", "--lang", lang, "--user", "示例", *arguments])

    run("import", "地块.csv", "--layer", "priority_plot", "--on", "2024-02-20")
    return run


def rows_of(path):
    return json.loads(path.read_text("utf-8-sig"))["rows"]


def due(office, tmp_path, *arguments):
    done = office(
        "due", "--today", "2024-06-30", "--format", "json", "--out", "d.json", *arguments
    )
    assert done == Exit.DONE
    return rows_of(tmp_path / "d.json")


def test_overdue_due_and_done_are_told_apart(office, tmp_path):
    rows = due(office, tmp_path)
    surveys = {row["code"]: row["status"] for row in rows if row["code"]}
    lists = {(row["unit"], row["due_on"]): row["status"] for row in rows if row["code"] is None}

    assert surveys == {
        "1101050320001": "逾期",
        "1101050320002": "待办",
        "1101080320003": "待办",
        "1101080320004": "已完成",
    }
    assert len(lists) == 34
    chaoyang = {day: status for (unit, day), status in lists.items() if "朝阳" in unit}
    assert chaoyang == {"2024-02-29": "已完成", "2024-08-31": "待办"}


def test_a_district_and_a_span_of_days_narrow_it_down_but_what_is_overdue_stays(office, tmp_path):
    rows = due(office, tmp_path, "--district", "朝阳", "--within", "30d")
    weeks = due(office, tmp_path, "--district", "海淀", "--within", "1w", "--status", "due")

    assert [(row["code"], row["due_on"]) for row in rows] == [
        ("1101050320001", "2024-06-01"),
        ("1101050320002", "2024-07-10"),
    ]
    assert weeks == []


@pytest.mark.parametrize(
    ("lang", "words"),
    [
        ("zh", ["逾期", "待办", "已完成", "未启用，待确认"]),
        ("en", ["overdue", "due", "done", "open question"]),
    ],
)
def test_the_table_speaks_both_languages(office, capsys, lang, words):
    capsys.readouterr()
    office("due", "--today", "2024-06-30", lang=lang)

    said = capsys.readouterr().out
    assert all(word in said for word in words)


def test_it_is_written_as_a_workbook_and_a_list(office, tmp_path):
    office("due", "--today", "2024-06-30", "--format", "xlsx", "--out", "d.xlsx")
    office("due", "--today", "2024-06-30", "--format", "csv", "--out", "d.csv")

    sheet = openpyxl.load_workbook(tmp_path / "d.xlsx").worksheets[0]
    assert "1101050320001" in {cell.value for row in sheet for cell in row}
    assert "示例二号" in (tmp_path / "d.csv").read_text("utf-8-sig")


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--within", "soon"], Exit.USAGE),
        (["--district", "没有的区"], Exit.UNKNOWN_DISTRICT),
        (["--format", "ics"], Exit.USAGE),
        (["--layer", "nothing"], Exit.UNKNOWN_LAYER),
    ],
)
def test_what_means_nothing_is_said(office, arguments, code):
    assert office("due", *arguments) == code


# The calendar: a strict reader of RFC 5545, as far as calendars of whole days go


def unfolded(raw: bytes) -> list[str]:
    """Logical lines; every physical one ends in CR LF and has at most 75 octets."""
    assert raw.endswith(b"\r\n")
    lines = raw[:-2].split(b"\r\n")
    logical: list[bytes] = []
    for line in lines:
        assert len(line) <= 75
        assert b"\r" not in line
        assert b"\n" not in line
        line.decode("utf-8")  # no character is cut
        if line.startswith(b" "):
            logical[-1] += line[1:]
        else:
            assert line
            logical.append(line)
    return [line.decode("utf-8") for line in logical]


def read(raw: bytes) -> list[dict[str, str]]:
    """The events of a calendar, text values as they were meant."""
    lines = unfolded(raw)
    assert (lines[0], lines[-1]) == ("BEGIN:VCALENDAR", "END:VCALENDAR")
    head = lines[1 : lines.index("BEGIN:VEVENT") if "BEGIN:VEVENT" in lines else -1]
    assert "VERSION:2.0" in head
    assert sum(line.startswith("PRODID:") for line in head) == 1
    events: list[dict[str, str]] = []
    for line in lines[1 + len(head) : -1]:
        name, _, value = line.partition(":")
        if line == "BEGIN:VEVENT":
            events.append({})
        elif line != "END:VEVENT":
            assert name.split(";")[0].replace("-", "").isalpha()
            assert name not in events[-1]
            events[-1][name] = meant(value)
    assert lines.count("BEGIN:VEVENT") == lines.count("END:VEVENT") == len(events)
    for event in events:
        assert {"UID", "DTSTAMP", "DTSTART;VALUE=DATE", "SUMMARY"} <= set(event)
    return events


def meant(value: str) -> str:
    out, rest = "", iter(value)
    for mark in rest:
        if mark == "\\":
            escape = next(rest)
            assert escape in "\\;,nN"
            out += "\n" if escape in "nN" else escape
        else:
            out += mark
    return out


@given(st.text(max_size=200), st.text(max_size=400))
def test_any_text_goes_through_a_calendar(summary, description):
    event = Event("k", TODAY, summary, description, "due")
    whole = ics.calendar([event], name=summary, lang="zh", stamp=NOW)
    (read_back,) = read(whole.encode(errors="replace"))

    kept = "".join(c for c in description.replace("\r\n", "\n").replace("\r", "\n")
                   if c in "\n\t" or not (ord(c) < 32 or ord(c) == 127))  # fmt: skip
    assert read_back["DESCRIPTION"] == kept.encode(errors="replace").decode()
    assert read_back["DTSTART;VALUE=DATE"] == "20240630"
    assert read_back["DTEND;VALUE=DATE"] == "20240701"
    assert read_back["DTSTAMP"] == "20240630T020304Z"


def test_an_event_keeps_its_uid_when_its_day_moves_and_no_two_share_one(office, tmp_path):
    take = ["due", "--today", "2024-06-30", "--format", "ics", "--out"]
    office(*take, "a.ics")
    later = "地块编码,调查完成期限\n1101050320002,2024-09-30\n"
    (tmp_path / "展期.csv").write_text(later, "utf-8")
    office("import", "展期.csv", "--layer", "priority_plot", "--on", "2024-06-01")
    office(*take, "b.ics")

    first, second = (read((tmp_path / name).read_bytes()) for name in ("a.ics", "b.ics"))
    uids = [event["UID"] for event in first]
    assert len(uids) == len(set(uids)) == 38
    assert set(uids) == {event["UID"] for event in second}
    moved = [
        (one["DTSTART;VALUE=DATE"], other["DTSTART;VALUE=DATE"])
        for one in first
        for other in second
        if one["UID"] == other["UID"] and "示例二号" in one["SUMMARY"]
    ]
    assert moved == [("20240710", "20240930")]


def test_an_empty_calendar_is_a_calendar():
    assert read(ics.calendar([], name="空", lang="zh", stamp=NOW).encode()) == []
