"""Values as districts write them, kind by kind, and what is said of them."""

from __future__ import annotations

import datetime as dt
import json

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from layers import catalog
from maps import cli, report, text
from maps.answers import Exit
from parcels import districts, validation, words
from parcels.findings import Findings
from parcels.ingest.columns import Matched
from parcels.ingest.headings import unit_of
from parcels.ingest.numerals import arabic
from parcels.ingest.values import harmonise
from parcels.model import Choice, Field, Kind, Label, Layer, Moment, Shape, Stage
from parcels.register import Register

CITY = districts.bundled()


def label(word):
    return Label(word, word)


FIELDS = (
    Field("code", label("编码"), core=True),
    Field("name", label("名称"), core=True),
    Field("district", label("所在区"), core=True),
    Field("declared_area_m2", label("面积"), Kind.NUMBER, unit="m2", core=True),
    Field("mu", label("亩数"), Kind.NUMBER, unit="mu"),
    Field("share", label("比例"), Kind.NUMBER, unit="share"),
    Field("count", label("数量"), Kind.INTEGER),
    Field("on", label("日期"), Kind.DATE),
    Field("yes", label("是否"), Kind.BOOLEAN),
    Field(
        "use",
        label("用途"),
        Kind.CODE,
        choices=(Choice("R", label("居住"), ("住宅",)), Choice("M", label("工业"))),
    ),
    Field(
        "uses",
        label("用途多选"),
        Kind.CODES,
        choices=(
            Choice("R", label("居住"), ("住宅",)),
            Choice("M", label("工业")),
            Choice("gbt", label("GB/T 21010"), ()),
        ),
    ),
)
LAYER = Layer(
    "example", label("示例"), Shape.EITHER, FIELDS, (Stage("a", label("甲")),), label("环节")
)


def read(key, written, heading=None):
    """One column through the door: what is stored, and what was found."""
    column = heading or key
    index = pd.RangeIndex(2, 2 + len(written))
    raw = pd.Series(written).set_axis(index).rename(column)
    measures = {key: unit} if (unit := unit_of(column)) else {}
    findings = Findings(LAYER.key, "a.csv")
    frame = harmonise(raw.to_frame(), Matched({key: column}, measures), LAYER, findings=findings)
    return frame, findings.frame()


def stored(key, written, heading=None):
    one = read(key, [written], heading)[0][key].iloc[0]
    return None if pd.isna(one) else one


DAY = "2024-06-01"
DATES = {
    "2024-06-01": DAY,
    "2024-6-1": DAY,
    "2024年6月1日": DAY,
    "2024年06月01日": DAY,
    "2024年6月1号": DAY,
    "２０２４年６月１日": DAY,
    "2024.6.1": DAY,
    "2024/6/1": DAY,
    "2024。6。1": DAY,
    "20240601": DAY,
    "二〇二四年六月一日": DAY,
    "二零二四年六月一日": DAY,
    "二○二四年十二月三十一日": "2024-12-31",
    "二〇二四年十月二十日": "2024-10-20",
    "2024年六月一日": DAY,
    "2024年6月": DAY,
    "2024年六月": DAY,
    "2024-6": DAY,
    "2024.06": DAY,
    "202406": DAY,
    "2024年": "2024-01-01",
    "2024": "2024-01-01",
    "45444": DAY,
    "45444.75": DAY,
    "2024-06-01 10:30": DAY,
    "2024-06-01T10:30:00": DAY,
    "2024/6/1 0:00:00": DAY,
    "2024年6月1日 10时30分": DAY,
    "2024年6月1日10时30分": DAY,
    "2024年6月1日上午10点": DAY,
    "2024-6-1 下午3:20": DAY,
    "25/6/2024": "2024-06-25",
    "6/25/2024": "2024-06-25",
    "6.6.2024": "2024-06-06",
    "2024-02-29": "2024-02-29",
    "2023-02-29": None,
    "2024-13-01": None,
    "六月一日": None,
    "6月": None,
    "民国113年6月1日": None,
    "去年": None,
    "0001-01-01": None,
    "12345": None,
}


@pytest.mark.parametrize("written", DATES)
def test_a_date_is_read_in_every_usual_form(written):
    found = stored("on", written)

    assert (None if found is None else f"{found:%Y-%m-%d}") == DATES[written]


