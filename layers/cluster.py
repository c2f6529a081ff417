"""Gives shares of a layer to the workers of a Dask cluster, and merges what they add up.

Dask decides who works when, and gives the work of a worker that died to another; what is worked
out is `layers.shares.added_up`, as on one machine. This is the only module that knows Dask.
"""

from __future__ import annotations

import hashlib
import logging
import platform
import signal
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib import metadata
from multiprocessing import resource_tracker
from typing import Any, Final

import numpy as np
import shapely

from layers import shares
from layers.coverage import Holdings, merged
from layers.shares import Share, Told
from parcels import crs
from parcels.districts import Territory
from parcels.errors import ClusterNotUsableError, ClusterUnlikeError

MEMORY_MIB: Final = 2048
"""What a worker of our own may use, where nothing else is said."""

PATIENCE_S: Final = 10.0
"""How long a scheduler or its first worker is waited for."""

RETURN_S: Final = 60.0
"""How long a new worker is waited for when the last one is gone."""

DEATHS: Final = 2
"""How many of our own workers may die of one share before it is given up."""

_LOOKED_AFTER_S: Final = 0.05
_MIB: Final = 2**20
_HERE: Final = "tcp://127.0.0.1"
_PACKAGES: Final = ("jingtu", "distributed", "numpy", "pandas", "geopandas", "pyarrow", "shapely")


@dataclass(frozen=True, slots=True)
class Crew:
    """Workers that take shares.

    Attributes:
        client: The connection to their scheduler.
        address: Of the scheduler.
        workers: How many there were when they were hired.
        memory_mib: What the one with the least may use, MiB; None where one has no limit.
    """

    client: Any
    address: str
    workers: int
    memory_mib: int | None

    def added_up(self, work: Sequence[Share], territory: Territory, told: Told) -> Holdings:
        """The holdings of all shares together; those of a worker that dies are worked out anew.

        Raises:
            ClusterNotUsableError: Every worker is gone, or one share after another kills its
                worker. Reasons "gone", "killed".
            LakeNotUsableError, StoreNotFoundError, StoreNotUsableError: See `shares.added_up`.
        """
        return merged(self._each(work, territory, told))

    def _each(self, work: Sequence[Share], territory: Territory, told: Told) -> Iterator[Holdings]:
        import distributed  # noqa: PLC0415 - an extra

        # The districts are a task of their own, which a worker that lost them can ask for again.
        plain = Territory(territory.districts, territory.units, territory.is_sample)
        ground = self.client.submit(_as_it_is, plain, pure=False)
        waiting = self.client.map(shares.added_up, work, territory=ground, pure=False)
        try:
            arriving = distributed.as_completed(waiting, loop=self.client.loop)
            for done in range(len(work)):
                told(done, len(work))
                self._await(arriving)
                future = next(arriving)
                yield self._fetched(future)
                future.release()
        except distributed.KilledWorker as error:
            raise ClusterNotUsableError(address=self.address, reason="killed") from error
        except (distributed.CancelledError, distributed.comm.CommClosedError) as error:
            raise ClusterNotUsableError(address=self.address, reason="gone") from error
        finally:
            with suppress(Exception):
                self.client.cancel([*waiting, ground])

    def _await(self, arriving: Any) -> None:
        """Wait for the next result; in vain if there has been no worker for RETURN_S."""
        alive = time.monotonic()
        while not arriving.has_ready():
            time.sleep(_LOOKED_AFTER_S)
            alive = self._seen_alive(alive)

    def _fetched(self, future: Any) -> Holdings:
        """What was added up; its worker may have died since it said so, and it is done anew."""
        alive = time.monotonic()
        while True:
            try:
                held: Holdings = future.result(timeout=1.0)
            except TimeoutError:
                alive = self._seen_alive(alive)
            else:
                return held

    def _seen_alive(self, before: float) -> float:
        """When there last was a worker."""
        if self.client.status == "running" and self.client.nthreads():
            return time.monotonic()
        if time.monotonic() - before > RETURN_S:
            raise ClusterNotUsableError(address=self.address, reason="gone")
        return before


