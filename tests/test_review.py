"""Submissions: which way they go, who may approve, what is current, and what is shown."""

from __future__ import annotations

import json
import threading

import geopandas as gpd
import pytest
import shapely

from layers import catalog
from maps import cli, settings, text
from maps.answers import Exit
from maps.tables import Format
from parcels import review
from parcels.errors import OwnSubmissionError, StepNotAllowedError
from parcels.model import Moment
from parcels.recording import Act
from parcels.review import State
from parcels.reviewing import Reviewing, Verdict

LAYERS = catalog.load()
ALLOWED = {
    ("draft", "submitted"),
    ("draft", "withdrawn"),
    ("submitted", "approved"),
    ("submitted", "returned"),
    ("submitted", "withdrawn"),
    ("returned", "submitted"),
    ("returned", "withdrawn"),
}


@pytest.mark.parametrize("to", list(State))
@pytest.mark.parametrize("state", list(State))
def test_a_submission_goes_only_the_ways_of_the_table(state, to):
    if (state.value, to.value) in ALLOWED:
        assert review.step(1, state, to) is to
        return
    with pytest.raises(StepNotAllowedError) as refused:
        review.step(7, state, to)
    assert refused.value.fields == {"submission": 7, "state": state.value, "to": to.value}


@pytest.mark.parametrize(
    ("sent_by", "by", "own", "allowed"),
    [
        ("甲", "乙", False, True),
        ("甲", "乙", True, True),
        ("甲", "甲", True, True),
        ("甲", "甲", False, False),
    ],
)
def test_nobody_approves_what_they_submitted_unless_that_is_allowed(sent_by, by, own, allowed):
    if allowed:
        review.refuse_own(1, sent_by=sent_by, by=by, own=own)
        return
    with pytest.raises(OwnSubmissionError):
        review.refuse_own(1, sent_by=sent_by, by=by, own=own)


