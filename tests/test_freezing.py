"""A frozen period keeps its figures and all versions behind them, and says if it was altered."""

from __future__ import annotations

import dataclasses
import json

import pandas as pd
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from town import DAY, PLOT, act, plots

from layers import figures
from layers.coverage import TOTAL
from maps import cli, text
from maps.answers import Exit
from parcels import freezing, seals, tables
from parcels.errors import (
    ChangeNotUndoableError,
    FrozenDamagedError,
    PeriodFrozenError,
)
from parcels.freezing import Kept
from parcels.model import Moment
from parcels.register import Register

NAMES = ["indicator", "term", "by", "place", "layer", "parcel", "version", "amount"]
LINE = st.tuples(
    st.sampled_from(["safe_rate", "land"]),
    st.sampled_from(["safe", "all"]),
    st.sampled_from(["unit", "district"]),
    st.sampled_from(["110105", "110108", "unknown"]),
    st.sampled_from(["a", "b"]),
    st.integers(1, 5),
    st.integers(0, 10**17),
)


def parts_of(lines):
    """Parts whose parcel is told by their version."""
    rows = [(*line[:5], line[5] // 2, *line[5:]) for line in lines]
    return pd.concat([figures.no_parts(), pd.DataFrame(rows, columns=NAMES)], ignore_index=True)


def kept(parts, period="2024Q2", **others):
    """A period with these parts, and the figures that are their sums."""
    blocks = [block for _, one in parts.groupby("layer") for block in freezing.pack([one])]
    rows = [
        dict.fromkeys(freezing.FIGURES)
        | {"indicator": indicator, "by": by, "place": place, "unit": "m2", "basis": "computed"}
        | {"state": "computed", "scale": 1, "terms": json.dumps(terms)}
        for (indicator, by, place), terms in figures.add_up([parts]).items()
    ]
    told = pd.DataFrame(rows, columns=list(freezing.FIGURES))
    moment = Moment(DAY, change=others.pop("known", 2))
    return Kept(period, moment, '{"示例": 1}', told, blocks)


SOME = parts_of(
    [
        ("safe_rate", "all", "unit", "110105", "a", 1, 500),
        ("safe_rate", "all", "unit", "110105", "a", 2, 70),
        ("safe_rate", "safe", "unit", "110105", "a", 2, 70),
        ("safe_rate", "all", "unit", "110108", "a", 3, 1),
        ("safe_rate", "all", "unit", "110108", "b", 9, 2**60),
        ("land", "all", "unit", "110108", "b", 9, 1),
        ("safe_rate", "all", "district", "110105", "a", 1, 499),
    ]
)


@pytest.fixture
def register(store_url):
    with Register(store_url, [PLOT]) as opened:
        opened.take(PLOT.key, plots(2), act(sha="a"))
        yield opened


def in_order(parts):
    return sorted(parts[NAMES].astype(object).itertuples(index=False, name=None))


def test_figures_and_parts_come_back_as_they_were_kept(register):
    told = kept(SOME)

    made = freezing.record(register, act(days=9), told)

    back = freezing.parts(register, made.number, by="unit")
    assert in_order(back) == in_order(SOME[SOME["by"] == "unit"])
    assert freezing.figures(register, made.number)["terms"].tolist() == (
        told.figures["terms"].tolist()
    )
    assert (made.period, made.edition, made.moment) == ("2024Q2", 1, told.moment)
    assert (made.declarations, made.by) == (told.declarations, "示例经办人")


def test_only_the_parts_of_one_place_or_indicator_are_read(register):
    made = freezing.record(register, act(days=9), kept(SOME))

    one = freezing.parts(register, made.number, by="unit", place="110108", indicators=["land"])

    assert in_order(one) == [("land", "all", "unit", "110108", "b", 4, 9, 1)]


def test_it_is_kept_by_which_districts_and_after_which_change(register):
    with register.store.read() as connection:
        edition = connection.execute(sa.select(sa.func.max(tables.edition.c.id))).scalar()

    made = freezing.record(register, act(days=9), kept(SOME, known=freezing.last_change(register)))

    assert made.districts == edition == 1
    assert made.moment.change == made.change - 1


def test_a_frozen_period_is_not_frozen_again_and_another_edition_leaves_the_former(register):
    first = freezing.record(register, act(days=9), kept(SOME))

    with pytest.raises(PeriodFrozenError) as refused:
        freezing.record(register, act(days=10), kept(SOME.iloc[:1]))
    second = freezing.record(register, act(days=10), kept(SOME.iloc[:1]), again=True)

    assert refused.value.fields["edition"] == 1
    assert [one.edition for one in freezing.listed(register, "2024Q2")] == [1, 2]
    assert len(freezing.parts(register, first.number, by="unit")) == 6
    assert len(freezing.parts(register, second.number, by="unit")) == 1


def test_a_freeze_is_never_undone(register):
    made = freezing.record(register, act(days=9), kept(SOME))

    with pytest.raises(ChangeNotUndoableError) as refused:
        register.undo(made.change, dataclasses.replace(act(days=10), reason="示例"))

    assert refused.value.fields["reason"] == "change_is_a_freeze"


def test_the_log_seals_it_and_what_was_kept_fits(register):
    freezing.record(register, act(days=9), kept(SOME))

    assert register.store.verify().misfits == {}
    assert freezing.check(register, total=TOTAL) == ([], 6)


def damage(register, statement):
    with register.store._writer.begin() as connection:
        connection.execute(statement)


BLOCK = tables.frozen_block


@pytest.mark.parametrize(
    "statement",
    [
        sa.update(BLOCK).where(BLOCK.c.term.is_(None)).values(content=b"x"),
        sa.update(BLOCK).where(BLOCK.c.term == "safe").values(content=b"x"),
        sa.update(BLOCK).where(BLOCK.c.term == "safe").values(sha256="0" * 64),
        sa.delete(BLOCK).where(BLOCK.c.term == "safe"),
        sa.delete(BLOCK).where(BLOCK.c.term.is_(None)),
        sa.update(tables.frozen_figure)
        .where(tables.frozen_figure.c.place == TOTAL)
        .values(terms='{"all": 1}'),
    ],
)
def test_what_was_altered_of_it_is_found(register, statement):
    made = freezing.record(register, act(days=9), kept(SOME))
    damage(register, statement)

    wrong, _ = freezing.check(register, total=TOTAL)

    assert {one.change for one in wrong} == {made.change}
    assert list(register.store.verify().misfits) == [made.change]


def test_damaged_parts_are_refused_and_not_shown(register):
    made = freezing.record(register, act(days=9), kept(SOME))
    damage(register, sa.update(BLOCK).where(BLOCK.c.term == "safe").values(content=b"x"))

    with pytest.raises(FrozenDamagedError):
        freezing.parts(register, made.number, by="unit", place="110105", indicators=["safe_rate"])


def test_verifying_finds_altered_versions_behind_a_figure_in_a_log_sealed_anew(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    with Register("r.gpkg", [PLOT]) as opened:
        opened.take(PLOT.key, plots(2), act(sha="a"))
        freezing.record(opened, act(days=9), kept(SOME))
        other = kept(SOME.assign(amount=SOME["amount"] + 1), "2024Q3")
        freezing.record(opened, act(days=10), other)
        newer = sa.select(BLOCK.c.content).where(BLOCK.c.freeze_id == 2, BLOCK.c.term.is_(None))
        swapped = sa.update(BLOCK).where(BLOCK.c.freeze_id == 1, BLOCK.c.term.is_(None))
        damage(opened, swapped.values(content=newer.limit(1).scalar_subquery()))
        with opened.store.write() as connection:
            connection.execute(sa.delete(tables.seal))
        assert opened.store.verify().misfits == {}
    capsys.readouterr()

    code = cli.run(["--store", "r.gpkg", "--lang", "zh", "verify"])

    assert code == Exit.LOG_NOT_AS_SEALED
    assert "定格的数与其所依据的版本" in capsys.readouterr().out


@pytest.mark.parametrize("lang", text.LANGUAGES)
def test_every_sealed_table_has_a_word_for_verifying(lang):
    kinds = {one.table.name for one in seals.SEALED} | {
        f"{one.table.name}_closed" for one in seals.SEALED if one.closed is not None
    }

    assert kinds <= set(text.words("verify.kinds", lang))


@pytest.fixture(scope="module")
def one_register(tmp_path_factory):
    with Register(str(tmp_path_factory.mktemp("freeze") / "r.gpkg"), [PLOT]) as opened:
        yield opened


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(LINE, max_size=25))
def test_any_parts_come_back_exactly_and_fit(one_register, lines):
    parts = parts_of(lines)
    number = len(freezing.listed(one_register))

    made = freezing.record(one_register, act(days=number), kept(parts, f"{1000 + number}"))

    back = [
        row
        for by in ("unit", "district")
        for row in in_order(freezing.parts(one_register, made.number, by=by))
    ]
    assert sorted(back) == in_order(parts)
    if number % 20 == 0:
        assert freezing.check(one_register, total=TOTAL)[0] == []