@contextmanager
def of_our_own(workers: int, *, memory_mib: int = MEMORY_MIB) -> Iterator[Crew]:
    """Workers on this machine, each a process of its own; they go home with the block.

    Args:
        workers: How many.
        memory_mib: What each may use, MiB. Near it a worker first writes to disk, then stops
            taking shares; one that goes beyond is ended and replaced, and its share is tried
            again.

    Raises:
        ClusterNotUsableError: Dask is not installed, reason "not_installed".
    """
    distributed = _distributed(_HERE)
    import dask  # noqa: PLC0415 - an extra

    settings = {
        "distributed.scheduler.allowed-failures": DEATHS,
        # A worker that is away is being replaced by its nanny: Dask must not dismiss the nanny.
        "distributed.deploy.lost-worker-timeout": "1 day",
    }
    with ExitStack() as stack:
        stack.enter_context(dask.config.set(settings))
        scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="jingtu-workers-"))
        with _undisturbed():
            cluster = distributed.LocalCluster(
                n_workers=workers,
                threads_per_worker=1,
                processes=True,
                host="127.0.0.1",
                memory_limit=memory_mib * _MIB,
                # Whoever reaches a scheduler can run anything: other people of this machine are
                # kept out by a key of this run.
                security=True,
                dashboard_address="127.0.0.1:0",
                worker_dashboard_address=None,
                local_directory=scratch,
                silence_logs=logging.CRITICAL,
            )
            stack.enter_context(cluster)
        client = stack.enter_context(distributed.Client(cluster, set_as_default=False))
        client.wait_for_workers(workers)
        yield _crew(client, cluster.scheduler_address)


@contextmanager
def at(address: str) -> Iterator[Crew]:
    """The workers of a scheduler somewhere.

    They must reach what the shares name: the folder of the lake at the same path, or the
    database. Whoever reaches the scheduler can run anything on its workers: it belongs into a
    network of its own.

    Args:
        address: Of the scheduler, e.g. "tcp://10.0.0.5:8786".

    Raises:
        ClusterNotUsableError: There is no scheduler or no worker. Reasons "not_installed",
            "no_scheduler", "no_workers", "no_jingtu".
        ClusterUnlikeError: A worker would not work out the same. Reasons "versions",
            "arithmetic".
    """
    distributed = _distributed(address)
    with ExitStack() as stack:
        try:
            client = stack.enter_context(
                distributed.Client(address, timeout=PATIENCE_S, set_as_default=False)
            )
        except (OSError, ValueError, ImportError) as error:
            raise ClusterNotUsableError(address=address, reason="no_scheduler") from error
        try:
            client.wait_for_workers(1, timeout=PATIENCE_S)
        except TimeoutError as error:
            raise ClusterNotUsableError(address=address, reason="no_workers") from error
        _refuse_unlike(client, address)
        yield _crew(client, address)


def description() -> dict[str, str]:
    """What the arithmetic of this process rests on: versions, and a digest of its results."""
    told = {name: metadata.version(name) for name in _PACKAGES}
    told["python"] = ".".join(platform.python_version_tuple()[:2])
    told["GEOS"] = shapely.geos_version_string
    return told | {"arithmetic": _digest()}


def _digest() -> str:
    """A digest of areas and cuts, which another processor or library may round otherwise."""
    west, south = np.meshgrid(np.linspace(73.5, 135, 40), np.linspace(18, 53.5, 40))
    some = shapely.box(west.ravel(), south.ravel(), west.ravel() + 0.013, south.ravel() + 0.007)
    turned = shapely.transform(some, lambda xy: xy + np.sin(xy[:, ::-1] * 7) * 1e-3)
    cut = shapely.intersection(crs.equal_area(some), crs.equal_area(turned))
    numbers = np.concatenate([crs.area_m2(some), crs.area_m2(turned), shapely.area(cut)])
    return hashlib.sha256(numbers.tobytes()).hexdigest()[:16]


def _refuse_unlike(client: Any, address: str) -> None:
    here = description()
    for there in client.run(description, on_error="return").values():
        if not isinstance(there, dict):
            raise ClusterNotUsableError(address=address, reason="no_jingtu") from there
        for what, mine in here.items():
            if there[what] != mine:
                reason = "arithmetic" if what == "arithmetic" else "versions"
                raise ClusterUnlikeError(
                    address=address, reason=reason, what=what, here=mine, there=there[what]
                )


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Ctrl-C is for this process, which sends its workers home; they never hear of it.

    Threads made meanwhile, and the processes these start at any time, inherit what is blocked.
    Nor is the start itself cut in two, which Dask could not clean up: it is heard afterwards.
    """
    # It is started with the first process otherwise, and lets the signal through again.
    resource_tracker.ensure_running()
    heard: list[int] = []
    is_main = threading.current_thread() is threading.main_thread()
    before = signal.getsignal(signal.SIGINT)
    if is_main:
        signal.signal(signal.SIGINT, lambda number, _frame: heard.append(number))
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        if is_main:
            signal.signal(signal.SIGINT, before)
    if heard:
        signal.raise_signal(signal.SIGINT)


def _crew(client: Any, address: str) -> Crew:
    known = client.scheduler_info(n_workers=-1)["workers"].values()
    limits = [int(one["memory_limit"] or 0) // _MIB for one in known]
    return Crew(client, address, len(limits), min(limits) if all(limits) else None)


def _distributed(address: str) -> Any:
    try:
        import distributed  # noqa: PLC0415 - an extra
    except ImportError as error:
        raise ClusterNotUsableError(address=address, reason="not_installed") from error
    return distributed


def _as_it_is(territory: Territory) -> Territory:
    return territory
