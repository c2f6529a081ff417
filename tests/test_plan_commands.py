"""The plan in the register: loaded, kept with history, its roles edited, listed and shown."""

from __future__ import annotations

import json
import shutil

import pytest
from town import DAY, act

from layers import catalog, plan, plan_book
from maps import cli
from maps.answers import Exit
from parcels.errors import ChangeNotUndoableError, UnknownPlanError
from parcels.model import Moment
from parcels.register import Register
from parcels.undo import undo

FOLDER = catalog.REFERENCE / plan.CURRENT
LAYERS = list(catalog.load().values())
HEAD = ",".join(plan.COLUMNS)
ROWS = [
    (
        "1.1,一、防控,1,摸清底数,更新优先监管地块清单。全年完成30个。,3月底前、9月底前,"
        "各区政府,,市生态环境局,,,priority_plot,priority_survey_rate"
    ),
    (
        "1.2,一、防控,1,摸清底数,昌平区试点。秸秆综合利用率达到99%以上。,年底前,"
        "市农业农村局,相关区政府,——,昌平区,,,straw_use_rate"
    ),
]
DECLARED = """
year = 2025
zh = "示例2025年行动计划"
en = "An invented plan of 2025"

[[targets]]
measure = "1.1"
indicator = "priority_survey_rate"
text = "全年完成30个"
operator = ">="
value = "30"
unit = "count"

[[targets]]
measure = "1.2"
indicator = "straw_use_rate"
text = "秸秆综合利用率达到99%以上"
operator = ">="
value = "0.99"
unit = "share"
"""


@pytest.fixture
def folder(tmp_path):
    """A made-up plan of 2025."""
    made = tmp_path / "计划2025"
    made.mkdir()
    (made / "measures.csv").write_text("\n".join([HEAD, *ROWS]) + "\n", "utf-8")
    (made / "plan.toml").write_text(DECLARED, "utf-8")
    return made


def run(store, *words, lang="zh"):
    return cli.run(["--store", store, "--lang", lang, *map(str, words)])


def asked(capsys, store, *words):
    capsys.readouterr()
    assert run(store, *words, "--format", "json") == Exit.DONE
    return json.loads(capsys.readouterr().out)


@pytest.fixture
def office(store_url):
    with Register(store_url, LAYERS):
        pass
    return store_url


def test_another_years_plan_is_loaded_listed_and_shown(office, folder, capsys):
    assert run(office, "plan", "load", folder, "--reason", "印发") == Exit.DONE

    years = asked(capsys, office, "plan", "years")["rows"]
    new = asked(capsys, office, "plan", "--plan", "2025", "--today", "2025-04-01")
    old = asked(capsys, office, "plan", "--plan", "2024")
    shown = asked(capsys, office, "plan", "show", "1.2", "--today", "2025-04-01")["meta"]
    assert [(row["year"], row["measures"], row["reason"]) for row in years] == [
        (2024, 50, None),
        (2025, 2, "印发"),
    ]
    assert [(row["measure"], row["due_on"], row["days"]) for row in new["rows"]] == [
        ("1.1", "2025-03-31", -1),
        ("1.1", "2025-09-30", 182),
        ("1.2", "2025-12-31", 274),
    ]
    assert (new["meta"]["year"], len(old["rows"])) == (2025, 52)
    assert (shown["year"], shown["targets"][0]["value"]) == (2025, "0.99")
    assert shown["roles"][1] == {
        "role": "responsible",
        "cell": "相关区政府",
        "bodies": ["相关区政府"],
        "change": None,
    }


def test_a_plan_loaded_again_is_no_change_and_a_corrected_one_keeps_the_former(office, folder):
    with Register(office, LAYERS) as register:
        first = plan_book.load(register, plan.load(folder), act(), folder="a")
        again = plan_book.load(register, plan.load(folder), act(days=1), folder="b")
        text = (folder / "measures.csv").read_text("utf-8")
        (folder / "measures.csv").write_text(text.replace("年底前", "11月底前"), "utf-8")
        second = plan_book.load(register, plan.load(folder), act(days=2), folder="a")
        before = plan_book.plan_of(register, Moment(DAY, change=first.change), 2025)
        now = plan_book.plan_of(register, Moment(DAY), 2025)
        sealed = register.store.verify()

    assert again == plan_book.Loaded(None)
    assert second.replaces == first.change
    assert [one.deadlines_of("1.2")[0].due_on.month for one in (before, now)] == [12, 11]
    assert sealed.misfits == {}


def test_the_plan_of_a_day_is_that_of_its_year_or_the_last_before(office, folder):
    with Register(office, LAYERS) as register:
        plan_book.load(register, plan.load(folder), act(), folder="a")
        found = [
            plan_book.plan_of(register, Moment(DAY.replace(year=year))).year
            for year in (2023, 2024, 2025, 2031)
        ]
        with pytest.raises(UnknownPlanError) as refused:
            plan_book.plan_of(register, Moment(DAY), 2026)

    assert found == [2024, 2024, 2025, 2025]
    assert refused.value.fields["known"] == [2024, 2025]


