"""Finds parcels by what people call them: a code, a name of today or before, an address."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import pandas as pd
import sqlalchemy as sa

from parcels.model import Moment
from parcels.reading import Filter, Reading
from parcels.tables import version

NAMED_BY: Final = ("code", "name", "former_name", "address")
"""What is looked through."""

_ESCAPE: Final = "\\"
_SHOWN: Final = ("layer", "code", "name", "former_name", "address", "district", "unit", "stage")


def find(
    register: Reading,
    words: str,
    moment: Moment,
    *,
    layers: Sequence[str],
    where: Filter | None = None,
    most: int = 20,
) -> pd.DataFrame:
    """Parcels one of whose names holds all the words, those of that very code first.

    Args:
        register: The register.
        words: What was typed; parted by blanks, upper and lower case alike.
        moment: The two times.
        layers: Keys of the layers to look through.
        where: Which parcels to look through; all by default.
        most: How many to give at most.

    Returns:
        Columns `parcel`, `layer`, `code`, `name`, `former_name`, `address`, `district`, `unit`,
        `stage`; none for no words.
    """
    parts = words.split()
    names = [sa.func.lower(sa.func.coalesce(version.c[name], "")) for name in NAMED_BY]
    query = sa.select(
        version.c.parcel_id.label("parcel"), *[version.c[name] for name in _SHOWN]
    ).where(version.c.layer.in_(list(layers)))
    for part in parts:
        pattern = f"%{_escaped(part.casefold())}%"
        query = query.where(sa.or_(*[name.like(pattern, escape=_ESCAPE) for name in names]))
    exact = sa.case((version.c.code == words.strip(), 0), else_=1)
    query = query.order_by(exact, version.c.layer, version.c.code).limit(most if parts else 0)
    with register.store.read() as connection:
        return register.store.frame(connection, register.asked(connection, query, moment, where))


def _escaped(part: str) -> str:
    """A word in which the signs of LIKE stand for themselves."""
    for sign in (_ESCAPE, "%", "_"):
        part = part.replace(sign, _ESCAPE + sign)
    return part
