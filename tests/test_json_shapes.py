"""What programs read stays as it is documented: one schema, every command that prints data."""

from __future__ import annotations

import json
from importlib import resources
from pathlib import Path

import jsonschema
import pytest
import typer.main

from maps import cli, text
from maps.answers import Exit

SCHEMA = json.loads((resources.files("maps") / "reference/answers.schema.json").read_text("utf-8"))
PARCELS = [
    *("code", "name", "former_name", "address", "district", "unit", "stage", "source_document"),
    *("declared_area_m2", "registered_lon", "registered_lat", "batch_year", "list_batch"),
    *("industry", "industry_code", "production_years", "closed_on", "control_measures"),
    *("survey_due_on", "survey_notified_on", "planned_use_class", "construction_started_on"),
    *("works_unit", "effect_assessor", "survey_uploaded_on", "assessment_uploaded_on"),
    *("effect_uploaded_on", "is_priority", "in_aftercare", "aftercare_review_due_on"),
    *("aftercare_reviewed_on", "national_system_on", "inspected_on", "produced_on", "produced_by"),
    *("remarks", "area_m2", "valid_from"),
]
ROWS = {
    "import": [
        *("severity", "file", "row", "number", "field", "found", "what", "mend"),
        *("lon", "lat", "code", "layer", "details"),
    ],
    "evaluate": ["rank", "unit", "score", "judged", "aspects", "moves"],
    "evaluation schemes": [
        *("quarter", "change", "made_by", "made_at", "reason", "title", "sample"),
    ],
    "evaluation given": [
        *("quarter", "unit", "item", "points", "made_by", "made_at", "reason", "change"),
        "ended_in",
    ],
    "scorecard": ["unit", "kind", "faults", "of", "share"],
    "quality": [
        *("layer", "place", "element", "aspect", "measure", "faulty", "of", "share", "why"),
    ],
    "check": [
        *("severity", "file", "row", "number", "field", "found", "what", "mend"),
        *("lon", "lat", "code", "layer", "details"),
    ],
    "check accepted": [
        *("acceptance", "issue", "rule", "state", "until", "accepted_by", "accepted_at"),
        *("reason", "change", "ended_by", "ended_at", "ended_because", "ended_in"),
    ],
    "coverage": [
        *("layer", "place", "stage", "parcels", "with_boundary", "without_boundary"),
        *("area_m2", "area_once_m2", "denominator_m2", "share"),
    ],
    "indicators": [
        *("figure", "indicator", "place", "period", "value", "unit", "change", "target"),
        *("verdict", "least", "most", "terms", "state", "reason", "report", "evidence", "person"),
    ],
    "figures": [
        *("period", "edition", "true_on", "known", "made_at", "made_by", "reason", "change"),
        "sha256",
    ],
    "figures show": [
        *("figure", "indicator", "place", "by", "value", "exact", "unit", "state", "verdict"),
        *("numerator", "denominator", "terms", "reason"),
    ],
    "restate": [
        *("indicator", "term", "by", "place", "layer", "parcel", "code", "name"),
        *("version_before", "version_after", "before", "after", "moved", "why", "change", "kind"),
        *("made_at", "made_by", "reason", "sent_by", "file", "sha256"),
    ],
    "explain": [
        *("term", "place", "layer", "parcel", "code", "name", "district", "unit", "stage"),
        *("version", "valid_from", "valid_to", "amount", "change", "until_change", "said_in"),
        *("said_kind", "said_at", "said_by", "said_reason", "sent_by", "file", "sha256", "row"),
    ],
    "indicators list": [
        *("indicator", "label", "measures", "basis", "unit", "layers", "target", "formula"),
        *("question", "source", "valid_from", "valid_to"),
    ],
    "indicators cases": [
        *("state", "code", "name", "unit", "district", "stage", "reason", "article", "act_on"),
        "area_m2",
    ],
    "layers": ["layer", "label", "shape", "fields", "stages", "measures"],
    "layers show": ["field", "label", "kind", "unit", "required", "choices", "aliases"],
    "districts": ["code", "label", "district", "area_km2"],
    "due": [
        *("status", "due_on", "days", "milestone", "layer", "district", "unit", "code"),
        *("name", "stage", "done_on", "basis"),
    ],
    "stages": ["stage", "label", "next", "documents", "reviewed", "gates", "basis"],
    "evidence": [
        *("code", "change", "on", "from_stage", "to_stage", "kind", "number", "dated_on"),
        *("issued_by", "reviewed_by", "file", "sha256", "delivery", "made_by", "made_at"),
    ],
    "sites list": [
        *("proposal", "state", "overlap_m2", "share_a", "share_b", "name_share"),
        *("address_share", "same_code", "grounds", "layer_a", "code_a", "name_a"),
        *("layer_b", "code_b", "name_b", "decided_by", "decided_at", "reason"),
    ],
    "sites show": [
        *("site", "layer", "code", "name", "district", "stage", "valid_from", "valid_to"),
        *("proposal", "confirmed_by", "confirmed_at", "reason", "overlap_m2", "share_a"),
        *("share_b", "name_share", "address_share", "same_code"),
    ],
    "lineage": [
        *("act", "on", "change", "parent", "child", "common_m2", "kind", "number", "dated_on"),
        *("issued_by", "file", "sha256", "left_out", "made_by", "made_at", "reason"),
    ],
    "exports": [
        *("export", "made_at", "made_by", "purpose", "layer", "true_on", "known_at", "chosen"),
        *("parcels", "format", "approval", "file", "sha256", "size_bytes"),
    ],
    "accounts": ["login", "name", "role", "unit", "change"],
    "mappings": [
        *("mapping", "sender", "layer", "column", "field", "confirmed_by", "confirmed_at"),
        "change",
    ],
    "parcels": PARCELS,
    "review list": [
        *("submission", "layer", "unit", "state", "round", "waiting", "returned", "file"),
        *("submitted_by", "submitted_at", "last_by", "last_at", "reason", "change"),
    ],
    "review show": [
        *("row", "code", "name", "what", "field", "before", "after"),
        *("gained_m2", "lost_m2", "changed_since"),
    ],
    "verify": ["change", "export", "kind", "sealed_rows", "found_rows", "sealed", "found"],
    "history": [
        *("layer", "code", "version", "valid_from", "valid_to", "known_from", "known_to"),
        *("step", "changes", "moved", "gained_m2", "lost_m2", "change", "kind", "made_by"),
        *("reason", "file", "row", "evidence", "undone_by"),
    ],
    "diff": [
        *("layer", "what", "code", "name", "district", "field", "before", "after"),
        *("gained_m2", "lost_m2"),
    ],
    "samples": [
        *("number", "point", "parcel", "district", "medium", "kind", "depth", "sampled_on"),
        *("land", "ph", "analyte", "written", "unit", "lab", "report", "method", "change"),
        *("file", "row"),
    ],
    "farmland-class": ["analyte", "ground", "class1", "class2", "class3", "unknown", "quality"],
    "plan": [
        *("task", "measure", "heading", "deadline", "due_on", "days", "lead", "responsible"),
        *("unit", "concern", "state", "concerned", "late", "no_report", "not_started", "going"),
        "done",
    ],
    "plan show": [
        *("deadline", "due_on", "days", "unit", "concern", "state", "reported_on", "report"),
        *("kind", "number", "dated_on", "issued_by", "file", "sha256", "note"),
    ],
    "plan reports": [
        *("report", "subject", "deadline", "unit", "period", "true_on", "state", "written"),
        *("amount", "amount_unit", "kind", "number", "dated_on", "issued_by", "file", "sha256"),
        *("note", "change", "made_by", "made_at", "reason", "list", "row", "until_change"),
    ],
    "plan years": [
        *("year", "name", "tasks", "measures", "folder", "change", "made_by", "made_at"),
        "reason",
    ],
    "plan roles": [
        *("role", "bodies", "change", "made_by", "made_at", "reason", "until_change"),
    ],
    "changes": [
        *("change", "kind", "layer", "effective_on", "made_at", "made_by", "reason", "unit"),
        *("file", "undoes"),
    ],
}
"""The keys of a row by command; a change here is a change for everyone who reads them."""

