"""Moving parcels from stage to stage: the register in both stores, and the commands."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from layers import catalog
from maps import cli
from maps.answers import Exit
from parcels import lifecycle
from parcels.errors import DocumentDamagedError, MovesNotAllowedError
from parcels.findings import Findings
from parcels.ingest.stated import stated
from parcels.lifecycle import Evidence
from parcels.model import CORE_COLUMNS, Moment, SourceFile
from parcels.recording import Act
from parcels.register import Register

LAYERS = catalog.load()
PLOT = LAYERS["priority_plot"]
START = dt.date(2024, 1, 1)
DAY = dt.date(2024, 6, 1)
NOW = dt.datetime(2024, 7, 1, tzinfo=dt.UTC)
REPORT = Evidence("survey_report", "示例〔2024〕1号", DAY, "示例调查单位", "示例评审单位")
FACTS = {
    "survey_uploaded_on": "2024-01-01",
    "assessment_uploaded_on": "2024-01-01",
    "effect_uploaded_on": "2024-01-01",
    "works_unit": "示例甲",
    "effect_assessor": "示例乙",
}


def act(on=DAY, **more):
    return Act(by="示例经办人", at=NOW, on=on, **more)


def plots(*stages):
    """A parcel for each stage, with the facts that all gates ask for."""
    codes = [f"P{i}" for i in range(len(stages))]
    shapes = [
        shapely.box(116.2 + i / 100, 40, 116.205 + i / 100, 40.005) for i in range(len(codes))
    ]
    frame = stated(PLOT, codes, FACTS, findings=Findings("priority_plot", ""))
    return (
        gpd.GeoDataFrame(frame.assign(stage=list(stages)), geometry=shapes, crs=4490)
        .reindex(columns=[*CORE_COLUMNS, *(f.key for f in PLOT.own_fields), "row", "geometry"])
        .assign(district="110108", unit="110108")
    )


def moving(stage, *codes, **facts):
    return stated(PLOT, codes, facts, findings=Findings("priority_plot", "")).assign(stage=stage)


def evidence_for(stage, to):
    kind = lifecycle.documents(PLOT, stage, to)[0].code
    return Evidence(kind, "示例1号", DAY, "示例单位", "示例评审单位")


@pytest.fixture
def register(store_url, tmp_path):
    with Register(store_url, list(LAYERS.values()), files=tmp_path / "documents") as opened:
        yield opened


def whole(register, on, known=None):
    frame = register.frame("priority_plot", Moment(on, known)).drop(columns="valid_from")
    return frame.sort_index()


def test_a_move_is_a_new_version_from_its_day_with_evidence(register):
    register.take("priority_plot", plots("preliminary_survey", "priority"), act(START))
    done = register.advance("priority_plot", moving("detailed_survey", "P0"), act(), REPORT)

    before = whole(register, DAY - dt.timedelta(1))
    after = whole(register, DAY)
    assert done.updated == 1
    assert before["stage"].tolist() == ["preliminary_survey", "priority"]
    assert after["stage"].tolist() == ["detailed_survey", "priority"]
    pd.testing.assert_frame_equal(before.drop(columns="stage"), after.drop(columns="stage"))
    assert register.changes()["kind"].tolist() == ["districts", "import", "advance"]
    (row,) = register.evidence("priority_plot", ["P0"]).to_dict("records")
    assert (row["from_stage"], row["to_stage"]) == ("preliminary_survey", "detailed_survey")
    assert (row["kind"], row["number"]) == ("survey_report", "示例〔2024〕1号")
    assert (str(row["dated_on"]), str(row["on"])) == ("2024-06-01", "2024-06-01")
    assert (row["issued_by"], row["reviewed_by"]) == ("示例调查单位", "示例评审单位")
    assert register.evidence("priority_plot", ["P1"]).empty


def test_what_was_known_before_a_move_stays_known(register):
    register.take("priority_plot", plots("preliminary_survey"), act(START))
    then = register.changes()["made_at"].iloc[-1]
    register.advance("priority_plot", moving("detailed_survey", "P0"), act(), REPORT)

    assert whole(register, DAY, then)["stage"].tolist() == ["preliminary_survey"]


def test_several_move_together_or_not_at_all(register):
    register.take("priority_plot", plots("preliminary_survey", "listed"), act(START))
    with pytest.raises(MovesNotAllowedError) as refusal:
        register.advance("priority_plot", moving("detailed_survey", "P0", "P1"), act(), REPORT)

    assert refusal.value.fields["numbers"] == ["P1"]
    assert whole(register, DAY)["stage"].tolist() == ["preliminary_survey", "listed"]
    assert register.evidence("priority_plot", ["P0", "P1"]).empty
    assert len(register.changes()) == 2


def test_a_move_brings_its_facts_with_it(register):
    register.take("priority_plot", plots("remediation"), act(START))
    proof = evidence_for("remediation", "effect_assessment")
    step = moving("effect_assessment", "P0", effect_assessor="示例丙")
    register.advance("priority_plot", step, act(), proof)

    assert whole(register, DAY)["effect_assessor"].tolist() == ["示例丙"]
    assert whole(register, START)["effect_assessor"].tolist() == ["示例乙"]


def test_a_delivery_that_moves_a_parcel_is_bound_by_the_same_rule(register):
    first = plots("preliminary_survey", "listed")
    register.take("priority_plot", first, act(START))
    later = first.assign(stage=["detailed_survey", "closed"])

    with pytest.raises(MovesNotAllowedError):
        register.take("priority_plot", later, act(), given=REPORT)
    done = register.take("priority_plot", later, act(reason="示例更正"), corrects=True)
    assert done.updated == 2
    assert register.changes()["kind"].iloc[-1] == "correct"


def test_a_delivery_names_its_document_row_by_row(register):
    first = plots("preliminary_survey")
    register.take("priority_plot", first, act(START))
    sent = SourceFile("六月.csv", "ab" * 32, 9)
    later = first.assign(stage="detailed_survey", source_document="示例〔2024〕9号")
    register.take("priority_plot", later, act(file=sent, unit="110108"))

    (row,) = register.evidence("priority_plot", ["P0"]).to_dict("records")
    assert (row["number"], row["delivery"], row["issued_by"]) == (
        "示例〔2024〕9号",
        "六月.csv",
        "110108",
    )
    assert row["kind"] is None


def test_the_document_of_a_move_survives_and_is_verified(register, tmp_path):
    pdf = tmp_path / "调查报告.pdf"
    pdf.write_bytes(b"%PDF-1.4 example")
    register.take("priority_plot", plots("preliminary_survey"), act(START))
    kept = register.documents.keep(pdf)
    pdf.unlink()
    proof = Evidence("survey_report", "1号", DAY, "示例单位", "示例评审单位", kept)
    register.advance("priority_plot", moving("detailed_survey", "P0"), act(), proof)

    (row,) = register.evidence("priority_plot", ["P0"]).to_dict("records")
    place = register.documents.read(row["sha256"])
    assert (row["file"], row["size_bytes"]) == ("调查报告.pdf", 16)
    assert place.read_bytes() == b"%PDF-1.4 example"
    place.chmod(0o644)
    place.write_bytes(b"%PDF-1.4 Example")
    with pytest.raises(DocumentDamagedError):
        register.documents.read(row["sha256"])


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_an_allowed_step_is_added_to_the_history_and_nothing_else_changes(data):
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "r.gpkg")
        with Register(path, [PLOT]) as register:
            stage = data.draw(st.sampled_from([s.key for s in PLOT.stages if s.next]))
            register.take("priority_plot", plots(stage, "priority"), act(START))
            history = [(START, whole(register, START))]
            for _ in range(data.draw(st.integers(1, 4))):
                following = PLOT.stage(stage).next
                if not following:
                    break
                to = data.draw(st.sampled_from(following))
                on = history[-1][0] + dt.timedelta(data.draw(st.integers(1, 400)))
                step = moving(to, "P0")
                register.advance("priority_plot", step, act(on), evidence_for(stage, to))

                for day, then in history:
                    pd.testing.assert_frame_equal(whole(register, day), then)
                now = whole(register, on)
                assert now["stage"].tolist() == [to, "priority"]
                last = history[-1][1]
                pd.testing.assert_frame_equal(
                    now.drop(columns="stage"), last.drop(columns="stage")
                )
                history.append((on, now))
                stage = to
            moves = register.evidence("priority_plot", ["P0"])["to_stage"].tolist()
            assert moves == [then["stage"].iloc[0] for _, then in history[1:]]


# The commands


@pytest.fixture
def office(tmp_path, monkeypatch):
    """A register with two plots, and a way to run commands on it in either language."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "地块.csv").write_text(
        "地块编码,所属区,环节\n1101050320001,朝阳区,初步调查\n1101050320002,朝阳区,初步调查\n",
        "utf-8",
    )
    (tmp_path / "报告.pdf").write_bytes(b"%PDF-1.4 example")

    def run(*arguments, lang="zh"):
        return cli.run(["--store", "库.gpkg", "--lang", lang, "--user", "示例", *arguments])

    run("import", "地块.csv", "--layer", "priority_plot", "--on", "2024-01-01")
    return run


