"""What the command line says of itself is said in the asked language, to the last word."""

from __future__ import annotations

import re

import pytest

from maps import cli
from maps.answers import Exit

ENGLISH_OF_THE_LIBRARY = re.compile(
    r"<(str|path|Path|list|bool|int|%)|Did you mean|is not one of|No such|Missing|Usage:.*Error"
)


@pytest.mark.parametrize(
    "command",
    [["import"], ["coverage"], ["map"], ["layers"], ["mappings"], ["export", "lake"], ["export"]],
)
@pytest.mark.parametrize(("lang", "word"), [("zh", "<文件>"), ("en", "<file>")])
def test_help_names_the_kinds_of_values_in_the_asked_language(command, lang, word, capsys):
    done = cli.run(["--lang", lang, *command, "--help"])

    options = capsys.readouterr().out
    rows = [line for line in options.splitlines() if "│" in line]
    assert done == Exit.DONE
    assert not [line for line in rows if ENGLISH_OF_THE_LIBRARY.search(line)]
    assert any(word in line for line in rows)


@pytest.mark.parametrize(("lang", "word"), [("zh", "用法：jingtu "), ("en", "Usage: jingtu ")])
@pytest.mark.parametrize("command", [[], ["import"], ["review"], ["review", "list"]])
def test_the_usage_line_begins_with_a_word_of_the_asked_language(command, lang, word, capsys):
    cli.run(["--lang", lang, *command, "--help"])

    said = capsys.readouterr().out
    assert word in said
    assert ("Usage" in said) is (lang == "en")


@pytest.mark.parametrize(("lang", "says"), [("zh", "未能办理：/"), ("en", "Refused: There is no")])
def test_a_refusal_is_one_readable_line(tmp_path, lang, says, capsys):
    cli.run(["--lang", lang, "--store", str(tmp_path / "没有.gpkg"), "changes"])

    assert capsys.readouterr().err.startswith(says)


@pytest.mark.parametrize(
    ("lang", "none", "some"),
    [
        ("zh", "有 1 个文件没有读取，其余已检查，没有错误", "另有 1 行存在错误"),
        ("en", "1 file was not read; the others were checked and have no", "1 row has errors"),
    ],
)
def test_files_that_were_not_read_are_told_apart_from_rows_with_errors(
    tmp_path, monkeypatch, lang, none, some, capsys
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "好.csv").write_text("编码,名称,环节,所在区\nX,示例,优先监管,海淀区\n", "utf-8")
    (tmp_path / "坏.csv").write_text("编码,名称,环节,所在区\nY,示例,没有的,海淀区\n", "utf-8")
    (tmp_path / "空.shp").write_bytes(b"")
    start = ["--store", "库.gpkg", "--lang", lang, "import", "--layer", "priority_plot"]

    cli.run([*start, "好.csv", "空.shp"])
    first = capsys.readouterr()
    cli.run([*start, "坏.csv", "空.shp"])
    second = capsys.readouterr()

    assert none in first.out
    assert some in second.out
    empty = "空文件" if lang == "zh" else "it is empty"
    assert empty in first.out + first.err


@pytest.mark.parametrize(
    ("lang", "typed", "says"),
    [
        ("zh", ["covrage"], "是不是想用 coverage？"),
        ("en", ["covrage"], "Did you mean coverage?"),
        ("zh", ["coverage", "--formt", "x"], "是不是想用 --format"),
        ("en", ["coverage", "--formt", "x"], "Did you mean --format"),
        ("zh", ["coverage", "--by", "x"], "district、unit 之一"),
        ("en", ["coverage", "--by", "x"], "one of district, unit"),
        ("zh", ["import", "a.csv", "--layer", "x", "--on", "昨天"], "应为年-月-日"),
        ("en", ["mappings", "forget", "x"], "expected: whole number"),
    ],
)
def test_a_slip_is_answered_with_what_was_likely_meant(lang, typed, says, capsys):
    assert cli.run(["--lang", lang, *typed]) == Exit.USAGE

    said = capsys.readouterr().err
    assert says in said
    if lang == "zh":
        assert not ENGLISH_OF_THE_LIBRARY.search(said)
