"""What people read is there in both languages, and says what is known and no more."""

import datetime as dt
import re
import tomllib
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from maps import text

ROOT = Path(__file__).parents[1]


def test_both_languages_have_the_same_keys():
    assert text.keys("zh") == text.keys("en")


def fields_in(key, lang):
    # A field that is itself words comes in both languages, e.g. fault_zh and fault_en.
    return {name.removesuffix(f"_{lang}") for name in text.fields(key, lang)}


def test_a_sentence_takes_the_same_fields_in_both_languages():
    differing = {
        key: (fields_in(key, "zh"), fields_in(key, "en"))
        for key in text.keys("zh") & text.keys("en")
        if fields_in(key, "zh") != fields_in(key, "en")
    }

    assert differing == {}


@pytest.mark.parametrize("lang", text.LANGUAGES)
def test_no_sentence_is_blank_and_every_one_can_be_filled_in(lang):
    for key in text.keys(lang):
        filled = text.say(key, lang, **dict.fromkeys(text.fields(key, lang)))

        assert filled.strip(), key


def test_no_english_sentence_holds_chinese_characters():
    chinese = {
        key
        for key in text.keys("en")
        for letter in text.say(key, "en", **dict.fromkeys(text.fields(key, "en"), 1))
        if "CJK UNIFIED" in unicodedata.name(letter, "")
    }

    # Alternatives and examples may name what stands on a Chinese form.
    assert {key for key in chinese if not key.startswith(("findings.", "commands."))} == set()


HALF_WIDTH = re.compile(r"[\u4e00-\u9fff”》）][,:;?!()]|[,:;?!()][\u4e00-\u9fff“《（]")


def test_chinese_sentences_are_punctuated_as_chinese_is():
    # What stands in quotes is to be typed as it is, e.g. “点号,圈号,X(北),Y(东)”.
    spoken = {
        key: re.sub(
            "“[^”]*”", "“”", text.say(key, "zh", **dict.fromkeys(text.fields(key, "zh"), 1))
        )
        for key in text.keys("zh")
    }

    assert {key: said for key, said in spoken.items() if HALF_WIDTH.search(said)} == {}


def spoken_in(held):
    """Every Chinese text beside an English one in a table of a reference file."""
    if isinstance(held, list):
        return [said for one in held for said in spoken_in(one)]
    if not isinstance(held, dict):
        return []
    own = [held["zh"]] if isinstance(held.get("zh"), str) and "en" in held else []
    return own + [said for one in held.values() for said in spoken_in(one)]


@pytest.mark.parametrize("room", ["parcels", "layers"])
def test_chinese_words_of_reference_files_are_punctuated_so_too(room):
    files = sorted((ROOT / room / "reference").rglob("*.toml"))
    spoken = [said for one in files for said in spoken_in(tomllib.loads(one.read_text("utf-8")))]

    assert spoken
    assert [said for said in spoken if HALF_WIDTH.search(said)] == []


@pytest.mark.parametrize("lang", ["fr", "", "zh_CN", "../zh"])
def test_a_language_that_is_not_there_is_an_error_and_not_a_blank(lang):
    with pytest.raises(text.WordsMissingError):
        text.say("words.unknown", lang)


@pytest.mark.parametrize("key", ["words.no_such", "words", "words.units", "", "nothing.at.all"])
def test_a_key_that_is_not_there_is_an_error_and_not_a_blank(key):
    with pytest.raises(text.WordsMissingError):
        text.say(key, "zh")


def test_a_field_that_was_not_given_is_an_error():
    with pytest.raises(text.WordsMissingError, match="file"):
        text.say("refusals.file_not_readable.what", "zh", reason="")


def test_words_below_a_prefix_are_found_by_the_rest_of_the_key():
    units = text.words("words.units", "en")

    assert units["km2"] == "km²"
    assert units["t/a"] == "t/a"


