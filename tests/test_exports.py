"""Exports as a user makes them: out, in again unchanged, and noted in the log."""

from __future__ import annotations

import datetime as dt
import hashlib
import json

import geopandas as gpd
import numpy as np
import openpyxl
import pyogrio
import pytest
import shapely

from layers import catalog, publication
from maps import cli
from maps.answers import Exit
from parcels import crs
from parcels.exchange import files
from parcels.model import Moment
from parcels.register import Filter, Register

LAYERS = list(catalog.load().values())
SITE = catalog.load()["contaminated_site"]
WEST = 116.2


def deliver(store, tmp_path, lang="zh"):
    """Three listed sites in two districts, as a district delivers them."""
    rows = gpd.GeoDataFrame(
        {
            "编码": ["A-1", "../B/2", "=C|3"],
            "名称": ["甲厂", "乙厂", "丙𠀀厂"],
            "地址": ["示例路1号", None, "长" * 100],
            "环节": ["修复", "修复", "名录内"],
            "责任人": ["张某", None, None],
            "申报面积": [1234.5, None, 0.125],
        },
        geometry=[
            shapely.box(WEST, 40, WEST + 0.002, 40.002),
            shapely.multipolygons(
                [
                    shapely.box(WEST + 0.01, 40, WEST + 0.011, 40.001),
                    shapely.box(WEST + 0.012, 40, WEST + 0.013, 40.001),
                ]
            ),
            shapely.box(116.45, 39.93, 116.452, 39.932),
        ],
        crs=crs.STORAGE,
    )
    sent = tmp_path / "报送"
    sent.mkdir(exist_ok=True)
    rows = rows.rename(columns={"责任人": SITE.field("responsible_party").label.zh})
    rows["环节"] = [SITE.stage("remediation").label.zh] * 2 + [SITE.stage("listed").label.zh]
    rows.to_file(sent / "a.gpkg")
    words = ["--store", store, "--lang", lang, "--user", "示例"]
    done = cli.run([*words, "import", str(sent / "a.gpkg"), "--layer", SITE.key])
    assert done == Exit.DONE
    return words


def log_of(store):
    with Register(store, LAYERS) as register:
        return register.exports()


@pytest.mark.parametrize(
    "suffix", [".gpkg", ".parquet", ".geojson", ".fgb", ".kml", ".shp", ".csv", ".xlsx"]
)
def test_what_goes_out_comes_in_unchanged(tmp_path, capsys, suffix):
    words = deliver(str(tmp_path / "r.gpkg"), tmp_path)
    out = tmp_path / f"出!去{suffix}"

    done = cli.run([*words, "export", "--layer", SITE.key, "--to", str(out)])
    capsys.readouterr()
    again = cli.run([*words, "import", str(out), "--layer", SITE.key, "--format", "json"])

    outcome = json.loads(capsys.readouterr().out)["meta"]["outcome"]["files"][0]
    assert (done, again) == (Exit.DONE, Exit.DONE)
    # A shapefile holds 254 bytes of a text: one address was cut, and that was said.
    assert outcome["unchanged"] == (2 if suffix == ".shp" else 3)
    assert (outcome["change"] is None) == (suffix != ".shp")


def test_every_export_is_in_the_log_with_the_digest_of_its_files(store_url, tmp_path, capsys):
    words = deliver(store_url, tmp_path)
    ask = [*words, "export", "--layer", SITE.key]
    cli.run([*ask, "--to", str(tmp_path / "a.gpkg"), "--district", "海淀区"])
    cli.run([*ask, "--to", str(tmp_path / "b.shp"), "--bbox", "116.4,39,117,40"])
    capsys.readouterr()

    log = log_of(store_url)
    said = cli.run([*words, "exports", "--of", str(tmp_path / "a.gpkg")])
    shown = capsys.readouterr().out

    for name, digest in zip(log["file"], log["sha256"], strict=True):
        assert hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() == digest
    assert log["export"].tolist() == [2] * 5 + [1]
    assert log["parcels"].tolist() == [1] * 5 + [2]
    assert set(log["made_by"]) == {"示例"}
    assert json.loads(log["chosen"].iloc[-1]) == {"districts": ["110108"]}
    assert json.loads(log["chosen"].iloc[0]) == {"bbox": [116.4, 39, 117, 40]}
    assert said == Exit.DONE
    assert "a.gpkg" in shown
    assert "b.shp" not in shown


