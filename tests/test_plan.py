"""The action plan as data, against its own text and against the layers."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from pathlib import Path

import pytest

from layers import catalog, plan
from parcels.errors import DeclarationError, FileNotReadableError

FOLDER = catalog.REFERENCE / plan.CURRENT
PLAN = plan.load()
LAYERS = catalog.load()

UNITS = [
    *("东城区", "西城区", "朝阳区", "丰台区", "石景山区", "海淀区", "门头沟区", "房山区"),
    *("通州区", "顺义区", "昌平区", "大兴区", "怀柔区", "平谷区", "密云区", "延庆区"),
    "北京经济技术开发区",
]


def unspaced(text: str) -> str:
    return re.sub(r"\s", "", text)


def wrong(tmp_path: Path, there: str, instead: str) -> tuple[tuple[str, str, int], ...]:
    """The problems of the plan with one text in place of another."""
    shutil.copytree(FOLDER, tmp_path, dirs_exist_ok=True)
    whole = (FOLDER / "measures.csv").read_text("utf-8")
    assert there in whole
    (tmp_path / "measures.csv").write_text(whole.replace(there, instead, 1), "utf-8")
    with pytest.raises(DeclarationError) as refusal:
        plan.load(tmp_path)
    return tuple((p.code, p.key, p.line) for p in refusal.value.fields["problems"])


def test_the_plan_has_20_tasks_and_50_measures():
    assert [task.number for task in PLAN.tasks] == list(range(1, 21))
    assert len({measure.id for measure in PLAN.measures}) == len(PLAN.measures) == 50


def test_the_plan_has_five_chapters():
    assert len({task.chapter for task in PLAN.tasks}) == 5


def test_the_measures_of_a_task_are_numbered_from_one():
    seen: Counter[int] = Counter()
    for measure in PLAN.measures:
        seen[measure.task_no] += 1

        assert measure.id == f"{measure.task_no}.{seen[measure.task_no]}"


@pytest.mark.parametrize("measure", PLAN.measures, ids=lambda m: m.id)
def test_every_text_of_a_measure_is_the_plans_own(measure):
    whole = unspaced((FOLDER / "action_plan.zh.txt").read_text("utf-8"))

    for text in (measure.text, measure.task, measure.chapter, measure.deadline_raw):
        assert text
        assert unspaced(text) in whole
    for cell in (measure.lead_raw, measure.responsible_raw, measure.assisting_raw):
        assert unspaced(cell) in whole


def test_no_measure_of_the_text_is_left_out():
    whole = unspaced((FOLDER / "action_plan.zh.txt").read_text("utf-8"))
    for measure in PLAN.measures:
        whole = whole.replace(unspaced(measure.text), "", 1)

    # What is left are headings, numbers and cells: no sentence.
    assert "。" not in whole


@pytest.mark.parametrize("measure", PLAN.measures, ids=lambda m: m.id)
def test_named_districts_are_units_that_the_text_names(measure):
    for name in measure.named_districts:
        assert name in UNITS
        assert name in measure.text


@pytest.mark.parametrize("measure", PLAN.measures, ids=lambda m: m.id)
def test_every_measure_has_an_indicator(measure):
    assert measure.indicators


def test_plan_and_layers_say_the_same_about_which_layer_shows_which_measure():
    assert plan.disagreements(PLAN, LAYERS) == ()


def test_a_layer_that_keeps_quiet_about_a_measure_is_a_disagreement():
    fewer = {key: layer for key, layer in LAYERS.items() if key != "orchard"}

    assert plan.disagreements(PLAN, fewer) == (
        plan.Disagreement("11.2", "orchard", "plan", is_known=False),
        plan.Disagreement("9.1", "orchard", "plan", is_known=False),
    )


def test_a_layer_that_claims_a_measure_of_others_is_a_disagreement():
    silent = plan.Plan(tuple(m for m in PLAN.measures if m.id != "12.1"))

    assert plan.disagreements(silent, LAYERS) == (
        plan.Disagreement("12.1", "soil_census_point", "layer"),
    )


def test_the_aim_of_the_whole_plan_is_shown_by_every_layer():
    assert PLAN.measure("1.1").layers == (plan.ALL,)
    assert [m.id for m in PLAN.shown_by("orchard")] == ["1.1", "9.1", "11.2"]


def test_a_number_that_is_not_in_the_plan_is_a_key_error():
    with pytest.raises(KeyError):
        PLAN.measure("2.9")


def test_raw_cells_of_roles_are_kept_shifted_as_they_are():
    second, third = PLAN.measure("2.1"), PLAN.measure("3.1")

    assert (second.responsible_raw[:6], second.assisting_raw) == ("市生态环境局", "")
    assert (third.responsible_raw, third.assisting_raw[:6]) == ("", "市生态环境局")


@pytest.mark.parametrize(
    ("there", "instead", "problem"),
    [
        ("deadline_raw", "deadline", ("missing_key", "", 1)),
        ("deadline_raw", "deadline", ("unknown_key", "deadline", 1)),
        ("\n2.2,", "\n2.1,", ("key_twice", "2.1", 4)),
        ("\n2.2,", "\n3.2,", ("measure_number_wrong", "3.2", 4)),
        ("\n2.2,", "\n2.2,,", ("row_wrong_length", "2.2", 4)),
        ("继续开展废铅蓄电池收集转运试点工作。", " ", ("text_empty", "6.4.text", 18)),
    ],
)
def test_a_wrong_row_is_named_with_its_line(tmp_path, there, instead, problem):
    assert problem in wrong(tmp_path, there, instead)


def test_a_plan_saved_by_excel_is_read(tmp_path):
    shutil.copytree(FOLDER, tmp_path, dirs_exist_ok=True)
    whole = (FOLDER / "measures.csv").read_bytes().replace(b"\n", b"\r\n")
    (tmp_path / "measures.csv").write_bytes(b"\xef\xbb\xbf" + whole)
    read = plan.load(tmp_path)

    assert (read.measures, read.targets) == (PLAN.measures, PLAN.targets)


@pytest.mark.parametrize("whole", [None, "编号,正文".encode("gbk")])
def test_a_plan_that_cannot_be_read_is_refused(tmp_path, whole):
    if whole is not None:
        (tmp_path / "measures.csv").write_bytes(whole)

    with pytest.raises(FileNotReadableError):
        plan.load(tmp_path)


def test_a_plan_that_csv_cannot_read_is_refused(tmp_path):
    shutil.copytree(FOLDER, tmp_path, dirs_exist_ok=True)
    with (tmp_path / "measures.csv").open("a", encoding="utf-8") as file:
        file.write('"' + "长" * 200_000 + '"\n')

    with pytest.raises(FileNotReadableError):
        plan.load(tmp_path)


def test_another_years_plan_is_another_folder(tmp_path):
    shutil.copytree(FOLDER, tmp_path, dirs_exist_ok=True)

    assert plan.load(tmp_path).tasks == PLAN.tasks
