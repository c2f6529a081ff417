"""Freezing, listing, restating and explaining figures, as people and as programs ask for it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from maps import cli, text
from maps.answers import Exit
from maps.tables import Format

FARM = "contaminated_farmland_safe_use_rate"
SCRIPT = Path(__file__).with_name("recompute.py")


def ring(west, south, side):
    east, north = west + side, south + side
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]


def fields(*rows):
    """Farmland as GeoJSON: code, unit, degree, whether its measures are in place, and side."""
    return json.dumps(
        {
            "type": "FeatureCollection",
            "features": [
                {
                    "type": "Feature",
                    "properties": {
                        "编码": code,
                        "名称": f"示例{code}",
                        "责任单位": unit,
                        "类别": "安全利用类",
                        "污染程度": degree,
                        "已落实措施": done,
                        "农产品达标": "是",
                    },
                    "geometry": {
                        "type": "Polygon",
                        "coordinates": [ring(116.2 + place * 0.01, 40.0, side)],
                    },
                }
                for place, (code, unit, degree, done, side) in enumerate(rows)
            ],
        },
        ensure_ascii=False,
    )


ROWS = [
    ("F1", "海淀区", "轻度污染", "是", 0.002),
    ("F2", "海淀区", "轻度污染", "否", 0.001),
    ("F3", "海淀区", "中度污染", "是", 0.003),
]


@pytest.fixture
def office(tmp_path, monkeypatch):
    """A register with farmland, true since the middle of 2024, and a way to run commands."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "耕地.geojson").write_text(fields(*ROWS), "utf-8")

    def run(*arguments, lang="zh"):
        return cli.run(
            ["--store", "r.gpkg", "--lang", lang, "--user", "示例员", *map(str, arguments)]
        )

    assert run("import", "耕地.geojson", "--layer", "farmland", "--on", "2024-05-01") == Exit.DONE
    return run


def correct(office, tmp_path):
    """F2 has its measures in place after all."""
    rows = [ROWS[0], ("F2", "海淀区", "轻度污染", "是", 0.001), ROWS[2]]
    (tmp_path / "更正.geojson").write_text(fields(*rows), "utf-8")
    done = office(
        *("import", "更正.geojson", "--layer", "farmland", "--on", "2024-05-01", "--correct"),
        *("--reason", "漏填"),
    )
    assert done == Exit.DONE


def said(capsys, office, *arguments):
    capsys.readouterr()
    assert office(*arguments, "--format", "json") == Exit.DONE
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("lang", text.LANGUAGES)
def test_freezing_says_what_was_frozen_and_is_refused_a_second_time(office, capsys, lang):
    capsys.readouterr()

    first = office("freeze", "2024Q2", "--reason", "二季度上报", lang=lang)
    second = office("freeze", "2024Q2", lang=lang)

    told = capsys.readouterr()
    assert (first, second) == (Exit.DONE, Exit.PERIOD_FROZEN)
    assert ("第 1 版" if lang == "zh" else "Edition 1") in told.out
    assert "示例员" in told.err


def test_another_edition_needs_a_reason_and_keeps_the_former(office, tmp_path, capsys):
    office("freeze", "2024Q2")
    correct(office, tmp_path)

    bare = office("freeze", "2024Q2", "--again")
    done = office("freeze", "2024Q2", "--again", "--reason", "复核后重报")

    assert (bare, done) == (Exit.USAGE, Exit.DONE)
    listed = said(capsys, office, "figures")["rows"]
    assert [(row["edition"], row["reason"]) for row in listed] == [(1, None), (2, "复核后重报")]
    name = f"{FARM}:110108:2024Q2"
    first, last = (
        {
            row["figure"]: row["exact"]
            for row in said(capsys, office, "figures", "show", "2024Q2", *which)["rows"]
        }[name]
        for which in (["--edition", "1"], [])
    )
    assert first != last == "1"


def test_a_period_that_has_not_begun_is_not_frozen(office):
    assert office("freeze", "2999Q1") == Exit.USAGE
    assert office("freeze", "2024Q5") not in {Exit.DONE, Exit.UNEXPECTED}


