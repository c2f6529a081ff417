"""Every command by its word: where it is made and what its help says.

Only the module of the command that was typed is loaded; the whole table is needed for the help of
`jingtu` itself and to say which command is nearest to one that there is not.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import typer


@dataclass(frozen=True, slots=True)
class Command:
    """One command.

    Attributes:
        word: As it is typed.
        made: Module below `maps.cli` and function, or the application of a group of commands.
        said: Key of its help; "" for a group, which says it itself.
        example: Key of its example, where it is not that of the help with "_example".
        below: Further commands of a group that other modules make.
    """

    word: str
    made: str
    said: str = ""
    example: str = ""
    below: tuple[Command, ...] = ()


def _plan(word: str, made: str) -> Command:
    return Command(word, made, f"plan.commands.{word}")


COMMANDS: Final = (
    Command("layers", "layers.app"),
    Command("districts", "districts.app"),
    Command("mappings", "mappings.app"),
    Command("sites", "sites.app"),
    Command("review", "review.app"),
    Command("check", "checking.app"),
    Command("evaluate", "evaluating.evaluate", "evaluation.commands.evaluate"),
    Command("evaluation", "evaluating.app"),
    Command("scorecard", "scorecards.card", "scorecard.commands.scorecard"),
    Command(
        "plan",
        "planning.app",
        below=(
            _plan("load", "plan_changes.load"),
            _plan("years", "plan_changes.years"),
            _plan("role", "plan_changes.role"),
            _plan("roles", "plan_changes.roles"),
            _plan("report", "reporting.report"),
            _plan("import", "reporting.import_"),
            _plan("template", "reporting.template"),
            _plan("reports", "reporting.reports"),
            _plan("withdraw", "reporting.withdraw"),
        ),
    ),
    Command("indicators", "indicators.app"),
    Command("accounts", "accounts.app"),
    Command("serve", "serving.serve", "web.serve.command", "web.serve.example"),
    Command("figures", "figures.app"),
    Command("import", "deliveries.import_", "commands.import"),
    Command("checkout", "checkouts.checkout", "commands.checkout"),
    Command("advance", "passage.advance", "commands.advance"),
    Command("stages", "passage.stages", "commands.stages"),
    Command("evidence", "passage.evidence", "commands.evidence"),
    Command("split", "lineage.split", "lineage.commands.split"),
    Command("merge", "lineage.merge", "lineage.commands.merge"),
    Command("resurvey", "lineage.resurvey", "lineage.commands.resurvey"),
    Command("lineage", "ancestry.lineage", "lineage.commands.lineage"),
    Command("due", "due.due", "commands.due"),
    Command("parcels", "listing.parcels", "history.commands.parcels"),
    Command("verify", "verifying.verify", "verify.command", "verify.example"),
    Command("history", "history.history", "history.commands.history"),
    Command("changes", "history.changes", "history.commands.changes"),
    Command("diff", "comparing.diff", "history.commands.diff"),
    Command("undo", "history.undo", "history.commands.undo"),
    Command("coverage", "coverage.coverage", "commands.coverage"),
    Command("quality", "quality.quality", "quality.commands.quality"),
    Command("import-samples", "laboratory.import_samples", "sampling.commands.import_samples"),
    Command("samples", "sampling.samples", "sampling.commands.samples"),
    Command("farmland-class", "sampling.farmland_class", "sampling.commands.farmland_class"),
    Command("map", "drawing.map_", "commands.map"),
    Command(
        "export",
        "exporting.app",
        below=(
            Command("national", "packaging.national", "exports.commands.national"),
            Command("lake", "lake_writing.lake", "cluster.commands.lake"),
        ),
    ),
    Command("exports", "exporting.exports", "exports.commands.exports"),
    Command("freeze", "figures.freeze", "figures.commands.freeze"),
    Command("restate", "figures.restate", "figures.commands.restate"),
    Command("explain", "explaining.explain", "figures.commands.explain"),
    Command("demo", "demo.demo", "commands.demo"),
)
"""In the order in which the help lists them."""

_WITH_VALUE: Final = frozenset({"--store", "--lang", "--user", "--layers"})
"""Options before the command, each with a value of its own."""


def typed(arguments: Sequence[str]) -> str | None:
    """The word of the command on a command line; None where there is none that is known."""
    left = iter(arguments)
    for one in left:
        if one in _WITH_VALUE:
            next(left, None)
        elif not one.startswith("-"):
            return one if any(one == command.word for command in COMMANDS) else None
        elif one.partition("=")[0] not in _WITH_VALUE:
            return None
    return None


def add(app: typer.Typer, word: str | None) -> None:
    """Add one command to the application, or all of them.

    Args:
        app: The application.
        word: Of the command; None for all.
    """
    for command in COMMANDS:
        if word in {None, command.word}:
            _add(app, command)


def _add(app: typer.Typer, command: Command) -> None:
    made = _made(command)
    if isinstance(made, typer.Typer):
        app.add_typer(made, name=command.word)
        return
    example = command.example or f"{command.said}_example"
    app.command(command.word, help=command.said, epilog=example)(made)


@cache
def _made(command: Command) -> typer.Typer | Callable[..., Any]:
    """What a command's module makes; a group with what other modules add to it, once."""
    module, _, name = command.made.partition(".")
    made: typer.Typer | Callable[..., Any] = getattr(
        importlib.import_module(f"maps.cli.{module}"), name
    )
    if isinstance(made, typer.Typer):
        for below in command.below:
            _add(made, below)
    return made
