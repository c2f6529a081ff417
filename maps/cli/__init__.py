"""The command `jingtu`: what is typed becomes one call into a door, and its answer is printed.

Every help text is declared as a key of `maps/locale/*/commands.toml` and turned into words of the
asked language once the command line is known.
"""

from __future__ import annotations

import gc
import re
import signal
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Annotated, Any, Final

import typer
import typer.exceptions
import typer.main
import typer.rich_utils
from rich.console import Console
from rich.markup import escape

from maps import answers, settings, text
from maps.answers import Exit
from maps.cli import commands
from maps.cli.desk import Desk, Language
from parcels.errors import Refusal

_TITLES: Final = {
    "OPTIONS_PANEL_TITLE": "options",
    "ARGUMENTS_PANEL_TITLE": "arguments",
    "COMMANDS_PANEL_TITLE": "commands",
    "ERRORS_PANEL_TITLE": "errors",
    "DEFAULT_STRING": "default",
    "REQUIRED_LONG_STRING": "required",
    "ENVVAR_STRING": "variable",
    "RICH_HELP": "try_help",
}

_USAGE: Final = "Usage: "
"""How the library begins the line that shows how a command is typed."""

_QUOTED: Final = re.compile("'(.*?)'")


def jingtu(
    context: typer.Context,
    store: Annotated[str | None, typer.Option(help="cli.options.store")] = None,
    lang: Annotated[Language | None, typer.Option(help="cli.options.lang")] = None,
    user: Annotated[str | None, typer.Option(help="cli.options.user")] = None,
    layer_folder: Annotated[
        list[str] | None, typer.Option("--layers", help="commands.options.layers")
    ] = None,
) -> None:
    """Read what holds for every command."""
    asked = settings.read()
    context.obj = Desk(
        store=store or asked.store,
        lang=lang.value if lang else asked.lang,
        user=user or asked.user,
        layer_folders=tuple(layer_folder or ()),
        files=asked.files,
        enable=asked.enable,
        review=asked.review,
        weights=asked.weights,
    )