def test_a_moment_in_the_past_goes_out_as_it_was_known(store_url, tmp_path):
    words = deliver(store_url, tmp_path)
    ask = [*words, "export", "--layer", SITE.key, "--to", str(tmp_path / "a.csv")]

    now = cli.run(ask)
    text = (tmp_path / "a.csv").read_text("utf-8-sig")
    then = cli.run([*ask, "--known", "2001-01-01"])

    assert (now, then) == (Exit.DONE, Exit.DONE)
    assert len(text.splitlines()) == 4
    assert len((tmp_path / "a.csv").read_text("utf-8-sig").splitlines()) == 1
    assert log_of(store_url)["known_at"].notna().tolist() == [True, False]


@pytest.mark.parametrize("known", [None, dt.datetime(2100, 1, 1, tzinfo=dt.UTC)])
def test_pages_of_any_size_hold_what_the_whole_frame_holds(store_url, tmp_path, known):
    deliver(store_url, tmp_path)
    where = Filter(stages=("remediation", "listed"))
    moment = Moment(dt.date(2030, 1, 1), known)

    with Register(store_url, LAYERS) as register:
        whole = register.frame(SITE.key, moment, where=where)
        for size in (1, 2, 7):
            pages = list(register.pages(SITE.key, moment, where=where, rows_at_once=size))
            assert max(len(page) for page in pages) <= (size if known is None else 10 * size)
            assert [i for page in pages for i in page.index] == whole.index.tolist()
            assert [c for page in pages for c in page["code"]] == whole["code"].tolist()
        nothing = list(register.pages("fuel_station", moment))

    assert [len(page) for page in nothing] == [0]


def test_nothing_is_handed_over_that_cannot_be_noted(tmp_path):
    words = deliver(str(tmp_path / "r.gpkg"), tmp_path)
    ask = [*words, "export", "--layer", SITE.key]
    (tmp_path / "a.shp").write_bytes(b"old")

    refused = cli.run([*ask, "--to", str(tmp_path / "a.shp"), "--encoding", "GBK"])
    over = cli.run([*ask, "--to", str(tmp_path / "r.gpkg")])
    nowhere = cli.run([*ask, "--to", str(tmp_path / "x" / "a.gpkg")])
    strange = cli.run([*ask, "--to", str(tmp_path / "a.dwg")])
    nothing = cli.run(ask)

    assert (refused, over, nowhere) == (Exit.OUTPUT_NOT_WRITABLE,) * 3
    assert (strange, nothing) == (Exit.FORMAT_NOT_KNOWN, Exit.USAGE)
    assert (tmp_path / "a.shp").read_bytes() == b"old"
    assert log_of(str(tmp_path / "r.gpkg")).empty
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".jingtu-")]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_losses_are_said_in_the_asked_language(tmp_path, capsys, lang):
    words = deliver(str(tmp_path / "r.gpkg"), tmp_path, lang)
    capsys.readouterr()

    cli.run([*words, "export", "--layer", SITE.key, "--to", str(tmp_path / "a.txt")])
    cli.run([*words, "export", "--layer", SITE.key, "--to", str(tmp_path / "a.shp")])

    said = capsys.readouterr().out
    label = SITE.field("address").label.in_(lang)
    assert f"{label}（2" in said or f"{label} (2" in said
    assert ("已截短" in said) or ("were cut" in said)


# -- what is public --------------------------------------------------------------------------


def public(words, tmp_path, name, *more):
    ask = [*words, "export", "public", "--layer", SITE.key, "--to", str(tmp_path / name), *more]
    return cli.run(ask)


def test_a_public_file_holds_public_fields_grid_points_and_the_approval_number(
    store_url, tmp_path
):
    words = deliver(store_url, tmp_path)

    done = public(words, tmp_path, "公开.geojson", "--approval", "京S(2024)示例号")

    found = gpd.read_file(tmp_path / "公开.geojson")
    log = log_of(store_url)
    text = (tmp_path / "公开.geojson").read_text("utf-8")
    assert done == Exit.DONE
    assert set(found.columns) == {*SITE.public, "map_approval", "grid_m", "lon", "lat", "geometry"}
    assert set(found["map_approval"]) == {"京S(2024)示例号"}
    assert set(found.geometry.geom_type) == {"Point"}
    assert set(found["stage"]) == {SITE.stage(k).label.zh for k in ("remediation", "listed")}
    assert "张某" not in text
    assert (log["purpose"].iloc[0], log["approval"].iloc[0]) == ("public", "京S(2024)示例号")


