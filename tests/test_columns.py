"""Which column is which field: known names, offers for the others, and what is said of them."""

from __future__ import annotations

import json

import geopandas as gpd
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layers import catalog
from maps import cli, text
from maps.answers import Exit
from parcels import districts, words
from parcels.findings import Findings
from parcels.ingest.arrived import Arrived, Kind
from parcels.ingest.columns import match
from parcels.ingest.delivery import ReceiveOptions, receive
from parcels.ingest.suggestions import offers
from parcels.model import SourceFile

LAYERS = catalog.load()
PLOT = LAYERS["priority_plot"]
CITY = districts.bundled()
ROWS = {
    "编码": ["1101080320001", "1101080320002"],
    "名称": ["示例甲", "示例乙"],
    "所在区": ["海淀区", "朝阳区"],
    "环节": ["优先监管", "优先监管"],
}


def door(tmp_path, columns, layer=PLOT, **options):
    path = tmp_path / "列表.csv"
    pd.DataFrame(columns).to_csv(path, index=False)
    return receive(path, layer, CITY, options=ReceiveOptions(**options))


def found(delivery, code):
    whole = delivery.findings.frame()
    return {
        row.field: json.loads(row.details) for row in whole[whole["code"] == code].itertuples()
    }


def renamed(**headings):
    """The usual columns, some under another heading."""
    return {headings.get(name, name): values for name, values in ROWS.items()}


@pytest.mark.parametrize(
    ("heading", "key"),
    [
        ("地块名", "name"),
        ("地块的名称", "name"),
        ("DIKUAIMC", None),
        ("地块所在区县", "district"),
        ("所处区", "district"),
        ("地块统一编码", "code"),
        ("现处环节", "stage"),
        ("地块详细地址", "address"),
        ("曾用过的名称", "former_name"),
        ("责任主体单位", "unit"),
        ("行业类型", "industry"),
        ("HYLX", "industry"),
        ("QDPC1", "list_batch"),
        ("WMSM", None),
    ],
)
def test_a_column_under_no_known_name_is_offered_with_its_likeliest_field(tmp_path, heading, key):
    delivery = door(tmp_path, {**ROWS, heading: ["甲", "乙"]} if key is None else _with(heading))

    offered = found(delivery, "column_offered").get(heading)
    assert (offered["fields"][0] if offered else None) == key


def _with(heading):
    """The usual columns without those whose field is wanted, and one more."""
    kept = {"编码": ROWS["编码"]} if "编码" not in heading else {"名称": ROWS["名称"]}
    values = {"区": "所在区", "编码": "编码", "环节": "环节", "单位": "所在区"}
    held = next((ROWS[name] for mark, name in values.items() if mark in heading), ["甲乙", "丙丁"])
    if heading == "QDPC1":
        held = ["2月底", "8月底"]
    return {**kept, heading: held}


def test_an_offer_says_what_to_type_and_typing_it_is_enough(tmp_path):
    first = door(tmp_path, renamed(名称="地块名"))

    option = found(first, "column_offered")["地块名"]["options"][0]
    column, _, key = option.removeprefix('--column "').removesuffix('"').rpartition("=")
    again = door(tmp_path, renamed(名称="地块名"), mapping={column: key})

    assert option == '--column "地块名=name"'
    assert first.frame["name"].isna().all()
    assert again.frame["name"].tolist() == ROWS["名称"]
    assert "地块名" not in found(again, "column_offered")


@pytest.mark.parametrize(
    ("heading", "values", "key"),
    [
        ("甲", ["1101080320001", "1101080320002"], "code"),
        ("乙", ["海淀区", "110105"], "district"),
        ("丙", ["优先监管", "初步调查"], "stage"),
        ("丁", ["2月底", "8月底"], "list_batch"),
    ],
)
def test_values_tell_what_a_heading_does_not(tmp_path, heading, values, key):
    delivery = door(tmp_path, {"地址": ["x", "y"], heading: values})

    assert found(delivery, "column_offered")[heading]["fields"][0] == key


def test_values_that_a_field_cannot_hold_speak_against_it(tmp_path):
    fits = door(tmp_path, {"编码": ROWS["编码"], "现处环节": ["优先监管", "优先监管"]})
    not_at_all = door(tmp_path, {"编码": ROWS["编码"], "现处环节": ["甲", "乙"]})

    assert found(fits, "column_offered")["现处环节"]["fields"] == ["stage"]
    assert "现处环节" not in found(not_at_all, "column_offered")


