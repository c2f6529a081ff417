"""What no file says: which of the encodings of East Asia its text is in."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_encodings import EVERYDAY, PLOT, arrived, opened, table

from maps import report
from parcels.ingest.encodings import guess, pieces, rival

TAIWAN = ["示例化工廠舊址", "臺北縣板橋區", "環境保護地塊", "土壤污染防治區"]
JAPAN = ["サンプル工場の跡地", "とうきょう都千代田区", "土壌汚染のおそれがある区域", "あさひ町"]
KANJI = ["東京都千代田区霞関", "土壌汚染対策区域", "旧工場跡地調査", "大阪府堺市北区"]
MAINLAND = ["示例化工厂旧址", "朝阳区小红门乡", "石景山首钢园区", "土壤污染状况调查"]


@pytest.mark.parametrize(
    ("names", "encoding"),
    [(TAIWAN, "big5"), (JAPAN, "EUC-JP"), (JAPAN, "cp932"), (KANJI, "cp932"), (MAINLAND, "gbk")],
)
def test_a_table_that_says_nothing_is_read_in_the_encoding_it_is_in(tmp_path, names, encoding):
    path = table(tmp_path, names, encoding)

    frame, found = arrived(path)

    assert frame["DKMC"].tolist() == names
    assert found["code"].tolist() == ["encoding_guessed"]


def test_where_two_encodings_make_sense_both_are_shown_and_one_can_be_said(tmp_path):
    path = table(tmp_path, KANJI, "EUC-JP")

    frame, found = arrived(path)
    told, _ = arrived(path, encoding="euc_jp")

    assert found["code"].tolist() == ["encoding_doubtful"]
    assert found["severity"].tolist() == ["warning"]
    assert frame["DKMC"].tolist() != KANJI
    assert told["DKMC"].tolist() == KANJI
    for lang in ("zh", "en"):
        said = report.sentences(found, layer=PLOT, lang=lang).iloc[0]
        # Both samples are the same word, and the way to say which is right stands beside them.
        assert KANJI[1] in said["what"] or KANJI[0] in said["what"]
        assert found["found"].iloc[0] in said["what"]
        assert "--encoding euc_jp" in said["mend"]


@settings(max_examples=200, deadline=None)
@given(st.lists(EVERYDAY, min_size=1, max_size=6))
def test_everyday_chinese_is_never_taken_for_japanese(words):
    samples = [one.encode("gbk") for one in words]

    # A word of two characters can be whole UTF-8 as well.
    assert guess(samples) in {"gb18030", "utf-8"}


def test_many_names_of_beijing_raise_no_doubt():
    assert rival([one.encode("gbk") for one in MAINLAND], "gb18030") is None


def test_few_characters_raise_no_doubt():
    assert rival(["北京".encode("gbk")], "gb18030") is None


@pytest.mark.parametrize("words", [JAPAN, KANJI])
def test_a_list_in_the_encoding_of_windows_in_japan_comes_in_as_it_is(tmp_path, words):
    text = "code,name\n" + "".join(f"A{n},{one}\n" for n, one in enumerate(words))

    got, name, found = opened(tmp_path, text, "cp932")

    assert (got, name) == (text, "cp932")
    assert found["code"].tolist() == ["encoding_guessed"]


@pytest.mark.parametrize("encoding", ["gbk", "utf-8", "big5"])
def test_a_long_text_is_told_by_some_of_its_lines(tmp_path, encoding):
    names = TAIWAN if encoding == "big5" else MAINLAND
    text = "".join(f"J{n},1,4435000.123,39446000.123\n" for n in range(150_000))
    text += "".join(f"A{n},{one}\n" for n, one in enumerate(names))

    got, name, _ = opened(tmp_path, text, encoding)

    assert got == text
    assert name == {"gbk": "gb18030"}.get(encoding, encoding)


@settings(max_examples=20, deadline=None)
@given(st.lists(EVERYDAY, min_size=1, max_size=5), st.sampled_from(["gbk", "utf-8"]))
def test_the_pieces_of_a_long_text_are_its_foreign_lines_whole(words, encoding):
    lines = [f"{one}\n".encode(encoding) for one in words]

    found = pieces(b"".join([*lines, b"A1,1\n" * 1_000_000, *lines]))

    assert found == [*lines, *lines]