META = {
    "import": ["counts", "layer", "outcome"],
    "evaluate": [
        *("change", "freeze", "known", "notes", "on", "quarter", "results", "scheme", "title"),
    ],
    "evaluation schemes": ["notes", "title"],
    "evaluation given": [],
    "scorecard": ["change", "known", "mend", "notes", "on", "quarter", "title"],
    "quality": ["change", "known", "notes", "on", "title"],
    "check": ["accepted", "change", "counts", "known", "layer", "on"],
    "check accepted": [],
    "coverage": ["by", "change", "known", "notes", "on", "title"],
    "indicators": ["by", "change", "known", "notes", "on", "periods", "title"],
    "figures": ["notes", "title"],
    "figures show": [
        *("change", "declarations_sha256", "edition", "frozen_at", "frozen_by", "frozen_in"),
        *("known", "notes", "on", "period", "title"),
    ],
    "restate": [
        *("change", "declarations_sha256", "edition", "figures", "frozen_at", "frozen_by"),
        *("frozen_in", "known", "notes", "now", "on", "period", "title"),
    ],
    "explain": [
        *("change", "figure", "formula", "frozen", "known", "notes", "on", "report", "title"),
    ],
    "indicators list": [],
    "indicators cases": ["change", "known", "notes", "on", "period", "title"],
    "layers": [],
    "layers show": ["label", "layer", "measures", "note", "rules", "stages"],
    "districts": ["notes", "title"],
    "due": ["change", "known", "notes", "on", "title"],
    "history": ["code", "notes", "title"],
    "changes": [],
    "diff": ["counts", "from", "notes", "title", "to"],
    "samples": ["change", "known", "notes", "on", "title"],
    "farmland-class": [
        *("change", "known", "notes", "on", "parcels", "points", "quality", "registered"),
        *("title", "unit"),
    ],
    "parcels": ["change", "known", "layer", "notes", "on", "title"],
    "stages": ["gates", "notes", "title"],
    "evidence": [],
    "sites list": ["change", "known", "notes", "on", "title"],
    "sites show": ["change", "known", "notes", "on", "title"],
    "lineage": ["change", "code", "known", "layer", "notes", "on", "parcels", "title"],
    "exports": [],
    "accounts": [],
    "mappings": [],
    "review list": [],
    "review show": [
        *("changed_since", "layer", "notes", "round", "state", "submission", "title"),
        "unchanged",
    ],
    "plan": ["change", "known", "notes", "on", "title", "year"],
    "plan show": [
        *("change", "chapter", "deadlines", "figures", "indicators", "known", "layers"),
        "measure",
        *("named_districts", "notes", "on", "roles", "targets", "task", "task_name", "text"),
        *("title", "year"),
    ],
    "plan years": ["change", "known", "notes", "on", "title"],
    "plan reports": ["change", "known", "notes", "on", "title"],
    "plan roles": ["measure", "notes", "title", "year"],
    "verify": [
        *("changes", "documents", "export_misfits", "export_sha256", "exports", "frozen"),
        *("last", "last_export", "misfits", "notes", "rows", "sha256", "title"),
    ],
}
RECEIPT = [
    *("change", "created", "file", "kept_out", "known_as", "refused", "rejects", "rows"),
    *("sha256", "submission", "unchanged", "updated"),
]
ARGUMENTS = {
    "evaluate": ["2024Q2"],
    "scorecard": ["2024Q2"],
    "import": ["坏.csv", "--layer", "priority_plot", "--accept-valid"],
    "layers show": ["priority_plot"],
    "stages": ["contaminated_site"],
    "evidence": ["X", "--layer", "priority_plot"],
    "lineage": ["X", "--layer", "priority_plot"],
    "parcels": ["--layer", "priority_plot"],
    "history": ["X"],
    "diff": ["2"],
    "review show": ["1"],
    "farmland-class": ["F-1"],
    "figures show": ["2024"],
    "restate": ["2024"],
    "explain": ["farmland_class_coverage:total:2024"],
    "plan show": ["2.1"],
    "plan roles": ["2.1"],
}
MAY_BE_EMPTY = {
    *("restate", "explain"),
    *("evidence", "exports", "lineage", "mappings", "verify", "sites list", "sites show"),
    "accounts",
    "indicators cases",
    *("check accepted", "evaluation given", "evaluation schemes", "review show"),
}