def test_a_missing_required_column_names_those_it_may_be(tmp_path):
    delivery = door(tmp_path, renamed(编码="地块统一编码"))

    missing = found(delivery, "column_missing")
    assert missing["code"]["candidates"] == ["地块统一编码"]
    assert '--column "地块统一编码=code"' in missing["code"]["likely_zh"]


def test_an_unambiguous_offer_is_taken_only_when_that_is_asked(tmp_path):
    columns = renamed(名称="地块名")

    left = door(tmp_path, columns)
    taken = door(tmp_path, columns, accept_suggested=True)

    assert left.accepted == {}
    assert taken.accepted == {"地块名": "name"}
    assert taken.frame["name"].tolist() == ROWS["名称"]
    assert found(taken, "column_accepted")["地块名"]["fields"] == ["name"]


@pytest.mark.parametrize(
    "columns",
    [
        {**renamed(名称="地块名"), "地块名儿": ["丙", "丁"]},
        {"地址": ["x", "y"], "甲": ["1101080320001", "1101080320002"]},
        {**renamed(所在区="所处区域"), "行业类别名": ["化工", "电镀"], "行业类别号": ["a", "b"]},
    ],
    ids=["two columns for one field", "values alone", "likeness below the bar"],
)
def test_an_ambiguous_offer_is_never_taken(tmp_path, columns):
    assert door(tmp_path, columns, accept_suggested=True).accepted == {}


def test_a_taken_field_is_never_offered_again(tmp_path):
    delivery = door(tmp_path, {**ROWS, "地块名": ["丙", "丁"]})

    offered = found(delivery, "column_offered").get("地块名", {"fields": []})
    assert "name" not in offered["fields"]
    assert delivery.frame["name"].tolist() == ROWS["名称"]


@pytest.mark.parametrize("layer", LAYERS.values(), ids=lambda layer: layer.key)
def test_every_declared_name_of_every_layer_is_known_and_none_is_offered(layer):
    names = [name for field in layer.fields for name in (field.key, field.label.zh)]
    names += [alias for field in layer.fields for alias in field.aliases]
    arrived = _arrived({name: ["1", "2"] for name in names})

    matched = match(arrived, layer, findings=Findings(layer.key, "a.csv"), territory=CITY)

    assert matched.offers == {}
    assert set(matched.columns) == {field.key for field in layer.fields}


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.text(min_size=1, max_size=12), st.lists(st.text(max_size=8), min_size=1, max_size=4))
def test_no_heading_or_value_makes_the_offers_fall_and_likeness_stays_a_share(heading, values):
    made = offers(
        _arrived({heading: values}),
        PLOT,
        columns=[heading],
        free={field.key for field in PLOT.fields},
        territory=CITY,
    )

    assert all(0 < one.likeness <= 1 for each in made.values() for one in each)


def _arrived(columns):
    count = len(next(iter(columns.values())))
    frame = gpd.GeoDataFrame(pd.DataFrame(columns), geometry=[None] * count)
    return Arrived(Kind.CSV, SourceFile("a.csv", "0", 1), frame)


@pytest.mark.parametrize(
    ("chinese", "initials"),
    [
        ("地块名称", "dkmc"),
        ("清单批次", "qdpc"),
        ("用地面积", "ydmj"),
        ("面积m2", "mjm2"),
        ("", ""),
    ],
)
def test_initials_are_those_of_the_pinyin(chinese, initials):
    assert words.initials(chinese) == initials


def test_the_initials_of_declared_names_are_mostly_their_declared_aliases():
    pairs = [
        (words.initials(field.label.zh), {alias.casefold() for alias in field.aliases})
        for layer in LAYERS.values()
        for field in layer.own_fields
        if any(alias.isascii() and alias.isupper() for alias in field.aliases)
    ]

    assert sum(initials in aliases for initials, aliases in pairs) / len(pairs) > 0.6


@pytest.mark.parametrize("lang", text.LANGUAGES)
def test_the_command_says_the_option_and_takes_it(tmp_path, monkeypatch, capsys, lang):
    monkeypatch.chdir(tmp_path)
    pd.DataFrame(renamed(名称="地块名")).to_csv("a.csv", index=False)
    start = ["--store", "r.gpkg", "--lang", lang, "import", "a.csv", "--layer", "priority_plot"]

    checked = cli.run([*start, "--dry-run"])
    said = capsys.readouterr().out
    stored = cli.run([*start, "--column", "地块名=name"])

    assert (checked, stored) == (Exit.DONE, Exit.DONE)
    assert '--column "地块名=name"' in said
    assert ("它可能是" in said) == (lang == "zh")
    assert PLOT.field("name").label.in_(lang) in said
