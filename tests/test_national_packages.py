"""The national boundary package: its name, its contents, and where they differ."""

from __future__ import annotations

import zipfile

import geopandas as gpd
import pytest
import shapely

from layers import catalog
from maps import cli
from maps.answers import Exit
from parcels import districts
from parcels.ingest.delivery import ReceiveOptions, receive

PLOT = catalog.load()["priority_plot"]
CITY = districts.bundled()
CODE = "1101080320001"


def package(
    folder,
    *,
    code=CODE,
    stage="初步调查",
    epsg=4527,
    encoding="UTF-8",
    without=(),
    inner=None,
    **held,
):
    """A package as the national generator makes it, or nearly."""
    base = f"{stage}{code}"
    columns = {
        "DKMC": "示例地块", "DKDM": code, "XZQDM": "110108", "XZQMC": "海淀区", "YDMJ": 37_919.5,
        "DH": 39, "SCDW": "示例单位", "BZ": None, **held,
    }  # fmt: skip
    shape = shapely.box(116.2, 40, 116.202, 40.002)
    rows = gpd.GeoDataFrame({k: [v] for k, v in columns.items()}, geometry=[shape], crs=4490)
    place = folder / "做" / base
    place.mkdir(parents=True, exist_ok=True)
    name = inner or base
    rows.to_crs(epsg).to_file(place / f"{name}.shp", encoding=encoding)
    path = folder / f"{base}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for one in sorted(place.iterdir()):
            if one.suffix not in without:
                archive.write(one, f"{base}/{one.name}")
    return path


def door(path, **options):
    return receive(path, PLOT, CITY, options=ReceiveOptions(**options))


def codes(delivery):
    return set(delivery.findings.frame()["code"])


@pytest.mark.parametrize("epsg", [4527, 4526])
@pytest.mark.parametrize("encoding", ["UTF-8", "GBK"])
def test_a_package_comes_in_with_code_stage_and_area(tmp_path, epsg, encoding):
    path = package(tmp_path, epsg=epsg, encoding=encoding, DH=epsg - 4488)

    delivery = door(path)

    row = delivery.frame.iloc[0]
    found = delivery.findings.frame()
    assert found[found["severity"] == "error"].empty
    assert codes(delivery) == {"package_stage_taken"}
    assert (row["code"], row["name"], row["district"]) == (CODE, "示例地块", "110108")
    assert row["stage"] == "preliminary_survey"
    assert row["declared_area_m2"] == pytest.approx(37_919.5)
    assert row["area_m2"] == pytest.approx(37_919.5, rel=0.01)


FAULTS = {
    "package_code_differs": {"DKDM": "1101080320009"},
    "package_zone_differs": {"DH": 38},
    "package_degrees": {"epsg": 4490},
    "package_incomplete": {"without": (".cpg",)},
    "package_misnamed": {"inner": "地块"},
}


@pytest.mark.parametrize("code", FAULTS)
def test_each_difference_between_name_and_contents_is_found(tmp_path, code):
    bad, good = tmp_path / "坏", tmp_path / "好"
    bad.mkdir()
    good.mkdir()

    assert code in codes(door(package(bad, **FAULTS[code])))
    assert code not in codes(door(package(good)))


def test_a_code_that_differs_keeps_the_parcel_out(tmp_path):
    delivery = door(package(tmp_path, DKDM="1101080320009"))

    assert len(delivery.ready) == 0
    assert "1101080320009" in delivery.findings.frame()["found"].tolist()


def test_a_stage_the_user_states_goes_before_the_name(tmp_path):
    delivery = door(package(tmp_path), stage="优先监管")

    assert delivery.frame["stage"].tolist() == ["priority"]
    assert "package_stage_taken" not in codes(delivery)


def test_a_zip_whose_name_only_ends_in_13_digits_is_checked_against_its_code(tmp_path):
    delivery = door(package(tmp_path, stage="地块", DKDM="1101080320009"), stage="优先监管")

    assert "package_code_differs" in codes(delivery)
    assert "package_stage_taken" not in codes(delivery)


def test_a_folder_of_packages_is_one_import_and_the_bad_one_comes_back_as_a_package(
    tmp_path, monkeypatch, capsys
):
    sent = tmp_path / "报送"
    sent.mkdir()
    monkeypatch.chdir(tmp_path)
    for serial in range(3):
        package(sent, code=f"110108032000{serial}", XZQMC="海淀区" if serial else "没有的区",
                XZQDM="110108" if serial else None)  # fmt: skip
    for one in sent.glob("做"):
        one.rename(tmp_path / "做")
    command = ["--store", "库.gpkg", "--lang", "zh", "import"]

    nothing = cli.run([*command, "报送", "-l", "priority_plot"])
    taken = cli.run([*command, "报送", "-l", "priority_plot", "--accept-valid"])

    kept = tmp_path / "初步调查1101080320000.rejects.zip"
    again = door(kept)
    assert nothing == taken == Exit.DELIVERY_NOT_ACCEPTED
    assert capsys.readouterr().out.count("新增 1 个地块") == 2
    assert again.arrived.package.code == "1101080320000"
    assert codes(again) >= {"district_not_known"}
    assert "package_misnamed" not in codes(again)
