"""Each finding of a list of reports: one list that raises it, and one just without."""

from __future__ import annotations

import pytest
from test_reports import HEAD

from layers import catalog
from maps import cli
from parcels.register import Register

LAYERS = catalog.load()
DONE = "6.2,海淀区,已办结,2024-06-20,,,,工作总结,海环5号,,\n"
GOING = "6.2,海淀区,进行中,2024-06-20,,,,,,,\n"
FOUND = {
    "report_evidence_missing": ("6.2,海淀区,已办结,2024-06-20,,,,,,,\n", DONE),
    "report_ahead": ("6.2,海淀区,进行中,2099-01-01,,,,,,,\n", GOING),
    "field_not_of_report": ("6.2,海淀区,进行中,2024-06-20,3,,,,,,\n", GOING),
    "unit_of_value_needed": (
        "秸秆综合利用率,大兴,,,98.7,,2024Q2,统计报表,京统2号,,\n",
        "秸秆综合利用率,大兴,,,98.7,%,2024Q2,统计报表,京统2号,,\n",
    ),
    "indicator_is_computed": (
        "priority_survey_rate,大兴,,,9,%,2024Q2,统计报表,京统2号,,\n",
        "straw_use_rate,大兴,,,9,%,2024Q2,统计报表,京统2号,,\n",
    ),
    "report_by_measure": ("measure_progress,大兴,,,1,,2024Q2,统计报表,京统2号,,\n", GOING),
    "evidence_file_missing": (
        "6.2,海淀区,已办结,2024-06-20,,,,工作总结,海环5号,没有.pdf,\n",
        "6.2,海淀区,已办结,2024-06-20,,,,工作总结,海环5号,有.pdf,\n",
    ),
    "report_not_concerned": ("16.1,海淀区,进行中,2024-06-20,,,,,,,\n", GOING),
    "report_repeated": (GOING + GOING, GOING + GOING.replace("2024-06-20", "2024-06-21")),
    "report_row_blank": ("6.2,海淀区,,,,,,,,,\n" + GOING, GOING),
}
"""Rows below the headings: those that raise a finding, and those that just do not, by code."""


@pytest.mark.parametrize("code", FOUND)
def test_a_list_with_the_fault_raises_the_finding_and_one_just_without_does_not(
    code, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "有.pdf").write_bytes(b"abc")
    with Register("r.gpkg", LAYERS.values()):
        pass

    def said(rows):
        (tmp_path / "上报.csv").write_text(HEAD + rows, "utf-8")
        capsys.readouterr()
        cli.run(["--store", "r.gpkg", "--lang", "zh", "plan", "import", "上报.csv", "--dry-run"])
        return capsys.readouterr().out

    raises, spares = FOUND[code]
    assert f"（{code}）" in said(raises)
    assert f"（{code}）" not in said(spares)
