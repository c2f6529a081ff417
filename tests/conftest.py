"""What tests stand on: a PostGIS server of their own, a browser, both stores, the shared data.

A missing server or browser skips the tests that need it and says so; with CI=true it fails them.
"""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import hypothesis
import psycopg
import pytest
from playwright import sync_api

ROOT = Path(__file__).parents[1]
SHARED = ROOT.parent / "shared" / "data"
CHROMIUM_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
TEMPLATE = "jingtu_template"

# How long an example takes says how busy the machine is, not whether the rule holds.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


def missing(what: str) -> None:
    """Skip the test because something is not installed; where CI=true, fail it instead."""
    strict = os.environ.get("CI", "").lower() in {"1", "true"}  # noqa: TID251 - set by CI alone
    (pytest.fail if strict else pytest.skip)(f"{what}; `make test` installs it")


@pytest.fixture
def shared_data() -> Callable[[str], Path]:
    """Path of real data that stands beside the checkout; its absence skips the test."""

    def place(name: str) -> Path:
        path = SHARED / name
        if not path.exists():
            pytest.skip(f"shared/data/{name} is not beside this checkout")
        return path

    return place


@dataclass(frozen=True, slots=True)
class Cluster:
    """A PostgreSQL server of our own: on the loopback, without passwords, gone afterwards."""

    programs: Path
    folder: Path
    port: int

    @classmethod
    def start(cls) -> "tuple[Cluster, subprocess.Popen[bytes]]":
        found = sorted(
            Path("/usr/lib/postgresql").glob("*/bin/initdb"),
            key=lambda program: int(program.parents[1].name),
        )
        if not found:
            missing("PostgreSQL is not installed")
        cluster = cls(found[-1].parent, Path(tempfile.mkdtemp(prefix="jingtu-postgis-")), _port())
        if os.geteuid() == 0:
            shutil.chown(cluster.folder, _account(), None)
        cluster._run("initdb", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-sync", "-N")
        return cluster, cluster._serve()

    def url(self, database: str) -> str:
        return f"postgresql+psycopg://postgres@127.0.0.1:{self.port}/{database}"

    def copy_template(self, database: str) -> None:
        # Copying files is faster without fsync; before 15 it was the only way and had no name.
        quick = " STRATEGY FILE_COPY" if int(self.programs.parent.name) >= 15 else ""
        self.execute(f"CREATE DATABASE {database} TEMPLATE {TEMPLATE}{quick}")

    def execute(self, statement: str, *, database: str = "postgres") -> None:
        address = f"host=127.0.0.1 port={self.port} user=postgres dbname={database}"
        with psycopg.connect(address, autocommit=True) as connection:
            connection.execute(statement)

    def await_start(self, server: "subprocess.Popen[bytes]") -> None:
        deadline = time.monotonic() + 60
        while server.poll() is None and time.monotonic() < deadline:
            with suppress(psycopg.OperationalError):
                return self.execute("SELECT 1")
            time.sleep(0.05)
        log = (self.folder / "log").read_text("utf-8", errors="replace")
        raise RuntimeError(f"PostgreSQL did not start:\n{log}")

    def _run(self, program: str, *arguments: str) -> None:
        command = [self.programs / program, "-D", self.folder / "data", *arguments]
        environment = {"LC_ALL": "C.UTF-8", "PATH": "/usr/bin:/bin"}
        subprocess.run(
            command, check=True, capture_output=True, env=environment, cwd="/", **_as_other()
        )

    def _serve(self) -> "subprocess.Popen[bytes]":
        settings = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "fsync": "off",
            "synchronous_commit": "off",
            "full_page_writes": "off",
            "max_connections": 50,
        }
        options = [f"-c{name}={value}" for name, value in settings.items()]
        # Ended by the kernel if the tests are killed, so that no server is left behind.
        tie = ["setpriv", "--pdeathsig", "INT", "--"] if shutil.which("setpriv") else []
        program = [*tie, self.programs / "postgres", "-D", self.folder / "data", *options]
        with (self.folder / "log").open("wb") as log:
            return subprocess.Popen(
                program, stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd="/", **_as_other()
            )


@pytest.fixture(scope="session")
def postgis_cluster() -> Iterator[Cluster]:
    """A PostGIS server for this run (for each worker of a parallel one)."""
    cluster, server = Cluster.start()
    try:
        cluster.await_start(server)
        cluster.execute(f"CREATE DATABASE {TEMPLATE}")
        try:
            cluster.execute("CREATE EXTENSION postgis", database=TEMPLATE)
        except (psycopg.errors.FeatureNotSupported, psycopg.errors.UndefinedFile):
            missing("PostGIS is not installed")
        yield cluster
    finally:
        server.send_signal(signal.SIGINT)
        try:
            server.wait(timeout=30)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        shutil.rmtree(cluster.folder, ignore_errors=True)


@pytest.fixture
def postgis_url(postgis_cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Address of an empty PostGIS database, this test's own.

    On a server another person approves by default; what is tested of deliveries is no other there.
    """
    monkeypatch.setenv("JINGTU_REVIEW", "own")
    name = f"t_{secrets.token_hex(6)}"
    postgis_cluster.copy_template(name)
    yield postgis_cluster.url(name)
    postgis_cluster.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["embedded", pytest.param("postgis", marks=pytest.mark.postgis)])
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address of an empty register, once in each store: a GeoPackage file and PostGIS."""
    if request.param == "embedded":
        return str(tmp_path / "register.gpkg")
    return str(request.getfixturevalue("postgis_url"))


@pytest.fixture(scope="session")
def ogrinfo() -> str:
    """The GDAL of the system, another than the one that comes with Python's packages."""
    program = shutil.which("ogrinfo")
    if program is None:
        missing("ogrinfo (gdal-bin) is not installed")
    return str(program)


@pytest.fixture(scope="session")
def chromium() -> Iterator[sync_api.Browser]:
    """Chromium without a window; JINGTU_TEST_CHROMIUM names another than /usr/bin/chromium."""
    named = os.environ.get("JINGTU_TEST_CHROMIUM")  # noqa: TID251 - which browser, for tests alone
    program = named or shutil.which("chromium") or "/usr/bin/chromium"
    if not Path(program).exists():
        missing(f"{program} is not there")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=list(CHROMIUM_ARGUMENTS)
        )
        try:
            yield browser
        finally:
            browser.close()


@pytest.fixture
def chromium_page(chromium: sync_api.Browser) -> Iterator[sync_api.Page]:
    """An empty page of a new profile, the network cut: files open, nothing else does."""
    context = chromium.new_context(offline=True, viewport={"width": 1280, "height": 900})
    try:
        yield context.new_page()
    finally:
        context.close()


def _port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _account() -> str:
    import pwd  # noqa: PLC0415 - only on systems that have accounts, and only as root

    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _as_other() -> dict[str, object]:
    """Arguments to run a program as an ordinary account: PostgreSQL refuses root."""
    return {"user": _account(), "extra_groups": []} if os.geteuid() == 0 else {}
