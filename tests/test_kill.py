"""An import killed at any moment leaves the register as it was before, or as after it."""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import sqlalchemy as sa
from worker import LAYERS

from layers.samples.attributes import parcels_frame
from parcels import districts
from parcels.exchange import ogr
from parcels.fingerprint import fingerprint
from parcels.register import Register

LAYER = "priority_plot"
PARCELS = 300
MOMENTS = 25
"""Moments for each of the two starts: from nothing, and upon an earlier delivery."""


class Worker:
    """The process of worker.py and its children."""

    def __init__(self) -> None:
        program = Path(__file__).with_name("worker.py")
        self._process = subprocess.Popen(
            [sys.executable, program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def begin(self, order: str, *words: str) -> int:
        """Number of the child that obeys."""
        self._process.stdin.write(json.dumps([order, *words]) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def ended(self) -> int:
        """How the child ended: 0, or minus the signal that killed it."""
        return int(self._process.stdout.readline())

    def obey(self, order: str, *words: str) -> float:
        """Seconds it took from the first to the last moment at which it could be killed."""
        began = time.monotonic()
        self.begin(order, *words)
        assert self.ended() == 0, self._told()
        return time.monotonic() - began

    def kill(self, after_s: float, order: str, *words: str) -> bool:
        """Whether the child was still at it when it was killed."""
        child = self.begin(order, *words)
        time.sleep(after_s)
        try:
            os.kill(child, signal.SIGKILL)
        except ProcessLookupError:
            assert self.ended() == 0
            return False
        end = self.ended()
        assert end in {0, -signal.SIGKILL}, self._told()
        return end != 0

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(timeout=60)
        self._process.stdout.close()
        self._process.stderr.close()

    def _told(self) -> str:
        self._process.kill()
        return self._process.stderr.read()


@pytest.fixture(scope="module")
def worker():
    one = Worker()
    yield one
    one.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """An earlier delivery, and a later one that changes half of it and adds as much again."""
    folder = tmp_path_factory.mktemp("deliveries")
    layer = next(one for one in LAYERS if one.key == LAYER)
    parcels = parcels_frame(layer, PARCELS, seed=5, territory=districts.bundled())
    parcels = parcels.drop(columns=["area_m2", "valid_from"])
    half = PARCELS // 2
    later = parcels.iloc[half // 2 :].assign(name=lambda rows: rows["name"] + "（改）")
    ogr.write(folder / "earlier.gpkg", parcels.iloc[:half], layer=LAYER)
    ogr.write(folder / "later.gpkg", later, layer=LAYER)
    return folder / "earlier.gpkg", folder / "later.gpkg"


@dataclass(frozen=True, slots=True)
class Place:
    """Where registers are made for one test: files in a folder, or databases of a server."""

    folder: Path
    cluster: object | None
    ogrinfo: str
    mark: str
    made: list[str] = field(default_factory=list)

    def name(self, said: str) -> str:
        """A name for a register that no other test uses."""
        return f"{said}_{self.mark}"

    def url(self, name: str, *, like: str | None = None) -> str:
        """Address of a new register, empty or a copy of another that nobody has open."""
        if self.cluster is None:
            path = self.folder / f"{name}.gpkg"
            if like is not None:
                path.write_bytes((self.folder / f"{like}.gpkg").read_bytes())
            return str(path)
        self.cluster.execute(f"CREATE DATABASE {name} TEMPLATE {like or 'jingtu_template'}")
        self.made.append(name)
        return self.cluster.url(name)

    def gdal_reads(self, worker: Worker, url: str) -> bool:
        """Whether GDAL in another process reads the layer to its end while we have it open."""
        if self.cluster is None:
            worker.obey("count", url, LAYER)
            return True
        place = sa.make_url(url)
        address = f"PG:host={place.host} port={place.port} user=postgres dbname={place.database}"
        command = [self.ogrinfo, "-ro", "-q", address, "-sql", f'SELECT * FROM "{LAYER}"']
        done = subprocess.run(command, check=False, capture_output=True)
        return done.returncode == 0 and b"ERROR" not in done.stderr


@pytest.fixture(params=["embedded", pytest.param("postgis", marks=pytest.mark.postgis)])
def place(request, tmp_path):
    mark = secrets.token_hex(4)
    if request.param == "embedded":
        yield Place(tmp_path, None, "", mark)
        return
    cluster = request.getfixturevalue("postgis_cluster")
    there = Place(tmp_path, cluster, request.getfixturevalue("ogrinfo"), mark)
    yield there
    for name in there.made:
        cluster.execute(f"DROP DATABASE {name} WITH (FORCE)")


def content(url: str) -> str:
    with Register(url, LAYERS) as register:
        return fingerprint(register.store)


@pytest.mark.slow
@pytest.mark.parametrize("start", ["from_nothing", "upon_an_earlier_delivery"])
def test_an_import_killed_at_any_moment_leaves_all_of_it_or_nothing(worker, files, place, start):
    earlier, later = (str(one) for one in files)
    like = None
    if start == "upon_an_earlier_delivery":
        like = place.name("earlier")
        worker.obey("import", place.url(like), earlier, LAYER)
    before = content(place.url(place.name("before"), like=like))
    whole = place.url(place.name("whole"), like=like)
    seconds = worker.obey("import", whole, later, LAYER)
    after = content(whole)
    left = []

    for number, share in enumerate(shares()):
        url = place.url(place.name(f"r{number}"), like=like)
        killed = worker.kill(share * seconds, "import", url, later, LAYER)
        with Register(url, LAYERS) as register:
            found = fingerprint(register.store)
            assert place.gdal_reads(worker, url)
        needed = worker.obey("import", url, later, LAYER)
        assert found in {before, after}, f"killed after {share * seconds:.3f} s"
        assert content(url) == after, f"imported anew, killed after {share * seconds:.3f} s"
        # The machine may be busier than a moment ago; what was left undone tells how busy.
        seconds = needed if found == before else seconds
        left.append((killed, found))

    assert before != after
    assert sum(killed for killed, _ in left) >= MOMENTS // 4
    assert (True, before) in left


def shares() -> list[float]:
    """Moments as shares of an import: evenly spread, each by chance, a few beyond the end."""
    chance = np.random.default_rng(20241124)
    return list((np.arange(MOMENTS) + chance.random(MOMENTS)) / MOMENTS * 1.05)