def commands(group, path=()):
    """Every command with the option --format, by its words."""
    found = {}
    if any("--format" in one.opts for one in group.params):
        found[" ".join(path)] = group
    for name, below in getattr(group, "commands", {}).items():
        found |= commands(below, (*path, name))
    return found


def answer(capsys, command, *more, lang="zh"):
    capsys.readouterr()
    code = cli.run(
        ["--store", "r.gpkg", "--lang", lang, *command.split(), *ARGUMENTS.get(command, []),
         "--format", "json", *more]
    )  # fmt: skip
    return code, json.loads(capsys.readouterr().out)


def fits(command, said):
    jsonschema.Draft202012Validator(
        {"$ref": f"#/$defs/{command.replace(' ', '%20')}", "$defs": SCHEMA["$defs"]}
    ).validate(said)


@pytest.fixture(autouse=True)
def _office(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "坏.csv").write_text(
        "编码,名称,环节,经度,纬度\nX,示例,优先监管,116.3,39.95\nY,示例,没有的环节,116.3,39.96\n",
        "utf-8",
    )


def _take_samples():
    for name, text_, command in (
        ("耕地.csv", "编码,名称,类别\nF-1,示例,安全利用\n", ["import", "--layer", "farmland"]),
        (
            "检测.csv",
            "样品编号,点位编码,介质,采样日期,镉(mg/kg)\nS-1,F-1,土壤,2024-05-06,0.2\n",
            ["import-samples", "--land", "水田"],
        ),
    ):
        Path(name).write_text(text_, "utf-8")
        done = cli.run(["--store", "r.gpkg", "--lang", "zh", command[0], name, *command[1:]])
        assert done == Exit.DONE
    said = ["plan", "report", "6.2", "--unit", "海淀", "--state", "going"]
    assert cli.run(["--store", "r.gpkg", "--lang", "zh", *said]) == Exit.DONE
    assert cli.run(["--store", "r.gpkg", "--lang", "zh", "freeze", "2024"]) == Exit.DONE


