"""`jingtu accounts`: who may sign in to the pages, as what, and for which unit."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from maps import settings, tables, text
from maps.cli.coverage import chosen
from maps.cli.desk import Desk, desk_of
from maps.tables import Format
from maps.web.passwords import kept
from parcels import accounts
from parcels.accounts import Account, Role
from parcels.errors import FileNotReadableError
from parcels.recording import Act

app = typer.Typer(help="web.account.command", invoke_without_command=True)


@app.callback(epilog="web.account.list_example")
def list_accounts(
    context: typer.Context,
    format_: Annotated[Format, typer.Option("--format", help="cli.options.format")] = Format.TABLE,
    out: Annotated[Path | None, typer.Option(help="cli.options.out")] = None,
) -> None:
    """List who may sign in."""
    if context.invoked_subcommand is not None:
        return
    desk = desk_of(context)
    with desk.open(desk.catalog()) as register:
        found = accounts.listed(register)
    if format_ in {Format.TABLE, Format.XLSX}:
        roles = dict(text.words("web.roles", desk.lang))
        found = found.assign(role=found["role"].map(roles))
    headings = tables.headings("web.account_columns", desk.lang, list(found.columns))
    tables.show(found, headings=headings, format=format_.value, out=out, lang=desk.lang)


@app.command("add", help="web.account.add", epilog="web.account.add_example")
def add(
    context: typer.Context,
    login: Annotated[str, typer.Argument(help="web.account.login")],
    name: Annotated[str, typer.Option(help="web.account.name")],
    role: Annotated[Role, typer.Option(help="web.account.role")],
    unit: Annotated[str | None, typer.Option(help="web.account.unit")] = None,
    password_from: Annotated[Path | None, typer.Option(help="web.account.password_from")] = None,
) -> None:
    """Make an account, or change the one of this name."""
    desk = desk_of(context)
    secret = _asked(desk) if password_from is None else _read(password_from)
    with desk.open(desk.catalog(), create=True) as register:
        units = chosen(register, [], units=[unit] if unit else None).units
        code = units[0] if units else None
        wanted = Account(
            0, login.strip().casefold(), name.strip(), role, code, kept(secret, login)
        )
        accounts.add(register, wanted, _act(desk))
    desk.print(desk.say("web.account.kept", login=wanted.login))


@app.command("close", help="web.account.close", epilog="web.account.close_example")
def close(
    context: typer.Context,
    login: Annotated[str, typer.Argument(help="web.account.login")],
) -> None:
    """Let nobody sign in under a name any more."""
    desk = desk_of(context)
    with desk.open(desk.catalog()) as register:
        accounts.close(register, login, _act(desk))
    desk.print(desk.say("web.account.closed", login=login))


def _act(desk: Desk) -> Act:
    return Act(by=desk.user, at=settings.now(), on=settings.today())


def _asked(desk: Desk) -> str:
    answer: str = typer.prompt(
        desk.say("web.account.ask"),
        hide_input=True,
        confirmation_prompt=desk.say("web.account.again"),
    )
    return answer


def _read(path: Path) -> str:
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise FileNotReadableError(file=str(path), reason=reason) from error
    return lines[0] if lines else ""