def test_an_unknown_prefix_has_no_words():
    with pytest.raises(text.WordsMissingError):
        text.words("words.unit", "en")


@pytest.mark.parametrize("nothing", [None, np.nan, pd.NA, pd.NaT, float("nan")])
def test_what_is_not_known_is_said_to_be_unknown(nothing):
    assert text.number(nothing, "zh") == "未知"
    assert text.area(nothing, "en") == "unknown"
    assert text.share(nothing, "zh") == "未知"
    assert text.day(nothing, "en") == "unknown"
    assert text.instant(nothing, "zh") == "未知"


@pytest.mark.parametrize(
    ("given_fields", "said"),
    [
        ({"shown": 1, "all": 1}, "1 of 1 row shown."),
        ({"shown": 1, "all": 2}, "1 of 2 rows shown."),
        ({"shown": 1200, "all": 1234567}, "1,200 of 1,234,567 rows shown."),
        ({"shown": None, "all": None}, "unknown of unknown rows shown."),
    ],
)
def test_english_counts_take_the_right_form(given_fields, said):
    assert text.say("tables.cut", "en", **given_fields) == said


@pytest.mark.parametrize(
    ("found", "shown"),
    [
        (["a", "b"], "a, b"),
        ((), ""),
        (True, "yes"),
        (np.bool_(0), "no"),
        (np.int64(5), "5"),
        (pd.NA, "unknown"),
        (dt.date(2026, 11, 24), "2026-11-24"),
        (ValueError("bad\nline"), "bad\\x0aline"),
    ],
)
def test_a_field_is_shown_as_people_write_it(found, shown):
    said = text.say("refusals.file_not_readable.what", "en", file="F", reason=found)

    assert shown in said


@pytest.mark.parametrize(
    ("area_m2", "unit", "shown"),
    [
        (9_999.4, None, "9,999 m²"),
        (10_000, None, "1.00 ha"),
        (9_999_999, None, "1,000.00 ha"),
        (10_000_000, None, "10.00 km²"),
        (2_000, "mu", "3.00 mu"),
        (0, None, "0 m²"),
        (-0.2, None, "0 m²"),
        (-20_000, None, "-2.00 ha"),
    ],
)
def test_an_area_is_written_in_a_fitting_unit_or_the_one_asked_for(area_m2, unit, shown):
    assert text.area(area_m2, "en", unit=unit) == shown


@pytest.mark.parametrize(
    ("part", "shown"),
    [
        (0, "0.0%"),
        (1e-9, "<0.1%"),
        (0.00049, "<0.1%"),
        (0.0006, "0.1%"),
        (0.5, "50.0%"),
        (0.9994, "99.9%"),
        (0.9996, ">99.9%"),
        (1, "100.0%"),
        (1.25, "125.0%"),
        (-0.0, "0.0%"),
    ],
)
def test_a_share_that_is_not_nothing_is_not_shown_as_nothing(part, shown):
    assert text.share(part, "en") == shown


def test_an_instant_is_shown_in_beijing_time():
    new_year = dt.datetime(2026, 12, 31, 16, 0, tzinfo=dt.UTC)

    assert text.instant(new_year, "zh") == "2027-01-01 00:00"


@given(st.text(max_size=400))
def test_text_of_others_stays_on_one_line_and_shows_what_would_hide(written):
    shown = text.plain(written)

    assert not any(unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} for c in shown)
    assert not set("\u202e\u2066\u200b\ufeff") & set(shown)
    assert text.plain("朝阳区a" + "x") == "朝阳区ax"


def test_text_of_others_is_cut_where_a_sentence_would_drown():
    assert len(text.plain("长" * 10_000)) == text.LONGEST


def test_a_value_from_a_file_cannot_use_the_format_of_a_sentence():
    said = text.say("refusals.file_not_readable.what", "en", file="{reason.__class__}", reason="r")

    assert "{reason.__class__}" in said
