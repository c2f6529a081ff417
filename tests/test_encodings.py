"""The encoding of a text is declared, certain, or a guess that is told with a sample."""

from __future__ import annotations

import geopandas as gpd
import pytest
import shapely
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from layers import catalog
from parcels import districts
from parcels.errors import FileNotReadableError
from parcels.findings import Findings
from parcels.ingest.delivery import ReceiveOptions, receive
from parcels.ingest.encodings import guess, open_text
from parcels.ingest.reading import read

PLOT = catalog.load()["priority_plot"]
CITY = districts.bundled()

COMMON = "示例地块化工厂旧址朝阳海淀丰台石景山门头沟房山通州顺义昌平大兴怀柔平谷密云延庆路里村号院"
EVERYDAY = st.text(COMMON, min_size=1, max_size=20)
# GB 18030 writes these with four bytes: extension A and B, and a private one of no old standard.
RARE = st.text("㐂㐱㑇䶮𠮷𡈽𬍛𫖮", min_size=1, max_size=6)
ENCODINGS = ["utf-8", "utf-8-sig", "gb18030", "utf-16", "utf-16-le", "utf-16-be"]


def opened(folder, text, encoding, stated=None):
    path = folder / "a.csv"
    path.write_bytes(text.encode(encoding))
    findings = Findings("priority_plot", path.name)
    got, name = open_text(path, findings, stated)
    return got, name, findings.frame()


@settings(max_examples=150, deadline=None)
@given(EVERYDAY, st.sampled_from(ENCODINGS))
def test_everyday_chinese_comes_in_as_it_is(tmp_path_factory, words, encoding):
    text = f"编码,名称\nA1,{words}\n"

    got, _, _ = opened(tmp_path_factory.mktemp("e"), text, encoding)

    assert got == text


@settings(max_examples=150, deadline=None)
@given(EVERYDAY, RARE, st.sampled_from(ENCODINGS))
def test_rare_characters_come_in_or_the_guess_is_told_with_a_sample(
    tmp_path_factory, words, rare, encoding
):
    text = f"编码,名称\nA1,{words}\nA2,{rare}\n"

    got, _, found = opened(tmp_path_factory.mktemp("e"), text, encoding)

    told = found[found["code"].isin(["encoding_guessed", "encoding_doubtful"])]
    assert got == text or (len(told) == 1 and told["found"].iloc[0] in got)


@settings(max_examples=300, deadline=None)
@given(
    st.text(st.characters(min_codepoint=32, exclude_categories=["Cs"]), max_size=12),
    st.sampled_from(["utf-8", "gb18030", "big5", "latin-1", "cp1251", "utf-16-le"]),
)
def test_no_text_at_all_is_garbled_in_silence(tmp_path_factory, text, encoding):
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        reject()

    got, _, found = opened(tmp_path_factory.mktemp("e"), text, encoding)

    # A text of Western or Cyrillic signs alone cannot be told from UTF-8 where it is whole in it.
    whole = text.encode(encoding).removeprefix(b"\xef\xbb\xbf") == got.encode()
    assert got == text or whole or len(found) == 1


@pytest.mark.parametrize("words", ["联通", "小", "丹", "录", "路"])
def test_gbk_that_happens_to_be_utf_8_is_a_guess(tmp_path, words):
    _, _, found = opened(tmp_path, f"code,name\nA1,{words}\n", "gbk")

    assert found["code"].tolist() == ["encoding_guessed"]


def test_gbk_that_happens_to_be_utf_8_is_read_as_chinese(tmp_path):
    got, name, _ = opened(tmp_path, "code,name\nA1,联通\n", "gbk")

    assert (got, name) == ("code,name\nA1,联通\n", "gb18030")


@pytest.mark.parametrize("sign", ["m²", "°", "·", "×", "é"])
def test_western_signs_in_utf_8_stay_what_they_are(tmp_path, sign):
    got, name, _ = opened(tmp_path, f"code,area ({sign})\nA1,5\n", "utf-8")

    assert (sign in got, name) == (True, "utf-8")


@settings(max_examples=60, deadline=None)
@given(
    st.text("示例地塊化工廠舊址臺北縣市區路號東西南北里村院環境保護土壤", min_size=6, max_size=20)
)
def test_big5_is_told_from_gb18030_and_said_to_be_a_guess(tmp_path_factory, words):
    got, name, found = opened(tmp_path_factory.mktemp("e"), f"編號,名稱\nA1,{words}\n", "big5")

    assert name in {"big5", "gb18030", "latin-1"}
    assert (name == "big5") == (words in got)
    assert found["code"].tolist() in (["encoding_guessed"], ["encoding_doubtful"])


