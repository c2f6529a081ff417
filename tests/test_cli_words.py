"""What the command line says of itself is said in the asked language, to the last word."""

from __future__ import annotations

import re

import pytest

from maps import cli
from maps.answers import Exit

ENGLISH_OF_THE_LIBRARY = re.compile(
    r"<(str|path|Path|list|bool|int|%)|Did you mean|is not one of|No such|Missing|Usage:.*Error"
)


@pytest.mark.parametrize("command", [["import"], ["coverage"], ["map"], ["layers"], ["mappings"]])
@pytest.mark.parametrize(("lang", "word"), [("zh", "<文件>"), ("en", "<file>")])
def test_help_names_the_kinds_of_values_in_the_asked_language(command, lang, word, capsys):
    done = cli.run(["--lang", lang, *command, "--help"])

    options = capsys.readouterr().out
    rows = [line for line in options.splitlines() if "│" in line]
    assert done == Exit.DONE
    assert not [line for line in rows if ENGLISH_OF_THE_LIBRARY.search(line)]
    assert any(word in line for line in rows)


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
