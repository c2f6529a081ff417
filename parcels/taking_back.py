"""What taking back a change is, whatever it was about: looked at, then done by a new one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import sqlalchemy as sa

from parcels.errors import ChangeNotUndoableError, UnknownChangeError
from parcels.holding import Holding
from parcels.reading import undoes
from parcels.recording import Act
from parcels.tables import change
from parcels.undoing import taken_back


@dataclass(frozen=True, slots=True)
class Undone:
    """What undoing one change did.

    Attributes:
        change: Number of the new change.
        undoes: Number of the change taken back.
        parcels: How many parcels it had touched; samples where it was about those, and of
            districts how many parcels lie in another district now.
        gone: How many of them are not believed any more, since that change brought them.
        of: What is counted.
    """

    change: int
    undoes: int
    parcels: int
    gone: int
    of: Literal["parcels", "samples", "districts"] = "parcels"


class TakingBack:
    """One change being taken back in a transaction.

    Args:
        register: The register.
        connection: The writing connection.
        number: Which change.

    Raises:
        UnknownChangeError: There is no change of this number.
    """

    def __init__(self, register: Holding, connection: sa.Connection, number: int) -> None:
        self.register = register
        self.connection = connection
        self.number = number
        query = sa.select(change).where(change.c.id == number)
        row = connection.execute(query).mappings().first()
        if row is None:
            last = connection.execute(sa.select(sa.func.max(change.c.id))).scalar()
            raise UnknownChangeError(change=number, last=last or 0)
        self.row = row

    def check(self) -> None:
        """Refuse what cannot be taken back.

        Raises:
            ChangeNotUndoableError: It cannot.
        """
        reason = self.obstacle()
        if self.number in taken_back(undoes(self.connection)):
            reason = "change_is_undone"
        if reason is not None:
            raise ChangeNotUndoableError(change=self.number, kind=self.row["kind"], reason=reason)

    def obstacle(self) -> str | None:
        """Why it cannot be taken back, a key of refusals.reasons; None where it can."""
        raise NotImplementedError

    def later(self) -> list[int]:
        """The later changes that count and rest on it."""
        raise NotImplementedError

    def record(self, act: Act) -> Undone:
        """Restore the belief before it, as a new change."""
        raise NotImplementedError
