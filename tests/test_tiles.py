"""Vector tiles: what GDAL reads in them, and that no parcel is lost at any zoom."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pyogrio
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from maps.tiles import drawing, mvt, outline, world
from maps.tiles.drawing import CELLS, MARGIN, SMALL, Shown
from maps.tiles.shelf import Key, Shelf
from maps.tiles.world import UNITS, Tile

DAY = dt.date(2024, 6, 30)
SQUARE = shapely.box(116.400, 39.900, 116.410, 39.910)


def tile_at(z, lon=116.405, lat=39.905):
    east, south = world.from_lonlat(np.array([[lon, lat]]))[0]
    return Tile(z, int(east) >> (world.BITS - z), int(south) >> (world.BITS - z))


def drawn(tile, geometries, *, stages=None):
    shapes = np.array([*geometries, None], dtype=object)[:-1]
    outlines = outline.pack(np.arange(len(shapes)), shapes)
    at = outlines.within(tile.box(MARGIN))
    ids = outlines.ids[at]
    stages = np.zeros(len(shapes), np.int16) if stages is None else np.array(stages, np.int16)
    areas = np.nan_to_num(shapely.area(shapes))
    return drawing.draw(tile, outlines, Shown(at, ids, stages[ids], areas[ids]))


def read(tmp_path, content, layer):
    """What GDAL makes of a layer, in units of the tile with south down as the tile has it."""
    path = tmp_path / "示例.pbf"
    path.write_bytes(content)
    if not content or layer not in pyogrio.list_layers(path)[:, 0]:
        return None
    frame = pyogrio.read_dataframe(path, layer=layer)
    flipped = shapely.transform(frame.geometry.to_numpy(), lambda xy: xy * [1, -1] + [0, UNITS])
    return frame.set_geometry(flipped)


def in_units(tile, shape):
    def to_units(lonlat):
        return (world.from_lonlat(lonlat) - tile.corner) / (1 << tile.shift)

    return shapely.transform(shape, to_units)


@pytest.mark.parametrize("z", [12, 14, 16, 19])
def test_gdal_reads_a_parcel_where_it_lies_to_one_unit(tmp_path, z):
    tile = tile_at(z)

    found = read(tmp_path, drawn(tile, [SQUARE], stages=[3]), "parcels")

    frame = shapely.box(0, 0, UNITS, UNITS)
    wanted = shapely.intersection(in_units(tile, SQUARE), frame)
    assert found["mvt_id"].tolist() == [0]
    assert found["stage"].tolist() == [3]
    assert shapely.hausdorff_distance(found.geometry[0], wanted) <= 1.5


def test_a_hole_stays_a_hole(tmp_path):
    hole = shapely.box(116.404, 39.904, 116.406, 39.906)
    tile = tile_at(14)

    found = read(tmp_path, drawn(tile, [SQUARE.difference(hole)]), "parcels")

    assert found.geometry.is_valid.all()
    assert len(shapely.get_interior_ring(shapely.get_parts(found.geometry.to_numpy()), 0)) == 1
    assert not found.geometry[0].contains(shapely.Point(in_units(tile, hole).centroid))


def test_a_parcel_of_several_parts_is_one_feature(tmp_path):
    parts = shapely.union(SQUARE, shapely.box(116.412, 39.900, 116.414, 39.902))

    found = read(tmp_path, drawn(tile_at(12), [parts]), "parcels")

    assert len(found) == 1
    assert shapely.get_num_geometries(found.geometry[0]) == 2


def test_a_boundary_far_larger_than_the_tile_is_cut_to_it(tmp_path):
    city = shapely.box(115.0, 39.0, 118.0, 41.0).difference(SQUARE)
    tile = tile_at(17, 116.4001, 39.905)

    content = drawn(tile, [city])

    found = read(tmp_path, content, "parcels")
    wanted = shapely.intersection(in_units(tile, city), shapely.box(0, 0, UNITS, UNITS))
    assert len(content) < 200
    assert found.geometry[0].area == pytest.approx(wanted.area, rel=0.002)


def test_points_are_points_until_they_are_many(tmp_path):
    few = [shapely.Point(116.405 + 1e-5 * i, 39.905) for i in range(5)]
    many = [shapely.Point(116.405 + 1e-6 * i, 39.905) for i in range(drawing.MANY_POINTS + 1)]

    assert read(tmp_path, drawn(tile_at(14), few), "points")["mvt_id"].tolist() == [0, 1, 2, 3, 4]
    crowd = drawn(tile_at(14), many)
    assert read(tmp_path, crowd, "points") is None
    assert len(read(tmp_path, crowd, "cells")) == 1


def test_a_cell_shows_the_stage_that_holds_the_most_area(tmp_path):
    tile = tile_at(9)
    small = [
        shapely.box(116.4020, 39.9020, 116.4021, 39.9021),
        shapely.box(116.4015, 39.9015, 116.4026, 39.9026),
    ]

    found = read(tmp_path, drawn(tile, small, stages=[1, 2]), "cells")

    assert found["stage"].tolist() == [2]


def test_nothing_there_is_no_bytes():
    assert drawn(tile_at(12, 117.0, 40.5), [SQUARE]) == b""
    assert drawn(tile_at(12), [None]) == b""


@st.composite
def parcels(draw):
    count = draw(st.integers(1, 30))
    shapes = []
    for _ in range(count):
        west = draw(st.floats(116.35, 116.45))
        south = draw(st.floats(39.85, 39.95))
        across, down = (draw(st.floats(1e-6, 0.03)) for _ in range(2))
        shapes.append(shapely.box(west, south, west + across, south + down))
    return shapes


@settings(max_examples=60)
@given(parcels(), st.integers(7, 19))
def test_every_parcel_of_a_tile_is_drawn_by_itself_or_as_a_cell(shapes, z):
    tile = tile_at(z)
    outlines = outline.pack(np.arange(len(shapes)), np.array(shapes, dtype=object))
    at = outlines.within(tile.box(MARGIN))
    shown = Shown(at, outlines.ids[at], np.zeros(len(at), np.int16), np.ones(len(at)))

    features = _ids(drawing.draw(tile, outlines, shown), "parcels")

    boxes = outlines.boxes[at]
    side = (boxes[:, 2:] - boxes[:, :2]).max(axis=1)
    large = set(outlines.ids[at[side >= SMALL << tile.shift]].tolist())
    assert len(features) == len(set(features))
    assert set(features) <= large
    # A parcel too thin to have three corners at this zoom is painted as a cell instead.
    for lost in large - set(features):
        box = outlines.boxes[at[outlines.ids[at] == lost]][0]
        thin = min(box[2] - box[0], box[3] - box[1])
        is_outside = not _meets(box, tile.box(MARGIN))
        assert thin <= 2 << tile.shift or is_outside


@given(st.integers(0, 19), st.data())
def test_a_place_is_in_the_tile_that_its_degrees_are_in(z, data):
    lon = data.draw(st.floats(115.4, 117.5))
    lat = data.draw(st.floats(39.4, 41.1))

    tile = tile_at(z, lon, lat)

    west, south, east, north = tile.lonlat_box()
    assert west - 1e-6 <= lon <= east + 1e-6
    assert south - 1e-6 <= lat <= north + 1e-6
    assert tile.is_on_earth


@pytest.mark.parametrize("tile", [Tile(20, 0, 0), Tile(-1, 0, 0), Tile(3, 8, 0), Tile(3, 0, -1)])
def test_there_are_no_other_tiles(tile):
    assert not tile.is_on_earth


def test_the_index_finds_what_a_look_at_every_box_finds():
    rng = np.random.default_rng(7)
    low = rng.uniform([115.5, 39.5], [117.4, 41.0], (5_000, 2))
    shapes = shapely.box(*low.T, *(low + rng.uniform(1e-5, 0.02, (5_000, 2))).T)
    older = outline.pack(np.arange(4_000), shapes[:4_000])
    both = outline.joined(older, outline.pack(np.arange(4_000, 5_000), shapes[4_000:]))

    for z in (8, 11, 14):
        near = tile_at(z).box()
        found = set(both.ids[both.within(near)].tolist())
        boxes = both.boxes
        every = {int(i) for i, box in zip(both.ids, boxes, strict=True) if _meets(box, near)}
        assert found == every - {-1}


def test_tiles_unused_for_longest_are_given_up_first():
    kept = Shelf(room_bytes=30)
    keys = [Key("plot", Tile(14, i, 0), None, follows=True) for i in range(4)]

    for key in keys[:3]:
        kept.put(key, b"x" * 10)
    kept.get(keys[0])
    kept.put(keys[3], b"y" * 10)

    assert [kept.get(key) is not None for key in keys] == [True, False, True, True]
    assert kept.taken_bytes == 30


def test_a_change_gives_up_the_tiles_it_touches_and_no_others():
    kept = Shelf(room_bytes=1_000)
    here, far = tile_at(14), tile_at(14, 117.0, 40.5)
    keys = {
        "here": Key("plot", here, None, follows=True),
        "far": Key("plot", far, None, follows=True),
        "then": Key("plot", here, "2024Q1", follows=False),
        "other": Key("farmland", here, None, follows=True),
    }
    for key in keys.values():
        kept.put(key, b"tile")

    given_up = kept.touched("plot", outline.pack(np.array([1]), np.array([SQUARE])).boxes)

    assert given_up == 1
    assert [name for name, key in keys.items() if kept.get(key)] == ["far", "then", "other"]


def test_a_tile_larger_than_the_shelf_is_not_kept():
    kept = Shelf(room_bytes=3)

    kept.put(Key("plot", Tile(1, 0, 0), None, follows=True), b"four")

    assert len(kept) == 0
    assert kept.taken_bytes == 0


def test_text_and_numbers_are_values_of_tags(tmp_path):
    content = mvt.layer(
        "names",
        mvt.POINT,
        mvt.points(np.array([[1, 2], [3, 4]])),
        np.array([5, 1 << 40]),
        {"name": (np.array([0, 1]), ["示例<一>号", "𠮷"]), "stage": (np.array([1, 0]), [0, 300])},
    )

    found = read(tmp_path, content, "names")

    assert found["name"].tolist() == ["示例<一>号", "𠮷"]
    assert found["stage"].tolist() == [300, 0]
    assert found["mvt_id"].tolist() == [5, 1 << 40]
    assert [(p.x, p.y) for p in found.geometry] == [(1, 2), (3, 4)]


def test_cells_in_a_row_are_one_run():
    cells = np.arange(CELLS * 2)

    content = drawing._painted(cells, np.zeros(len(cells), int))

    assert len(content) < 80


def _meets(box, near):
    west, north, east, south = near
    return box[2] >= west and box[0] < east and box[3] >= north and box[1] < south


def _ids(content, layer):
    """Feature ids of a layer, read with a reader of protocol buffers of the test's own."""
    for number, body in _fields(content):
        if number == 3 and dict(_fields(body))[1] == layer.encode():
            return [dict(_fields(one))[1] for number, one in _fields(body) if number == 2]
    return []


def _fields(content):
    place = 0

    def number():
        nonlocal place
        value = shift = 0
        while True:
            byte = content[place]
            place += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while place < len(content):
        key = number()
        if key & 7 == 0:
            yield key >> 3, number()
        else:
            length = number()
            yield key >> 3, content[place : place + length]
            place += length
