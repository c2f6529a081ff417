"""Files sent together are all checked and all told of; one that cannot be read stops no other."""

from __future__ import annotations

import json
import zipfile

import jsonschema
import pytest
from test_json_shapes import SCHEMA

from maps import cli
from maps.answers import Exit

HEAD = "编码,名称,环节,经度,纬度\n"
GOOD = HEAD + "A1,示例甲,优先监管,116.3,39.95\n"
BAD = HEAD + "B1,示例乙,没有的环节,116.3,39.96\n"
DAMAGED = b"PK\x03\x04" + b"\0" * 40
START = ["--store", "库.gpkg", "--lang", "zh", "import"]


@pytest.fixture(autouse=True)
def _office(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def folder(tmp_path, **files):
    """A folder 报送 with these files; `_` in a name stands for the dot."""
    made = tmp_path / "报送"
    made.mkdir()
    for name, content in files.items():
        kept = content if isinstance(content, bytes) else content.encode()
        (made / name.replace("_", ".")).write_bytes(kept)
    return made


def zipped(sent):
    path = sent.with_suffix(".zip")
    with zipfile.ZipFile(path, "w") as archive:
        for one in sorted(sent.iterdir()):
            archive.write(one, one.name)
    return path


def asked(capsys, *more):
    capsys.readouterr()
    code = cli.run([*START, *map(str, more), "-l", "priority_plot", "--format", "json"])
    return code, json.loads(capsys.readouterr().out)


def stored(capsys):
    capsys.readouterr()
    cli.run(["--store", "库.gpkg", "parcels", "--layer", "priority_plot", "--format", "json"])
    return [one["code"] for one in json.loads(capsys.readouterr().out)["rows"]]


@pytest.mark.parametrize("form", ["folder", "zip", "files"])
@pytest.mark.parametrize(
    ("name", "content", "refused"),
    [
        ("丙.shp", b"", "file_not_readable"),
        ("丙.xlsx", DAMAGED, "file_not_readable"),
        ("丙.zip", DAMAGED, "file_not_readable"),
        ("丙.gpkg", b"SQLite format 3\0" + b"\1" * 200, "file_not_readable"),
    ],
    ids=["shapefile", "workbook", "archive", "geopackage"],
)
def test_one_that_cannot_be_read_is_told_of_with_what_the_others_hold(
    tmp_path, capsys, form, name, content, refused
):
    sent = folder(tmp_path, 甲_csv=GOOD, 乙_csv=BAD)
    (sent / name).write_bytes(content)
    given = {"folder": [sent], "zip": [zipped(sent)], "files": sorted(sent.iterdir())}[form]

    code, said = asked(capsys, *given)

    assert code == Exit.DELIVERY_NOT_ACCEPTED
    told = {one["code"] for one in said["rows"] if one["severity"] == "error"}
    assert told == {"file_refused", "stage_not_known"}
    (about,) = [one for one in said["rows"] if one["code"] == "file_refused"]
    assert about["file"].endswith(name)
    assert about["severity"] == "error"
    assert about["row"] is None
    receipts = said["meta"]["outcome"]["files"]
    assert sorted((one["rows"], one["refused"]) for one in receipts if one["refused"]) == [
        (0, refused)
    ]
    assert said["meta"]["outcome"]["stored"] is False
    jsonschema.validate(said, {"$ref": "#/$defs/import", "$defs": SCHEMA["$defs"]})


def test_the_good_rows_of_the_others_are_stored_when_asked_and_not_before(tmp_path, capsys):
    sent = folder(tmp_path, 甲_csv=GOOD, 乙_csv=BAD, 丙_shp=b"")

    asked(capsys, sent)
    before = stored(capsys)
    code, said = asked(capsys, sent, "--accept-valid")

    assert before == []
    assert code == Exit.DELIVERY_NOT_ACCEPTED
    assert stored(capsys) == ["A1"]
    assert (tmp_path / "乙.rejects.csv").exists()
    assert said["meta"]["outcome"]["stored"] is True


def test_the_refusal_says_what_it_says_alone_and_how_many_files_it_concerns(tmp_path, capsys):
    sent = folder(tmp_path, 甲_csv=GOOD, 丙_shp=b"")
    cli.run([*START, str(sent / "丙.shp"), "-l", "priority_plot"])
    alone = capsys.readouterr().err.partition("：")[2].splitlines()

    cli.run([*START, str(sent), "-l", "priority_plot"])

    said = capsys.readouterr().out.replace("\n", "")
    assert len(alone) == 2
    assert all(one in said for one in alone)
    assert "有 1 个文件没有读取" in said


def test_files_of_which_none_can_be_read_are_all_told_of(tmp_path, capsys):
    code, said = asked(capsys, folder(tmp_path, 甲_shp=b"", 乙_xlsx=DAMAGED))

    assert code == Exit.DELIVERY_NOT_ACCEPTED
    assert [one["code"] for one in said["rows"]] == ["file_refused"] * 2
    assert {one["file"] for one in said["rows"]} == {"报送/甲.shp", "报送/乙.xlsx"}


@pytest.mark.parametrize("report", ["a.html", "a.gpkg", "a.xlsx", "a.csv"])
def test_a_report_file_tells_of_refused_files_too(tmp_path, report):
    sent = folder(tmp_path, 甲_shp=b"", 乙_xlsx=DAMAGED)

    code = cli.run([*START, str(sent), "-l", "priority_plot", "--report", report])

    assert code == Exit.DELIVERY_NOT_ACCEPTED
    assert (tmp_path / report).stat().st_size > 0


def test_the_only_file_is_refused_with_its_own_exit_code(tmp_path):
    sent = folder(tmp_path, 丙_zip=DAMAGED)

    assert cli.run([*START, str(sent), "-l", "priority_plot"]) == Exit.FILE_NOT_READABLE


def test_the_register_among_the_files_of_a_folder_is_refused_and_they_are_not(tmp_path, capsys):
    sent = folder(tmp_path, 甲_csv=GOOD)
    own = ["--store", str(sent / "库.gpkg"), "import", str(sent), "-l", "priority_plot"]

    code = cli.run([*own, "--format", "json"])

    said = json.loads(capsys.readouterr().out)
    assert code == Exit.DELIVERY_NOT_ACCEPTED
    assert [one["file"] for one in said["rows"] if one["code"] == "file_refused"] == [
        "报送/库.gpkg"
    ]
