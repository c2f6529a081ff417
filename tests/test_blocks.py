"""Columns of whole numbers packed small come back as they were."""

from __future__ import annotations

import hashlib
import struct

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from parcels import blocks

WHOLE = st.integers(-(2**63), 2**63 - 1)


@given(
    st.integers(0, 20).flatmap(
        lambda rows: st.lists(
            st.lists(WHOLE, min_size=rows, max_size=rows), min_size=1, max_size=4
        )
    )
)
def test_columns_come_back_exactly_as_they_were(columns):
    arrays = [np.array(column, np.int64) for column in columns]

    back = blocks.unpack(blocks.pack(arrays), len(arrays))

    assert back.tolist() == columns


def test_the_hash_is_over_the_plain_numbers_one_column_after_the_other():
    plain = struct.pack("<6q", 1, 2, -3, 7, 8, 9)

    made = blocks.digest([np.array([1, 2, -3]), np.array([7, 8, 9])])

    assert made == hashlib.sha256(plain).hexdigest()


def test_a_list_of_following_numbers_is_nearly_nothing():
    assert len(blocks.pack([np.arange(1_000_000)])) < 40_000