def test_a_restatement_names_the_parcel_the_amount_and_the_file(office, tmp_path, capsys):
    office("freeze", "2024Q2")
    correct(office, tmp_path)

    told = said(capsys, office, "restate", "2024Q2", "-i", FARM, "--unit", "海淀区")

    (row,) = told["rows"]
    assert (row["code"], row["term"], row["why"]) == ("F2", "c", "entered")
    assert (row["file"], row["made_by"], row["kind"]) == ("更正.geojson", "示例员", "correct")
    (figure,) = told["meta"]["figures"]
    assert figure["moved"] == {"c": row["moved"]}
    assert figure["after"]["exact"] == "1"


@pytest.mark.parametrize("lang", text.LANGUAGES)
def test_a_restatement_is_told_in_words(office, tmp_path, capsys, lang):
    office("freeze", "2024Q2")
    capsys.readouterr()
    office("restate", "2024Q2", lang=lang)
    same = capsys.readouterr().out
    correct(office, tmp_path)
    capsys.readouterr()

    assert office("restate", "2024Q2", lang=lang) == Exit.DONE

    moved = capsys.readouterr().out
    assert ("完全一致" if lang == "zh" else "just what is known now") in same
    assert "F2" in moved
    assert ("新计入" if lang == "zh" else "counts now") in moved


def test_what_is_not_frozen_cannot_be_restated(office, capsys):
    code = office("restate", "2024Q2")

    assert code == Exit.PERIOD_NOT_FROZEN
    assert "2024Q2" in capsys.readouterr().err


@pytest.mark.parametrize("lang", text.LANGUAGES)
def test_a_figure_is_explained_down_to_the_row_of_a_file(office, capsys, lang):
    capsys.readouterr()

    code = office("explain", f"{FARM}:110108:2024Q2", "--top", "1", lang=lang)

    told = capsys.readouterr().out
    assert code == Exit.DONE
    for part in ("F3", "耕地.geojson", "示例员", "SHA-256"):
        assert part in told
    assert "F1" not in told
    assert ("另有" if lang == "zh" else "more,") in told