@pytest.mark.parametrize("written", ["6/1/2024", "01.06.2024", "6-1-2024", "24-6-1", "6/1/24"])
def test_a_date_whose_day_and_month_may_be_either_is_refused_with_that_reason(written):
    frame, found = read("on", [written])

    assert frame["on"].isna().all()
    assert found["code"].tolist() == ["date_doubtful"]
    assert found["severity"].tolist() == ["error"]


AREAS = {
    "100": 100,
    "１００": 100,
    "1,234.5": 1234.5,
    "１，２３４": 1234,
    "1.5e3": 1500,
    "15亩": 10_000,
    "15 亩": 10_000,
    "一百二十亩": 80_000,
    "三点五公顷": 35_000,
    "2公顷": 20_000,
    "2 hm²": 20_000,
    "2ha": 20_000,
    "0.5平方公里": 500_000,
    "0.5km2": 500_000,
    "3.5万亩": 3.5e4 * 2000 / 3,
    "三点五万亩": 3.5e4 * 2000 / 3,
    "十万亩": 1e5 * 2000 / 3,
    "3.5万": 35_000,
    "1.2亿": 1.2e8,
    "2万平方米": 20_000,
    "100㎡": 100,
    "100平方米": 100,
    "一百零五": 105,
    "三百五": 350,
    "一万二": 12_000,
    "一亿二千万": 120_000_000,
    "两千": 2000,
    "十": 10,
    "0": 0,
    "10-20": None,
    "约100": None,
    "100米": None,
    "1,23": None,
    "一二十": None,
    "abc": None,
    "50%": None,
    "0x10": None,
    "1e999": None,
}


@pytest.mark.parametrize("written", AREAS)
def test_an_area_is_read_in_every_usual_form(written):
    found = stored("declared_area_m2", written)

    expected = AREAS[written]
    assert found == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize(
    ("heading", "written", "area_m2"),
    [
        ("面积（亩）", "15", 10_000),
        ("面积(公顷)", "1.5", 15_000),
        ("面积[平方公里]", "0.01", 10_000),
        ("面积_亩", "15", 10_000),
        ("面积（万亩）", "0.0015", 10_000),
        ("面积（万平方米）", 1.0, 10_000),
        ("面积（亩）", "1公顷", 10_000),
        ("面积（亩）", "1万", 1e4 * 2000 / 3),
        ("面积", "10000", 10_000),
    ],
)
def test_the_unit_stands_in_the_value_else_in_the_heading_else_in_the_layer(
    heading, written, area_m2
):
    assert stored("declared_area_m2", written, heading) == pytest.approx(area_m2)


@pytest.mark.parametrize(
    ("written", "share"), [("95%", 0.95), ("９８.５％", 0.985), ("0.95", 0.95), ("百", 1.0)]
)
def test_a_percentage_of_a_share_is_a_hundredth(written, share):
    if written == "百":
        assert stored("share", written) is None
        return
    assert stored("share", written) == pytest.approx(share)


YES_NO = {
    **dict.fromkeys(["是", "有", "√", "Y", "y", "Yes", "1", "１", "TRUE", "✔"], True),
    **dict.fromkeys(["否", "无", "×", "N", "No", "0", "false", "没有", "✘"], False),
    **dict.fromkeys(["不详", "2", "是否"]),
}


@pytest.mark.parametrize("written", YES_NO)
def test_yes_and_no_are_read_in_every_usual_form(written):
    assert stored("yes", written) == YES_NO[written]


CODES = {
    "居住": "R",
    "住宅、工业": "R;M",
    "R;M": "R;M",
    "居住；工业": "R;M",
    "居住,工业": "R;M",
    "居住，住宅": "R",
    "居住/工业": "R;M",
    "居住|工业": "R;M",
    "居住和工业": "R;M",
    "GB/T 21010": "gbt",
    "GB/T 21010、工业": "gbt;M",
    "居住、": "R",
    "居住、商业": None,
    "、": None,
}


@pytest.mark.parametrize("written", CODES)
def test_a_list_of_codes_is_split_at_every_usual_mark_but_not_within_a_word(written):
    assert stored("uses", written) == CODES[written]


