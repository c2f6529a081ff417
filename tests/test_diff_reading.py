"""A file is compared as it would be imported: the same options help to read it."""

from __future__ import annotations

import json

import openpyxl
import pytest
import typer

from maps import cli
from maps.answers import Exit

LAYER = ("--layer", "priority_plot")
# Options of import that say what becomes of a delivery, not how it is read.
OF_STORING = {
    *("--layer", "--on", "--district", "--unit", "--stage", "--reason", "--correct"),
    *("--evidence", "--number", "--dated", "--issued-by", "--reviewed-by", "--file"),
    *("--resolve", "--resolutions", "--end-removed", "--differences", "--accept-valid"),
    *("--rejects", "--dry-run", "--submit", "--report", "--format", "--out", "--help"),
}


@pytest.fixture
def office(tmp_path, monkeypatch):
    """A register of two plots, and differences of files with it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "始.csv").write_text(
        "编码,名称,环节,所在区\nX1,示例甲,优先监管,海淀区\nX2,示例乙,优先监管,海淀区\n", "utf-8"
    )

    def run(*arguments):
        return cli.run(["--store", "库.gpkg", "--lang", "zh", *arguments])

    def differs(*arguments):
        code = run("diff", *arguments, *LAYER, "--format", "json", "--out", "d.json")
        assert code == Exit.DONE
        said = json.loads((tmp_path / "d.json").read_text("utf-8-sig"))
        rows = [row for row in said["rows"] if row["field"]]
        return {(row["code"], row["field"]): row["after"] for row in rows}

    run.differs = differs
    assert run("import", "始.csv", *LAYER, "--on", "2024-01-01") == Exit.DONE
    return run


def test_every_option_that_helps_to_read_a_delivery_helps_to_compare_it():
    commands = typer.main.get_command(cli.application()).commands
    options = {
        name: {one for parameter in commands[name].params for one in parameter.opts}
        for name in ("import", "diff")
    }
    reading = {one for one in options["import"] if one.startswith("--")} - OF_STORING

    assert {"--encoding", "--column", "--sender", "--accept-suggested", "--crs"} <= reading
    assert reading <= options["diff"]


def test_a_column_and_an_encoding_can_be_said(office, tmp_path):
    text = "编码,叫什么,环节,所在区\nX1,改名,优先监管,海淀区\n"
    (tmp_path / "改.csv").write_bytes(text.encode("gb18030"))

    silent = office.differs("改.csv")
    said = office.differs("改.csv", "--encoding", "GB18030", "--column", "叫什么=name")

    assert silent == {}
    assert said == {("X1", "name"): "改名"}


def test_what_was_confirmed_for_a_sender_holds_for_a_comparison_too(office, tmp_path):
    first = "编码,叫什么,环节,所在区\nX2,再改,优先监管,海淀区\n"
    (tmp_path / "一.csv").write_text(first, "utf-8")
    (tmp_path / "二.csv").write_text(first.replace("X2,再改", "X1,改名"), "utf-8")
    office("import", "一.csv", *LAYER, "--column", "叫什么=name", "--sender", "海淀",
           "--on", "2024-02-01")  # fmt: skip

    assert office.differs("二.csv") == {}
    assert office.differs("二.csv", "--sender", "海淀区") == {("X1", "name"): "改名"}


def test_a_sheet_can_be_named(office):
    book = openpyxl.Workbook()
    for title, name in (("一月", "一月名"), ("二月", "二月名")):
        sheet = book.create_sheet(title)
        for row in (["编码", "名称", "环节", "所在区"], ["X1", name, "优先监管", "海淀区"]):
            sheet.append(row)
    del book[book.sheetnames[0]]
    book.save("改.xlsx")

    assert office.differs("改.xlsx", "--part", "二月") == {("X1", "name"): "二月名"}