@pytest.mark.parametrize("figure", [f"{FARM}:110108:2024Q2", f"{FARM}:total:2024Q2@district"])
@pytest.mark.parametrize("is_frozen", [True, False])
def test_a_reader_reckons_the_figure_from_the_json_alone(
    office, tmp_path, capsys, figure, is_frozen
):
    if is_frozen:
        office("freeze", "2024Q2")
        correct(office, tmp_path)
    told = said(capsys, office, "explain", figure)

    done = subprocess.run(
        [sys.executable, "-I", "-S", SCRIPT],
        input=json.dumps(told),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == told["meta"]["figure"]["exact"] != "1"
    assert len(SCRIPT.read_text("utf-8").splitlines()) <= 30


def test_every_row_of_the_json_names_its_source(office, capsys):
    rows = said(capsys, office, "explain", f"{FARM}:110108:2024Q2")["rows"]

    assert {row["code"] for row in rows} == {"F1", "F2", "F3"}
    for row in rows:
        assert (row["file"], len(row["sha256"]), row["said_by"]) == ("耕地.geojson", 64, "示例员")
        assert row["row"] >= 1


@pytest.mark.parametrize("kind", [one.value for one in Format if one is not Format.GEOJSON])
@pytest.mark.parametrize(
    "command",
    [
        ("figures",),
        ("figures", "show", "2024Q2"),
        ("restate", "2024Q2"),
        ("explain", f"{FARM}:110108:2024Q2"),
    ],
)
def test_everything_is_given_in_every_form(office, tmp_path, command, kind):
    office("freeze", "2024Q2")
    correct(office, tmp_path)

    assert office(*command, "--format", kind, "--out", f"a.{kind}") == Exit.DONE
    assert (tmp_path / f"a.{kind}").stat().st_size > 0


@pytest.mark.parametrize("written", ["safe_rate", f"{FARM}:110199:2024Q2", "no:110108:2024Q2"])
def test_a_figure_that_is_none_is_refused_in_words(office, capsys, written):
    code = office("explain", written)

    assert code == Exit.UNKNOWN_FIGURE
    assert written in capsys.readouterr().err


@pytest.mark.browser
@pytest.mark.parametrize("lang", text.LANGUAGES)
def test_the_page_opens_alone_folds_searches_and_leads_from_the_map(
    office, tmp_path, chromium_page, lang
):
    assert office("explain", f"{FARM}:110108:2024Q2", "--html", "a.html", lang=lang) == Exit.DONE
    errors = []
    chromium_page.on("pageerror", lambda one: errors.append(str(one)))
    chromium_page.on("requestfailed", lambda one: errors.append(one.url))
    chromium_page.set_viewport_size({"width": 390, "height": 844})

    chromium_page.goto((tmp_path / "a.html").as_uri())
    chromium_page.fill("#q", "f2")
    found = chromium_page.locator("details.parcel:visible").all_inner_texts()
    chromium_page.fill("#q", "")
    chromium_page.locator("svg a").first.evaluate(
        "one => one.dispatchEvent(new MouseEvent('click'))"
    )
    chromium_page.click("#open")
    whole = chromium_page.inner_text("body")

    assert found
    assert all("F2" in one for one in found)
    assert "耕地.geojson" in whole
    assert chromium_page.locator("details.here").count() == 1
    assert chromium_page.evaluate("document.documentElement.scrollWidth") <= 390
    assert errors == []


def test_nothing_of_a_file_becomes_markup_of_the_page(office, tmp_path):
    rows = [("<b>x</b>", "海淀区", "轻度污染", "是", 0.002)]
    (tmp_path / "坏.geojson").write_text(fields(*rows), "utf-8")
    taken = office(
        *("import", "坏.geojson", "-l", "farmland", "--on", "2024-05-02"),
        *("--same-land", "separate"),
    )
    assert taken == Exit.DONE

    office("explain", f"{FARM}:110108:2024Q2", "--html", "a.html")

    page = (tmp_path / "a.html").read_text("utf-8")
    assert "<b>x" not in page
    assert "&lt;b&gt;x" in page


def report(office, value, number):
    """The unit reports its use of straw, on a document."""
    done = office(
        *("plan", "report", "straw_use_rate", "--unit", "大兴区", "--period", "2024Q2"),
        *("--value", value, "--evidence", "统计报表", "--number", number),
    )
    assert done == Exit.DONE


STRAW = "straw_use_rate:110115:2024Q2"


@pytest.mark.parametrize("is_frozen", [True, False])
def test_a_reported_figure_is_explained_by_its_report_document_and_person(
    office, capsys, is_frozen
):
    report(office, "98.7%", "示例1号")
    if is_frozen:
        office("freeze", "2024Q2")
        report(office, "91%", "示例2号")

    told = said(capsys, office, "explain", STRAW)["meta"]
    capsys.readouterr()
    office("explain", STRAW)

    words = capsys.readouterr().out
    assert told["report"]["written"] == "98.7%"
    assert (told["report"]["number"], told["report"]["made_by"]) == ("示例1号", "示例员")
    assert told["figure"]["state"] == "reported"
    assert "示例1号" in words
    assert "98.7" in words


def test_a_report_corrected_after_the_freeze_is_a_restatement_with_both_reports(office, capsys):
    report(office, "98.7%", "示例1号")
    office("freeze", "2024Q2")
    report(office, "91%", "示例2号")

    told = said(capsys, office, "restate", "2024Q2", "-i", "straw_use_rate", "--unit", "大兴区")
    capsys.readouterr()
    office("restate", "2024Q2", "--unit", "大兴区")

    words = capsys.readouterr().out
    (figure,) = told["meta"]["figures"]
    before, after = figure["before"], figure["after"]
    assert (before["report"]["written"], after["report"]["written"]) == ("98.7%", "91%")
    assert after["report"]["change"] == before["report"]["change"] + 2
    assert told["rows"] == []
    assert "98.7" in words
    assert "91" in words
