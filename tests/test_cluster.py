"""Coverage by worker processes is that of one process, whatever becomes of the workers."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from conftest import missing
from strewn import register_of
from test_lake import NOW, jingtu, office, silent, written
from test_partition import same
from town import AT, PLOT, on, plots

from layers import cluster, shares
from layers.coverage import holdings, merged
from maps.answers import Exit
from parcels import crs, districts
from parcels.errors import (
    ClusterNotUsableError,
    ClusterUnlikeError,
    LakeNotUsableError,
    StoreNotFoundError,
)
from parcels.exchange import lake as lakes
from parcels.model import Moment
from parcels.partition import EVERYWHERE
from parcels.register import Filter

try:
    import distributed
except ImportError:
    distributed = None

__all__ = ["office"]

CITY = districts.bundled()


@pytest.fixture(scope="module", autouse=True)
def dask() -> None:
    """What clusters need, an extra."""
    if distributed is None:
        missing("distributed is not installed")


@pytest.fixture(scope="module")
def crew() -> Iterator[cluster.Crew]:
    """Two workers of our own."""
    with cluster.of_our_own(2, memory_mib=1024) as hired:
        yield hired


@contextmanager
def programs(folder: Path, *workers: dict[str, str]) -> Iterator[tuple[str, list]]:
    """A scheduler and workers, programs of their own, over TCP: its address, it, and the workers.

    A dict says what is different in a worker's environment.
    """
    folder.mkdir(exist_ok=True)
    known = folder / "scheduler.json"
    common = ["--scheduler-file", str(known), "--no-dashboard"]
    python = [sys.executable, "-m"]
    started = []

    def start(*words: str, **changed: str) -> subprocess.Popen:
        program = subprocess.Popen(
            [*python, *words, *common],
            env={**os.environ, **changed},  # noqa: TID251 - handed on
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        started.append(program)
        return program

    try:
        scheduler = start("distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0")
        hired = [
            start("distributed.cli.dask_worker", "--no-nanny", "--nthreads", "1", "--memory-limit",
                  "1GiB", **changed)
            for changed in workers
        ]  # fmt: skip
        address = _address(known)
        with distributed.Client(address, set_as_default=False, timeout=60) as client:
            if workers:
                client.wait_for_workers(len(workers), timeout=120)
        yield address, [scheduler, *hired]
    finally:
        for program in reversed(started):
            program.kill()
            program.wait()


def _address(known: Path) -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if known.exists() and known.read_text("utf-8").endswith("}"):
            return str(json.loads(known.read_text("utf-8"))["address"])
        time.sleep(0.05)
    raise TimeoutError(known)


@pytest.fixture(scope="module")
def lake(tmp_path_factory):
    """A lake of 300 parcels in many files, and what is in it."""
    folder = tmp_path_factory.mktemp("lake")
    with register_of(str(folder / "register.gpkg"), seed=3, count=300) as register:
        made = written(register, folder / "lake", most=12)
        whole = merged([holdings(register.frame(PLOT.key, NOW), register.territory)])
    return made, whole


def test_two_workers_add_up_a_register_and_a_lake_as_one_process_does(crew, store_url, tmp_path):
    told = []
    with register_of(store_url, seed=11, count=200) as register:
        made = written(register, tmp_path / "lake")
        territory = register.territory_at(NOW)
        whole = merged([holdings(register.frame(PLOT.key, NOW), territory)])

        work = shares.of_register(register, PLOT.key, NOW, most=20)
        of_register = crew.added_up(work, territory, lambda *how_far: told.append(how_far))
    of_lake = crew.added_up(shares.of_lake(made), made.territory(), silent)

    assert len(whole.pairs) > 10
    same(of_register, whole)
    same(of_lake, whole)
    assert told == [(done, len(work)) for done in range(len(work))]


def test_the_workers_are_bounded_and_say_so(crew):
    assert (crew.workers, crew.memory_mib) == (2, 1024)


def test_a_worker_that_is_killed_half_way_changes_nothing(crew, lake):
    made, whole = lake
    work = shares.of_lake(made)
    pids = crew.client.run(os.getpid)
    killed = []

    def told(done: int, _total: int) -> None:
        if done == 3:
            killed.append(next(iter(pids.values())))
            os.kill(killed[0], signal.SIGKILL)

    held = crew.added_up(work, made.territory(), told)

    same(held, whole)
    assert len(killed) == 1
    crew.client.wait_for_workers(2, timeout=60)
    assert killed[0] not in crew.client.run(os.getpid).values()


def test_what_a_worker_cannot_read_is_refused_as_on_one_machine(crew, lake, tmp_path):
    made, _ = lake
    work = shares.of_lake(made)
    gone = tmp_path / "gone"
    elsewhere = [
        shares.OfLake(str(gone), one.name, one.part, one.others, Filter()) for one in work
    ]
    nowhere = shares.OfRegister(
        str(gone / "r.gpkg"), (PLOT,), PLOT.key, on(NOW.on), Filter(), EVERYWHERE
    )

    with pytest.raises(LakeNotUsableError) as of_lake:
        crew.added_up(elsewhere, CITY, silent)
    with pytest.raises(StoreNotFoundError):
        crew.added_up([nowhere], CITY, silent)

    assert of_lake.value.fields["folder"] == str(gone)
    assert of_lake.value.fields["reason"] == "missing"


def test_a_share_too_large_for_the_memory_is_refused_and_nothing_else_dies(tmp_path):
    angle = np.linspace(0, 2 * np.pi, 12_000_000)
    ring = np.column_stack([116.3 + 0.1 * np.cos(angle), 40 + 0.1 * np.sin(angle)])
    ring[-1] = ring[0]
    frame = plots(1).drop(columns="row").set_geometry([shapely.Polygon(ring)], crs=crs.STORAGE)
    frame.index = [1]
    with_it = tmp_path / "lake"
    with_it.mkdir()
    made = lakes.write(
        with_it,
        PLOT,
        [(EVERYWHERE, gpd.GeoDataFrame(frame))],
        moment=Moment(NOW.on, change=1),
        territory=CITY,
        made_at=AT,
    )

    with (
        cluster.of_our_own(1, memory_mib=512) as small,
        pytest.raises(ClusterNotUsableError) as refusal,
    ):
        small.added_up(shares.of_lake(made), CITY, silent)

    assert refusal.value.fields["reason"] == "killed"


# -- programs of their own, over TCP ---------------------------------------------------------


def test_a_scheduler_and_workers_over_tcp_add_up_the_same_though_one_is_killed(
    lake, tmp_path, monkeypatch
):
    monkeypatch.setattr(cluster, "RETURN_S", 2.0)
    made, whole = lake
    work = shares.of_lake(made)
    with programs(tmp_path, {}, {}) as (address, workers), cluster.at(address) as crew:
        first = crew.added_up(work, made.territory(), silent)

        def told(done: int, _total: int) -> None:
            if done == 2:
                workers[1].kill()

        second = crew.added_up(work, made.territory(), told)
        hired = crew.workers, crew.memory_mib

        def told_again(done: int, _total: int) -> None:
            if done == 2:
                workers[2].kill()

        with pytest.raises(ClusterNotUsableError) as refusal:
            crew.added_up(work, made.territory(), told_again)

    same(first, whole)
    same(second, whole)
    assert hired == (2, 1024)
    assert refusal.value.fields == {"address": address, "reason": "gone"}


def test_a_scheduler_that_dies_half_way_is_answered_and_not_waited_for(
    lake, tmp_path, monkeypatch
):
    monkeypatch.setattr(cluster, "RETURN_S", 2.0)
    made, _ = lake
    with programs(tmp_path, {}) as (address, started), cluster.at(address) as crew:

        def told(done: int, _total: int) -> None:
            if done == 2:
                started[0].kill()

        with pytest.raises(ClusterNotUsableError) as refusal:
            crew.added_up(shares.of_lake(made), made.territory(), told)

    assert refusal.value.fields == {"address": address, "reason": "gone"}


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense://x", "10.0.0", ""])
def test_where_there_is_no_scheduler_none_is_waited_for_long(address, monkeypatch):
    monkeypatch.setattr(cluster, "PATIENCE_S", 1.0)
    with pytest.raises(ClusterNotUsableError) as refusal, cluster.at(address):
        pass

    assert refusal.value.fields == {"address": address, "reason": "no_scheduler"}


@pytest.mark.parametrize("hired", [cluster.of_our_own(1), cluster.at("tcp://127.0.0.1:1")])
def test_without_dask_it_is_said_what_to_install(hired, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)

    with pytest.raises(ClusterNotUsableError) as refusal, hired:
        pass

    assert refusal.value.fields["reason"] == "not_installed"


def test_a_scheduler_without_workers_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(cluster, "PATIENCE_S", 1.0)
    with (
        programs(tmp_path) as (address, _),
        pytest.raises(ClusterNotUsableError) as refusal,
        cluster.at(address),
    ):
        pass

    assert refusal.value.fields["reason"] == "no_workers"


def test_workers_of_another_version_or_without_jingtu_are_refused(tmp_path):
    other = tmp_path / "other" / "jingtu-9.9.dist-info"
    other.mkdir(parents=True)
    (other / "METADATA").write_text("Metadata-Version: 2.1\nName: jingtu\nVersion: 9.9\n")
    without = tmp_path / "without" / "layers"
    without.mkdir(parents=True)
    (without / "__init__.py").write_text("")
    reasons = []
    for place in (other.parent, without.parent):
        with (
            programs(tmp_path / f"at-{place.name}", {"PYTHONPATH": str(place)}) as (address, _),
            pytest.raises(ClusterNotUsableError) as refusal,
            cluster.at(address),
        ):
            pass
        reasons.append(refusal.value.fields)

    assert (reasons[0]["reason"], reasons[0]["what"]) == ("versions", "jingtu")
    assert reasons[0]["there"] == "9.9"
    assert reasons[1]["reason"] == "no_jingtu"


def test_a_processor_that_rounds_otherwise_is_refused(tmp_path):
    other = {"NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL"}
    asked = "from layers import cluster; print(cluster.description()['arithmetic'])"
    told = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", asked],
        env={**os.environ, **other},  # noqa: TID251 - handed on
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    mine = cluster.description()["arithmetic"]
    if told == mine:
        pytest.skip("this processor has nothing that can be switched off")

    with (
        programs(tmp_path, other) as (address, _),
        pytest.raises(ClusterUnlikeError) as refusal,
        cluster.at(address),
    ):
        pass

    assert refusal.value.fields == {
        "address": address,
        "reason": "arithmetic",
        "what": "arithmetic",
        "here": mine,
        "there": told,
    }


# -- as a user -------------------------------------------------------------------------------


def test_a_person_gets_the_same_file_from_workers_and_is_told_their_limit(office, capsys):
    typed = ("coverage", "--layer", "farmland", "--format", "csv", "--out")
    assert jingtu(*typed, "a.csv") == Exit.DONE
    capsys.readouterr()

    assert jingtu(*typed, "b.csv", "--workers", "2", "--memory", "768") == Exit.DONE

    assert (office / "a.csv").read_bytes() == (office / "b.csv").read_bytes()
    assert "2 个进程一起算，每个最多用 768 MiB 内存。" in capsys.readouterr().err


def test_ctrl_c_sends_the_workers_home_without_a_word_of_theirs(office):
    typed = ("--store", "r.gpkg", "coverage", "--layer", "farmland", "--workers", "2")
    running = subprocess.Popen(
        [sys.executable, "-c", "from maps.cli import main; main()", *typed],
        env={**os.environ, "TMPDIR": str(office), "JINGTU_LANG": "zh"},  # noqa: TID251 - handed on
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while not list(office.glob("jingtu-workers-*")) and running.poll() is None:
        time.sleep(0.01)
    time.sleep(0.5)

    os.killpg(running.pid, signal.SIGINT)

    _, said = running.communicate(timeout=120)
    assert running.returncode == Exit.INTERRUPTED
    assert "Traceback" not in said
    assert "已中断" in said
    assert not list(office.glob("jingtu-workers-*"))


@pytest.mark.usefixtures("office")
def test_a_cluster_that_is_not_there_is_answered_with_what_to_do(capsys, monkeypatch):
    monkeypatch.setattr(cluster, "PATIENCE_S", 1.0)

    done = jingtu("coverage", "--cluster", "tcp://127.0.0.1:1")
    both = jingtu("coverage", "--cluster", "tcp://127.0.0.1:1", "--workers", "2")

    said = capsys.readouterr().err
    assert (done, both) == (Exit.CLUSTER_NOT_USABLE, Exit.USAGE)
    assert "不能交给 tcp://127.0.0.1:1 计算：那里没有调度器，或连不上。" in said
    assert "未知" not in said
    assert "只能选一个" in said