PROOF = (
    "--layer", "priority_plot", "--on", "2024-06-01", "--number", "示例〔2024〕12号",
    "--dated", "2024-05-20", "--issued-by", "示例调查单位", "--reviewed-by", "示例评审单位",
)  # fmt: skip


@pytest.mark.parametrize(
    ("lang", "stage", "kind", "field"),
    [
        ("zh", "详细调查", "调查报告", "调查报告上传时间"),
        ("en", "Detailed survey", "survey report", "survey_uploaded_on"),
    ],
)
def test_parcels_advance_with_a_document(office, capsys, lang, stage, kind, field):
    done = office(
        "advance", "1101050320001", "1101050320002", stage, *PROOF, "--evidence", kind,
        "--file", "报告.pdf", "--set", f"{field}=2024-05-30", lang=lang,
    )  # fmt: skip
    shown = office("evidence", "1101050320001", "--layer", "priority_plot", "--format", "json",
                   "--out", "e.json", "--save", ".", lang=lang)  # fmt: skip

    digest = hashlib.sha256(b"%PDF-1.4 example").hexdigest()
    said = {"zh": "2 个地块自 2024-06-01 起转入“详细调查”", "en": "2 parcels move to"}
    here = Path.cwd()
    (row,) = json.loads((here / "e.json").read_text("utf-8-sig"))["rows"]
    assert (done, shown) == (Exit.DONE, Exit.DONE)
    assert said[lang] in capsys.readouterr().out
    assert row["sha256"] == digest
    assert (here / f"{digest[:8]}_报告.pdf").read_bytes() == b"%PDF-1.4 example"
    assert (here / "库.gpkg.files" / digest[:2] / digest[2:]).exists()