def application(word: str | None = None) -> typer.Typer:
    """The application with one command, or with all of them."""
    app = typer.Typer(
        name="jingtu",
        help="commands.jingtu",
        no_args_is_help=True,
        rich_markup_mode="rich",
        add_completion=False,
    )
    app.callback(epilog="commands.jingtu_example")(jingtu)
    commands.add(app, word)
    return app


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave with the exit code of `maps.answers`."""
    # A large delivery is millions of small objects that live until it is stored. Looking through
    # them for cycles after every 700 new ones takes a tenth of an import and finds nothing.
    gc.set_threshold(100_000, 20, 100)
    given = list(sys.argv[1:] if arguments is None else arguments)
    code = run(given)
    # What is done is done: a Ctrl-C while Python itself ends must not call it interrupted.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    sys.exit(code)


def run(arguments: list[str]) -> int:
    """Run one command line; returns the exit code.

    Args:
        arguments: What was typed after `jingtu`.
    """
    lang = _language(arguments)
    problem = Console(stderr=True)
    try:
        app = application(commands.typed(arguments))
        command = _in_words(typer.main.get_command(app), lang)
        code = command.main(arguments, prog_name="jingtu", standalone_mode=False)
    except Refusal as refusal:
        _refuse(problem, refusal, lang)
        return int(answers.exit_code(refusal))
    except typer.exceptions.TyperException as error:
        if type(error).__name__ == "NoArgsIsHelpError":
            return int(Exit.DONE)  # the help is on the screen
        problem.print(escape(_usage(error, lang)), style="red", soft_wrap=True)
        return int(Exit.USAGE)
    except (KeyboardInterrupt, typer.Abort):
        code = Exit.INTERRUPTED
    # Typer makes this code of a Ctrl-C by itself, without a word.
    if code == Exit.INTERRUPTED:
        problem.print(text.say("cli.interrupted", lang), soft_wrap=True)
    return int(code) if isinstance(code, int) else int(Exit.DONE)


def _language(arguments: Sequence[str]) -> str:
    """The language asked for anywhere on the command line: help is printed before it is parsed."""
    for position, argument in enumerate(arguments):
        name, _, joined = argument.partition("=")
        following = arguments[position + 1] if position + 1 < len(arguments) else ""
        asked = joined or following
        if name == "--lang" and asked in text.LANGUAGES:
            return asked
    return settings.spoken()


def _in_words(command: Any, lang: str) -> Any:
    """The command with its help, and that of all below it, in words."""
    for name, key in _TITLES.items():
        setattr(typer.rich_utils, name, text.say(f"commands.titles.{key}", lang))
    _translate(command, lang)
    return command


def _translate(command: Any, lang: str) -> None:
    for name in ("help", "short_help", "epilog"):
        key = getattr(command, name)
        if key and text.has(key, lang):
            setattr(command, name, text.say(key, lang))
    command.options_metavar = text.say("commands.titles.some_options", lang)
    _say_usage(command, lang)
    for parameter in command.params:
        key = getattr(parameter, "help", None)
        if key and text.has(key, lang):
            parameter.help = text.say(key, lang)
        kind = _kind_of_value(parameter, command, lang)
        if kind is not None and parameter.metavar is None:
            _name_kind(parameter, kind)
    # Made only now, since its sentence is the library's own.
    ask = command.get_help_option(typer.Context(command))
    if ask is not None:
        ask.help = text.say("commands.options.help", lang)
        ask.metavar = ""
    for below in getattr(command, "commands", {}).values():
        _translate(below, lang)


def _say_usage(command: Any, lang: str) -> None:
    """Begin the usage line with a word of the language; the library knows one alone."""
    theirs = type(command).get_usage

    def usage(context: Any) -> str:
        line: str = theirs(command, context)
        return text.say("commands.titles.usage", lang, line=line.removeprefix(_USAGE))

    command.get_usage = usage


def _name_kind(parameter: Any, kind: str) -> None:
    if parameter.param_type_name == "option":
        parameter.metavar = kind
        return
    # The metavar of an argument is its name, which stands in the usage line.
    parameter.display_type = lambda ctx: kind  # noqa: ARG005 - called as the library calls it


def _kind_of_value(parameter: Any, command: Any, lang: str) -> str | None:
    """What an option takes, in words; None for choices, which name themselves."""
    shown = str(parameter.display_type(typer.Context(command)) or "").strip("<>")
    # A number between bounds is a number; which bounds, the help says beside it.
    one = shown.removeprefix("list[").removesuffix("]").casefold().partition(" range")[0]
    if one == "bool":
        return ""  # the option itself says it
    key = "commands.values." + ("date" if one.startswith("%") else one)
    return text.say(key, lang) if text.has(key, lang) else None


def _refuse(console: Console, refusal: Refusal, lang: str) -> None:
    console.print(
        escape(text.say("cli.refused", lang, what=answers.what(refusal, lang))),
        style="red",
        soft_wrap=True,
    )
    for line in answers.problems(refusal, lang):
        console.print(escape(f"  {line}"), soft_wrap=True)
    console.print(escape(answers.mend(refusal, lang)), soft_wrap=True)


def _usage(error: typer.exceptions.TyperException, lang: str) -> str:
    known = {"MissingParameter": "missing", "NoSuchOption": "no_such_option"}
    kind = type(error).__name__
    key = known.get(kind, "bad_value" if kind == "BadParameter" else "other")
    context = getattr(error, "ctx", None)
    parameter = getattr(error, "param", None)
    name = getattr(error, "option_name", None)
    if name is None and parameter is not None:
        name = parameter.get_error_hint()
    near = list(getattr(error, "possibilities", None) or ())
    expected = error.message
    if key == "bad_value" and parameter is not None:
        expected = _expected(parameter, context, lang)
    elif key == "bad_value" and name is None:
        # A command of ours said itself, in a whole sentence, what cannot be.
        key = "said"
    command = context.command_path if context is not None else "jingtu"
    strange = _strange_command(error, context)
    if strange is not None:
        key, name = "no_such_command", strange
        near = get_close_matches(strange, _commands(context))
    nearest = text.say("commands.usage.nearest", lang, names=near) if near else ""
    said = {"name": name, "said": error.message, "expected": expected, "command": command}
    return text.say(f"commands.usage.{key}", lang, **said) + nearest


def _strange_command(error: typer.exceptions.TyperException, context: Any) -> str | None:
    """What was typed where a command belongs and is none; None if that is not what went wrong."""
    if type(error).__name__ != "UsageError" or not _commands(context):
        return None
    typed = _QUOTED.search(error.message)
    return None if typed is None else typed.group(1)


def _commands(context: Any) -> list[str]:
    """The commands that can follow; none where nothing or an argument follows."""
    return list(getattr(getattr(context, "command", None), "commands", ()))


def _expected(parameter: Any, context: Any, lang: str) -> str:
    choices = parameter.type_descriptor.choices
    if choices:
        return text.say("commands.usage.one_of", lang, names=[str(one.value) for one in choices])
    kind = parameter.metavar if parameter.param_type_name == "option" else None
    return str(kind or parameter.display_type(context)).strip("<>")
