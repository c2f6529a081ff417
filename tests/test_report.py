"""The report on a delivery says every finding in words, loses none, and shows nothing raw."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maps import report, text
from parcels.findings import CODES, Findings
from parcels.model import Field, Kind, Label, Layer, Shape, Stage

LAYER = Layer(
    key="town_plot",
    label=Label("镇地块", "Town plots"),
    shape=Shape.POLYGON,
    fields=(
        Field("code", Label("地块编码", "Parcel code"), required=True, core=True),
        Field("depth", Label("深度", "Depth"), kind=Kind.NUMBER),
    ),
    stages=(Stage("found", Label("发现", "Found")),),
    stage_label=Label("环节", "Stage"),
)


def findings(*, rows: int = 8) -> pd.DataFrame:
    found = Findings(LAYER.key, "镇.shp")
    numbers = list(range(1, rows + 1))
    found.add("value_missing", rows=numbers, numbers=[f"P{n}" for n in numbers], field="code")
    found.add("number_twice", rows=[3], numbers=["P3"], details={"rows": [3, 4]})
    found.add("boundary_missing", rows=[2])
    found.add("crs_assumed")
    return found.frame()


@pytest.mark.parametrize("lang", text.LANGUAGES)
@pytest.mark.parametrize("code", CODES)
def test_every_finding_has_both_sentences(code, lang):
    assert text.say(f"findings.{code}.what", lang, **dict.fromkeys(_fields(code, "what", lang), 1))
    assert text.say(f"findings.{code}.mend", lang, **dict.fromkeys(_fields(code, "mend", lang), 1))


@pytest.mark.parametrize("lang", text.LANGUAGES)
def test_every_sentence_belongs_to_a_finding(lang):
    assert {key.split(".")[0] for key in text.words("findings", lang)} == set(CODES)


@pytest.mark.parametrize("lang", text.LANGUAGES)
def test_every_finding_can_be_said_even_with_nothing_known_of_it(lang):
    found = Findings(LAYER.key, "f")
    for code in CODES:
        found.add(code)

    said = report.sentences(found.frame(), layer=LAYER, lang=lang)

    assert (said["what"].str.len() > 0).all()
    assert (said["mend"].str.len() > 0).all()


@settings(deadline=None)
@given(st.lists(st.sampled_from(sorted(CODES)), max_size=12))
def test_sentences_stand_beside_their_findings(codes):
    found = Findings(LAYER.key, "f")
    for row, code in enumerate(codes, start=1):
        found.add(code, rows=[row], numbers=[f"P{row}"], field="depth", found=[str(row)])
    frame = found.frame()

    said = report.sentences(frame, layer=LAYER, lang="en")

    assert said.index.equals(frame.index)
    for index, one in frame.iterrows():
        alone = report.sentences(frame.loc[[index]], layer=LAYER, lang="en")
        assert tuple(alone.iloc[0]) == tuple(said.loc[index]), one["code"]


def test_a_field_is_named_by_its_label_and_a_strange_column_by_its_own_name():
    found = Findings(LAYER.key, "f")
    found.add("value_missing", rows=[1, 2], field="depth")
    found.add("value_missing", rows=[3], field="深 度")

    said = report.sentences(found.frame(), layer=LAYER, lang="en")["what"]

    assert "Depth" in said[0]
    assert "深 度" in said[2]


def test_the_summary_counts_every_finding_the_worst_first():
    counted = report.summary(findings())

    assert counted["count"].sum() == len(findings())
    assert list(counted["severity"]) == ["error", "error", "warning", "info"]
    assert list(counted["code"])[:2] == ["value_missing", "number_twice"]
    assert list(counted["rows"]) == [8, 1, 1, 0]


@pytest.mark.parametrize("lang", text.LANGUAGES)
def test_the_screen_shows_the_first_rows_of_each_finding_and_counts_the_others(capsys, lang):
    report.show(findings(), layer=LAYER, lang=lang, limit=5)

    shown = capsys.readouterr().out
    assert shown.index("value_missing") < shown.index("boundary_missing")
    assert shown.count(text.say("report.row", lang, row=5)) == 1
    assert text.say("report.row", lang, row=6) not in shown
    assert text.say("report.more", lang, count=3) in shown
    assert text.say("report.counted", lang, all=11, error=9, warning=1, info=1) in shown


def test_the_screen_says_when_nothing_was_found(capsys):
    report.show(Findings(LAYER.key, "f").frame(), layer=LAYER, lang="en")

    assert capsys.readouterr().out.strip() == "Nothing was found amiss."


def test_the_screen_names_the_file_where_there_are_several(capsys):
    whole = Findings(LAYER.key, "")
    for name in ("甲.shp", "乙.shp"):
        one = Findings(LAYER.key, name)
        one.add("boundary_missing", rows=[1])
        whole.merge(one)

    report.show(whole.frame(), layer=LAYER, lang="zh")

    shown = capsys.readouterr().out
    assert "甲.shp" in shown
    assert "乙.shp" in shown


def test_what_a_file_holds_cannot_command_the_terminal(capsys):
    found = Findings(LAYER.key, "\x1b[2Jf.shp")
    found.add("value_not_understood", rows=[1], numbers=["[bold]\x1b]0;x\x07"], found=["\u202e12"])

    report.show(found.frame(), layer=LAYER, lang="zh")

    shown = capsys.readouterr().out
    assert not set("\x1b\x07\u202e") & set(shown)
    assert "[bold]" in shown


def test_reasons_tell_all_errors_of_a_row_and_no_warnings():
    said = report.reasons(findings(rows=3), layer=LAYER, lang="en")

    assert set(said) == {1, 2, 3}
    both = report.sentences(findings(rows=3), layer=LAYER, lang="en")["what"]
    of_row_3 = both[(findings(rows=3)["row"] == 3).fillna(value=False)]
    assert said[3] == " ".join(of_row_3)


def _fields(code: str, part: str, lang: str) -> frozenset[str]:
    return text.fields(f"findings.{code}.{part}", lang)
