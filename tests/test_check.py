"""`jingtu check`: issues with both parcels, exceptions that end, and reports of all kinds."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import sqlite3

import geopandas as gpd
import openpyxl
import pandas as pd
import pytest
from town import act, plots, square

from layers import acceptances, catalog, rule_book
from layers.acceptances import State
from layers.rule_book import Look
from maps import cli
from maps.answers import Exit
from parcels.errors import AcceptanceNotUsableError, UnknownCheckError, UnknownIssueError
from parcels.model import Moment
from parcels.register import Register

LAYERS = catalog.load()
SITE, KEY, ALERT = "contaminated_site", "key_construction_land", "remote_sensing_alert"
RULE = "alert_on_listed_site"
ON = dt.date(2024, 6, 30)
NOW = Moment(ON)
WHY = {"reason": "示例：经现场核实"}


def parcels(layer, code, shape, **more):
    """One parcel of a layer, of which only what is given is known."""
    frame = plots(1, code=[code], **more).set_geometry([shape], crs=4490)
    kept = {"code", "name", "district", "unit", "stage", "row", "geometry", *more}
    frame = frame[[name for name in frame if name in kept or name in ("address", "former_name")]]
    core = ("source_document", "declared_area_m2", "registered_lon", "registered_lat")
    declared = {field.key for field in LAYERS[layer].fields}
    return frame.assign(**{k: None for k in core if k not in frame}).drop(
        columns=[name for name in frame if name not in {*declared, "row", "geometry"}]
    )


def take(register, layer, code, shape, *, days=0, **more):
    said = dataclasses.replace(act(days=days), reason="示例")
    return register.take(layer, parcels(layer, code, shape, **more), said, corrects=days > 0)


@pytest.fixture
def register(store_url):
    with Register(store_url, list(LAYERS.values())) as opened:
        take(opened, SITE, "L1", square(116.2, 40), stage="listed")
        take(opened, ALERT, "T1", square(116.201, 40), stage="new")
        take(opened, ALERT, "T2", square(116.3, 40), stage="new")
        yield opened


def found(register, moment=NOW, **look):
    return rule_book.issues(register, LAYERS, moment, Look(**look))


def the_one(register, moment=NOW):
    return found(register, moment, rules=(RULE,)).iloc[0]


def test_an_issue_names_both_parcels_with_code_version_and_common_land(register):
    one = the_one(register)

    versions = register.versions([1, 2], NOW)["version"]
    assert (one["layer"], one["code"], one["version"]) == (ALERT, "T1", versions[2])
    assert (one["other_layer"], one["other_code"], one["other_version"]) == (
        SITE, "L1", versions[1],
    )  # fmt: skip
    assert one["area_m2"] == pytest.approx(18_963, rel=0.01)
    assert one["issue"] == f"{RULE}:2:1"
    assert one["state"] == State.OPEN


LOOKS = [
    ({}, 1),
    ({"rules": ("registers_disagree",)}, 0),
    ({"layers": (SITE,)}, 1),
    ({"layers": ("farmland",)}, 0),
    ({"places": frozenset({"110108"})}, 1),
    ({"places": frozenset({"110105"})}, 0),
    ({"touched": {ALERT: [2]}}, 1),
    ({"touched": {SITE: [1]}}, 1),
    ({"touched": {ALERT: [3]}}, 0),
]


def test_only_what_is_asked_for_is_found(register):
    assert [len(found(register, **look)) for look, _ in LOOKS] == [count for _, count in LOOKS]


def test_a_rule_that_is_not_there_is_refused(register):
    with pytest.raises(UnknownCheckError):
        found(register, rules=("no_such_rule",))


def test_the_past_is_looked_at_as_it_was(register):
    before = register.changes()["made_at"].max()
    take(register, SITE, "L1", square(116.2, 40), days=5, stage="delisted")

    assert found(register, rules=(RULE,)).empty
    assert len(found(register, Moment(ON, before), rules=(RULE,))) == 1


def test_an_accepted_issue_is_shown_as_accepted_by_whom_and_why(register):
    acceptances.accept(register, the_one(register), said(), until=dt.date(2024, 12, 31))

    one = the_one(register)
    assert one["state"] == State.ACCEPTED
    assert (one["accepted_by"], one["accepted_because"]) == ("示例经办人", WHY["reason"])
    assert one["accepted_until"] == dt.date(2024, 12, 31)


def said(reason=WHY["reason"], *, days=1):
    return dataclasses.replace(act(ON, days=days), reason=reason)


def test_an_exception_counts_on_its_last_day_and_not_after(register):
    acceptances.accept(register, the_one(register), said(), until=dt.date(2024, 12, 31))

    days = (dt.date(2024, 12, 31), dt.date(2025, 1, 1))
    states = [the_one(register, Moment(day))["state"] for day in days]
    assert states == [State.ACCEPTED, State.EXPIRED]


@pytest.mark.parametrize(
    "changed",
    [
        {"layer": SITE, "code": "L1", "shape": square(116.2001, 40), "stage": "listed"},
        {"layer": ALERT, "code": "T1", "shape": square(116.2011, 40), "stage": "new"},
        {"layer": ALERT, "code": "T1", "shape": square(116.201, 40), "stage": "assigned"},
        {"layer": SITE, "code": "L1", "shape": square(116.2, 40), "stage": "listed",
         "name": ["改名"]},
    ],
)  # fmt: skip
def test_an_exception_ends_when_a_boundary_or_fact_of_either_parcel_changes(register, changed):
    acceptances.accept(register, the_one(register), said(), until=dt.date(2024, 12, 31))
    take(register, days=3, **changed)

    assert the_one(register)["state"] == State.CHANGED


def test_a_change_that_is_taken_back_brings_the_exception_back(register):
    acceptances.accept(register, the_one(register), said(), until=dt.date(2024, 12, 31))
    moved = take(register, SITE, "L1", square(116.2001, 40), days=3, stage="listed")
    register.undo(moved.change, said(days=4))

    assert the_one(register)["state"] == State.ACCEPTED


def test_another_change_leaves_the_exception(register):
    acceptances.accept(register, the_one(register), said(), until=dt.date(2024, 12, 31))
    take(register, ALERT, "T2", square(116.31, 40), days=3, stage="new")

    assert the_one(register)["state"] == State.ACCEPTED


def test_what_was_accepted_later_was_not_known_before(register):
    before = register.changes()["made_at"].max()
    acceptances.accept(register, the_one(register), said(), until=dt.date(2024, 12, 31))

    assert the_one(register, Moment(ON, before))["state"] == State.OPEN


def test_an_exception_that_ends_keeps_its_row_with_who_and_why(register):
    one = the_one(register)
    acceptances.accept(register, one, said("甲"), until=dt.date(2024, 12, 31))
    acceptances.accept(register, one, said("乙", days=2), until=dt.date(2025, 12, 31))
    acceptances.withdraw(register, one["issue"], said("丙", days=3))

    told = acceptances.history(register)
    assert told["state"].tolist() == ["replaced", "withdrawn"]
    assert told["reason"].tolist() == ["甲", "乙"]
    assert told["ended_because"].tolist() == ["乙", "丙"]
    assert the_one(register)["state"] == State.OPEN
    with pytest.raises(UnknownIssueError):
        acceptances.withdraw(register, one["issue"], said(days=4))


REFUSED = [
    (None, dt.date(2024, 12, 31), "no_reason"),
    ("  ", dt.date(2024, 12, 31), "no_reason"),
    ("示例", dt.date(2024, 6, 29), "past"),
]


def test_an_exception_needs_a_reason_and_a_day_to_come(register):
    one = the_one(register)
    for reason, until, why in REFUSED:
        with pytest.raises(AcceptanceNotUsableError) as refused:
            acceptances.accept(register, one, said(reason), until=until)
        assert refused.value.fields["reason"] == why

    assert acceptances.history(register).empty


STRANGE = ["3:1", "1:2", "2", "x:1", "2:1:1", "99999:1", ""]


def test_only_what_is_there_can_be_named(register):
    for named in [*[f"{RULE}:{one}" for one in STRANGE], "no_rule:2:1", RULE, ""]:
        with pytest.raises(UnknownIssueError):
            rule_book.issue(register, LAYERS, NOW, named)


def test_an_issue_is_found_again_by_its_name(register):
    pd.testing.assert_series_equal(
        rule_book.issue(register, LAYERS, NOW, f" {RULE}:2:1"),
        the_one(register),
        check_names=False,
    )


def test_exceptions_are_sealed_and_their_end_too(register):
    one = the_one(register)
    acceptances.accept(register, one, said(), until=dt.date(2024, 12, 31))
    acceptances.withdraw(register, one["issue"], said(days=2))
    assert not register.store.verify().misfits

    for edit in ("until = '2030-01-01'", "closed_in = NULL"):
        url = register.store.url
        with register.store._writer.begin() as connection:
            before = connection.exec_driver_sql(
                "SELECT until, closed_in FROM accepted_issue"
            ).one()
            connection.exec_driver_sql(f"UPDATE accepted_issue SET {edit}")
        assert register.store.verify().misfits, (url, edit)
        with register.store._writer.begin() as connection:
            connection.exec_driver_sql(
                f"UPDATE accepted_issue SET until = '{before[0]}', closed_in = {before[1]}"
            )
    assert not register.store.verify().misfits


# At the desk


@pytest.fixture
def office(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def deliver(layer, file, shape, **columns):
        frame = gpd.GeoDataFrame({k: [v] for k, v in columns.items()}, geometry=[shape], crs=4490)
        frame.to_file(file, driver="GPKG")
        assert jingtu("import", file, "--layer", layer, "--on", "2024-01-01") == Exit.DONE

    deliver(SITE, "site.gpkg", square(116.2, 40), 编码="L1", 名称="示例甲", 环节="修复")
    deliver(
        KEY, "key.gpkg", square(116.201, 40), 编码="K1", 名称="示例乙", 环节="已调查",
        规划用途类别="住宅", 开工时间="2024-03-01",
    )  # fmt: skip
    return tmp_path


def jingtu(*words, lang="zh"):
    return cli.run(["--lang", lang, "--user", "示例经办人", *map(str, words)])


@pytest.mark.usefixtures("office")
def test_what_the_law_forbids_is_an_error_and_says_so_in_the_exit_code(capsys):
    capsys.readouterr()
    assert jingtu("check", "--as-of", "2024-06-30") == Exit.RULES_NOT_MET

    told = capsys.readouterr().out
    assert "construction_before_target:1:2" in told
    assert "“L1”" in told
    assert "“K1”" in told
    assert "平方米土地重合" in told
    assert "土壤污染防治法第66条" in told
    assert "土壤污染防治法第61条" in told


@pytest.mark.usefixtures("office")
def test_the_article_follows_the_day(capsys):
    capsys.readouterr()
    jingtu(
        "check", "--as-of", "2026-08-15", "--rule", "listed_site_planned_for_homes_or_public_use"
    )

    assert "生态环境法典第456条" in capsys.readouterr().out


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_report_is_given_in_every_form_with_both_parcels(office, lang):
    names = [f"r.{kind}" for kind in ("html", "xlsx", "gpkg", "json", "csv")]
    jingtu("check", *[word for name in names for word in ("--report", name)], lang=lang)

    issue = "construction_before_target:1:2"
    said = json.loads((office / "r.json").read_text("utf-8"))
    (row,) = [one for one in said["rows"] if one["found"] == issue]
    assert (row["number"], row["details"]["other"]) == ("L1", "K1")
    assert (row["details"]["other_row"], row["row"]) == (2, 1)
    assert row["details"]["article_zh"] == "土壤污染防治法第66条"
    assert issue in (office / "r.csv").read_text("utf-8-sig")
    cells = [
        str(cell)
        for sheet in openpyxl.load_workbook(office / "r.xlsx")
        for line in sheet.iter_rows(values_only=True)
        for cell in line
    ]
    assert issue in cells
    drawn = gpd.read_file(office / "r.gpkg", layer="boundaries")
    assert sorted(drawn["number"]) == ["K1", "L1"]
    spots = gpd.read_file(office / "r.gpkg", layer="findings")
    assert drawn.geometry.union_all().contains(spots.geometry.union_all())


def test_the_page_draws_both_parcels_beside_the_list(office, chromium_page):
    jingtu("check", "--report", "r.html")
    chromium_page.goto((office / "r.html").as_uri())
    chromium_page.wait_for_selector("html[data-jt-ready]", state="attached")

    chromium_page.locator(".jr-item").first.click()

    chosen = chromium_page.locator(".jr-item[aria-current=true]").inner_text()
    assert "“L1”" in chosen
    assert "“K1”" in chosen
    shapes = chromium_page.evaluate("document.querySelectorAll('.leaflet-boundaries-pane path, "
                                    ".leaflet-boundaries-pane canvas').length")  # fmt: skip
    assert shapes > 0


@pytest.mark.usefixtures("office")
def test_an_accepted_issue_is_info_and_no_longer_forbids(capsys):
    for rule in ("construction_before_target", "listed_site_planned_for_homes_or_public_use"):
        assert (
            jingtu("check", "accept", f"{rule}:1:2", "--until", "2999-12-31", "--reason", "示例")
            == Exit.DONE
        )
    capsys.readouterr()

    assert jingtu("check") == Exit.DONE
    told = capsys.readouterr().out
    assert "【示例经办人已接受，至 2999-12-31：示例】" in told
    assert "错误 0" in told
    jingtu("check", "--open")
    assert "已接受" not in capsys.readouterr().out
    jingtu("check", "accepted", "--format", "json")
    assert {one["reason"] for one in json.loads(capsys.readouterr().out)["rows"]} == {"示例"}
    assert jingtu("verify") == Exit.DONE


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["check", "--rule", "no_rule"], Exit.UNKNOWN_RULE),
        (["check", "--layer", "no_layer"], Exit.UNKNOWN_LAYER),
        (["check", "--district", "没有的区"], Exit.UNKNOWN_DISTRICT),
        (["check", "--report", "r.pdf"], Exit.USAGE),
        (["check", "accept", "x:1", "--until", "2999-01-01", "--reason", "x"], Exit.UNKNOWN_RULE),
        (["check", "accept", "construction_before_target:1:2", "--until", "2999-01-01"],
         Exit.USAGE),
        (["check", "withdraw", "construction_before_target:1:2", "--reason", "x"],
         Exit.UNKNOWN_RULE),
    ],
)  # fmt: skip
def test_what_cannot_be_done_is_refused_and_changes_nothing(office, words, code):
    before = (
        sqlite3.connect(office / "jingtu.gpkg").execute("SELECT max(id) FROM change").fetchone()
    )

    assert jingtu(*words) == code
    now = sqlite3.connect(office / "jingtu.gpkg").execute("SELECT max(id) FROM change").fetchone()
    assert now == before
