"""Acts left to a reviewer: moves, splits, merges, new surveys and undoings, in both stores."""

from __future__ import annotations

import json

import geopandas as gpd
import pytest
import shapely

from layers import catalog
from maps import cli, settings, text
from maps.answers import Exit
from parcels.model import Moment
from parcels.reviewing import Reviewing

LAYERS = catalog.load()
DOCUMENT = (
    "--on", "2024-06-01", "--evidence", "调查报告", "--number", "示例〔2024〕1号",
    "--dated", "2024-05-20", "--issued-by", "示例调查单位", "--reviewed-by", "示例评审单位",
    "--set", "调查报告上传时间=2024-05-30",
)  # fmt: skip
FIRST = ("--layer", "priority_plot", "--on", "2024-01-01")
REASON = ("--reason", "示例")


@pytest.fixture
def office(tmp_path, monkeypatch, store_url):
    """A register of three plots under JINGTU_REVIEW=other, a district and the city at work."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JINGTU_REVIEW", "own")

    def run(*arguments, user="示例区", lang="zh"):
        start = ["--store", store_url, "--lang", lang, "--user", user]
        return cli.run([*start, *map(str, arguments)])

    def boundaries(name, codes, wests, *, width=0.002):
        frame = gpd.GeoDataFrame(
            {"编码": codes, "名称": codes, "环节": ["初步调查"] * len(codes)},
            geometry=[shapely.box(west, 39.95, west + width, 39.952) for west in wests],
            crs=4490,
        )
        frame.to_file(tmp_path / name, engine="pyogrio")
        return name

    def frame(on=None):
        with Reviewing(store_url, list(LAYERS.values())) as register:
            found = register.frame("priority_plot", Moment(on or settings.today()))
        return found.set_index("code").sort_index()

    def kinds():
        with Reviewing(store_url, list(LAYERS.values())) as register:
            return register.changes()["kind"].tolist()

    def shown(number):
        code = run("review", "show", number, "--format", "json", "--out", "show.json")
        assert code == Exit.DONE
        return json.loads((tmp_path / "show.json").read_text("utf-8-sig"))

    def states():
        assert run("review", "list", "--format", "json", "--out", "list.json") == Exit.DONE
        rows = json.loads((tmp_path / "list.json").read_text("utf-8-sig"))["rows"]
        return {row["submission"]: row["state"] for row in rows}

    run.boundaries, run.frame, run.kinds, run.shown = boundaries, frame, kinds, shown
    run.states, run.url = states, store_url
    start = boundaries("起始.gpkg", ["X0", "X1", "X2"], [116.3, 116.302, 116.35])
    assert run("import", start, *FIRST) == Exit.DONE
    monkeypatch.setenv("JINGTU_REVIEW", "other")
    return run


HALVES = (["Y0", "Y1"], [116.3, 116.301])
LAYER = ("--layer", "priority_plot", "--on", "2024-06-01", *REASON)


def act(office, what):
    """The command line of each act that can be left to a reviewer."""
    if what == "advance":
        return ("advance", "X0", "详细调查", "--layer", "priority_plot", *DOCUMENT)
    if what == "split":
        return (
            "split",
            "X0",
            "--into",
            office.boundaries("分.gpkg", *HALVES, width=0.001),
            *LAYER,
        )
    if what == "merge":
        return ("merge", "X0", "X1", "--into", "Z", "--set", "name=合", *LAYER)
    if what == "resurvey":
        place = office.boundaries("测.gpkg", ["X2"], [116.3501])
        return ("resurvey", "X2", "--boundary", place, *LAYER)
    return ("undo", "2", *REASON)


ACTS = ("advance", "split", "merge", "resurvey", "undo")
AFTER = {
    "advance": {"X0": "detailed_survey", "X1": "preliminary_survey", "X2": "preliminary_survey"},
    "split": dict.fromkeys(("X1", "X2", "Y0", "Y1"), "preliminary_survey"),
    "merge": dict.fromkeys(("X2", "Z"), "preliminary_survey"),
    "resurvey": dict.fromkeys(("X0", "X1", "X2"), "preliminary_survey"),
    "undo": {},
}


@pytest.mark.parametrize("what", ACTS)
def test_an_act_waits_for_another_person_and_is_done_by_the_same_rules(office, what, capsys):
    typed = act(office, what)
    before = office.frame()

    direct = office(*typed)
    refused = capsys.readouterr().err
    sent = office(*typed, "--submit")
    between = office.frame()
    own = office("review", "approve", 2)
    number = office.shown(2)["meta"]["submission"]
    approved = office("review", "approve", 2, "--reason", "同意", user="示例市")

    assert (direct, sent, own, approved) == (
        Exit.REVIEW_NOT_ALLOWED, Exit.DONE, Exit.REVIEW_NOT_ALLOWED, Exit.DONE,
    )  # fmt: skip
    assert "--submit" in refused
    assert number == 2
    assert between.equals(before)
    assert office.frame()["stage"].to_dict() == AFTER[what]
    assert office.kinds()[2:] == ["submit", what]
    assert office.states()[2] == "approved"
    assert office("verify") == Exit.DONE


def test_an_approved_move_rests_on_the_document_that_was_submitted(office):
    office(*act(office, "advance"), "--submit")
    office("review", "approve", 2, user="示例市")

    with Reviewing(office.url, list(LAYERS.values())) as register:
        (row,) = register.evidence("priority_plot", ["X0"]).to_dict("records")
        last = register.changes().iloc[-1]
    assert (row["number"], row["issued_by"], str(row["on"])) == (
        "示例〔2024〕1号", "示例调查单位", "2024-06-01",
    )  # fmt: skip
    assert (last["made_by"], str(last["effective_on"])) == ("示例市", "2024-06-01")
    assert office.frame().index.tolist() == ["X0", "X1", "X2"]


def test_a_move_is_judged_when_it_is_submitted_and_again_when_it_is_approved(office, monkeypatch):
    unlawful = office(
        "advance", "X0", "效果评估", "--layer", "priority_plot", *DOCUMENT, "--submit"
    )
    office(*act(office, "advance"), "--submit")
    monkeypatch.setenv("JINGTU_REVIEW", "own")
    meanwhile = office("advance", "X0", "详细调查", "--layer", "priority_plot", *DOCUMENT)
    monkeypatch.setenv("JINGTU_REVIEW", "other")

    asked = office("review", "approve", 2, user="示例市")

    assert (unlawful, meanwhile) == (Exit.MOVES_NOT_ALLOWED, Exit.DONE)
    assert asked == Exit.REVIEW_NOT_ALLOWED
    assert office.shown(2)["meta"]["changed_since"] == 0  # nothing is left to be moved
    assert office.states()[2] == "submitted"


def test_the_parents_of_a_split_that_changed_since_are_asked_about(office, monkeypatch):
    office(*act(office, "split"), "--submit")
    monkeypatch.setenv("JINGTU_REVIEW", "own")
    office("advance", "X0", "详细调查", "--layer", "priority_plot", *DOCUMENT)
    monkeypatch.setenv("JINGTU_REVIEW", "other")

    asked = office("review", "approve", 2, user="示例市")
    despite = office("review", "approve", 2, "--despite-changes", user="示例市")

    # The children were said to stand where X0 stood then.
    assert (asked, despite) == (Exit.REVIEW_NOT_ALLOWED, Exit.LINEAGE_NOT_POSSIBLE)
    assert office.frame().index.tolist() == ["X0", "X1", "X2"]


def test_single_parcels_are_taken_out_of_a_move_and_never_out_of_a_split(office):
    move = ("advance", "X0", "X1", "详细调查", "--layer", "priority_plot", *DOCUMENT, "--submit")
    office(*move)
    split = office.boundaries("分.gpkg", ["Y0", "Y1"], [116.35, 116.351], width=0.001)
    office("split", "X2", "--into", split, *LAYER, "--submit")

    taken = office("review", "approve", 2, "--except", "X1=材料不齐", user="示例市")
    half = office("review", "approve", 3, "--except", "Y1=不符", user="示例市")

    assert (taken, half) == (Exit.DONE, Exit.LINEAGE_NOT_POSSIBLE)
    assert office.frame()["stage"].tolist() == [
        "detailed_survey", "preliminary_survey", "preliminary_survey",
    ]  # fmt: skip
    assert office.states() == {1: "approved", 2: "returned", 3: "submitted"}


def test_what_was_returned_is_sent_again_by_the_command_that_made_it(office):
    office(*act(office, "split"), "--submit")
    returned = office("review", "return", 2, *REASON, user="示例市")
    by_file = office("review", "resubmit", 2, "分.gpkg")
    by_other = office(*act(office, "merge"), "--resubmit", 2)
    again = office(*act(office, "split"), "--resubmit", 2)
    approved = office("review", "approve", 2, user="示例市")

    assert (returned, again, approved) == (Exit.DONE,) * 3
    assert by_file == by_other == Exit.REVIEW_NOT_ALLOWED
    assert office.frame().index.tolist() == ["X1", "X2", "Y0", "Y1"]


def test_a_split_into_parcels_of_the_register_waits_without_rows(office, monkeypatch):
    monkeypatch.setenv("JINGTU_REVIEW", "own")
    halves = office.boundaries("分.gpkg", *HALVES, width=0.001)
    office("import", halves, "--layer", "priority_plot", "--on", "2024-01-01",
           "--same-land", "separate")  # fmt: skip
    monkeypatch.setenv("JINGTU_REVIEW", "other")

    sent = office("split", "X0", "--into", "Y0", "--into", "Y1", *LAYER, "--submit")
    shown = office.shown(3)
    approved = office("review", "approve", 3, user="示例市")

    assert (sent, approved) == (Exit.DONE, Exit.DONE)
    assert shown["rows"] == []
    assert office.frame().index.tolist() == ["X1", "X2", "Y0", "Y1"]


def test_an_undo_that_more_rests_on_than_was_submitted_is_asked_for_again(office, monkeypatch):
    assert office("undo", 2, *REASON, "--submit") == Exit.DONE
    monkeypatch.setenv("JINGTU_REVIEW", "own")
    office("advance", "X0", "详细调查", "--layer", "priority_plot", *DOCUMENT)
    monkeypatch.setenv("JINGTU_REVIEW", "other")

    refused = office("review", "approve", 2, user="示例市")
    alone = office("undo", 2, *REASON, "--submit")
    whole = office("undo", 2, *REASON, "--submit", "--with-later")
    approved = office("review", "approve", 4, user="示例市")

    assert (refused, alone) == (Exit.CHANGE_RESTED_ON, Exit.CHANGE_RESTED_ON)
    assert (whole, approved) == (Exit.DONE, Exit.DONE)
    assert office.frame().empty


@pytest.mark.parametrize("lang", text.LANGUAGES)
@pytest.mark.parametrize("what", ACTS)
def test_a_reviewer_reads_what_is_asked_for(office, what, lang, capsys):
    office(*act(office, what), "--submit", lang=lang)
    capsys.readouterr()

    office("review", "show", 2, lang=lang)

    said = capsys.readouterr().out
    assert ("申请：" if lang == "zh" else "Asked for:") in said


def test_on_a_server_another_person_approves_unless_it_is_set_otherwise(office, monkeypatch):
    monkeypatch.setenv("JINGTU_REVIEW", "")
    more = office.boundaries("新.gpkg", ["X9"], [116.4])

    plain = office("import", more, *FIRST)

    server = office.url.startswith("postgresql")
    assert plain == (Exit.REVIEW_NOT_ALLOWED if server else Exit.DONE)


def test_looking_at_an_act_asks_for_no_reviewer(office):
    for what in ("advance", "split", "merge", "resurvey"):
        assert office(*act(office, what), "--dry-run") == Exit.DONE
    assert office.kinds() == ["districts", "import"]
