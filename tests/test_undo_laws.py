"""Whatever is imported, moved and undone in whatever order: what was known stays known."""

from __future__ import annotations

import datetime as dt
import secrets

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from town import AT, DAY, PLOT, act, on, plots, square

from parcels.errors import ChangeRestedOnError
from parcels.model import Moment
from parcels.register import Register
from parcels.tables import version
from parcels.undoing import taken_back

DAYS = [DAY + dt.timedelta(days) for days in (-1, 0, 29, 30, 59, 60, 90)]
STAGES = ["surveyed", "listed"]
SUBSETS = st.sets(st.integers(0, 3), min_size=1)


class Town(RuleBasedStateMachine):
    """A register of four plots that clerks change and change back."""

    url = staticmethod(lambda: "")

    @initialize()
    def begin(self):
        self.register = Register(self.url(), [PLOT])
        self.count = 0
        self.numbers = []  # of changes of parcels, undoings included
        self.known = []  # instants, with what was read then
        self.before = {}  # what was read before each change
        self.touched = {}
        self.undoes = {}

    def teardown(self):
        if hasattr(self, "register"):
            fits = self.register.store.verify().misfits == {}
            self.register.close()
            assert fits

    def read(self, known=None, change=None):
        frames = [self.register.frame(PLOT.key, Moment(d, known, change)) for d in DAYS]
        return [
            {row[0]: repr(row[1:]) for row in frame.to_wkt().itertuples(name=None)}
            for frame in frames
        ]

    def next(self):
        self.count += 1
        return self.count

    def note(self, number, before):
        with self.register.store.read() as connection:
            query = sa.select(version.c.parcel_id).where(
                (version.c.recorded_from == number) | (version.c.recorded_to == number)
            )
            self.touched[number] = set(connection.execute(query).scalars())
        self.numbers.append(number)
        self.before[number] = before
        self.known.append((AT + dt.timedelta(days=self.count, hours=1), self.read()))

    def take(self, frame, day):
        before = self.read()
        moment = DAY + dt.timedelta(day)
        outcome = self.register.take(PLOT.key, frame, act(moment, days=self.next()))
        if outcome.change is not None:
            self.note(outcome.change, before)

    @rule(
        some=SUBSETS,
        stage=st.sampled_from(["surveyed", "listed"]),
        day=st.sampled_from([0, 30, 60]),
    )
    def deliver(self, some, stage, day):
        self.take(plots(4).iloc[sorted(some)].assign(stage=stage), day)

    @rule(some=SUBSETS, by=st.sampled_from([0.0, 0.001]), day=st.sampled_from([0, 30]))
    def move(self, some, by, day):
        frame = plots(4).iloc[sorted(some)]
        shapes = [square(116.2 + i * 0.003 + by, 40.0) for i in sorted(some)]
        self.take(frame.set_geometry(shapes, crs=4490), day)

    @precondition(lambda self: self.numbers)
    @rule(which=st.integers(0, 9), with_later=st.booleans())
    def undo(self, which, with_later):
        gone = taken_back(self.undoes)
        standing = [number for number in self.numbers if number not in gone]
        number = standing[which % len(standing)]
        before = expected = self.read()
        at = act(days=self.next())
        made, resting = [], []
        try:
            made = self.register.undo(number, at, with_later=with_later)
        except ChangeRestedOnError as refused:
            resting = refused.fields["later"]

        assert bool(made) is not bool(resting)
        assert set(resting) <= set(standing) - {number}
        assert not (resting and with_later)
        for one in made:
            there = self.touched[one.undoes]
            expected = [
                {p: said for p, said in now.items() if p not in there}
                | {p: said for p, said in then.items() if p in there}
                for now, then in zip(expected, self.before[one.undoes], strict=True)
            ]
            self.undoes[one.change] = one.undoes

        assert not made or made[-1].undoes == number
        assert self.read() == expected
        for one in made:
            self.note(one.change, before)
            before = self.read(change=one.change)

    @invariant()
    def what_was_known_is_still_what_was_known(self):
        for instant, then in getattr(self, "known", [])[-6:]:
            assert self.read(instant) == then

    @invariant()
    def a_code_is_one_parcel_on_any_day(self):
        if hasattr(self, "register"):
            for day in DAYS:
                assert self.register.frame(PLOT.key, on(day))["code"].is_unique


@pytest.mark.parametrize("store", ["embedded", pytest.param("postgis", marks=pytest.mark.postgis)])
def test_no_sequence_of_changes_and_undoings_loses_anything(store, request, tmp_path):
    if store == "embedded":
        urls = staticmethod(lambda: str(tmp_path / f"{secrets.token_hex(4)}.gpkg"))
    else:
        cluster = request.getfixturevalue("postgis_cluster")

        def new():
            name = f"t_{secrets.token_hex(6)}"
            cluster.copy_template(name)
            return cluster.url(name)

        urls = staticmethod(new)

    run_state_machine_as_test(
        type("Here", (Town,), {"url": urls}),
        settings=settings(
            max_examples=12 if store == "embedded" else 6,
            stateful_step_count=8,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