def test_every_command_that_prints_data_is_documented_and_kept():
    printing = set(commands(typer.main.get_command(cli.application())))

    assert printing == set(ROWS) == set(META)
    assert printing <= set(SCHEMA["$defs"])


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("lang", text.LANGUAGES)
def test_every_answer_fits_the_schema_and_has_the_keys_that_are_kept(capsys, lang):
    _take_samples()
    for command, keys in ROWS.items():
        _, said = answer(capsys, command, lang=lang)

        fits(command, said)
        assert [one["key"] for one in said["columns"]] == keys, command
        assert all(list(row) == keys for row in said["rows"]), command
        assert sorted(said["meta"]) == META[command], command
        assert said["rows"] or command in MAY_BE_EMPTY, command


def test_an_import_answers_with_report_and_outcome_in_one_object(capsys):
    code, said = answer(capsys, "import")

    outcome = said["meta"]["outcome"]
    (receipt,) = outcome["files"]
    assert code == outcome["exit"] == Exit.DELIVERY_NOT_ACCEPTED
    assert (outcome["stored"], outcome["dry_run"]) == (True, False)
    assert sorted(receipt) == RECEIPT
    assert (receipt["rows"], receipt["kept_out"], receipt["created"]) == (2, 1, 1)
    assert receipt["rejects"].endswith("坏.rejects.csv")
    assert isinstance(receipt["change"], int)