DISTRICTS = {
    **dict.fromkeys(
        ["海淀", "海淀区", "北京市海淀区", "110108", "110108000", "110108000000"], "110108"
    ),
    **dict.fromkeys(["１１０１０８", "110108.0", "Haidian", "haidian district"], "110108"),
    **dict.fromkeys(["密云县", "110228", "110228000000", "密云区"], "110118"),
    **dict.fromkeys(["延庆县", "110229", "延庆"], "110119"),
    **dict.fromkeys(["崇文", "崇文区", "110103", "110103000000"], "110101"),
    **dict.fromkeys(["宣武", "北京市宣武区", "110104"], "110102"),
    **dict.fromkeys(["天津市", "110110", "海"]),
}
UNITS = dict.fromkeys(
    [
        "经开区",
        "北京经开区",
        "亦庄",
        "北京经济技术开发区",
        "北京经济技术开发区管委会",
        "110115403",
        "BDA",
    ],
    "110115403",
)


@pytest.mark.parametrize("written", DISTRICTS)
def test_a_district_is_known_by_name_short_form_and_every_code(written):
    found = CITY.district_codes(pd.Series([written])).iloc[0]

    assert (None if pd.isna(found) else found) == DISTRICTS[written]


@pytest.mark.parametrize("written", UNITS)
def test_the_development_area_is_known_by_all_its_names(written):
    assert CITY.unit_codes(pd.Series([written])).iloc[0] == UNITS[written]


def checked(written):
    frame = gpd.GeoDataFrame(
        {"file": "a", "row": [1], "code": "A", "district": [written]}, geometry=[None], crs=4490
    )
    findings = Findings(LAYER.key, "a")
    rows, _ = validation.check(frame, LAYER, CITY, findings=findings)
    return rows, set(findings.frame()["code"])


@pytest.mark.parametrize("written", ["崇文区", "宣武", "110104", "110103000000"])
def test_a_district_merged_into_another_is_taken_with_a_warning(written):
    rows, codes = checked(written)

    assert rows["district"].notna().all()
    assert "district_former" in codes


@pytest.mark.parametrize("written", ["东城区", "密云县", "110228"])
def test_a_district_that_only_changed_its_name_is_taken_without_one(written):
    assert "district_former" not in checked(written)[1]


@pytest.mark.parametrize("written", ["", " ", "/", "-", "——", "空", "N/A", "null", "　"])
@pytest.mark.parametrize("key", ["name", "declared_area_m2", "on", "yes", "use", "uses", "count"])
def test_a_blank_says_nothing_and_is_no_fault(key, written):
    frame, found = read(key, [written])

    assert frame[key].isna().all()
    assert "erased" not in frame
    assert found.empty


@pytest.mark.parametrize("written", ["删除", "清空", "(删除)", "（删除）", "DELETE"])
@pytest.mark.parametrize("key", ["name", "declared_area_m2", "on", "yes", "use", "uses", "count"])
def test_a_mark_of_deletion_is_kept_apart_from_a_blank(key, written):
    frame, found = read(key, [written, ""])

    assert frame[key].isna().all()
    assert frame["erased"].isna().tolist() == [False, True]
    assert frame["erased"].iloc[0] == key
    assert found["code"].tolist() == ["value_erased"]


def test_several_fields_of_a_row_can_be_deleted():
    raw = pd.DataFrame({"name": ["删除", "x"], "on": ["删除", "删除"]}, index=[2, 3])
    findings = Findings(LAYER.key, "a.csv")

    frame = harmonise(raw, Matched({"name": "name", "on": "on"}, {}), LAYER, findings=findings)

    assert frame["erased"].tolist() == ["name;on", "on"]


@pytest.mark.parametrize("lang", text.LANGUAGES)
def test_what_was_changed_is_said_once_per_column_with_its_row(lang):
    _, found = read("on", ["2024-06-01", "2024年6月1日", "2024.6.2"])

    said = report.sentences(found, layer=LAYER, lang=lang)["what"].tolist()
    assert len(said) == 1
    assert "2024年6月1日" in said[0]
    assert ("第 3 行" if lang == "zh" else "row 3") in said[0]
    assert json.loads(found["details"].iloc[0])["count"] == 2


# Laws


