"""What was handed out cannot be edited, added or taken away unseen, in both stores."""

from __future__ import annotations

import json

import pytest
import sqlalchemy as sa
from test_migrations import make_old

from layers import catalog
from maps import cli, text
from maps.answers import Exit
from parcels import export_seals, tables
from parcels.register import Register
from parcels.store import Store

LAYERS = catalog.load()
LIST = "编码,名称,所在区,环节\nX1,示例甲,海淀,优先监管\nX2,示例乙,海淀,优先监管\n"
LOG, FILE, SEAL = tables.export_log, tables.export_file, tables.export_seal


@pytest.fixture
def office(tmp_path, monkeypatch, store_url):
    """A register of one delivery and three exports, with a way to edit it by SQL."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text(LIST, "utf-8")
    (tmp_path / "b.csv").write_text(LIST.replace("示例甲", "改名"), "utf-8")

    def run(*arguments, lang="zh"):
        return cli.run(["--store", store_url, "--lang", lang, "--user", "示例员", *arguments])

    def alter(*statements):
        opened = Register(store_url, list(LAYERS.values()))
        with opened as register, register.store.write() as connection:
            for one in statements:
                connection.execute(one)

    def verified():
        code = run("verify", "--format", "json", "--out", "v.json")
        return code, json.loads((tmp_path / "v.json").read_text("utf-8-sig"))

    run.alter, run.verified, run.url = alter, verified, store_url
    run("import", "a.csv", "--layer", "priority_plot")
    for number in range(3):
        code = run("export", "--layer", "priority_plot", "--to", f"出{number}.csv")
        assert code == Exit.DONE
    return run


def test_exports_left_alone_fit(office):
    code, said = office.verified()

    assert (code, said["rows"]) == (Exit.DONE, [])
    assert (said["meta"]["exports"], said["meta"]["last_export"]) == (3, 3)
    assert len(said["meta"]["export_sha256"]) == 64


HARM = {
    "who": (sa.update(LOG).where(LOG.c.id == 2).values(made_by="另一人"), "export_log"),
    "what": (sa.update(LOG).where(LOG.c.id == 2).values(chosen="{}x"), "export_log"),
    "how many": (sa.update(LOG).where(LOG.c.id == 2).values(parcels=1), "export_log"),
    "approval": (sa.update(LOG).where(LOG.c.id == 2).values(approval="示例"), "export_log"),
    "file": (sa.update(FILE).where(FILE.c.export_id == 2).values(sha256="0" * 64), "export_file"),
    "moved file": (
        sa.update(FILE).where(FILE.c.export_id == 2).values(export_id=1),
        "export_file",
    ),
    "no file": (sa.delete(FILE).where(FILE.c.export_id == 2), "export_file"),
    "seal": (sa.update(SEAL).where(SEAL.c.export_id == 2).values(digest="0" * 64), "export_seal"),
    "no seal": (sa.delete(SEAL).where(SEAL.c.export_id == 2), "export_log"),
}


@pytest.mark.parametrize("harm", HARM)
def test_an_export_edited_by_sql_is_named(office, harm):
    statement, kind = HARM[harm]
    office.alter(statement)

    code, said = office.verified()

    assert code == Exit.LOG_NOT_AS_SEALED
    assert kind in {row["kind"] for row in said["rows"]}
    assert {row["export"] for row in said["rows"]} <= {1, 2, 3}
    assert {row["change"] for row in said["rows"]} == {None}


@pytest.mark.parametrize("number", [1, 2, 3])
def test_an_export_taken_away_is_missed_whichever_it_was(office, number):
    office.alter(sa.delete(FILE).where(FILE.c.export_id == number))
    office.alter(sa.delete(LOG).where(LOG.c.id == number))

    code, said = office.verified()

    assert code == Exit.LOG_NOT_AS_SEALED
    assert {row["export"] for row in said["rows"]} == {number}
    assert {row["kind"] for row in said["rows"]} == {"export_log", "export_file"}


def gone(number):
    return (
        sa.delete(FILE).where(FILE.c.export_id == number),
        sa.delete(LOG).where(LOG.c.id == number),
        sa.delete(SEAL).where(SEAL.c.export_id == number),
    )


def test_the_last_export_taken_away_with_its_seal_shows_once_a_change_was_made_since(office):
    office("import", "b.csv", "--layer", "priority_plot")
    office.alter(*gone(3))

    code, said = office.verified()

    assert code == Exit.LOG_NOT_AS_SEALED
    (row,) = said["rows"]
    assert (row["change"], row["kind"]) == (3, "exports")
    assert (row["sealed_rows"], row["found_rows"]) == (3, 2)


def test_an_anchor_finds_that_the_last_export_was_cut_off(office):
    office("verify", "--anchor", "存证.json")
    office.alter(*gone(3))

    alone = office("verify")
    compared = office("verify", "--against", "存证.json")

    # Nothing since knows of it; only what is kept elsewhere does.
    assert (alone, compared) == (Exit.DONE, Exit.LOG_NOT_AS_SEALED)


def test_an_anchor_of_before_the_seals_of_exports_is_still_one(office, tmp_path):
    office("verify", "--anchor", "存证.json")
    said = json.loads((tmp_path / "存证.json").read_text("utf-8"))
    older = {key: held for key, held in said.items() if not key.startswith("export")}
    (tmp_path / "旧.json").write_text(json.dumps(older), "utf-8")

    assert (said["export"], len(said["export_sha256"])) == (3, 64)
    assert office("verify", "--against", "旧.json") == Exit.DONE


def test_an_export_written_by_sql_is_no_export(office):
    row = sa.select(LOG).where(LOG.c.id == 3).subquery()
    columns = [sa.literal(4).label("id"), *[c for c in row.c if c.name != "id"]]
    office.alter(sa.insert(LOG).from_select([c.name for c in LOG.c], sa.select(*columns)))

    code, said = office.verified()

    assert code == Exit.LOG_NOT_AS_SEALED
    assert [(row["export"], row["sealed_rows"]) for row in said["rows"]] == [(4, 0)]


def test_the_log_of_changes_made_anew_does_not_fit_the_exports_between(office):
    version = tables.version
    office.alter(sa.update(version).values(source_row=9), sa.delete(tables.seal))

    code, said = office.verified()

    assert code == Exit.LOG_NOT_AS_SEALED
    assert [(row["export"], row["kind"]) for row in said["rows"]] == [(1, "change_before")]


def test_a_number_that_was_taken_away_is_not_given_again(office):
    office.alter(*gone(3)[:2])

    office("export", "--layer", "priority_plot", "--to", "再.csv")
    with Register(office.url, list(LAYERS.values())) as register:
        numbers = register.exports()["export"].tolist()

    assert numbers == [4, 2, 1]


@pytest.mark.parametrize("lang", text.LANGUAGES)
def test_the_first_export_that_does_not_fit_is_said(office, lang, capsys):
    office.alter(HARM["who"][0])
    capsys.readouterr()

    office("verify", lang=lang)

    said = capsys.readouterr().out
    assert ("第一处不符的导出是 2 号" if lang == "zh" else "does not fit is 2; 1 do not") in said


def test_what_was_handed_out_before_there_were_seals_is_sealed_when_the_register_is_opened(
    store_url,
):
    make_old(store_url, "0014")
    engine = sa.create_engine(store_url if "://" in store_url else f"sqlite:///{store_url}")
    with engine.begin() as connection:
        row = {c.name: "示例" for c in LOG.c if isinstance(c.type, sa.Text)}
        row |= {"id": 1, "made_at": "2024-06-01T00:00:00.000000Z", "true_on": "2024-06-01"}
        row |= {"parcels": 1}
        names = ", ".join(row)
        marks = ", ".join(f":{name}" for name in row)
        connection.execute(sa.text(f"INSERT INTO export_log ({names}) VALUES ({marks})"), row)
    engine.dispose()

    store = Store(store_url)
    try:
        with store.read() as connection:
            number, digest = export_seals.head(connection)
        found = store.verify()
    finally:
        store.close()

    assert (number, len(digest)) == (1, 64)
    assert found.fits
    assert found.exports.count == 1
