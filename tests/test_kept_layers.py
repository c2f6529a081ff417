"""A layer kept in memory shows at every moment what the register shows, on both stores."""

from __future__ import annotations

import datetime as dt
import gzip

import numpy as np
import pytest
from town import AT, DAY, PLOT, act, plots

from maps.tiles import kept, world
from maps.tiles.kept import Choice
from maps.tiles.service import Tiles
from maps.tiles.world import Tile
from parcels import chronicle
from parcels.errors import UnknownLayerError
from parcels.model import Moment
from parcels.recording import Act
from parcels.register import Register

JULY = dt.date(2024, 7, 15)
WORLD = (0, 0, world.SIDE, world.SIDE)


@pytest.fixture
def register(store_url):
    with Register(store_url, [PLOT]) as opened:
        yield opened


def later(day, hours):
    return Act(by="示例", at=AT + dt.timedelta(hours=hours), on=day, reason="示例")


def history(register):
    """Four changes: a delivery, a stage moved, a boundary moved, the last one taken back."""
    register.take(PLOT.key, plots(6), act(DAY))
    moved = plots(3, stage="listed")
    register.take(PLOT.key, moved, later(JULY, 1), corrects=True)
    register.take(PLOT.key, plots(2, west=116.3, stage="listed"), later(JULY, 2), corrects=True)
    register.undo(4, later(JULY, 3))


def told(layer, choice):
    shown = layer.shown(WORLD, choice)
    stages = [*layer.stages, None]
    return dict(zip(shown.ids.tolist(), [stages[i] for i in shown.stages], strict=True))


def said(register, moment):
    frame = register.frame(PLOT.key, moment, columns=["stage"], boundaries=False)
    return dict(zip(frame.index.tolist(), frame["stage"], strict=True))


def test_every_moment_shows_what_the_register_shows(register):
    history(register)
    layer = Tiles(register).layer(PLOT.key)

    for known in range(1, 6):
        for day in (DAY - dt.timedelta(days=1), DAY, JULY, JULY + dt.timedelta(days=1)):
            moment = Moment(day, change=known)
            assert told(layer, Choice(day, known)) == said(register, moment), (day, known)
    assert told(layer, Choice(JULY)) == said(register, Moment(JULY))
    assert told(layer, Choice(JULY))


def test_a_layer_kept_up_to_date_is_the_layer_kept_anew(register):
    register.take(PLOT.key, plots(6), act(DAY))
    tiles = Tiles(register)
    tiles.layer(PLOT.key)

    register.take(PLOT.key, plots(3, stage="listed"), later(JULY, 1), corrects=True)
    tiles.layer(PLOT.key)
    register.take(PLOT.key, plots(8, west=116.25), later(JULY, 2), corrects=True)

    followed, anew = tiles.layer(PLOT.key), Tiles(register).layer(PLOT.key)
    assert followed.change == anew.change
    for known in range(1, 5):
        for day in (DAY, JULY):
            choice = Choice(day, known)
            assert told(followed, choice) == told(anew, choice)
            boxes = [
                sorted(map(tuple, one.boxes(one.positions(choice)).tolist()))
                for one in (followed, anew)
            ]
            assert boxes[0] == boxes[1]


def test_a_change_tells_the_boxes_it_touched_and_no_others(register):
    register.take(PLOT.key, plots(6), act(DAY))
    layer = kept.keep(PLOT, chronicle.read(register, PLOT.key))
    before = {
        int(i): tuple(box) for i, box in zip(layer.outlines.ids, layer.outlines.boxes, strict=True)
    }

    register.take(PLOT.key, plots(1, stage="listed"), later(JULY, 1), corrects=True)
    _made, touched = kept.refresh(layer, chronicle.read(register, PLOT.key, after=layer.change))

    first = min(before)
    assert {tuple(box) for box in touched.tolist()} == {before[first]}


def test_a_tile_is_never_older_than_the_register(register):
    register.take(PLOT.key, plots(6), act(DAY))
    tiles = Tiles(register)
    place = world.from_lonlat(np.array([[116.201, 40.001]]))[0]
    where = Tile(14, int(place[0]) >> 17, int(place[1]) >> 17)
    first = tiles.tile(PLOT.key, where, Choice(JULY))

    register.take(PLOT.key, plots(3, stage="listed"), later(JULY, 1), corrects=True)
    second = tiles.tile(PLOT.key, where, Choice(JULY))

    assert gzip.decompress(first) != gzip.decompress(second)
    assert second == Tiles(register).tile(PLOT.key, where, Choice(JULY))
    assert tiles.tile(PLOT.key, where, Choice(JULY, known=2)) == first


def test_only_chosen_units_and_parcels_are_shown(register):
    register.take(PLOT.key, plots(4).assign(unit=["110108", "110105", None, "110108"]), act(DAY))
    layer = Tiles(register).layer(PLOT.key)
    frame = register.frame(PLOT.key, Moment(DAY), columns=["code", "unit"], boundaries=False)
    own = frame.index[frame["unit"] == "110108"].tolist()

    assert sorted(told(layer, Choice(DAY, units=frozenset({"110108"})))) == own
    assert told(layer, Choice(DAY, units=frozenset())) == {}
    assert list(told(layer, Choice(DAY, parcels=np.array(own[:1])))) == own[:1]
    assert told(layer, Choice(DAY, parcels=np.array([], dtype=np.int64))) == {}


def test_a_layer_without_parcels_draws_nothing(register):
    tiles = Tiles(register)

    assert tiles.tile(PLOT.key, Tile(8, 210, 96), Choice(DAY)) == b""


def test_an_unknown_layer_is_refused(register):
    with pytest.raises(UnknownLayerError):
        Tiles(register).layer("no_such_layer")
