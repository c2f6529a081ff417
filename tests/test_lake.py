"""A lake of GeoParquet files: read by anyone, and refused when it is not whole or not of today."""

from __future__ import annotations

import datetime as dt
import json
import pickle
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
from strewn import register_of
from test_partition import same
from town import AT, PLOT, act, on, plots

from layers import library, shares
from layers.coverage import Holdings, holdings, merged
from maps import cli
from maps.answers import Exit
from parcels import crs, errors, partition
from parcels.errors import LakeNotUsableError, LakeStaleError
from parcels.exchange import lake as lakes
from parcels.model import Moment
from parcels.register import Filter, Register

NOW = on(dt.date(2024, 12, 31))


def silent(_done, _total):
    """Tells nobody."""


def written(register: Register, folder: Path, *, most: int = 20) -> lakes.Lake:
    """A lake of what the register holds now, opened anew."""
    folder.mkdir()
    library.write_lake(register, PLOT.key, NOW, folder, made_at=AT, most=most)
    return lakes.opened(folder)


def counted(lake: lakes.Lake, where: Filter | None = None) -> Holdings:
    """The holdings of a lake, added up here."""
    return shares.all_added_up(shares.of_lake(lake, where=where), lake.territory(), silent)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A lake of 120 parcels in several files, and the register it is of."""
    folder = tmp_path_factory.mktemp("lake")
    with register_of(str(folder / "register.gpkg")) as register:
        yield register, written(register, folder / "lake")


def test_shares_of_the_register_and_of_a_lake_add_up_to_the_whole(store_url, tmp_path):
    with register_of(store_url, seed=8) as register:
        lake = written(register, tmp_path / "lake")
        territory = register.territory_at(NOW)
        whole = merged([holdings(register.frame(PLOT.key, NOW), territory)])

        of_register = shares.of_register(register, PLOT.key, NOW, most=20)
        again = shares.all_added_up(of_register, territory, silent)

    assert len(of_register) > 5
    assert len(lake.parts) > 5
    assert lake.parcels == 120
    assert len(whole.pairs) > 5
    assert whole.crossing["parcel"].nunique() > 5
    same(again, whole)
    same(counted(lake), whole)


@pytest.mark.parametrize(
    "where",
    [
        Filter(stages=("listed",)),
        Filter(units=("110115403",)),
        Filter(codes=("P0003", "P0017", "P0099")),
        Filter(districts=("110101",)),
    ],
)
def test_a_filter_chooses_the_same_parcels_in_a_lake_as_in_the_register(whole, where):
    register, lake = whole
    territory = register.territory_at(NOW)
    chosen = merged([holdings(register.frame(PLOT.key, NOW, where=where), territory)])

    of_register = shares.of_register(register, PLOT.key, NOW, where=where, most=20)

    same(counted(lake, where), chosen)
    same(shares.all_added_up(of_register, territory, silent), chosen)


def test_shares_read_one_state_however_long_it_takes(tmp_path):
    with register_of(str(tmp_path / "register.gpkg")) as register:
        before = merged([holdings(register.frame(PLOT.key, NOW), register.territory)])
        work = shares.of_register(register, PLOT.key, NOW, most=20)
        register.take(PLOT.key, plots(3, code=["N1", "N2", "N3"]), act(days=1))

        same(shares.all_added_up(work, register.territory, silent), before)


def test_an_empty_layer_is_a_lake_of_one_file(tmp_path):
    with Register(str(tmp_path / "register.gpkg"), [PLOT]) as register:
        lake = written(register, tmp_path / "lake")

    assert [part.rows for part in lake.parts] == [0]
    assert counted(lake).groups.empty


def test_any_reader_of_geoparquet_reads_a_lake_with_every_field(whole):
    register, lake = whole
    frame = register.frame(PLOT.key, NOW)

    parts = [gpd.read_parquet(lake.folder / part.file) for part in lake.parts]

    read = pd.concat(parts).set_index("parcel").sort_index()
    assert read.crs.to_epsg() == crs.STORAGE
    assert read.geometry.geom_equals_exact(frame.geometry, 0).sum() == frame.geometry.notna().sum()
    for column in ("code", "name", "stage", "unit", "years", "volume_m3", "in_park", "use"):
        assert read[column].tolist() == frame[column].tolist()
    near = gpd.read_parquet(lake.folder / lake.parts[0].file, bbox=(115, 39, 116, 40))
    assert len(near) < lake.parts[0].rows or near.empty or lake.parts[0].bounds[2] <= 116


def test_a_file_of_a_lake_holds_what_belongs_to_its_block(whole):
    _, lake = whole

    for part in lake.parts:
        frame = gpd.read_parquet(lake.folder / part.file)
        assert part.block.holds(partition.corners(frame.geometry.to_numpy())).all()
        assert len(frame) == part.rows


# -- what is not whole -----------------------------------------------------------------------


def cut_short(folder):
    path = folder / "part-00001.parquet"
    path.write_bytes(path.read_bytes()[:-100])


def lost(folder):
    (folder / "part-00001.parquet").unlink()


def told_nothing(folder):
    (folder / lakes.MANIFEST).unlink()


def told_badly(folder):
    path = folder / lakes.MANIFEST
    path.write_text(path.read_text("utf-8")[:-20], "utf-8")


def told_by_a_newer(folder):
    path = folder / lakes.MANIFEST
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | {"form": 99}), "utf-8")


def pointing_out(folder):
    path = folder / lakes.MANIFEST
    told = json.loads(path.read_text("utf-8"))
    told["parts"][0]["file"] = "../register.gpkg"
    path.write_text(json.dumps(told), "utf-8")


@pytest.mark.parametrize(
    ("harm", "reason"),
    [
        (cut_short, "damaged"),
        (lost, "missing"),
        (told_nothing, "no_lake"),
        (told_badly, "damaged"),
        (told_by_a_newer, "newer"),
        (pointing_out, "damaged"),
    ],
)
def test_a_lake_that_is_not_whole_is_refused_when_it_is_opened(tmp_path, harm, reason):
    with register_of(str(tmp_path / "register.gpkg"), count=60) as register:
        folder = written(register, tmp_path / "lake").folder
    harm(folder)

    with pytest.raises(LakeNotUsableError) as refusal:
        lakes.opened(folder)

    assert refusal.value.fields["reason"] == reason


def test_a_flipped_bit_anywhere_in_a_file_is_found_when_it_is_read(tmp_path):
    with register_of(str(tmp_path / "register.gpkg"), count=60) as register:
        lake = written(register, tmp_path / "lake", most=1000)
    path = lake.folder / lake.parts[0].file
    good = path.read_bytes()
    before = counted(lake)
    reasons = []
    for place in range(4, len(good) - 4, max(1, len(good) // 25)):
        bad = bytearray(good)
        bad[place] ^= 0x10
        path.write_bytes(bytes(bad))

        try:
            same(counted(lakes.opened(lake.folder)), before)
        except LakeNotUsableError as refusal:
            reasons.append(refusal.fields["reason"])

    assert set(reasons) <= {"damaged", "other"}
    # The rest are columns that coverage does not read, and hints about the file.
    assert len(reasons) > 10


def test_a_file_of_another_lake_of_the_same_size_is_refused(tmp_path):
    with register_of(str(tmp_path / "register.gpkg"), count=60) as register:
        lake = written(register, tmp_path / "lake")
        register.take(PLOT.key, plots(1, code=["N1"]), act(days=1))
        other = written(register, tmp_path / "other")
    mine, theirs = (one.folder / one.parts[1].file for one in (lake, other))
    told = json.loads((lake.folder / lakes.MANIFEST).read_text("utf-8"))
    told["parts"][1]["size_bytes"] = theirs.stat().st_size
    (lake.folder / lakes.MANIFEST).write_text(json.dumps(told), "utf-8")
    mine.write_bytes(theirs.read_bytes())

    with pytest.raises(LakeNotUsableError) as refusal:
        counted(lakes.opened(lake.folder))

    assert refusal.value.fields == {
        "folder": str(lake.folder),
        "file": "part-00001.parquet",
        "reason": "other",
    }


# -- what is not of the moment ---------------------------------------------------------------


def test_a_lake_is_stale_once_the_register_learned_more_of_its_layer(tmp_path):
    with register_of(str(tmp_path / "register.gpkg"), count=40) as register:
        lake = written(register, tmp_path / "lake")
        library.refuse_stale(lake, register, None)
        then = Moment(NOW.on, AT + dt.timedelta(hours=1))
        register.take(PLOT.key, plots(1, code=["N1"]), act(days=1))

        with pytest.raises(LakeStaleError) as refusal:
            library.refuse_stale(lake, register, None)
        library.refuse_stale(lake, register, then)

    assert refusal.value.fields["reason"] == "lake_other_state"
    assert (refusal.value.fields["found"], refusal.value.fields["asked"]) == (2, 3)


def test_a_lake_of_what_was_not_known_yet_is_stale(tmp_path):
    with register_of(str(tmp_path / "register.gpkg"), count=40) as register:
        lake = written(register, tmp_path / "lake")

        with pytest.raises(LakeStaleError):
            library.refuse_stale(lake, register, Moment(NOW.on, AT - dt.timedelta(days=1)))


# -- as a user -------------------------------------------------------------------------------


@pytest.fixture
def office(tmp_path, monkeypatch):
    """An office with two farmland parcels, in whose folder commands run."""
    monkeypatch.chdir(tmp_path)
    west = 116.2
    rows = gpd.GeoDataFrame(
        {"编码": ["F-1", "F-2"], "名称": ["甲", "乙"]},
        geometry=[triangle(west), triangle(west + 0.001)],
        crs=crs.STORAGE,
    )
    rows.to_file("a.gpkg")
    assert jingtu("import", "a.gpkg", "--layer", "farmland", "--accept-valid") in {
        Exit.DONE,
        Exit.DELIVERY_NOT_ACCEPTED,
    }
    return tmp_path


def triangle(west):
    return gpd.GeoSeries.from_wkt(
        [f"POLYGON(({west} 40,{west + 0.002} 40,{west} 40.002,{west} 40))"]
    )[0]


def jingtu(*typed):
    return cli.run(["--store", "r.gpkg", "--lang", "zh", "--user", "示例", *typed])


def test_a_lake_written_by_a_person_gives_the_figures_of_the_register(office, capsys):
    assert jingtu("coverage", "--layer", "farmland", "--format", "csv", "--out", "a.csv") == 0

    assert jingtu("export", "lake", "湖", "--layer", "farmland", "--parcels", "1") == Exit.DONE
    assert jingtu("coverage", "--lake", "湖", "--format", "csv", "--out", "b.csv") == Exit.DONE

    assert (office / "a.csv").read_bytes() == (office / "b.csv").read_bytes()
    told = json.loads((office / "湖" / "lake.json").read_text("utf-8"))
    capsys.readouterr()
    assert jingtu("exports", "--of", "湖/lake.json", "--format", "json") == Exit.DONE
    (entry,) = json.loads(capsys.readouterr().out)["rows"]
    assert (entry["format"], entry["parcels"]) == ("lake", told["parcels"])


def test_a_lake_of_an_earlier_state_is_read_by_naming_it(office, capsys):
    early, late = "2020-01-01", "2020-01-02"
    then = ("--as-of", "2031-01-01", "--known", early)
    assert jingtu("export", "lake", "湖", "--layer", "farmland", *then) == Exit.DONE
    capsys.readouterr()

    assert jingtu("coverage", "--lake", "湖") == Exit.LAKE_NOT_USABLE
    assert jingtu("coverage", "--lake", "湖", "--known", late) == Exit.LAKE_NOT_USABLE
    given = ("--as-of", "2031-01-01", "--known", late, "--format", "json", "--out", "a.json")
    assert jingtu("coverage", "--lake", "湖", *given) == Exit.DONE

    told = json.loads((office / "a.json").read_text("utf-8"))
    assert (told["meta"]["on"], told["rows"][-1]["parcels"]) == ("2031-01-01", 0)


def test_a_lake_replaces_a_lake_and_nothing_else(office, capsys):
    assert jingtu("export", "lake", "湖", "--layer", "farmland", "--parcels", "1") == Exit.DONE
    assert jingtu("export", "lake", "湖", "--layer", "farmland") == Exit.DONE
    files = sorted(path.name for path in (office / "湖").iterdir())
    (office / "别的").mkdir()
    (office / "别的" / "论文.docx").write_text("x")
    capsys.readouterr()

    refused = jingtu("export", "lake", "别的", "--layer", "farmland")

    assert files == ["districts.parquet", "lake.json", "part-00000.parquet", "units.parquet"]
    assert refused == Exit.OUTPUT_NOT_WRITABLE
    assert "不能当作数据湖的文件夹" in capsys.readouterr().err
    assert [path.name for path in (office / "别的").iterdir()] == ["论文.docx"]
    assert not [path for path in office.iterdir() if path.name.startswith(".jingtu-")]


def test_a_stale_lake_and_another_day_are_refused_with_what_to_do(office, capsys):
    assert jingtu("export", "lake", "湖", "--layer", "farmland") == Exit.DONE
    other_day = jingtu("coverage", "--lake", "湖", "--as-of", "2020-01-01")
    said = capsys.readouterr().err
    frame = gpd.read_file(office / "a.gpkg").assign(名称="丙")
    frame.to_file("b.gpkg")
    jingtu("import", "b.gpkg", "--layer", "farmland")
    stale = jingtu("coverage", "--lake", "湖")

    assert (other_day, stale) == (Exit.LAKE_NOT_USABLE, Exit.LAKE_NOT_USABLE)
    assert "日期不同" in said
    assert "登记库在两者之间有变更" in capsys.readouterr().err


def test_a_lake_is_read_where_there_is_no_register(office, capsys):
    assert jingtu("export", "lake", "湖", "--layer", "farmland") == Exit.DONE
    (office / "r.gpkg").unlink()
    capsys.readouterr()

    assert jingtu("coverage", "--lake", "湖", "--known", "2024-01-01") == Exit.STORE_NOT_FOUND
    capsys.readouterr()
    assert jingtu("coverage", "--lake", "湖", "--format", "json") == Exit.DONE

    told = json.loads(capsys.readouterr().out)
    assert told["meta"]["change"] == 2
    assert told["rows"][-1]["parcels"] == 2
    assert not (office / "r.gpkg").exists()


@pytest.mark.usefixtures("office")
def test_a_folder_that_is_no_lake_is_refused(capsys):
    assert jingtu("coverage", "--lake", ".") == Exit.LAKE_NOT_USABLE
    assert "这里不是数据湖" in capsys.readouterr().err


@pytest.mark.usefixtures("office")
def test_a_layer_is_not_named_beside_a_lake(capsys):
    assert jingtu("export", "lake", "湖", "--layer", "farmland") == Exit.DONE
    assert jingtu("coverage", "--lake", "湖", "--layer", "farmland") == Exit.USAGE
    assert "不能再写 --layer" in capsys.readouterr().err


def kinds(of):
    return {of} | {one for kind in of.__subclasses__() for one in kinds(kind)}


@pytest.mark.parametrize("kind", sorted(kinds(errors.Refusal), key=lambda one: one.__name__))
def test_every_refusal_comes_back_from_another_process_as_it_was(kind):
    given = kind(file="湖", count=3)

    back = pickle.loads(pickle.dumps(given))  # noqa: S301 - our own

    assert type(back) is kind
    assert back.fields == given.fields
