"""A layer's own fields come back from their JSON as they went in."""

from __future__ import annotations

import json

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from town import PLOT

from parcels import attributes

INDUSTRY = (PLOT.field("industry"),)
WRITABLE = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(st.lists(st.none() | WRITABLE, min_size=1, max_size=8))
def test_any_text_comes_back_from_its_json(texts):
    frame = pd.DataFrame({"industry": pd.Series(texts, dtype="str")})

    written = attributes.encode(frame, INDUSTRY)

    expected = [{} if one is None else {"industry": one} for one in texts]
    assert [json.loads(one) for one in written] == expected
    read = attributes.decode(written, INDUSTRY)["industry"]
    assert [None if pd.isna(one) else one for one in read] == texts


@pytest.mark.parametrize("odd", ['a"b', "a\\b", "a\nb", "a\tb", "\x00", "\x1f", "、\u2028，"])
def test_what_json_escapes_is_escaped(odd):
    written = attributes.encode(pd.DataFrame({"industry": [odd, "化工"]}), INDUSTRY)

    assert [json.loads(one)["industry"] for one in written] == [odd, "化工"]
