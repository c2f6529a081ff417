"""`jingtu verify`: names the first change that was altered, checks documents, keeps anchors."""

from __future__ import annotations

import json

import pytest
import sqlalchemy as sa

from layers import catalog
from maps import cli, text
from maps.answers import Exit
from maps.tables import Format
from parcels import tables
from parcels.register import Register

LAYERS = catalog.load()
START = "编码,名称,所在区,环节\nX1,示例甲,海淀,优先监管\nX2,示例乙,海淀,优先监管\n"


@pytest.fixture
def office(tmp_path, monkeypatch, store_url):
    """A register of two deliveries and a way to run commands on it."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text(START, "utf-8")
    (tmp_path / "b.csv").write_text(START.replace("示例甲", "改名"), "utf-8")

    def run(*arguments, lang="zh"):
        return cli.run(
            ["--store", store_url, "--lang", lang, "--user", "示例员", *map(str, arguments)]
        )

    def alter(statement):
        opened = Register(store_url, list(LAYERS.values()))
        with opened as register, register.store.write() as connection:
            connection.execute(statement)

    run.alter = alter
    for name in ("a.csv", "b.csv"):
        assert run("import", name, "--layer", "priority_plot") == Exit.DONE
    return run


def renamed(change):
    one = tables.version
    return sa.update(one).where(one.c.recorded_from == change).values(source_row=99)


@pytest.mark.parametrize("lang", text.LANGUAGES)
def test_a_log_left_alone_is_said_to_fit(office, capsys, lang):
    capsys.readouterr()

    code = office("verify", lang=lang)

    said = capsys.readouterr().out
    assert code == Exit.DONE
    assert ("全部与封存时一致" if lang == "zh" else "all as they were sealed") in said


@pytest.mark.parametrize("lang", text.LANGUAGES)
def test_the_first_change_that_was_altered_is_named_with_what_differs(office, capsys, lang):
    office.alter(renamed(2))
    office.alter(renamed(3))
    capsys.readouterr()

    code = office("verify", lang=lang)

    said = capsys.readouterr().out
    assert code == Exit.LOG_NOT_AS_SEALED
    assert ("第一处不符是变更 2 号" if lang == "zh" else "does not fit is 2; 2 do not") in said
    assert ("版本" if lang == "zh" else "versions") in said


@pytest.mark.parametrize("kind", [one.value for one in Format if one is not Format.GEOJSON])
def test_the_verification_is_given_in_every_form(office, tmp_path, kind):
    office.alter(renamed(2))

    code = office("verify", "--format", kind, "--out", f"v.{kind}")

    assert code == Exit.LOG_NOT_AS_SEALED
    assert (tmp_path / f"v.{kind}").stat().st_size > 0


def test_an_anchor_finds_a_log_that_was_sealed_anew_as_a_whole(office, tmp_path, capsys):
    assert office("verify", "--anchor", "存证.json") == Exit.DONE
    assert office("verify", "--against", "存证.json") == Exit.DONE
    office.alter(renamed(2))
    office.alter(sa.delete(tables.seal))  # sealed anew as the same transaction ends
    capsys.readouterr()

    alone = office("verify")
    compared = office("verify", "--against", "存证.json")

    said = json.loads((tmp_path / "存证.json").read_text("utf-8"))
    assert (said["change"], len(said["sha256"])) == (3, 64)
    assert (alone, compared) == (Exit.DONE, Exit.LOG_NOT_AS_SEALED)
    assert "存证" in capsys.readouterr().out


def test_an_anchor_finds_that_the_last_change_was_cut_off(office, store_url):
    office("verify", "--anchor", "存证.json")
    version, seal, change = tables.version, tables.seal, tables.change
    office.alter(sa.delete(version).where(version.c.recorded_from == 3))
    still = sa.update(version).where(version.c.recorded_to == 3)
    office.alter(still.values(recorded_to=tables.NOT_SUPERSEDED))
    opened = Register(store_url, list(LAYERS.values()))
    with opened as register, register.store._writer.begin() as connection:
        for told in (seal, tables.submission_step, tables.submission):
            connection.execute(sa.delete(told).where(told.c.change_id == 3))
        connection.execute(sa.delete(change).where(change.c.id == 3))
        connection.execute(sa.delete(tables.file).where(tables.file.c.change_id == 3))

    assert office("verify") == Exit.DONE
    assert office("verify", "--against", "存证.json") == Exit.LOG_NOT_AS_SEALED


def test_no_anchor_is_written_of_a_log_that_does_not_fit_or_over_another(office, tmp_path):
    office("verify", "--anchor", "a.json")
    again = office("verify", "--anchor", "a.json")
    office.alter(renamed(2))
    code = office("verify", "--anchor", "b.json")

    assert again == Exit.OUTPUT_NOT_WRITABLE
    assert code == Exit.LOG_NOT_AS_SEALED
    assert not (tmp_path / "b.json").exists()


@pytest.mark.parametrize("content", ["", "{}", '{"change": "x", "sha256": ""}', "[1]"])
def test_what_is_no_anchor_is_refused(office, tmp_path, content):
    (tmp_path / "a.json").write_text(content, "utf-8")

    assert office("verify", "--against", "a.json") == Exit.FILE_NOT_READABLE


@pytest.mark.parametrize(
    ("harm", "code"),
    [
        (lambda path: path.write_bytes(b"x"), Exit.DOCUMENT_DAMAGED),
        (lambda path: path.unlink(), Exit.DOCUMENT_DAMAGED),
        (lambda _: None, Exit.DONE),
    ],
)
def test_kept_documents_are_checked_by_their_bytes(office, tmp_path, monkeypatch, harm, code):
    monkeypatch.setenv("JINGTU_FILES", str(tmp_path / "documents"))
    (tmp_path / "报告.pdf").write_bytes(b"%PDF-1.4 x")
    (tmp_path / "c.csv").write_text(START.replace("优先监管", "详细调查"), "utf-8")
    proof = ["--evidence", "优先监管地块清单", "--number", "示例1号", "--dated", "2024-01-01"]
    proof += ["--issued-by", "示例单位", "--file", "报告.pdf", "--correct", "--reason", "示例"]
    assert office("import", "c.csv", "--layer", "priority_plot", *proof) == Exit.DONE
    (kept,) = [one for one in (tmp_path / "documents").rglob("*") if one.is_file()]
    kept.chmod(0o644)

    harm(kept)

    assert office("verify") == code