@pytest.mark.parametrize(
    ("lang", "said"),
    [
        ("zh", "不能从“初步调查”直接转入“列入名录”；其后可以是：管理结束、详细调查"),
        ("en", "Cannot go from Preliminary survey straight to Listed"),
    ],
)
def test_a_move_that_is_not_allowed_says_why_and_changes_nothing(office, capsys, lang, said):
    refused = office("advance", "1101050320001", "listed", *PROOF, "--evidence", "list_entry",
                     lang=lang)  # fmt: skip

    out = capsys.readouterr().out
    assert refused == Exit.MOVES_NOT_ALLOWED
    assert said in out
    assert ("调查报告须上传" if lang == "zh" else "uploaded to the national platform") in out


def test_the_document_is_asked_for_before_anything_else(office, capsys):
    said = office("advance", "1101050320001", "详细调查", "--layer", "priority_plot")

    assert said == Exit.USAGE
    assert "--evidence" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["9999", "详细调查", "--evidence", "调查报告"], Exit.UNKNOWN_PARCEL),
        (["1101050320001", "没有的环节", "--evidence", "调查报告"], Exit.UNKNOWN_STAGE),
        (["1101050320001", "详细调查", "--evidence", "没有的文件"], Exit.UNKNOWN_DOCUMENT),
        (["1101050320001", "详细调查", "--evidence", "调查报告", "--set", "没有=1"],
         Exit.MAPPING_NOT_USABLE),
        (["1101050320001", "详细调查", "--evidence", "调查报告", "--set", "开工时间"],
         Exit.MAPPING_NOT_USABLE),
        (["1101050320001", "详细调查", "--evidence", "调查报告", "--file", "没有.pdf",
          "--set", "调查报告上传时间=2024-05-30"], Exit.FILE_NOT_READABLE),
    ],
)  # fmt: skip
def test_what_is_not_there_is_said(office, arguments, code):
    assert office("advance", *arguments, *PROOF) == code


def test_codes_come_from_a_list_and_a_wrong_one_is_named_by_its_row(office, capsys, tmp_path):
    (tmp_path / "名单.csv").write_text("地块编码\n1101050320001\n1101050320002\n", "gb18030")
    take = ["advance", "详细调查", *PROOF, "--evidence", "调查报告", "--codes-from", "名单.csv"]
    refused = office(*take)
    said = capsys.readouterr().out
    done = office(*take, "--set", "调查报告上传时间=2024-05-30")

    assert refused == Exit.MOVES_NOT_ALLOWED
    assert "第 3 行" in said
    assert done == Exit.DONE
    assert "2 个地块" in capsys.readouterr().out


def test_a_dry_run_moves_nothing_and_keeps_no_file(office, tmp_path):
    done = office(
        "advance", "1101050320001", "详细调查", *PROOF, "--evidence", "调查报告",
        "--set", "调查报告上传时间=2024-05-30", "--file", "报告.pdf", "--dry-run",
    )  # fmt: skip

    assert done == Exit.DONE
    assert not (tmp_path / "库.gpkg.files").exists()