@pytest.fixture
def office(tmp_path, monkeypatch, store_url):
    """A register of three plots, and ways to run commands on it and to look into it."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments, user="示例区", lang="zh"):
        start = ["--store", store_url, "--lang", lang, "--user", user]
        return cli.run([*start, *map(str, arguments)])

    def send(name, *more, names=("甲", "乙", "丙"), west=116.3, user="示例区", first=0):
        frame = gpd.GeoDataFrame(
            {
                "编码": [f"X{first + i}" for i in range(len(names))],
                "名称": list(names),
                "环节": ["优先监管"] * len(names),
            },
            geometry=[
                shapely.box(east, 39.95, east + 0.002, 39.952)
                for east in (west + (first + i) / 50 for i in range(len(names)))
            ],
            crs=4490,
        )
        if not (tmp_path / name).exists():
            frame.to_file(tmp_path / name, engine="pyogrio")
        return run(
            "import", name, "--layer", "priority_plot", "--on", "2024-01-01", *more, user=user
        )

    def names():
        with Reviewing(store_url, list(LAYERS.values())) as register:
            frame = register.frame("priority_plot", Moment(settings.today()))
        return dict(sorted(zip(frame["code"], frame["name"], strict=True)))

    def listed(*more):
        assert run("review", "list", "--format", "json", "--out", "list.json", *more) == Exit.DONE
        return json.loads((tmp_path / "list.json").read_text("utf-8-sig"))["rows"]

    def shown(number):
        code = run("review", "show", number, "--format", "json", "--out", "show.json")
        assert code == Exit.DONE
        return json.loads((tmp_path / "show.json").read_text("utf-8-sig"))

    run.send, run.names, run.listed, run.shown, run.url = send, names, listed, shown, store_url
    assert send("起始.gpkg") == Exit.DONE
    return run


def sent(office, **more):
    """One submission, number 2: a new name, a moved boundary, a new plot; X1 stays."""
    code = office.send("改.gpkg", "--submit", "--unit", "海淀", **more)
    assert code == Exit.DONE
    return 2


MENDED = {"names": ("新名", "乙", "丙", "丁")}


def test_what_is_submitted_is_not_current_until_it_is_approved(office):
    number = sent(office, **MENDED)
    before = office.names()

    code = office("review", "approve", number, user="示例市")

    assert before == {"X0": "甲", "X1": "乙", "X2": "丙"}
    assert code == Exit.DONE
    assert office.names() == {"X0": "新名", "X1": "乙", "X2": "丙", "X3": "丁"}
    assert office.shown(number)["rows"] == []


def test_an_import_without_review_is_a_submission_approved_at_once_and_kept_once(office):
    (row,) = office.listed()

    assert (row["submission"], row["state"], row["waiting"]) == (1, "approved", 0)
    assert row["submitted_by"] == row["last_by"] == "示例区"
    assert row["file"] == "起始.gpkg"


def test_the_difference_is_shown_field_by_field_with_the_area_gained_and_lost(office):
    office.send("移.gpkg", "--submit", west=116.3005, names=("甲", "乙二"))

    said = office.shown(2)

    by_code = {(row["code"], row["field"]): row for row in said["rows"]}
    assert by_code["X1", "name"]["before"] == "乙"
    assert by_code["X1", "name"]["after"] == "乙二"
    moved = by_code["X0", "boundary"]
    assert moved["gained_m2"] == pytest.approx(moved["lost_m2"], rel=1e-3)
    assert moved["gained_m2"] == pytest.approx(0.25 * float(moved["before"]), rel=1e-3)
    assert said["meta"]["changed_since"] == 0


def test_a_reviewer_takes_single_parcels_out_and_they_can_be_sent_again(office):
    number = sent(office, **MENDED)

    code = office("review", "approve", number, "--except", "X3=边界不符", user="示例市")
    (row,) = office.listed("--state", "returned")
    again = office.send("丁.gpkg", "--dry-run", names=("丁二",), first=3)
    resent = office("review", "resubmit", number, "丁.gpkg", "--reason", "已重测")
    approved = office("review", "approve", number, user="示例市")

    assert code == again == resent == approved == Exit.DONE
    assert (row["submission"], row["returned"], row["waiting"]) == (2, 1, 0)
    assert office.names() == {"X0": "新名", "X1": "乙", "X2": "丙", "X3": "丁二"}
    assert [one["round"] for one in office.listed()] == [1, 2]


def test_a_returned_submission_tells_the_reason_of_each_parcel(office):
    number = sent(office, **MENDED)

    refused = office("review", "return", number)
    unknown = office("review", "return", number, "--reason", "须重测", "--parcel", "Z=无")
    code = office("review", "return", number, "--reason", "须重测", "--parcel", "X3=重叠")
    twice = office("review", "return", number, "--reason", "须重测")

    assert (refused, unknown, code, twice) == (
        Exit.USAGE,
        Exit.UNKNOWN_PARCEL,
        Exit.DONE,
        Exit.REVIEW_NOT_ALLOWED,
    )
    opened = Reviewing(office.url, list(LAYERS.values()))
    with opened as register, register.store.read() as connection:
        why = connection.exec_driver_sql("SELECT code, state, reason FROM proposed").all()
    assert {code: reason for code, _, reason in why} == {
        "X0": "须重测",
        "X1": "须重测",
        "X2": "须重测",
        "X3": "重叠",
    }
    assert {state for _, state, _ in why} == {"returned"}
    assert office.names()["X0"] == "甲"


def test_many_are_approved_at_once_or_none(office):
    office.send("一.gpkg", "--submit", names=("一",))
    office.send("二.gpkg", "--submit", names=("二",), first=5)

    none = office("review", "approve", 2, 3, 9, user="示例市")
    before = office.names()
    both = office("review", "approve", 2, 3, user="示例市")

    assert (none, both) == (Exit.UNKNOWN_CHANGE, Exit.DONE)
    assert before["X0"] == "甲"
    assert office.names() == {"X0": "一", "X1": "乙", "X2": "丙", "X5": "二"}


def test_a_parcel_that_changed_since_it_was_submitted_is_shown_and_asked_about(office, capsys):
    number = sent(office, **MENDED)
    office.send("他人.gpkg", names=("他人改",))
    capsys.readouterr()

    rows = office.shown(number)["rows"]
    asked = office("review", "approve", number, user="示例市")
    said = capsys.readouterr().err
    between = office.names()
    despite = office("review", "approve", number, "--despite-changes", user="示例市")

    assert {row["code"] for row in rows if row["changed_since"]} == {"X0"}
    assert next(row["before"] for row in rows if row["code"] == "X0") == "他人改"
    assert (asked, despite) == (Exit.REVIEW_NOT_ALLOWED, Exit.DONE)
    assert "X0" in said
    assert between["X0"] == "他人改"
    assert office.names()["X0"] == "新名"


@pytest.mark.parametrize(
    ("setting", "embedded", "server"),
    [
        ("", Exit.DONE, Exit.REVIEW_NOT_ALLOWED),
        ("own", Exit.DONE, Exit.DONE),
        ("other", Exit.REVIEW_NOT_ALLOWED, Exit.REVIEW_NOT_ALLOWED),
    ],
)
def test_who_brings_something_may_store_or_approve_it_only_where_that_is_set(
    office, monkeypatch, setting, embedded, server
):
    number = sent(office, **MENDED)
    monkeypatch.setenv("JINGTU_REVIEW", setting)

    own = office("review", "approve", number)
    direct = office.send("再.gpkg", names=("再改",))

    assert own == direct == (server if office.url.startswith("postgresql") else embedded)


def test_withdrawn_is_withdrawn_and_the_file_can_be_sent_anew(office):
    number = sent(office, **MENDED)
    twice = office.send("改.gpkg", "--submit", **MENDED)
    waiting = len(office.listed("--state", "submitted"))

    code = office("review", "withdraw", number, "--reason", "报错")
    late = office("review", "approve", number, user="示例市")
    again = office.send("改.gpkg", **MENDED)

    assert (twice, waiting) == (Exit.DONE, 1)
    assert (code, late, again) == (Exit.DONE, Exit.REVIEW_NOT_ALLOWED, Exit.DONE)
    assert office.names()["X0"] == "新名"


def test_every_step_tells_who_and_why_and_the_log_stays_sealed(office):
    number = sent(office, **MENDED)
    office("review", "return", number, "--reason", "须重测", user="示例市")
    office("review", "resubmit", number, "改.gpkg", "--reason", "已重测")
    office("review", "approve", number, "--reason", "同意", user="示例市")

    with Reviewing(office.url, list(LAYERS.values())) as register:
        changes = register.changes().tail(4)
    assert list(zip(changes["kind"], changes["made_by"], changes["reason"], strict=True)) == [
        ("submit", "示例区", None),
        ("return", "示例市", "须重测"),
        ("submit", "示例区", "已重测"),
        ("import", "示例市", "同意"),
    ]
    assert office("verify") == Exit.DONE


def test_of_two_reviewers_at_once_one_approves_and_the_other_is_told(office):
    if not office.url.startswith("postgresql"):
        pytest.skip("the embedded register has one writer")
    number = sent(office, **MENDED)
    ready, done = threading.Barrier(2), []

    def approve(by):
        act = Act(by=by, at=settings.now(), on=settings.today())
        with Reviewing(office.url, list(LAYERS.values())) as register:
            ready.wait()
            try:
                done.append(register.approve([number], Verdict(act, {}))[0].change)
            except StepNotAllowedError as refused:
                done.append(refused.code)

    both = [threading.Thread(target=approve, args=(by,)) for by in ("市一", "市二")]
    for one in both:
        one.start()
    for one in both:
        one.join()

    assert sorted(map(str, done))[1] == "step_not_allowed"
    assert office.names()["X0"] == "新名"


@pytest.mark.parametrize("lang", text.LANGUAGES)
def test_a_page_draws_old_and_new_boundaries_and_loads_nothing(office, tmp_path, lang, capsys):
    office.send("移.gpkg", "--submit", west=116.3005, names=("<b>甲", "乙二", "丙", "丁"))

    code = office("review", "show", 2, "--html", "差别.html", lang=lang)

    page = (tmp_path / "差别.html").read_text("utf-8")
    assert code == Exit.DONE
    assert page.count('class="gained"') > 2
    assert "<b>甲" not in page
    assert "http" not in page.replace("Content-Security-Policy", "").replace("http-equiv", "")
    assert "<script" not in page
    assert ("新增地块" if lang == "zh" else "New parcel") in page
    assert ("减少" if lang == "zh" else "Lost") in capsys.readouterr().out


@pytest.mark.parametrize("kind", [one.value for one in Format])
def test_the_difference_is_given_in_every_form(office, tmp_path, kind):
    sent(office, **MENDED)

    shown = office("review", "show", 2, "--format", kind, "--out", f"s.{kind}")

    assert shown == Exit.DONE
    assert (tmp_path / f"s.{kind}").stat().st_size > 0


def test_submissions_are_listed_by_unit_and_state(office):
    sent(office, **MENDED)

    by_unit = [row["submission"] for row in office.listed("--unit", "海淀区")]
    unknown = office("review", "list", "--unit", "没有的区")

    assert by_unit == [2]
    assert unknown == Exit.UNKNOWN_DISTRICT
    assert [row["submission"] for row in office.listed("--state", "approved")] == [1]
