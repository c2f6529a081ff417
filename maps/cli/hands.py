"""Who adds coverage up, as it is said on the command line: this process, workers, or a cluster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, TypeAlias

import typer

from layers import cluster, shares
from layers.coverage import Holdings
from layers.library import Adder
from layers.shares import Share
from maps.cli import bars
from maps.cli.desk import Desk
from parcels.districts import Territory

_STEP = "add_up"

Workers: TypeAlias = Annotated[
    int | None, typer.Option("--workers", min=1, max=256, help="cluster.options.workers")
]
"""How many processes of this machine add up."""

Address: TypeAlias = Annotated[
    str | None, typer.Option("--cluster", help="cluster.options.cluster")
]
"""The scheduler whose workers add up."""

Memory: TypeAlias = Annotated[
    int, typer.Option("--memory", min=512, help="cluster.options.memory")
]
"""What a worker of our own may use, MiB."""


@dataclass(frozen=True, slots=True)
class Hands:
    """Who adds up.

    Attributes:
        workers: How many processes of this machine; None for this one.
        address: Of the scheduler of a cluster, in place of workers of our own.
        memory_mib: What a worker of our own may use, MiB.
    """

    workers: int | None = None
    address: str | None = None
    memory_mib: int = cluster.MEMORY_MIB

    @property
    def are_others(self) -> bool:
        """Whether other processes than this one add up."""
        return self.workers is not None or self.address is not None

    @contextmanager
    def at_work(self, desk: Desk) -> Iterator[Adder]:
        """What adds shares up, with a bar.

        Raises:
            ClusterNotUsableError: See `layers.cluster`.
        """
        if not self.are_others:

            def here(work: Sequence[Share], territory: Territory) -> Holdings:
                with _bar(desk) as told:
                    return shares.all_added_up(work, territory, told)

            yield here
            return
        if self.address is None:
            hired = cluster.of_our_own(self.workers or 1, memory_mib=self.memory_mib)
        else:
            hired = cluster.at(self.address)
        with hired as crew:
            limit = "limit" if crew.memory_mib else "no_limit"
            memory = desk.say(f"cluster.said.{limit}", mib=crew.memory_mib)
            said = desk.say("cluster.said.crew", workers=crew.workers, memory=memory)
            desk.print(said, aside=True)

            def there(work: Sequence[Share], territory: Territory) -> Holdings:
                with _bar(desk) as told:
                    return crew.added_up(work, territory, told)

            yield there


@contextmanager
def _bar(desk: Desk) -> Iterator[shares.Told]:
    with bars.bar(desk, desk.say("cluster.said.shares"), (_STEP,)) as told:
        yield lambda done, total: told(_STEP, done, total)
