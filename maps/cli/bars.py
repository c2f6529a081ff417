"""Bars that show how far long work has come, on a terminal and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn

from maps import tables, text
from maps.cli.desk import Desk

Told = Callable[[str, int, int], None]
"""Told of a step, how much of it is done, and how much there is."""


@contextmanager
def bar(desk: Desk, name: str, steps: Sequence[str]) -> Iterator[Told]:
    """A bar on the stream of errors; gone when the work is done.

    Args:
        desk: Whose language the steps are named in.
        name: What is worked on, e.g. a file.
        steps: Keys of commands.steps, in order.
    """
    console = tables.screen(error=True)
    shown = text.plain(name)
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as bars:
        task = bars.add_task(shown, total=len(steps))

        def told(step: str, done: int, total: int) -> None:
            said = desk.say(f"commands.steps.{step}")
            finished = steps.index(step) + (done / total if total else 0)
            bars.update(task, description=f"{shown}  {said}", completed=finished)
            bars.refresh()

        yield told
