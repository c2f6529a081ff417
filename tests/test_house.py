"""The rules of the house that no linter states, and the README's commands."""

from __future__ import annotations

import ast
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from maps import cli, text
from maps.answers import Exit
from parcels.findings import CODES

ROOT = Path(__file__).parents[1]
MODULES = sorted(p for room in ("parcels", "layers", "maps") for p in (ROOT / room).rglob("*.py"))
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def docstrings(tree):
    """Strings that stand alone: docstrings of modules, classes, functions and attributes."""
    return {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_words_for_people_are_kept_out_of_code(path):
    tree = ast.parse(path.read_text("utf-8"))
    spoken = docstrings(tree)

    found = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in spoken
        and CHINESE.search(node.value)
    ]

    assert found == []


@pytest.mark.parametrize("path", MODULES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_every_module_says_what_it_knows_and_has_a_real_name(path):
    assert ast.get_docstring(ast.parse(path.read_text("utf-8")))
    assert path.stem not in {"utils", "helpers", "common", "misc", "manager"}


def test_the_rooms_call_only_downwards():
    done = subprocess.run(
        [str(Path(sys.executable).parent / "lint-imports")],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )

    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("lang", text.LANGUAGES)
@pytest.mark.parametrize("code", sorted(CODES))
def test_every_finding_says_what_and_how_to_mend(code, lang):
    assert text.has(f"findings.{code}.what", lang)
    assert text.has(f"findings.{code}.mend", lang)


def test_the_changelog_tells_of_the_present_version():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    newest = re.search(r"^## \[(.+?)\]", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)

    assert newest is not None
    assert newest[1] == version


def commands():
    """The jingtu commands of the README, in order."""
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    lines = [line.split("  #")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line]


def test_every_command_of_the_readme_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plots.csv").write_text("编码,名称,环节\n1101050320001,示例,优先监管\n", "utf-8")
    cli.run(["--lang", "zh", "import", "plots.csv", "--layer", "priority_plot"])

    for command in commands():
        words = shlex.split(command)
        if words[0] == "make":
            targets = (ROOT / "Makefile").read_text("utf-8")
            assert f"\n{words[1]}:" in targets, command
            continue
        assert words[0] == "jingtu"
        if words[1] == "serve":
            continue  # it runs until it is stopped: test_web_browser runs it so
        assert cli.run(["--lang", "zh", *words[1:]]) == Exit.DONE, command


def test_the_demo_makes_a_register_a_table_and_a_map(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)

    assert cli.run(["--lang", "zh", "demo", "演示"]) == Exit.DONE

    said = capsys.readouterr().out
    assert (tmp_path / "演示" / "jingtu.gpkg").stat().st_size > 500_000
    assert "示例" in (tmp_path / "演示" / "map.html").read_text("utf-8")
    good, bad = said.split("三、")
    assert "没有入库" not in good
    assert bad.count("只做检查") >= 5


@pytest.mark.slow
def test_the_wheel_works_away_from_the_checkout(tmp_path):
    def run(*command, **more):
        done = subprocess.run(command, check=False, capture_output=True, text=True, **more)
        assert done.returncode == 0, done.stderr
        return done

    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, cwd=ROOT)
    wheel = next(tmp_path.glob("*.whl"))
    # The pip of this environment fills the new one: the python3 of Debian brings none.
    run(sys.executable, "-m", "venv", "--without-pip", tmp_path / "v")
    python, pins = tmp_path / "v" / "bin" / "python", ROOT / ".ci" / "constraints.txt"
    pip = [sys.executable, "-m", "pip", "--python", python]
    run(*pip, "install", "-q", "-c", pins, wheel)

    run(tmp_path / "v" / "bin" / "jingtu", "--lang", "zh", "demo", "d", cwd=tmp_path)
    run(Path(sys.executable).parent / "jingtu", "--lang", "zh", "demo", "here", cwd=tmp_path)

    assert (tmp_path / "d" / "map.html").read_bytes() == (
        tmp_path / "here" / "map.html"
    ).read_bytes()