@pytest.mark.parametrize(
    ("more", "code", "stored"),
    [
        ([], Exit.DELIVERY_NOT_ACCEPTED, False),
        (["--dry-run"], Exit.DELIVERY_NOT_ACCEPTED, False),
        (["--accept-valid"], Exit.DELIVERY_NOT_ACCEPTED, True),
        (["--accept-valid", "--dry-run"], Exit.DELIVERY_NOT_ACCEPTED, False),
        (["--stage", "优先监管", "--dry-run"], Exit.DELIVERY_NOT_ACCEPTED, False),
    ],
)
def test_the_exit_code_and_the_outcome_say_the_same(
    capsys, monkeypatch, tmp_path, more, code, stored
):
    monkeypatch.setitem(ARGUMENTS, "import", ["坏.csv", "--layer", "priority_plot"])

    given, said = answer(capsys, "import", *more)
    kept, coverage = Exit.DONE, None
    if stored:
        kept, coverage = answer(capsys, "coverage", "--no-stages")

    outcome = said["meta"]["outcome"]
    assert given == outcome["exit"] == code
    assert outcome["stored"] is stored
    assert outcome["dry_run"] is ("--dry-run" in more)
    assert (tmp_path / "坏.rejects.csv").exists() is stored
    assert kept == Exit.DONE
    assert coverage is None or coverage["rows"][-1]["parcels"] == 1


@pytest.mark.parametrize("more", [[], ["--accept-valid"], ["--dry-run"]])
def test_a_faultless_delivery_ends_with_0(capsys, monkeypatch, tmp_path, more):
    (tmp_path / "好.csv").write_text("编码,名称,环节\nX,示例,优先监管\n", "utf-8")
    monkeypatch.setitem(ARGUMENTS, "import", ["好.csv", "--layer", "priority_plot"])

    code, said = answer(capsys, "import", *more)
    again, told = answer(capsys, "import", *more)

    outcome = said["meta"]["outcome"]
    assert code == again == outcome["exit"] == Exit.DONE
    assert outcome["stored"] is ("--dry-run" not in more)
    assert told["meta"]["outcome"]["files"][0]["known_as"] == outcome["files"][0]["change"]
    fits("import", said)
    fits("import", told)


@pytest.mark.parametrize("form", ["csv", "geojson"])
def test_other_forms_go_to_the_screen_alone(capsys, form):
    capsys.readouterr()
    cli.run(
        ["--store", "r.gpkg", "--lang", "zh", "import", *ARGUMENTS["import"], "--format", form]
    )

    said = capsys.readouterr()
    assert "已入库" not in said.out
    assert "已入库" in said.err
    assert "没有的环节" in said.out


def test_a_workbook_for_the_screen_is_refused_before_anything_is_stored(tmp_path):
    start = ["--store", "r.gpkg", "--lang", "zh", "import", *ARGUMENTS["import"]]

    refused = cli.run([*start, "--format", "xlsx"])
    made = (tmp_path / "r.gpkg").exists()
    given = cli.run([*start, "--format", "xlsx", "--out", "报告.xlsx"])

    assert (refused, made) == (Exit.USAGE, False)
    assert given == Exit.DELIVERY_NOT_ACCEPTED
    assert (tmp_path / "报告.xlsx").stat().st_size > 1_000


def test_the_printed_report_goes_to_a_file_where_one_is_named(tmp_path, capsys):
    cli.run(
        ["--lang", "zh", "--store", "r.gpkg", "import", *ARGUMENTS["import"], "--out", "a.txt"]
    )

    assert "没有的环节" in (tmp_path / "a.txt").read_text("utf-8")
    assert "没有的环节" not in capsys.readouterr().out


def test_several_reports_are_written_at_once(tmp_path):
    names = ["a.html", "a.xlsx", "a.gpkg", "a.json", "a.csv"]
    wanted = [word for name in names for word in ("--report", name)]

    cli.run(["--lang", "en", "--store", "r.gpkg", "import", *ARGUMENTS["import"], *wanted])

    assert all((tmp_path / name).stat().st_size > 500 for name in names)
    fits("import", json.loads((tmp_path / "a.json").read_text("utf-8")))


def test_a_report_that_no_file_can_be_is_refused_before_anything_is_done(tmp_path):
    refused = cli.run(["--store", "r.gpkg", "import", *ARGUMENTS["import"], "--report", "a.pdf"])

    assert refused == Exit.USAGE
    assert not (tmp_path / "r.gpkg").exists()
