"""Keeps the figures of a period as they were, with every version of a parcel behind them."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import zlib
from collections.abc import Collection, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, fields
from typing import Final

import numpy as np
import pandas as pd
import sqlalchemy as sa

from parcels import blocks
from parcels.errors import FrozenDamagedError, PeriodFrozenError
from parcels.model import Moment
from parcels.reading import Reading
from parcels.recording import Act, Recorder, plain
from parcels.store import Query
from parcels.tables import change, edition, freeze, frozen_block, frozen_figure

KIND: Final = "freeze"
"""The kind of change that keeps the figures of a period."""

FIGURES: Final = (
    *("indicator", "by", "place", "unit", "basis", "state", "terms", "numerator", "denominator"),
    *("value", "verdict", "written", "evidence", "person", "scale", "report", "reason"),
)
"""Columns of a frame of figures to keep; `terms` is JSON, big numbers and fractions are text."""


_NAMED: Final = ("indicator", "term", "by", "place", "layer")
_PARTS: Final = ("parcel", "version", "amount")
_LISTED: Final = ("version", "parcel", "amount")


@dataclass(frozen=True, slots=True)
class Block:
    """What a term at one place is the sum of; without a term, the list its lines are of.

    Attributes:
        rows: How many versions.
        amount: What they add up to.
        sha256: Over the plain numbers: versions, parcels, amounts.
        content: Packed; the lines of the list for a term, else the three columns.
    """

    layer: str
    by: str
    place: str
    indicator: str | None
    term: str | None
    rows: int
    amount: int
    sha256: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Kept:
    """What is kept of a period.

    Attributes:
        period: What it is called.
        moment: The day, and the number of the last change that counts.
        declarations: The declarations the figures were made by, as text.
        figures: A frame of FIGURES.
        blocks: What `pack` makes of the parts of each layer.
    """

    period: str
    moment: Moment
    declarations: str
    figures: pd.DataFrame
    blocks: Sequence[Block]


@dataclass(frozen=True, slots=True)
class Frozen:
    """One edition of a frozen period.

    Attributes:
        number: Of the freeze.
        period: What it is called.
        edition: 1 for the first.
        change: Number of the change that froze it.
        moment: The day, and the number of the last change that counted.
        districts: Which edition of the districts; None for the bundled ones.
        declarations: As they were kept; `sha256` is over them.
        by: Who froze it, `at` which instant and for which `reason`.
    """

    number: int
    period: str
    edition: int
    change: int
    moment: Moment
    districts: int | None
    declarations: str
    sha256: str
    by: str
    at: dt.datetime
    reason: str | None


@dataclass(frozen=True, slots=True)
class Misfit:
    """A block that is not what it was, or a figure that is not the sum of its blocks.

    Attributes:
        change: Number of the change that froze it.
        figure: Indicator, by, place; and for a block the layer and term.
        kept: What stands there: a SHA-256, or an amount.
        found: What its content makes.
    """

    change: int
    figure: tuple[str, ...]
    kept: str
    found: str


def last_change(register: Reading) -> int:
    """Number of the last change; 0 for an empty register."""
    with register.store.read() as connection:
        return int(connection.execute(sa.select(sa.func.max(change.c.id))).scalar() or 0)


def pack(frames: Sequence[pd.DataFrame]) -> Iterator[Block]:
    """The parts of one layer, to be kept: a list of versions for each place, then its terms.

    Args:
        frames: All its parts: `indicator`, `term`, `by`, `place`, `layer`, `parcel`, `version`,
            `amount`, texts best as categories.
    """
    places: dict[tuple[str, str], int] = {}
    terms: dict[tuple[str, str], int] = {}
    some = [frame for frame in frames if len(frame)]
    if not some:
        return
    layer = str(some[0]["layer"].iloc[0])
    at = np.concatenate([_numbered(frame, "by", "place", places) for frame in some])
    of = np.concatenate([_numbered(frame, "indicator", "term", terms) for frame in some])
    columns = [
        np.concatenate([frame[name].to_numpy(np.int64) for frame in some]) for name in _LISTED
    ]
    order = np.argsort(at, kind="stable")
    ends = np.cumsum(np.bincount(at, minlength=len(places)))
    for (by, place), rows in zip(places, np.split(order, ends[:-1]), strict=True):
        version, parcel, amount = (column[rows] for column in columns)
        sort = np.lexsort((amount, version))
        listing = np.stack([version[sort], parcel[sort], amount[sort]])
        new = np.any(np.diff(listing, axis=1, prepend=-1) != 0, axis=0)
        lines, book, own = np.cumsum(new) - 1, listing[:, new], of[rows[sort]]
        yield Block(layer, by, place, None, None, *_sealed(book), blocks.pack(book))
        for (indicator, term), number in terms.items():
            chosen = lines[own == number]
            if len(chosen):
                said = _sealed(book[:, chosen])
                yield Block(layer, by, place, indicator, term, *said, blocks.pack(chosen[None]))


def record(register: Reading, act: Act, kept: Kept, *, again: bool = False) -> Frozen:
    """Keep the figures of a period, as one change.

    Args:
        register: The register.
        act: Who, when, why.
        kept: What is kept.
        again: Keep another edition beside those there are.

    Raises:
        PeriodFrozenError: The period is frozen, and `again` is False.
        StoreBusyError: Another process is writing.
    """
    store = register.store
    with store.write() as connection:
        former = _frozen(connection, kept.period)
        if not again:
            _refuse(former)
        recorder = Recorder(store, connection, act)
        recorder.open(KIND)
        key = store.next_id(connection, freeze)
        by = sa.select(sa.func.max(edition.c.id)).where(edition.c.change_id <= kept.moment.change)
        connection.execute(
            sa.insert(freeze).values(
                id=key,
                change_id=recorder.number,
                period=kept.period,
                edition=len(former) + 1,
                true_on=kept.moment.on,
                known=kept.moment.change,
                districts=connection.execute(by).scalar(),
                declarations=kept.declarations,
                declarations_sha256=hashlib.sha256(kept.declarations.encode()).hexdigest(),
            )
        )
        _write_figures(recorder, key, kept.figures)
        _write_blocks(recorder, key, kept.blocks)
        return _frozen(connection, kept.period)[-1]


def refuse_frozen(register: Reading, period: str) -> None:
    """Refuse a period that is frozen, before anything is reckoned.

    Raises:
        PeriodFrozenError: It is.
    """
    _refuse(listed(register, period))


def listed(register: Reading, period: str | None = None) -> list[Frozen]:
    """The frozen periods, or the editions of one, in the order of freezing."""
    with register.store.read() as connection:
        return _frozen(connection, period)


def figures(register: Reading, number: int, **only: str) -> pd.DataFrame:
    """The figures of a freeze, as they were kept: FIGURES, in the order they were given.

    Args:
        register: The register.
        number: Of the freeze.
        **only: Only of this `indicator`, `by`, `place`.
    """
    query = sa.select(*[frozen_figure.c[name] for name in FIGURES])
    query = query.where(frozen_figure.c.freeze_id == number).order_by(frozen_figure.c.id)
    query = query.where(*[frozen_figure.c[name] == told for name, told in only.items()])
    with register.store.read() as connection:
        return register.store.frame(connection, query)


def parts(
    register: Reading,
    number: int,
    *,
    by: str,
    place: str | None = None,
    layers: Collection[str] | None = None,
    indicators: Collection[str] | None = None,
) -> pd.DataFrame:
    """The parts that were kept of a freeze.

    Args:
        register: The register.
        number: Of the freeze.
        by: "unit" or "district".
        place: Only of this place; None for all.
        layers: Only of these layers; None for all. The fewer, the less is read.
        indicators: Only of these; None for all.

    Returns:
        `indicator`, `term`, `by`, `place`, `layer` (categories), `parcel`, `version`, `amount`;
        within a term, place and layer in the order of versions.

    Raises:
        FrozenDamagedError: They are not what they were.
    """
    query = _blocks_of(number).where(frozen_block.c.by == by)
    if place is not None:
        query = query.where(frozen_block.c.place == place)
    if layers is not None:
        query = query.where(frozen_block.c.layer.in_(layers))
    if indicators is not None:
        mine = frozen_block.c.indicator
        query = query.where(sa.or_(mine.is_(None), mine.in_(indicators)))
    found: list[np.ndarray] = []
    labels: list[tuple[str, ...]] = []
    # Closed even where it is refused half-way: a server keeps a cursor open for it.
    with register.store.read() as connection, closing(_opened(connection, query)) as opened:
        for one, columns in opened:
            if columns is None or blocks.digest(columns) != one.sha256:
                raise FrozenDamagedError(indicator=one.indicator, place=one.place)
            found.append(columns)
            labels.append(tuple(one[name] for name in _NAMED))
    counts = [columns.shape[1] for columns in found]
    places = np.repeat(np.arange(len(found)), counts)
    numbers = np.concatenate([np.empty((len(_LISTED), 0), np.int64), *found], axis=1)
    names = pd.DataFrame(labels, columns=list(_NAMED)).astype("category")
    told = {name: names[name].array.take(places) for name in _NAMED}
    return pd.DataFrame(told | dict(zip(_LISTED, numbers, strict=True)))[[*_NAMED, *_PARTS]]


def layers(register: Reading, number: int) -> list[str]:
    """Keys of the layers that a freeze rests on."""
    query = sa.select(frozen_block.c.layer).where(frozen_block.c.freeze_id == number).distinct()
    with register.store.read() as connection:
        return sorted(connection.execute(query).scalars())


def check(register: Reading, *, total: str) -> tuple[list[Misfit], int]:
    """The blocks and figures that are not what they were, and how many blocks were read.

    Args:
        register: The register.
        total: What the place is called whose figures are the sums of all places.
    """
    wrong: list[Misfit] = []
    read = 0
    for one in listed(register):
        sums: dict[tuple[str, ...], dict[str, int]] = {}
        with register.store.read() as connection:
            for block, columns in _opened(connection, _blocks_of(one.number)):
                read += 1
                made = "" if columns is None else blocks.digest(columns)
                if columns is None or made != block.sha256:
                    named = tuple(block[name] for name in _NAMED)
                    wrong.append(Misfit(one.change, named, block.sha256, made))
                    continue
                for place in (block.place, total):
                    terms = sums.setdefault((block.indicator, block.by, place), {})
                    terms[block.term] = terms.get(block.term, 0) + int(columns[-1].sum())
        for figure in figures(register, one.number).itertuples(index=False):
            added = sums.get((figure.indicator, figure.by, figure.place), {})
            kept = {term: amount for term, amount in json.loads(figure.terms).items() if amount}
            found = {term: amount for term, amount in added.items() if amount}
            if kept != found:
                named = (figure.indicator, figure.by, figure.place)
                wrong.append(Misfit(one.change, named, figure.terms, json.dumps(added)))
    return wrong, read


# -- inside -----------------------------------------------------------------------------------


def _refuse(former: Sequence[Frozen]) -> None:
    for last in former[-1:]:
        raise PeriodFrozenError(
            period=last.period,
            edition=last.edition,
            by=last.by,
            at=last.at.isoformat(timespec="seconds"),
            change=last.change,
        )


def _frozen(connection: sa.Connection, period: str | None) -> list[Frozen]:
    query = (
        sa.select(freeze, change.c.made_by, change.c.made_at, change.c.reason)
        .select_from(freeze.join(change, freeze.c.change_id == change.c.id))
        .order_by(freeze.c.id)
    )
    if period is not None:
        query = query.where(freeze.c.period == period)
    return [
        Frozen(
            number=row.id,
            period=row.period,
            edition=row.edition,
            change=row.change_id,
            moment=Moment(row.true_on, change=row.known),
            districts=row.districts,
            declarations=row.declarations,
            sha256=row.declarations_sha256,
            by=row.made_by,
            at=row.made_at,
            reason=row.reason,
        )
        for row in connection.execute(query)
    ]


def _write_figures(recorder: Recorder, number: int, told: pd.DataFrame) -> None:
    start = recorder.store.next_id(recorder.connection, frozen_figure)
    columns = {
        "id": list(range(start, start + len(told))),
        "change_id": [recorder.number] * len(told),
        "freeze_id": [number] * len(told),
        **{name: plain(told[name]) for name in FIGURES},
    }
    recorder.store.insert(recorder.connection, frozen_figure, columns)


def _write_blocks(recorder: Recorder, number: int, told: Sequence[Block]) -> None:
    start = recorder.store.next_id(recorder.connection, frozen_block)
    columns = {
        "id": list(range(start, start + len(told))),
        "change_id": [recorder.number] * len(told),
        "freeze_id": [number] * len(told),
        **{one.name: [getattr(block, one.name) for block in told] for one in fields(Block)},
    }
    recorder.store.insert(recorder.connection, frozen_block, columns)


def _numbered(
    frame: pd.DataFrame, one: str, other: str, seen: dict[tuple[str, str], int]
) -> np.ndarray:
    """Which pair of words each row has, as a number; pairs not seen before are added."""
    first, second = frame[one].astype("category").array, frame[other].astype("category").array
    width = len(second.categories)
    pairs = first.codes.astype(np.int64) * width + second.codes
    numbers = np.zeros(len(first.categories) * width, np.int64)
    for pair in np.flatnonzero(np.bincount(pairs, minlength=len(numbers))):
        words = str(first.categories[pair // width]), str(second.categories[pair % width])
        numbers[pair] = seen.setdefault(words, len(seen))
    found: np.ndarray = numbers[pairs]
    return found


def _sealed(whole: np.ndarray) -> tuple[int, int, str]:
    """How many versions, what they add up to, and the hash over them."""
    return whole.shape[1], int(whole[-1].sum()), blocks.digest(whole)


def _blocks_of(number: int) -> Query:
    return (
        sa.select(frozen_block)
        .where(frozen_block.c.freeze_id == number)
        .order_by(frozen_block.c.id)
    )


def _opened(
    connection: sa.Connection, query: Query
) -> Generator[tuple[sa.RowMapping, np.ndarray | None]]:
    """Each term's block with the columns it stands for; None where that is not to be read.

    The list of a place comes before its terms.
    """
    of, book = None, None
    with connection.execute(query.execution_options(yield_per=100)) as found:
        for row in found.mappings():
            where = (row["layer"], row["by"], row["place"])
            try:
                if row["term"] is None:
                    of = None
                    of, book = where, blocks.unpack(row["content"], len(_LISTED))
                    continue
                lines = blocks.unpack(row["content"], 1)[0]
                columns = book[:, lines] if book is not None and of == where else None
            except (zlib.error, ValueError, IndexError):
                columns = None
            if row["term"] is not None:
                yield row, columns