def test_a_folder_with_problems_is_not_loaded_and_each_is_told_with_file_line_and_cure(
    office, folder, capsys
):
    text = (folder / "measures.csv").read_text("utf-8")
    (folder / "measures.csv").write_text(text.replace("昌平区,,", "昌平镇,,"), "utf-8")
    text = (folder / "plan.toml").read_text("utf-8")
    (folder / "plan.toml").write_text(text.replace('"30"', '"31"'), "utf-8")

    refused = run(office, "plan", "load", folder)

    said = capsys.readouterr().err
    assert refused == Exit.DECLARATION_WRONG
    assert "measures.csv" in said
    assert "昌平区" in said
    assert "plan.toml" in said
    assert "目标值只能取自原文" in said
    with Register(office, LAYERS) as register:
        assert plan_book.years(register, Moment(DAY))["year"].tolist() == [2024]


def test_a_dry_run_loads_nothing(office, folder):
    assert run(office, "plan", "load", folder, "--dry-run") == Exit.DONE

    with Register(office, LAYERS) as register:
        assert plan_book.years(register, Moment(DAY))["year"].tolist() == [2024]


def test_the_plan_that_comes_with_jingtu_can_be_corrected_by_loading_it_anew(
    office, tmp_path, capsys
):
    mine = tmp_path / "改"
    shutil.copytree(FOLDER, mine)
    text = (mine / "measures.csv").read_text("utf-8")
    (mine / "measures.csv").write_text(text.replace("6月底前", "7月底前"), "utf-8")

    assert run(office, "plan", "load", mine) == Exit.DONE

    shown = asked(capsys, office, "plan", "show", "5.2", "--plan", "2024")["meta"]
    assert shown["deadlines"][0]["due_on"] == "2024-07-31"


def test_roles_are_edited_beside_the_cells_of_the_plan_and_every_edit_is_kept(office, capsys):
    said = ("plan", "role", "2.1", "assisting")
    first = run(office, *said, "--body", "市生态环境局", "--body", "市应急局", "--reason", "错位")
    second = run(office, *said, "--nobody", "--reason", "更正")
    third = run(office, *said, "--as-in-plan", "--reason", "恢复")
    again = run(office, *said, "--as-in-plan", "--reason", "恢复")

    history = asked(capsys, office, "plan", "roles", "2.1")["rows"]
    shown = asked(capsys, office, "plan", "show", "2.1")["meta"]["roles"]
    edits = [row for row in history if row["change"] is not None]
    assert [first, second, third, again] == [Exit.DONE] * 4
    assert [(row["bodies"], row["reason"]) for row in edits] == [
        ("市生态环境局、市应急局", "错位"),
        ("", "更正"),
    ]
    assert edits[0]["until_change"] == edits[1]["change"]
    assert edits[1]["until_change"] == edits[1]["change"] + 1
    assert history[1]["bodies"] == "市生态环境局 市规划自然资源委 市经济和信息化局"
    assert shown[2] == {"role": "assisting", "cell": "", "bodies": [], "change": None}


def test_who_answers_for_a_measure_follows_the_edit_and_not_what_was_known_before(office):
    with Register(office, LAYERS) as register:
        found = plan_book.plan_of(register, Moment(DAY))
        measure = found.measure("7.1")
        number = plan_book.assign(register, measure, "responsible", ["海淀区"], act(), year=2024)
        now = plan_book.roles(register, found, Moment(DAY))
        before = plan_book.roles(register, found, Moment(DAY, change=number - 1))

    key = ("7.1", "responsible")
    assert (now[key].bodies, now[key].change) == (("海淀区",), number)
    assert (before[key].bodies, before[key].change) == ((), None)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["plan", "show", "2.9"], Exit.UNKNOWN_RULE),
        (["plan", "--plan", "1999"], Exit.UNKNOWN_RULE),
        (["plan", "--unit", "天津"], Exit.UNKNOWN_DISTRICT),
        (["plan", "--layer", "nothing"], Exit.UNKNOWN_LAYER),
        (["plan", "role", "2.1", "lead", "--body", "甲"], Exit.USAGE),
        (["plan", "role", "2.1", "lead", "--reason", "x"], Exit.USAGE),
        (["plan", "role", "2.1", "lead", "--body", "a", "--nobody", "--reason", "x"], Exit.USAGE),
        (["plan", "role", "2.1", "head", "--body", "a", "--reason", "x"], Exit.USAGE),
        (["plan", "load", "没有"], Exit.FILE_NOT_READABLE),
    ],
)
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_what_cannot_be_honoured_is_refused_with_its_code(tmp_path, lang, words, code):
    store = str(tmp_path / "r.gpkg")
    with Register(store, LAYERS):
        pass

    assert run(store, *words, lang=lang) == code