@pytest.mark.parametrize(
    "name", ["a.xlsx", "a.csv", "a.gpkg", "a.kml", "a.parquet", "a.shp", "a.fgb"]
)
def test_a_public_file_is_made_in_every_form_and_says_that_it_is_not_approved(
    tmp_path, capsys, name
):
    words = deliver(str(tmp_path / "r.gpkg"), tmp_path)
    capsys.readouterr()

    done = public(words, tmp_path, name)

    said = capsys.readouterr().out
    assert done == Exit.DONE
    assert "没有审图号" in said
    if name == "a.xlsx":
        rows = list(openpyxl.load_workbook(tmp_path / name).active.iter_rows(values_only=True))
        assert "审图号" in rows[0]
        assert all("示例（无审图号）" in row for row in rows[1:])
        assert all("张某" not in row for row in rows)
    if name == "a.gpkg":
        assert pyogrio.read_info(tmp_path / name)["geometry_type"] == "Point"


def test_a_layer_not_declared_public_and_a_grid_too_fine_are_refused(tmp_path):
    words = deliver(str(tmp_path / "r.gpkg"), tmp_path)

    fine = public(words, tmp_path, "a.csv", "--grid", "99")
    ask = ["export", "public", "--layer", "priority_plot", "--to", str(tmp_path / "a.csv")]

    assert fine == Exit.USAGE
    assert cli.run([*words, *ask]) == Exit.NOT_PUBLIC
    assert not (tmp_path / "a.csv").exists()


@pytest.mark.parametrize("grid", [100, 1000])
def test_a_place_is_no_finer_than_the_grid_and_the_same_for_all_of_a_cell(grid):
    rng = np.random.default_rng(7)
    lon, lat = WEST + rng.uniform(0, 0.02, 300), 40 + rng.uniform(0, 0.02, 300)
    frame = gpd.GeoDataFrame(
        {key: [f"{i}" for i in range(300)] for key in SITE.public},
        geometry=[*shapely.box(lon, lat, lon + 1e-4, lat + 1e-4)[:-1], None],
        crs=crs.STORAGE,
    )

    shown = publication.generalised(frame, SITE, grid_m=grid, approval="示例")

    whole = shown.merge(frame.rename(columns={"geometry": "was"})[["name", "was"]], on="name")
    known = whole[whole["was"].notna()]
    plane = known.geometry.to_crs(crs.GK_117)
    centres = shapely.centroid(known["was"].to_numpy())
    was = gpd.GeoSeries(centres, crs=crs.STORAGE).to_crs(crs.GK_117)
    off = np.column_stack([plane.x.to_numpy() - was.x, plane.y.to_numpy() - was.y])
    assert np.abs(off).max() <= grid / 2 + 0.2
    cells = np.unique(np.round(np.column_stack([plane.x, plane.y]) / grid - 0.5, 3), axis=0)
    assert np.abs(cells - np.round(cells)).max() < 0.005
    assert shown.geometry.isna().sum() == 1
    with pytest.raises(ValueError, match="99"):
        publication.generalised(frame, SITE, grid_m=99, approval="示例")


def test_no_declared_layer_publishes_a_sensitive_field_or_a_place():
    declared = [layer for layer in LAYERS if layer.public]

    assert declared
    for layer in declared:
        assert not any(layer.field(key).sensitive for key in layer.public)
        assert not {"registered_lon", "registered_lat"} & set(layer.public)


@pytest.mark.parametrize("named", ["owner", "registered_lon", "nothing"])
def test_a_declaration_cannot_make_public_what_is_sensitive_or_unknown(tmp_path, named):
    own = tmp_path / "layers"
    own.mkdir()
    text = (
        'key = "own"\nzh = "自"\nen = "Own"\nshape = "polygon"\n'
        f'public = ["name", "{named}"]\n'
        'stages = [{ key = "a", zh = "甲", en = "A" }]\n'
        '[[fields]]\nkey = "owner"\nzh = "所有人"\nen = "Owner"\nkind = "text"\nsensitive = true\n'
    )
    (own / "own.toml").write_text(text, "utf-8")

    assert cli.run(["--layers", str(own), "layers"]) == Exit.DECLARATION_WRONG


def test_every_ending_a_file_can_have_is_named_in_the_help(capsys):
    cli.run(["--lang", "zh", "export", "--help"])

    said = "".join(capsys.readouterr().out.split())
    assert all(ending in said for ending in files.SUFFIXES)
