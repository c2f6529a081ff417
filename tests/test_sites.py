"""Sites: what is proposed and on which numbers, and that only a person joins anything."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import tempfile

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from town import AT, DAY, PLOT, act, plots, square

from layers import site_book, sites
from maps import cli
from maps.answers import Exit
from parcels import seals, succession
from parcels.errors import ProposalDecidedError, UnknownProposalError
from parcels.model import Label, Moment
from parcels.register import Register

OTHER = dataclasses.replace(PLOT, key="town_site", label=Label("示例场地", "Town site"))
NOW = Moment(DAY)
KEYS = ["town_plot", "town_site"]
WHY = {"reason": "示例：与调查报告一致"}


@pytest.fixture
def register(store_url):
    with Register(store_url, [PLOT, OTHER]) as opened:
        yield opened


def parcels(*rows):
    """Parcels of which only what is given is known."""
    blank = {"code": None, "name": None, "address": None, "district": "110108", "shape": None}
    whole = pd.DataFrame([{**blank, "layer": f"l{i}", **row} for i, row in enumerate(rows)])
    frame = whole.drop(columns="shape").astype("str")
    index = pd.Index(range(11, 11 + len(rows)), name="parcel")
    return gpd.GeoDataFrame(frame.set_index(index), geometry=whole["shape"].to_numpy(), crs=4490)


def grounds(*rows):
    return sites.candidates(parcels(*rows))["grounds"].tolist()


# The rules


@pytest.mark.parametrize(
    ("one", "other", "found"),
    [
        # Overlap: the share of the smaller one counts.
        ({"shape": square(116.2, 40)}, {"shape": square(116.2009, 40)}, ["overlap"]),
        ({"shape": square(116.2, 40)}, {"shape": square(116.2011, 40)}, []),
        ({"shape": square(116.2, 40)}, {"shape": square(116.2, 40, side=0.0005)}, ["overlap"]),
        ({"shape": square(116.2, 40)}, {"shape": square(116.202, 40)}, []),
        # Code: another layer's entry under the same code.
        ({"code": "ＡB 1"}, {"code": "ab1"}, ["code"]),
        ({"code": "AB1", "layer": "x"}, {"code": "AB1", "layer": "x"}, []),
        ({"code": None}, {"code": None}, []),
        # Name: only where no boundaries tell, and only inside one district.
        ({"name": "北京示例化工有限公司地块"}, {"name": "示例化工"}, ["name"]),
        ({"name": "示例化工"}, {"name": "示例化工", "district": "110105"}, []),
        (
            {"name": "示例化工", "shape": square(116.2, 40)},
            {"name": "示例化工", "shape": square(116.3, 40)},
            [],
        ),
        ({"name": "公司"}, {"name": "有限公司"}, []),
        # Place: a point inside says something only with a name or an address that is alike.
        (
            {"address": "示例路十号院", "shape": shapely.Point(116.201, 40.001)},
            {"address": "示例路十号院东侧", "shape": square(116.2, 40)},
            ["place"],
        ),
        (
            {"address": "示例路十号院", "shape": shapely.Point(116.201, 40.001)},
            {"address": "示例路一号东侧", "shape": square(116.2, 40)},
            [],
        ),
        (
            {"address": "示例路十号院", "shape": shapely.Point(116.3, 40.001)},
            {"address": "示例路十号院", "shape": square(116.2, 40)},
            [],
        ),
        (
            {"name": "示例第一加油站", "shape": shapely.Point(116.201, 40.001)},
            {"name": "示例第一加油站改造", "shape": square(116.2, 40)},
            ["place"],
        ),
        (
            {"name": "别的加油站", "shape": shapely.Point(116.201, 40.001)},
            {"name": "示例化工厂", "shape": square(116.2, 40)},
            [],
        ),
    ],
)
def test_a_pair_is_proposed_on_stated_grounds_and_no_others(one, other, found):
    assert grounds(one, other) == found


def test_each_criterion_is_shown_with_its_number():
    (pair,) = sites.candidates(
        parcels(
            {"code": "1", "name": "甲乙丙丁", "address": "某路1号", "shape": square(116.2, 40)},
            {"code": "1", "name": "甲乙丙", "shape": square(116.2, 40, side=0.001)},
        )
    ).to_dict("records")

    assert (pair["a"], pair["b"], pair["same_code"]) == (11, 12, True)
    assert pair["grounds"] == "overlap;code"
    assert pair["share_a"] == pytest.approx(0.25, rel=1e-3)
    assert pair["share_b"] == pytest.approx(1)
    assert pair["overlap_m2"] > 9000
    assert pair["name_share"] == pytest.approx(2 * 2 / (3 + 2))
    assert np.isnan(pair["address_share"])


def dice(one, other):
    """The same by the book, pair by pair."""
    first, second = ({t[i : i + 2] for i in range(len(t) - 1)} for t in (one, other))
    if not one or not other:
        return np.nan
    if not first and not second:
        return float(one == other)
    return 2 * len(first & second) / (len(first) + len(second))


TEXTS = st.text(st.sampled_from("北京化工厂一二三ab𠮷"), max_size=8)


@given(st.lists(st.tuples(TEXTS, TEXTS), max_size=8))
def test_likeness_is_the_share_of_common_pairs_of_characters(pairs):
    one, other = (pd.Series([p[i] for p in pairs], dtype="str") for i in (0, 1))

    said = sites.alike(one, other)
    np.testing.assert_allclose(said, [dice(*pair) for pair in pairs])
    np.testing.assert_allclose(said, sites.alike(other, one))


@pytest.mark.parametrize(
    ("written", "plain"),
    [("北京示例化工有限责任公司（原址）地块", "示例化工"), (" ＡＢ 厂 ", "ab厂"), (None, "")],
)
def test_a_plain_name_is_without_what_tells_nothing(written, plain):
    assert sites.plain_names(pd.Series([written], dtype="str")).tolist() == [plain]


def test_candidates_do_not_depend_on_the_order_of_rows():
    frame = parcels(
        {"code": "1", "shape": square(116.2, 40)},
        {"code": "2", "shape": square(116.2005, 40)},
        {"code": "1", "name": "甲乙"},
        {"name": "甲乙"},
    )

    pd.testing.assert_frame_equal(sites.candidates(frame), sites.candidates(frame.iloc[::-1]))


PAIRS = st.lists(
    st.tuples(st.integers(1, 9), st.integers(1, 9)).filter(lambda pair: pair[0] != pair[1]),
    max_size=12,
)


@given(PAIRS, PAIRS)
def test_members_are_those_connected_by_confirmed_pairs_and_sites_keep_numbers(before, after):
    def site_of(pairs, believed, free):
        table = pd.DataFrame(pairs, columns=["a", "b"]).astype("int64")
        return sites.membership(table, believed, free=free)

    none = pd.DataFrame({"site": [], "parcel": []}, dtype="int64")
    was = site_of(before, none, 1)
    free = int(was["site"].max()) + 1 if len(was) else 1
    now = site_of(after, was, free)
    number = dict(zip(now["parcel"], now["site"], strict=True))

    assert set(number) == {one for pair in after for one in pair}
    assert all(number[a] == number[b] for a, b in after)
    assert not now["parcel"].duplicated().any()
    assert len(set(number.values())) == len({frozenset(p) for p in _groups(after)})
    pd.testing.assert_frame_equal(site_of(after, now, free + 99), now)


def _groups(pairs):
    groups = []
    for a, b in pairs:
        touching = [g for g in groups if a in g or b in g]
        groups = [g for g in groups if g not in touching]
        groups.append(set().union({a, b}, *touching))
    return groups


# The book, in both stores


def two_layers(register):
    """Two parcels of each layer: the first pair is the same land, the second only has one code."""
    register.take("town_plot", plots(2), act())
    shapes = [square(116.2003, 40.0), square(116.3, 40.0)]
    same = plots(2, address="示例路1号").set_geometry(gpd.GeoSeries(shapes, crs=4490))
    register.take("town_site", same.assign(code=["S1", "P0001"]), act(days=1))
    return site_book.propose(register, KEYS, NOW, act(days=2))


def site_table(register):
    found = site_book.members(register)
    return [(int(s), c) for s, c in zip(found["site"], found["code"], strict=True)]


def decide(register, number, *, confirmed=True, days=3):
    return site_book.decide(
        register, number, dataclasses.replace(act(days=days), **WHY), confirmed=confirmed
    )


def test_a_proposal_joins_nothing_and_is_listed_with_its_numbers(register):
    change, count = two_layers(register)
    found = site_book.proposals(register)

    assert count == 2
    assert register.changes()["kind"].tolist()[-1] == "propose_sites"
    assert register.changes()["change"].tolist()[-1] == change
    assert found["grounds"].tolist() == ["overlap", "code"]
    assert found["code_a"].tolist() == ["P0000", "P0001"]
    assert found["code_b"].tolist() == ["S1", "P0001"]
    assert found["share_a"].iloc[0] == pytest.approx(0.85, abs=0.01)
    assert site_table(register) == []


def test_what_was_proposed_is_not_proposed_again_whatever_was_decided(register):
    two_layers(register)
    decide(register, 1)
    decide(register, 2, confirmed=False, days=4)

    assert site_book.propose(register, KEYS, NOW, act(days=5)) == (None, 0)
    assert site_book.proposals(register).empty


def test_a_person_confirms_and_the_evidence_is_kept(register):
    two_layers(register)
    decide(register, 1)

    found = site_book.members(register)
    (done,) = site_book.proposals(register, [site_book.CONFIRMED]).to_dict("records")
    assert site_table(register) == [(1, "P0000"), (1, "S1")]
    assert found["confirmed_by"].tolist() == ["示例经办人"] * 2
    assert found["proposal"].tolist() == [1, 1]
    assert found["share_a"].iloc[0] == pytest.approx(0.85, abs=0.01)
    assert (done["decided_by"], done["reason"]) == ("示例经办人", WHY["reason"])
    assert done["decided_at"] == AT + dt.timedelta(days=3)


def test_a_confirmed_pair_can_be_turned_and_the_former_decision_is_kept(register):
    two_layers(register)
    decide(register, 1)
    decide(register, 2, days=4)
    decide(register, 1, confirmed=False, days=5)

    assert site_table(register) == [(2, "P0001"), (2, "P0001")]
    rejected = site_book.proposals(register, [site_book.REJECTED])
    assert rejected["proposal"].tolist() == [3]
    with pytest.raises(ProposalDecidedError):
        decide(register, 1, days=6)
    decide(register, 3, days=6)
    assert len(site_table(register)) == 4
    with register.store.read() as connection:
        assert not seals.check(connection).misfits


def test_a_decision_is_made_once_and_for_a_proposal_that_exists(register):
    two_layers(register)
    decide(register, 1)

    with pytest.raises(ProposalDecidedError):
        decide(register, 1)
    with pytest.raises(UnknownProposalError) as error:
        decide(register, 77)
    assert error.value.fields["known"] == [2]


def test_chains_of_confirmed_pairs_are_one_site(register):
    three = plots(3).set_geometry(gpd.GeoSeries([square(116.2, 40.0)] * 3, crs=4490))
    register.take("town_plot", three, act())
    assert site_book.propose(register, ["town_plot"], NOW, act(days=1))[1] == 3
    decide(register, 1)
    decide(register, 3, days=4)

    assert site_table(register) == [(1, "P0000"), (1, "P0001"), (1, "P0002")]


DEEDS = st.lists(st.sampled_from(["import", "split", "propose", "rename"]), min_size=1, max_size=5)


@given(DEEDS)
@settings(max_examples=5)
def test_site_membership_never_changes_without_a_person(deeds):
    with (
        tempfile.TemporaryDirectory() as folder,
        Register(f"{folder}/r.gpkg", [PLOT, OTHER]) as register,
    ):
        two_layers(register)
        decide(register, 1)
        before = site_table(register)
        for place, deed in enumerate(deeds):
            _do(register, deed, place)

            assert [pair[0] for pair in site_table(register)] == [pair[0] for pair in before]


def _do(register, deed, place):
    day = act(DAY + dt.timedelta(days=10 + place), days=10 + place)
    if deed == "propose":
        site_book.propose(register, KEYS, Moment(day.on), day)
    elif deed == "split":
        west, east = (
            shapely.box(116.2, 40, 116.201, 40.002),
            shapely.box(116.201, 40, 116.202, 40.002),
        )
        children = plots(2).assign(code=[f"A{place}", f"B{place}"])
        children = children.set_geometry(gpd.GeoSeries([west, east], crs=4490))
        there = register.codes("town_plot", ["P0000"])
        frame = register.frame("town_plot", Moment(day.on))
        if there and "P0000" in set(frame["code"]):
            made = succession.split(register, "town_plot", "P0000", children, act=day)
            succession.record(register, made, day)
    else:
        name = "示例" if deed == "import" else f"改名{place}"
        register.take("town_site", plots(1, name=name).assign(code=["S1"]), day)


# The commands


@pytest.fixture
def office(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for layer, code, east in (("priority_plot", "P1", 0.0), ("contaminated_site", "C1", 0.0004)):
        frame = gpd.GeoDataFrame(
            {"编码": [code], "名称": ["示例化工地块"], "环节": ["修复"]},
            geometry=[square(116.3 + east, 39.95)],
            crs=4490,
        )
        frame.to_file(f"{layer}.geojson", driver="GeoJSON")
        assert run("import", f"{layer}.geojson", "--layer", layer, "--on", "2024-01-01") == 0
    capsys.readouterr()


def run(*arguments, lang="zh"):
    return cli.run(["--store", "r.gpkg", "--lang", lang, *arguments])


def told(capsys, *arguments):
    capsys.readouterr()
    assert run(*arguments, "--format", "json") == Exit.DONE
    return json.loads(capsys.readouterr().out)


@pytest.mark.usefixtures("office")
@pytest.mark.parametrize(("lang", "word"), [("zh", "没有一对自动合并"), ("en", "None is joined")])
def test_sites_are_proposed_listed_confirmed_and_shown(capsys, lang, word):
    assert run("sites", "propose", "--district", "丰台区", lang=lang) == Exit.DONE
    assert "1" not in str(told(capsys, "sites", "list")["rows"])
    assert run("sites", "propose", lang=lang) == Exit.DONE
    assert word in capsys.readouterr().out
    (waiting,) = told(capsys, "sites", "list")["rows"]
    assert told(capsys, "sites", "show")["rows"] == []
    done = run("sites", "confirm", "1", "--reason", "核对一致", "--by", "示例审核人", lang=lang)
    shown = told(capsys, "sites", "show", "C1")["rows"]

    assert done == Exit.DONE
    assert waiting["share_a"] == pytest.approx(0.8, abs=0.01)
    assert waiting["name_share"] == 1
    assert [(one["site"], one["code"]) for one in shown] == [(1, "P1"), (1, "C1")]
    assert {(one["confirmed_by"], one["reason"]) for one in shown} == {("示例审核人", "核对一致")}
    assert told(capsys, "sites", "show", "1")["rows"] == shown
    assert told(capsys, "sites", "list")["rows"] == []
    assert len(told(capsys, "sites", "list", "--status", "all")["rows"]) == 1


@pytest.mark.usefixtures("office")
@pytest.mark.parametrize("what", ["confirm", "reject"])
def test_a_decision_needs_a_reason_and_a_proposal(capsys, what):
    run("sites", "propose")
    capsys.readouterr()

    assert run("sites", what, "1") == Exit.USAGE
    assert f"jingtu sites {what}" in capsys.readouterr().err
    assert run("sites", what, "9", "--reason", "示例") == Exit.UNKNOWN_CHANGE
    assert "9" in capsys.readouterr().err
    assert run("sites", what, "1", "--reason", "示例") == Exit.DONE
    assert run("sites", what, "1", "--reason", "示例") == Exit.MOVES_NOT_ALLOWED


@pytest.mark.usefixtures("office")
def test_a_person_who_decides_is_in_the_log_of_changes(tmp_path):
    run("sites", "propose")
    run("sites", "reject", "1", "--reason", "示例", "--by", "示例审核人")

    with Register(str(tmp_path / "r.gpkg"), [PLOT], create=False) as register:
        last = register.changes().iloc[-1]
    assert (last["kind"], last["made_by"], last["reason"]) == ("reject_site", "示例审核人", "示例")