def test_a_delivery_that_moves_parcels_gives_its_document_in_the_row_or_for_all(
    office, capsys, tmp_path
):
    head = "地块编码,环节,调查报告上传时间"
    rows = "1101050320001,详细调查,2024-05-30\n1101050320002,列入名录,2024-05-30\n"
    (tmp_path / "六月.csv").write_text(f"{head}\n{rows}", "utf-8")
    take = ["import", "六月.csv", "--layer", "priority_plot", "--on", "2024-06-01"]

    nothing = office(*take)
    without = capsys.readouterr().out
    some = office(*take, "--evidence", "调查报告", *PROOF[4:], "--accept-valid")

    assert (nothing, some) == (Exit.DELIVERY_NOT_ACCEPTED, Exit.DELIVERY_NOT_ACCEPTED)
    assert "没有依据文件" in without
    assert "stage_not_allowed" in without
    assert "更新 1 个" in capsys.readouterr().out
    assert "1101050320002" in (tmp_path / "六月.rejects.csv").read_text("utf-8-sig")


def test_a_correction_needs_a_reason_and_binds_to_no_order(office, tmp_path):
    (tmp_path / "更正.csv").write_text("地块编码,环节\n1101050320001,列入名录\n", "utf-8")
    take = ["import", "更正.csv", "--layer", "priority_plot", "--on", "2024-01-01", "--correct"]

    assert office(*take) == Exit.USAGE
    assert office(*take, "--reason", "录入有误") == Exit.DONE


@pytest.mark.parametrize(("on", "article"), [("2026-08-14", "土壤污染防治法第61条"),
                                             ("2026-08-15", "生态环境法典第456条")])  # fmt: skip
def test_stages_are_shown_with_the_article_in_force(office, capsys, tmp_path, on, article):
    office("stages", "contaminated_site", "--on", on)
    shown = capsys.readouterr().out
    office("stages", "contaminated_site", "--on", on, "--format", "json", "--out", "s.json")
    office("stages", "contaminated_site", "--format", "xlsx", "--out", "s.xlsx")
    office("stages", "contaminated_site", "--format", "csv", "--out", "s.csv")
    whole_json = json.loads((tmp_path / "s.json").read_text("utf-8-sig"))

    assert article in shown
    assert {row["stage"] for row in whole_json["rows"]} == {
        stage.key for stage in LAYERS["contaminated_site"].stages
    }
    assert article in {gate["basis"] for gate in whole_json["meta"]["gates"]}
    assert (tmp_path / "s.xlsx").stat().st_size > 5000
    assert "列入名录" in (tmp_path / "s.csv").read_text("utf-8-sig")


@pytest.mark.parametrize(
    ("lang", "said"), [("zh", "未启用，待确认"), ("en", "Off, open question")]
)
def test_what_is_uncertain_is_shown_as_off(office, capsys, monkeypatch, lang, said):
    office("stages", "priority_plot", lang=lang)
    off = capsys.readouterr().out
    monkeypatch.setenv("JINGTU_ENABLE", "no_building_on_priority_plot")
    office("stages", "priority_plot", lang=lang)

    assert said in off
    assert said not in capsys.readouterr().out


def test_killed_half_way_all_parcels_have_moved_or_none(tmp_path):
    path = tmp_path / "r.gpkg"
    count = 3000
    first = pd.DataFrame(
        {"编码": [f"P{i}" for i in range(count)], "环节": "初步调查", "所属区": "朝阳区"}
    )
    first.to_csv(tmp_path / "a.csv", index=False)
    base = ["--store", str(path), "--lang", "zh"]
    cli.run(
        [*base, "import", str(tmp_path / "a.csv"), "-l", "priority_plot", "--on", "2024-01-01"]
    )
    command = [
        sys.executable, "-c", "import sys; from maps import cli; sys.exit(cli.run(sys.argv[1:]))",
        *base, "advance", "详细调查", *PROOF, "--evidence", "调查报告", "--codes-from",
        str(tmp_path / "a.csv"), "--set", "调查报告上传时间=2024-05-30",
    ]  # fmt: skip
    done = 0
    for seconds in (2.0, 3.0, 4.0):
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as child:
            try:
                child.wait(seconds)
            except subprocess.TimeoutExpired:
                child.send_signal(signal.SIGKILL)
        with Register(str(path), [PLOT]) as register:
            stages = register.frame("priority_plot", Moment(DAY), columns=["code", "stage"])
            moved = int((stages["stage"] == "detailed_survey").sum())
            proofs = len(register.evidence("priority_plot", list(stages["code"])))
        assert (moved, proofs) in {(0, 0), (count, count)}
        done = moved
        if done:
            break
    if not done:
        assert subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode == 0
