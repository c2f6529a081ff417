"""A KML file that is no whole XML: what stands whole in it comes in, the rest is named."""

from __future__ import annotations

import zipfile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from layers import catalog
from parcels import districts
from parcels.errors import Refusal
from parcels.ingest import placemarks
from parcels.ingest.delivery import ReceiveOptions, receive

PLOT = catalog.load()["priority_plot"]
CITY = districts.bundled()
ROOT = '<kml xmlns="http://www.opengis.net/kml/2.2">'
HEAD = f"""<?xml version="1.0" encoding="UTF-8"?>
{ROOT}<Document><name>示例</name>
<Schema name="plots" id="plots"><SimpleField name="编码" type="string"/>
<SimpleField name="年限" type="int"/></Schema><Folder><name>地块</name>
"""
TAIL = "</Folder></Document></kml>"
COUNT = 4


def mark(place: int, name: str = "示例地块") -> str:
    west = 116.2 + place * 0.003
    corners = [(west, 40), (west + 0.002, 40), (west + 0.002, 40.002), (west, 40.002), (west, 40)]
    ring = " ".join(f"{x:.3f},{y}" for x, y in corners)
    return f"""<Placemark id="p{place}"><name>{name}</name><ExtendedData>
<SchemaData schemaUrl="#plots"><SimpleData name="编码">110108032000{place}</SimpleData>
<SimpleData name="年限">{place}</SimpleData></SchemaData></ExtendedData>
<Polygon><outerBoundaryIs><LinearRing><coordinates>{ring}</coordinates>
</LinearRing></outerBoundaryIs></Polygon></Placemark>
"""


MARKS = [mark(place) for place in range(COUNT)]
WHOLE = HEAD + "".join(MARKS) + TAIL


def came(path, content: str | bytes):
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return receive(path, PLOT, CITY, options=ReceiveOptions(stage="优先监管"))


def damaged(delivery) -> list[int]:
    return delivery.findings.of("record_damaged")["row"].tolist()


SPOILED = {
    "cut off in the last one": (WHOLE[: WHOLE.rindex("<SimpleData")], [4]),
    "cut off between two": (HEAD + "".join(MARKS[:3]), []),
    "an ampersand in a name": (WHOLE.replace(MARKS[1], mark(1, "甲&乙")), [2]),
    "a control sign": (WHOLE.replace(MARKS[2], mark(2, "甲\x01")), [3]),
    "an element never closed": (WHOLE.replace(MARKS[0], MARKS[0].replace("</name>", "")), [1]),
    "a placemark never closed": (
        WHOLE.replace(MARKS[1], MARKS[1].replace("</Placemark>", "")),
        [2],
    ),
    "a tail of another file": (WHOLE + "</kml>", []),
    "no root at all": (WHOLE.replace(ROOT, "").replace("</kml>", ""), []),
}


@pytest.mark.parametrize("spoiled", SPOILED)
def test_whole_placemarks_come_in_with_all_they_say_and_the_others_are_named(tmp_path, spoiled):
    content, lost = SPOILED[spoiled]

    delivery = came(tmp_path / "a.kml", content)

    rows = delivery.arrived.frame
    expected = [n for n in range(1, content.count("<Placemark ") + 1) if n not in lost]
    assert rows.index.tolist() == expected
    assert rows["编码"].tolist() == [f"110108032000{n - 1}" for n in expected]
    # The schema of the head still says that this is a number.
    assert rows["年限"].tolist() == [n - 1 for n in expected]
    assert damaged(delivery) == lost
    assert delivery.ready["code"].tolist() == rows["编码"].tolist()
    assert delivery.lost == set(lost)


def test_a_whole_file_is_read_as_ever(tmp_path):
    delivery = came(tmp_path / "a.kml", WHOLE)

    assert len(delivery.ready) == COUNT
    assert damaged(delivery) == []


def test_the_words_of_a_damaged_file_in_gbk_come_in_too(tmp_path):
    content = WHOLE.replace("UTF-8", "GBK").encode("gbk")

    delivery = came(tmp_path / "a.kml", content[:-300])

    assert delivery.arrived.frame["Name"].tolist() == ["示例地块"] * (COUNT - 1)
    assert damaged(delivery) == [COUNT]


def test_a_damaged_page_in_a_kmz_is_mended_as_well(tmp_path):
    path = tmp_path / "a.kmz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("doc.kml", WHOLE[:-10])

    delivery = receive(path, PLOT, CITY, options=ReceiveOptions(stage="优先监管"))

    assert len(delivery.ready) == COUNT


@pytest.mark.parametrize("content", ["<kml>", HEAD, HEAD + "<Placemark><name>", "坏"])
def test_a_file_without_one_whole_placemark_is_refused(tmp_path, content):
    with pytest.raises(Refusal):
        came(tmp_path / "a.kml", content)


def test_what_is_no_placemark_is_never_mended():
    assert placemarks.mended(b"") is None
    assert placemarks.mended(b"<Placemark><name>") is None


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(WHOLE.encode())))
def test_wherever_it_is_cut_every_whole_placemark_is_kept(place):
    content = WHOLE.encode()[:place]

    left = placemarks.mended(content)

    whole = content.count(b"</Placemark>")
    begun = content.count(b"<Placemark ")
    if not whole:
        assert left is None
        return
    assert left.numbers.tolist() == list(range(whole))
    assert left.damaged.tolist() == list(range(whole, begun))


@pytest.mark.parametrize("suffix", [".kml", ".geojson"])
def test_a_file_in_gbk_whose_layer_has_no_name_comes_in(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    text = WHOLE.replace("UTF-8", "GBK").replace("<name>示例</name>\n", "")
    text = text.replace("<name>地块</name>", "")
    if suffix == ".geojson":
        place = '"geometry":{"type":"Point","coordinates":[116.2,40]}'
        text = f'{{"type":"Feature",{place},"properties":{{"编码":"1101080320001"}}}}'

    delivery = came(path, text.encode("gbk"))

    assert delivery.arrived.frame["编码"].iloc[0].startswith("110108032000")
    assert delivery.arrived.encoding == "gb18030"
