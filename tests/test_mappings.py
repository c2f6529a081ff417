"""Columns confirmed for a sender: kept with the import, used again, never overwritten."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from layers import catalog
from maps import cli, settings, text
from maps.answers import Exit
from maps.tables import Format
from parcels import districts, mappings
from parcels.model import Moment
from parcels.register import Register

CITY = districts.bundled()
LAYERS = catalog.load()


@pytest.fixture
def office(tmp_path, monkeypatch, store_url):
    """A way to write a list of one parcel and to run commands on the register."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments, code=None, lang="zh", user="示例员", head="地块称谓", name="示例甲"):
        start = ["--store", store_url, "--lang", lang, "--user", user]
        if code is None:
            return cli.run([*start, *arguments])
        path = tmp_path / f"{code}.csv"
        columns = {"编码": [code], head: [name], "环节": ["优先监管"], "备用": ["x"]}
        pd.DataFrame(columns).to_csv(path, index=False)
        return cli.run([*start, "import", path.name, "--layer", "priority_plot", *arguments])

    run.url = store_url
    return run


def kept(office, *, closed=True):
    with Register(office.url, list(LAYERS.values())) as register:
        frame = register.mappings(closed=closed)
    return list(frame[["sender", "column", "field"]].itertuples(index=False, name=None))


def names(office):
    with Register(office.url, list(LAYERS.values())) as register:
        frame = register.frame("priority_plot", Moment(settings.today()))
    return dict(zip(frame["code"], frame["name"], strict=True))


def test_a_confirmed_column_is_used_again_for_the_same_sender_and_said(office, capsys):
    office("--district", "海淀", "--column", "地块称谓=name", "--column", "备用=", code="A1")
    capsys.readouterr()

    done = office("--district", "110108", code="A2", name="示例乙", user="别人")

    said = capsys.readouterr().out
    assert done == Exit.DONE
    assert names(office) == {"A1": "示例甲", "A2": "示例乙"}
    assert "mapping_reused" in said
    assert "示例员" in said
    assert kept(office) == [("110108", "地块称谓", "name"), ("110108", "备用", "")]


def test_another_sender_has_nothing_of_it(office):
    office("--district", "海淀", "--column", "地块称谓=name", code="A1")

    office("--district", "朝阳", code="A2")

    assert pd.isna(names(office)["A2"])


@pytest.mark.parametrize(
    ("told", "sender"),
    [
        (["--sender", "某检测公司", "--district", "海淀"], "某检测公司"),
        (["--unit", "经开区", "--district", "大兴"], "110115403"),
        (["--district", "北京市海淀区"], "110108"),
        (["--sender", "亦庄"], "110115403"),
    ],
)
def test_the_sender_is_the_one_named_else_the_unit_else_the_district(office, told, sender):
    office(*told, "--column", "地块称谓=name", code="A1")

    assert kept(office) == [(sender, "地块称谓", "name")]


def test_without_a_sender_nothing_is_kept(office):
    office("--column", "地块称谓=name", code="A1")

    assert kept(office) == []


@pytest.mark.parametrize("told", [["--dry-run"], ["--stage", "x", "--column", "环节="]])
def test_a_mapping_is_kept_only_when_the_import_was_stored(office, told):
    office("--district", "海淀", "--column", "地块称谓=name", *told, code="A1")

    assert kept(office) == []


def test_a_later_confirmation_closes_the_former_and_both_stay_on_record(office):
    office("--district", "海淀", "--column", "地块称谓=name", code="A1")
    office("--district", "海淀", "--column", "地块称谓=former_name", code="A2")
    office("--district", "海淀", "--column", "地块称谓=former_name", code="A3")

    assert kept(office, closed=False) == [("110108", "地块称谓", "former_name")]
    assert kept(office) == [
        ("110108", "地块称谓", "name"),
        ("110108", "地块称谓", "former_name"),
    ]


def test_what_is_said_today_goes_before_what_was_confirmed(office):
    office("--district", "海淀", "--column", "地块称谓=name", code="A1")

    office("--district", "海淀", "--column", "地块称谓=", code="A2")

    assert pd.isna(names(office)["A2"])


def test_the_form_of_a_heading_does_not_matter(office):
    office("--district", "海淀", "--column", "地块称谓=name", code="A1")

    office("--district", "海淀", code="A2", head="地块 称谓", name="示例乙")

    assert names(office)["A2"] == "示例乙"


def test_an_accepted_offer_is_kept_like_a_typed_one(office):
    office("--district", "海淀", "--accept-suggested", code="A1", head="地块名")

    assert kept(office) == [("110108", "地块名", "name")]
    assert names(office)["A1"] == "示例甲"


@pytest.mark.parametrize("lang", text.LANGUAGES)
def test_mappings_are_listed_and_one_can_be_ended(office, tmp_path, capsys, lang):
    office("--district", "海淀", "--column", "地块称谓=name", code="A1")
    capsys.readouterr()

    listed = office("mappings", lang=lang)
    shown = capsys.readouterr().out
    office("mappings", "--format", "json", "--out", "m.json", lang=lang)
    rows = json.loads((tmp_path / "m.json").read_text("utf-8-sig"))["rows"]
    ended = office("mappings", "forget", "1", lang=lang)
    again = office("mappings", "forget", "1", lang=lang)

    assert (listed, ended, again) == (Exit.DONE, Exit.DONE, Exit.UNKNOWN_MAPPING)
    assert "地块称谓" in shown
    assert ("确认人" if lang == "zh" else "Confirmed by") in shown
    assert [(row["sender"], row["field"]) for row in rows] == [("110108", "name")]
    assert kept(office, closed=False) == []
    assert len(kept(office)) == 1
    office("--district", "海淀", code="A2")
    assert pd.isna(names(office)["A2"])


@pytest.mark.parametrize("kind", [one.value for one in Format if one is not Format.GEOJSON])
def test_mappings_are_given_in_every_form(office, tmp_path, kind):
    office("--district", "海淀", "--column", "地块称谓=name", code="A1")

    done = office("mappings", "--closed", "--format", kind, "--out", f"m.{kind}")

    assert done == Exit.DONE
    assert (tmp_path / f"m.{kind}").stat().st_size > 0


@pytest.mark.parametrize(
    ("said", "sender"),
    [
        (None, None),
        (" ", None),
        ("海淀", "110108"),
        ("经开区", "110115403"),
        (" 甲公司 ", "甲公司"),
    ],
)
def test_a_sender_is_kept_by_code_where_there_is_one(said, sender):
    assert mappings.sender_of(said, CITY) == sender