def test_a_unit_sees_its_own_measures_and_is_told_where_the_plan_does_not_say(office, capsys):
    def of(*words):
        said = asked(capsys, office, "plan", "--plan", "2024", *words)["rows"]
        return {row["measure"]: row["concern"] for row in said}

    haidian = of("--unit", "海淀", "--task", "3", "--task", "6")
    city = of("--unit", "全市", "--task", "7")
    bda = of("--district", "亦庄", "--task", "5")
    assert haidian == {
        "3.1": "named",
        "3.2": "open",
        "3.3": "open",
        "6.2": "named",
        "6.3": "named",
        "6.4": "named",
        "6.5": "named",
    }
    assert city == {"7.1": "named", "7.2": "named", "7.3": "named"}
    assert set(bda.values()) == {"named"}


def test_measures_are_listed_by_layer_and_by_task(office, capsys):
    said = asked(capsys, office, "plan", "--plan", "2024", "--layer", "orchard")["rows"]
    both = asked(capsys, office, "plan", "--plan", "2024", "--layer", "orchard", "--task", "9")

    assert [row["measure"] for row in said] == ["1.1", "9.1", "11.2"]
    assert [row["measure"] for row in both["rows"]] == ["9.1"]


def test_nothing_reported_is_no_report_and_never_late(office, capsys):
    said = asked(capsys, office, "plan", "--today", "2024-03-10")["rows"]
    late = asked(capsys, office, "plan", "--today", "2024-03-10", "--late")["rows"]

    assert {row["state"] for row in said} == {"no_report"}
    assert all(row["late"] == 0 for row in said)
    assert [(row["measure"], row["deadline"], row["no_report"]) for row in late] == [
        ("2.1", "list_february", 18)
    ]


@pytest.mark.parametrize("form", ["table", "csv", "xlsx", "json"])
@pytest.mark.parametrize("words", [["plan"], ["plan", "show", "2.1"], ["plan", "--unit", "海淀"]])
def test_every_form_is_written(office, tmp_path, form, words):
    made = tmp_path / f"a.{form}"

    assert run(office, *words, "--format", form, "--out", made) == Exit.DONE
    assert made.stat().st_size > 300


def test_a_change_of_the_plan_is_not_undone_as_parcels_are(office, folder):
    with Register(office, LAYERS) as register:
        done = plan_book.load(register, plan.load(folder), act(), folder="a")

        with pytest.raises(ChangeNotUndoableError) as refused:
            undo(register, done.change, act(days=9))

    assert refused.value.fields["reason"] == "change_is_of_plan"


def test_a_folder_without_its_declaration_is_refused(tmp_path, folder):
    (folder / "plan.toml").unlink()
    store = str(tmp_path / "r.gpkg")

    assert run(store, "plan", "load", folder) == Exit.DECLARATION_WRONG


def test_reports_on_measures_that_a_new_plan_lacks_are_told_of_and_kept(tmp_path, folder, capsys):
    store = str(tmp_path / "r.gpkg")
    assert run(store, "plan", "load", folder) == Exit.DONE
    said = ["--plan", "2025", "--unit", "昌平", "--state", "going", "--on", "2025-02-01"]
    assert run(store, "plan", "report", "1.2", *said) == Exit.DONE
    (folder / "measures.csv").write_text("\n".join([HEAD, ROWS[0]]) + "\n", "utf-8")
    text = (folder / "plan.toml").read_text("utf-8")
    (folder / "plan.toml").write_text(text[: text.rindex("[[targets]]")], "utf-8")

    capsys.readouterr()
    loaded = run(store, "plan", "load", folder)

    told = capsys.readouterr().out
    kept = asked(capsys, store, "plan", "reports")["rows"]
    listed = asked(capsys, store, "plan", "--plan", "2025")["rows"]
    assert loaded == Exit.DONE
    assert "1.2" in told
    assert [row["subject"] for row in kept] == ["1.2"]
    assert {row["measure"] for row in listed} == {"1.1"}


def test_reports_of_one_year_say_nothing_of_a_measure_of_that_number_in_another(
    tmp_path, folder, capsys
):
    store = str(tmp_path / "r.gpkg")
    assert run(store, "plan", "load", folder) == Exit.DONE
    said = ["--plan", "2025", "--unit", "昌平", "--state", "going", "--on", "2025-02-01"]
    assert run(store, "plan", "report", "1.1", *said) == Exit.DONE

    def state(year):
        rows = asked(capsys, store, "plan", "show", "1.1", "--plan", year, "--today", "2025-02-02")
        return {row["state"] for row in rows["rows"] if row["unit"] == "110114"}

    assert state("2024") == {"no_report"}
    assert state("2025") == {"no_report", "going"}