def test_most_big5_is_guessed_rightly():
    text = "編號,地塊名稱,所在區\nA1,示例化工廠舊址,臺北縣\n"

    assert guess([text.encode("big5")]) == "big5"


@pytest.mark.parametrize("stated", ["GBK", "936", "gb2312", "ANSI 936"])
def test_what_the_user_states_is_taken_and_reads_rare_characters_too(tmp_path, stated):
    got, name, found = opened(tmp_path, "名称\n示例𠮷\n", "gb18030", stated)

    assert (got, name, len(found)) == ("名称\n示例𠮷\n", "gb18030", 0)


@pytest.mark.parametrize("stated", ["utf-8", "no-such-encoding", "base64"])
def test_a_statement_that_cannot_be_true_is_refused(tmp_path, stated):
    with pytest.raises(FileNotReadableError):
        opened(tmp_path, "名称\n示例\n", "gb18030", stated)


def table(tmp_path, names, encoding, *, cpg=None, language=None):
    """A shapefile whose table is in this encoding and says so, or does not."""
    path = tmp_path / "a.shp"
    shapes = [
        shapely.box(116.2 + i / 100, 40, 116.202 + i / 100, 40.002) for i in range(len(names))
    ]
    frame = gpd.GeoDataFrame({"DKMC": names}, geometry=shapes, crs=4490)
    frame.to_file(path, encoding=encoding)
    path.with_suffix(".cpg").unlink(missing_ok=True)
    if cpg is not None:
        path.with_suffix(".cpg").write_text(cpg)
    content = bytearray(path.with_suffix(".dbf").read_bytes())
    content[29] = language or 0
    path.with_suffix(".dbf").write_bytes(content)
    return path


def arrived(path, **options):
    findings = Findings("priority_plot", path.name)
    return read(path, findings=findings, **options).frame, findings.frame()


@pytest.mark.parametrize(
    ("encoding", "cpg", "language", "guessed"),
    [
        ("UTF-8", "UTF-8", None, False),
        ("GBK", "GBK", None, False),
        ("GBK", "936", None, False),
        ("GBK", "ANSI 936", None, False),
        ("GBK", None, 0x4D, False),
        ("GBK", None, 0x7A, False),
        ("BIG5", None, 0x4F, False),
        ("BIG5", "Big5", None, False),
        ("GBK", None, None, True),
        ("UTF-8", None, None, True),
        ("GBK", "UTF-8", None, True),
        ("UTF-8", "GBK", None, True),
        ("GBK", "nonsense", None, True),
    ],
)
def test_a_table_is_read_by_cpg_language_byte_or_a_guess_that_is_told(
    tmp_path, encoding, cpg, language, guessed
):
    names = (
        ["示例化工工地", "西城示例村里"] if encoding != "BIG5" else ["示例化工廠舊址", "臺北縣"]
    )
    path = table(tmp_path, names, encoding, cpg=cpg, language=language)

    frame, found = arrived(path)

    told = found[found["code"] == "encoding_guessed"]
    if not guessed:
        assert frame["DKMC"].tolist() == names
    assert frame["DKMC"].tolist() == names or len(told) == 1
    assert len(told) == int(guessed)
    assert told["found"].isin(frame["DKMC"]).all()


def test_the_users_word_goes_before_cpg(tmp_path):
    path = table(tmp_path, ["示例甲", "示例乙"], "GBK", cpg="ISO-8859-1")

    frame, found = arrived(path, encoding="gbk")

    assert frame["DKMC"].tolist() == ["示例甲", "示例乙"]
    assert "encoding_guessed" not in set(found["code"])


def test_a_character_cut_in_two_at_the_end_of_a_field_spoils_no_other(tmp_path):
    path = table(tmp_path, ["示例甲", "示例乙"], "GBK")
    content = path.with_suffix(".dbf").read_bytes()
    cut = content.replace("示例甲".encode("gbk"), "示例".encode("gbk") + b"\xbc ", 1)
    path.with_suffix(".dbf").write_bytes(cut)

    delivery = receive(path, PLOT, CITY, options=ReceiveOptions(stage="优先监管"))

    assert delivery.arrived.frame["DKMC"].str.slice(0, 2).tolist() == ["示例", "示例"]
    assert delivery.arrived.frame["DKMC"].iloc[1] == "示例乙"
