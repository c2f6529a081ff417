"""`jingtu import` at a real terminal: bars, lines that fit, and Ctrl-C at any moment."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
from rich.cells import cell_len

from maps import text
from maps.answers import Exit
from maps.cli.interruption import Interruption
from parcels.fingerprint import fingerprint
from parcels.store import Store

ROOT = Path(__file__).parents[1]
PROGRAM = [sys.executable, "-c", "from maps.cli import main; main()"]
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@dataclass
class Terminal:
    """A program at a pseudo-terminal of its own, and all it has shown."""

    process: subprocess.Popen
    screen: int
    shown: bytearray = field(default_factory=bytearray)

    @classmethod
    def run(cls, *arguments, cwd, columns=80):
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        process = subprocess.Popen(
            [*PROGRAM, *map(str, arguments)],
            cwd=cwd,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            env={
                "JINGTU_REVIEW": "own",
                "PATH": os.defpath,
                "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]),
                "TERM": "xterm",
                "LC_ALL": "C.UTF-8",
                "HOME": str(cwd),
            },
            start_new_session=True,
        )
        os.close(theirs)
        return cls(process, ours)

    def read(self):
        """What is shown next; False at the end."""
        with suppress(OSError):
            more = os.read(self.screen, 65_536)
            self.shown += more
            return bool(more)
        return False

    def until(self, words):
        """Read until something is shown, or to the end."""
        while words.encode() not in self.shown and self.read():
            pass
        return words.encode() in self.shown

    def end(self):
        """Everything shown, and the exit code."""
        while self.read():
            pass
        os.close(self.screen)
        return self.shown.decode("utf-8", "replace"), self.process.wait(timeout=60)


def delivery(path, *, count, start=0, code="P"):
    number = np.arange(count)
    west, south = 116.2 + 0.001 * (number % 100), 39.9 + 0.001 * (number // 100)
    shapes = shapely.box(west, south, west + 0.0009, south + 0.0009)
    frame = gpd.GeoDataFrame(
        {
            "编码": [f"{code}{start + n:06d}" for n in number],
            "名称": "示例地块",
            "环节": "优先监管",
            "行业类别": "化工",
        },
        geometry=shapes,
        crs=4490,
    )
    frame.to_file(path)
    return path


def content(url):
    store = Store(url, create=False)
    try:
        return fingerprint(store)
    finally:
        store.close()


def import_(url, path, *more):
    return ("--store", url, "--lang", "zh", "import", path, "--layer", "priority_plot", *more)


@pytest.fixture
def held(store_url, tmp_path):
    """A register that holds something, and a larger delivery to be taken in."""
    first = delivery(tmp_path / "先.gpkg", count=20)
    terminal = Terminal.run(*import_(store_url, first), cwd=tmp_path)
    shown, code = terminal.end()
    assert code == Exit.DONE, shown
    return store_url, delivery(tmp_path / "后.gpkg", count=2_000, start=10, code="P")


def test_a_terminal_shows_a_bar_while_it_works_and_only_the_answer_at_the_end(tmp_path):
    path = delivery(tmp_path / "朝阳区.gpkg", count=300)
    terminal = Terminal.run(*import_("r.gpkg", path), cwd=tmp_path)
    shown, code = terminal.end()

    steps = [text.say(f"commands.steps.{one}", "zh") for one in ("read", "check", "store")]
    last = ESCAPES.sub("", shown).rstrip().splitlines()[-1]
    assert code == Exit.DONE
    assert all(f"朝阳区.gpkg  {one}" in ESCAPES.sub("", shown) for one in steps)
    assert "━" in shown
    assert "新增 300 个地块" in last
    assert "━" not in last


def test_what_is_not_a_terminal_gets_no_bar(tmp_path):
    path = delivery(tmp_path / "朝阳区.gpkg", count=30)
    done = subprocess.run(
        [*PROGRAM, *import_("r.gpkg", path)],
        cwd=tmp_path,
        check=False,
        capture_output=True,
        env={
            "JINGTU_REVIEW": "own",
            "PATH": os.defpath,
            "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path]),
            "LC_ALL": "C.UTF-8",
            "HOME": str(tmp_path),
        },
    )

    assert done.returncode == Exit.DONE
    assert done.stderr == b""
    assert b"\x1b" not in done.stdout


@pytest.mark.parametrize("columns", [80, 120])
def test_lines_fit_the_terminal_and_go_on_below_their_beginning(tmp_path, columns):
    path = tmp_path / "坏.csv"
    long = "很长的名称" * 30
    path.write_text(f"地块编码,地块名称,环节\nX,示例,没有的环节{long}\nY,示例,没有\n", "utf-8")
    terminal = Terminal.run(*import_("r.gpkg", path), cwd=tmp_path, columns=columns)
    shown, code = terminal.end()

    lines = ESCAPES.sub("", shown.split("\x1b[?25h")[-1]).strip("\r").split("\r\n")
    first = next(place for place, line in enumerate(lines) if "没有的环节" in line)
    assert code == Exit.DELIVERY_NOT_ACCEPTED
    assert max(cell_len(line.rstrip()) for line in lines[:-2]) <= columns
    assert lines[first + 1].startswith("  ")
    assert "\x1b[1;31m" in shown


@pytest.mark.parametrize("step", ["read", "check", "store"])
def test_ctrl_c_before_the_commit_leaves_the_register_as_it_was(held, tmp_path, step):
    url, path = held
    before = content(url)
    terminal = Terminal.run(*import_(url, path), cwd=tmp_path)

    assert terminal.until(f"后.gpkg  {text.say(f'commands.steps.{step}', 'zh')}")
    os.kill(terminal.process.pid, signal.SIGINT)
    shown, code = terminal.end()

    assert code == Exit.INTERRUPTED, shown
    assert text.say("cli.interrupted", "zh") in shown
    assert "Traceback" not in shown
    assert "已入库" not in shown
    assert content(url) == before


@pytest.mark.parametrize("wait_s", [0.05, 0.3])
def test_ctrl_c_while_storing_is_never_half_done(held, tmp_path, wait_s):
    url, path = held
    before = content(url)
    terminal = Terminal.run(*import_(url, path), cwd=tmp_path)

    assert terminal.until(f"后.gpkg  {text.say('commands.steps.store', 'zh')}")
    time.sleep(wait_s)
    os.kill(terminal.process.pid, signal.SIGINT)
    shown, code = terminal.end()

    stored = content(url) != before
    assert code == (Exit.DONE if stored else Exit.INTERRUPTED), shown
    assert ("已入库" in shown) == stored
    assert (text.say("cli.interrupted", "zh") in shown) != stored


def test_an_interruption_that_was_lost_on_the_way_is_given_way_to_before_the_commit():
    with pytest.raises(KeyboardInterrupt), Interruption() as watch:  # noqa: PT012 - the block is it
        with suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)
        watch.hold()


def test_an_error_that_an_interruption_turned_into_is_still_an_interruption():
    with pytest.raises(KeyboardInterrupt), Interruption():  # noqa: PT012 - the block is it
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(1)
        except KeyboardInterrupt:
            raise ValueError from None


def test_from_the_commit_on_the_work_is_seen_through():
    before = signal.getsignal(signal.SIGINT)
    with Interruption() as watch:
        watch.hold()
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(0.05)
        finished = True

    assert finished
    assert signal.getsignal(signal.SIGINT) is before