@given(st.dates(dt.date(1955, 1, 1), dt.date(2099, 12, 31)))
@settings(max_examples=20, deadline=None, derandomize=True)
def test_a_date_written_in_any_form_is_the_same_date(day):
    forms = [
        f"{day:%Y-%m-%d}",
        f"{day.year}年{day.month}月{day.day}日",
        f"{day.year}.{day.month}.{day.day}",
        f"{day:%Y%m%d}",
        f"{day:%Y/%m/%d} 08:00",
        str((day - dt.date(1899, 12, 30)).days),
        f"{digits(day.year)}年{chinese(day.month)}月{chinese(day.day)}日",
    ]

    frame, found = read("on", forms)

    assert frame["on"].dt.date.tolist() == [day] * len(forms)
    assert "error" not in set(found["severity"])


ONES = "零一二三四五六七八九"


def digits(number):
    return "".join(ONES[int(one)] for one in str(number)).replace("零", "〇")


def chinese(number):
    """A number below a hundred million as it is said."""
    if number >= 10_000:
        high, low = divmod(number, 10_000)
        return chinese(high) + "万" + (("零" if low < 1000 else "") + chinese(low) if low else "")
    said = ""
    for power, word in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        one = number // power % 10
        if one:
            said += ONES[one] + word
        elif said and number % power and not said.endswith("零"):
            said += "零"
    return said.removeprefix("一") if 10 <= number < 20 else said


@given(st.integers(1, 99_999_999))
@settings(max_examples=100, deadline=None, derandomize=True)
def test_a_number_said_in_chinese_is_that_number(number):
    assert arabic(chinese(number)) == str(number)


@given(st.floats(0.001, 1e9, allow_nan=False))
@settings(max_examples=20, deadline=None, derandomize=True)
def test_an_area_written_in_any_unit_is_the_same_area(area_m2):
    per = {"平方米": 1, "亩": 2000 / 3, "公顷": 1e4, "平方公里": 1e6, "万亩": 2e7 / 3, "": 1}
    written = [f"{area_m2 / size!r}{unit}" for unit, size in per.items()]

    frame, _ = read("declared_area_m2", written)

    assert frame["declared_area_m2"].to_numpy() == pytest.approx(np.full(len(per), area_m2))


@pytest.mark.parametrize("key", ["declared_area_m2", "on", "yes", "use", "uses", "count"])
def test_harmonising_what_was_harmonised_changes_nothing(key):
    once, _ = read(key, [*DATES, *AREAS, *YES_NO, *CODES, "删除", "/"])
    again, found = read(key, once[key])

    assert once[key].notna().any()
    pd.testing.assert_series_equal(again[key], once[key])
    assert "value_harmonised" not in set(found["code"])


@given(st.lists(st.text(max_size=20), min_size=1, max_size=20))
@settings(max_examples=10, deadline=None, derandomize=True)
def test_no_text_makes_a_value_fall(written):
    for field in FIELDS:
        frame, _ = read(field.key, written)

        assert len(frame) == len(written)


# The register


def test_a_blank_keeps_what_is_known_and_a_mark_of_deletion_takes_it_away(
    tmp_path, monkeypatch, capsys, store_url
):
    monkeypatch.chdir(tmp_path)
    head = "编码,名称,地址,环节,行业类别\n"
    for name, rows in {
        "a": "A1,示例甲,甲路1号,优先监管,化工\nA2,示例乙,乙路2号,优先监管,化工\n",
        "b": "A1,,删除,优先监管,\nA2,示例丙,,优先监管,删除\n",
    }.items():
        (tmp_path / f"{name}.csv").write_text(head + rows, "utf-8")
        start = ["--store", store_url, "--lang", "zh", "import", f"{name}.csv"]
        told = ["--layer", "priority_plot", "--district", "海淀", "--on", "2024-06-01"]
        assert cli.run([*start, *told]) == Exit.DONE, capsys.readouterr()

    with Register(store_url, list(catalog.load().values())) as register:
        frame = register.frame("priority_plot", Moment(dt.date(2024, 6, 2)))
    rows = frame.set_index("code")[["name", "address", "industry"]]
    assert rows.loc["A1"].tolist()[0::2] == ["示例甲", "化工"]
    assert pd.isna(rows.loc["A1", "address"])
    assert rows.loc["A2"].tolist()[:2] == ["示例丙", "乙路2号"]
    assert pd.isna(rows.loc["A2", "industry"])
    assert shapely.is_missing(frame.geometry.to_numpy()).all()


def test_no_mark_of_a_blank_or_a_deletion_begins_with_a_digit():
    marks = words.blanks() | words.deletions()

    assert not [mark for mark in marks if mark[:1].isdecimal()]
    assert max(map(len, marks)) <= 8
