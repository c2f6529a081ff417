"""Where boundaries lie, worked out once and taken along when rows are chosen and reordered."""

from __future__ import annotations

import numpy as np
import pandas as pd
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from town import DAY, PLOT, act, plots

from parcels import districts
from parcels.model import Moment
from parcels.placement import placed
from parcels.register import Intake, Register

CITY = districts.bundled()


def mixed(count):
    """Overlapping squares across Haidian's border, points, and nothing, in turn."""
    shapes = np.full(count, None, object)
    for place in range(count):
        if place % 7 == 5:
            shapes[place] = shapely.Point(116.2 + place * 0.01, 40.0)
        elif place % 7 != 6:
            west = 116.03 + place * 0.012
            shapes[place] = shapely.MultiPolygon([shapely.box(west, 40.0, west + 0.02, 40.02)])
    return shapes


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 30).flatmap(lambda n: st.lists(st.integers(0, n - 1), unique=True)))
def test_the_placement_of_some_is_that_of_them_alone(chosen):
    shapes = mixed(30)
    positions = np.array(chosen, np.int64)

    taken = placed(shapes, CITY).of(positions)

    alone = placed(shapes[positions], CITY)
    np.testing.assert_array_equal(taken.area_m2, alone.area_m2)
    for name in ("parcel", "district", "area_m2", "outside_m2"):
        np.testing.assert_allclose(
            getattr(taken.split, name), getattr(alone.split, name), rtol=1e-12
        )
    pd.testing.assert_frame_equal(taken.overlaps, alone.overlaps, rtol=1e-9)


def test_a_register_told_the_placement_keeps_what_one_that_works_it_out_keeps(tmp_path):
    delivered = plots(30, district=None, unit=None)
    delivered = delivered.set_geometry(mixed(30), crs=4490)
    lie = placed(delivered.geometry.to_numpy(), CITY)
    kept = []
    for name, placement in (("a", None), ("b", lie)):
        with Register(str(tmp_path / f"{name}.gpkg"), [PLOT]) as register:
            register.take_all(PLOT.key, [Intake(delivered, act(), placement)])
            moment = Moment(DAY)
            frame = register.frame(PLOT.key, moment)
            kept.append((frame, register.crossing(PLOT.key, moment)))
            kept[-1] += (register.overlapping(PLOT.key, moment)[1],)

    for one, other in zip(*kept, strict=True):
        pd.testing.assert_frame_equal(pd.DataFrame(one), pd.DataFrame(other))
    assert len(kept[0][2]) > 5
    assert len(kept[0][1]) > 5
