"""Nothing this program writes for a spreadsheet runs in one."""

from __future__ import annotations

import csv
import datetime as dt
import re
from pathlib import Path

import openpyxl
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from layers import catalog
from maps import tables
from parcels import districts
from parcels.exchange import lists, workbook
from parcels.ingest.delivery import receive
from parcels.ingest.rejects import write_rejects
from parcels.ingest.workbook import guarded, unguarded

ROOT = Path(__file__).parents[1]
NOON = dt.datetime(2024, 8, 30, 4, tzinfo=dt.UTC)
TRAPS = [
    '=HYPERLINK("http://x","y")',
    "+1+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(A1)",
    "\t=1+1",
    "\r=1+1",
    "\n=1+1",
    "  =1+1",
    "＝1+1",
    "＋1+1",
    "'=1+1",
]
RUNS = re.compile(r"^\s*[=+\-@＝＋－＠]")


def runs(cell):
    """Whether a spreadsheet would take a cell of a text file for a formula."""
    try:
        float(cell)
    except ValueError:
        return bool(RUNS.match(cell))
    return False


def rejected(folder, trap, suffix):
    """A rejects file of a list whose only row holds the trap in every column and heading."""
    layer = catalog.load()["priority_plot"]
    source = folder / f"a{suffix}"
    frame = pd.DataFrame({"地块编码": [trap], "地块名称": [trap], "环节": ["没有"], trap: ["x"]})
    if suffix == ".csv":
        frame.to_csv(source, index=False)
    else:
        workbook.write_sheets(source, {"s": frame})
    delivery = receive(source, layer, districts.bundled())
    rows = delivery.frame["row"].astype(int)
    path = folder / f"out{suffix}"
    write_rejects(delivery, path, reasons=dict.fromkeys(rows, trap))
    return path


def listed(folder, trap, suffix):
    path, table = folder / f"out{suffix}", pd.DataFrame({trap: [trap]})
    if suffix == ".csv":
        lists.write_csv(path, table)
    else:
        lists.write_xlsx(path, table, title=trap, notes=trap, made_at=NOON)
    return path


def sheets(folder, trap, suffix):
    path = folder / f"out{suffix}"
    workbook.write_sheets(path, {"s": pd.DataFrame({"a": [trap]})}, headings={"a": trap})
    return path


@pytest.mark.parametrize("trap", TRAPS)
@pytest.mark.parametrize(
    ("write", "suffix"),
    [
        (rejected, ".csv"),
        (rejected, ".xlsx"),
        (listed, ".csv"),
        (listed, ".xlsx"),
        (sheets, ".xlsx"),
    ],
)
def test_no_cell_of_any_file_written_runs(tmp_path, write, suffix, trap):
    path = write(tmp_path, trap, suffix)

    if suffix == ".csv":
        with path.open(encoding="utf-8-sig", newline="") as stream:
            cells = [cell for row in csv.reader(stream) for cell in row]
        assert cells
        assert not any(runs(cell) for cell in cells)
        return
    book = openpyxl.load_workbook(path)
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value]
    assert cells
    assert not any(cell.data_type == "f" for cell in cells)


@pytest.mark.parametrize("trap", TRAPS)
def test_no_cell_of_a_table_shown_as_csv_runs(trap):
    assert not runs(tables._csv_cell(trap))


@given(st.text(st.sampled_from("'=+-@ \t\n1a示＝")))
def test_the_guard_comes_off_again_whatever_it_guards(text):
    assert unguarded(guarded(text)) == text
    assert not runs(guarded(text))


# Each of these has its test above or in test_tables, test_templates, test_report_files.
WRITERS = {
    "parcels/exchange/listed.py",
    "parcels/exchange/lists.py",
    "parcels/exchange/resolutions.py",
    "parcels/exchange/templates.py",
    "parcels/exchange/workbook.py",
    "parcels/ingest/rejects.py",
    "maps/tables.py",
}


def test_every_writer_of_lists_is_known_here():
    writes = re.compile(
        r"to_csv\(|csv\.writer\(|openpyxl\.Workbook\(|to_excel\(|ZipFile\([^)]*\"w\""
    )
    found = {
        path.relative_to(ROOT).as_posix()
        for room in ("parcels", "layers", "maps")
        for path in (ROOT / room).rglob("*.py")
        if writes.search(path.read_text("utf-8"))
    }

    assert found <= WRITERS | {"parcels/exchange/shapefile.py", "parcels/exchange/national.py"}
