"""Who may sign in, as what, and for which unit; and what they did that is no change.

An account is never written over: another role, unit or password is a new row, made by a change
that closes the old one, so that who could see what on any day stays known.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import pandas as pd
import sqlalchemy as sa

from parcels.errors import AccountNotUsableError, UnknownAccountError, UnknownDistrictError
from parcels.reading import Reading
from parcels.recording import Act, Recorder
from parcels.store import Query
from parcels.tables import account, audit

_LOGIN: Final = re.compile(r"[a-z0-9][a-z0-9._-]{1,31}")


class Role(StrEnum):
    """What a person may do; what they may see follows from their unit as well."""

    VIEWER = "viewer"
    INSPECTOR = "inspector"
    DISTRICT_EDITOR = "district_editor"
    CITY_EDITOR = "city_editor"
    AUDITOR = "auditor"
    ADMIN = "admin"


OF_A_UNIT: Final = frozenset({Role.DISTRICT_EDITOR})
"""Roles that mean nothing without a unit."""

OF_THE_CITY: Final = frozenset({Role.CITY_EDITOR, Role.AUDITOR, Role.ADMIN})
"""Roles that see every unit."""


@dataclass(frozen=True, slots=True)
class Account:
    """Who may sign in.

    Attributes:
        number: Of the row: another one after every change of the account.
        login: What is typed to sign in: 2 to 32 of a-z, 0-9, dot, dash and underscore.
        name: In whose name changes are made.
        role: What they may do.
        unit: Code of the unit whose parcels they see; None for all.
        password: Salted hash; "" where nobody can sign in with one.
    """

    number: int
    login: str
    name: str
    role: Role
    unit: str | None
    password: str


def add(register: Reading, wanted: Account, act: Act) -> Account:
    """Make an account, or change the one that signs in under the same name, as a change.

    Args:
        register: The register.
        wanted: The account; its number does not count, an empty password keeps the present one.
        act: Who, when, why.

    Raises:
        AccountNotUsableError: The name to sign in with is none, there is no name, the role and the
            unit do not go together, or a new account has no password.
        UnknownDistrictError: No unit has the code.
        StoreBusyError: Another process is writing.
    """
    _refuse_unusable(register, wanted)
    with register.store.write() as connection:
        present = _of(connection, wanted.login)
        password = wanted.password or (present.password if present else "")
        if not password:
            raise AccountNotUsableError(login=wanted.login, reason="no_password", unit=wanted.unit)
        recorder = Recorder(register.store, connection, act)
        recorder.open("account")
        if present is not None:
            _close(connection, present.number, recorder.number)
        number = register.store.next_id(connection, account)
        connection.execute(
            sa.insert(account).values(
                id=number,
                login=wanted.login,
                name=wanted.name,
                role=wanted.role.value,
                unit=wanted.unit,
                password=password,
                change_id=recorder.number,
            )
        )
    return Account(number, wanted.login, wanted.name, wanted.role, wanted.unit, password)


def close(register: Reading, login: str, act: Act) -> None:
    """Let nobody sign in under a name any more, as a change.

    Raises:
        UnknownAccountError: Nobody does.
        StoreBusyError: Another process is writing.
    """
    with register.store.write() as connection:
        present = _of(connection, login)
        if present is None:
            known = connection.execute(_open().with_only_columns(account.c.login)).scalars()
            raise UnknownAccountError(login=login, known=sorted(known))
        recorder = Recorder(register.store, connection, act)
        recorder.open("account")
        _close(connection, present.number, recorder.number)


def of(register: Reading, login: str) -> Account | None:
    """The account that signs in under a name, or None."""
    with register.store.read() as connection:
        return _of(connection, login)


def numbered(register: Reading, number: int) -> Account | None:
    """The account of a number, or None if it was changed or closed since."""
    with register.store.read() as connection:
        row = connection.execute(_open().where(account.c.id == number)).first()
    return None if row is None else _account(row)


def listed(register: Reading) -> pd.DataFrame:
    """Every account in force: `login`, `name`, `role`, `unit`, `change`; no passwords."""
    columns = [account.c[name] for name in ("login", "name", "role", "unit")]
    query = _open().with_only_columns(*columns, account.c.change_id.label("change"))
    with register.store.read() as connection:
        return register.store.frame(connection, query.order_by(account.c.login))


def note(
    register: Reading,
    act: str,
    *,
    login: str,
    at: dt.datetime,
    subject: str | None = None,
    address: str | None = None,
) -> None:
    """Note what somebody did that is no change, e.g. "sign_in".

    Raises:
        StoreBusyError: Another process is writing.
    """
    row = {"at": at, "login": login, "act": act, "subject": subject, "address": address}
    with register.store.write() as connection:
        connection.execute(sa.insert(audit).values(**row))


def noted(register: Reading, *, last: int = 500) -> pd.DataFrame:
    """What was noted, the last first: `at`, `login`, `act`, `subject`, `address`."""
    columns = [audit.c[name] for name in ("at", "login", "act", "subject", "address")]
    query = sa.select(*columns).order_by(audit.c.id.desc()).limit(last)
    with register.store.read() as connection:
        return register.store.frame(connection, query)


def _refuse_unusable(register: Reading, wanted: Account) -> None:
    units = register.territory.units.index
    if wanted.unit is not None and wanted.unit not in units:
        raise UnknownDistrictError(district=wanted.unit, known=sorted(units))
    reason = None
    if not _LOGIN.fullmatch(wanted.login):
        reason = "login_unusable"
    elif not wanted.name.strip():
        reason = "no_name"
    elif wanted.role in OF_A_UNIT and wanted.unit is None:
        reason = "unit_needed"
    elif wanted.role in OF_THE_CITY and wanted.unit is not None:
        reason = "no_unit_for_role"
    if reason is not None:
        raise AccountNotUsableError(login=wanted.login, reason=reason, unit=wanted.unit)


def _open() -> Query:
    return sa.select(account).where(account.c.closed_in.is_(None))


def _of(connection: sa.Connection, login: str) -> Account | None:
    row = connection.execute(_open().where(account.c.login == login)).first()
    return None if row is None else _account(row)


def _account(row: sa.Row[tuple[object, ...]]) -> Account:
    return Account(row.id, row.login, row.name, Role(row.role), row.unit, row.password)


def _close(connection: sa.Connection, number: int, change: int) -> None:
    connection.execute(sa.update(account).where(account.c.id == number).values(closed_in=change))
