"""The exit codes are told in the help, and limits that do not exist are not called unknown."""

from __future__ import annotations

import pytest

from maps import cli, report, text
from maps.answers import Exit
from parcels.findings import Findings
from parcels.model import Label, Layer, Shape, Stage

LAYER = Layer(
    "town_plot",
    Label("镇地块", "Town plots"),
    Shape.POLYGON,
    (),
    (Stage("found", Label("发现", "Found")),),
    Label("环节", "Stage"),
)


@pytest.mark.parametrize(("lang", "word"), [("zh", "退出码"), ("en", "Exit codes")])
@pytest.mark.parametrize("command", [[], ["import"]])
def test_the_help_tells_the_exit_codes(capsys, lang, word, command):
    cli.run(["--lang", lang, *command, "--help"])

    said = " ".join(capsys.readouterr().out.split())
    told = said[said.index(word) :]
    assert all(str(int(code)) in told for code in (Exit.DONE, Exit.USAGE, Exit.INTERRUPTED))
    assert str(int(Exit.DELIVERY_NOT_ACCEPTED)) in told


@pytest.mark.parametrize("lang", text.LANGUAGES)
@pytest.mark.parametrize(
    "details",
    [
        {"minimum": 0, "maximum": None, "unit": ""},
        {"minimum": None, "maximum": 100, "unit": "m"},
    ],
)
def test_a_limit_that_there_is_not_is_said_so(lang, details):
    found = Findings(LAYER.key, "f")
    found.add("value_out_of_range", rows=[1], field="depth", found=["-1"], details=details)

    (mend,) = report.sentences(found.frame(), layer=LAYER, lang=lang)["mend"]

    assert text.say("words.unknown", lang) not in mend
    assert text.say("report.without.minimum", lang) in mend
