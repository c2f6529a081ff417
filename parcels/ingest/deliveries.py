"""Everything that was sent at once: each file, file in a ZIP, and sheet of corner points."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from parcels import errors
from parcels.districts import Territory
from parcels.errors import Refusal
from parcels.ingest import containers, headings, sheets
from parcels.ingest.containers import Item
from parcels.ingest.delivery import Delivery, ReceiveOptions, receive
from parcels.model import Layer

Taken = TypeVar("Taken")
"""What becomes of a file that can be read."""

OF_A_FILE: Final = (
    errors.FileNotReadableError,
    errors.FileNotSafeError,
    errors.FileTooLargeError,
    errors.FormatNotKnownError,
    errors.PartNotChosenError,
    errors.CrsNotKnownError,
    errors.MappingNotUsableError,
)
"""Refusals that say something of one file and nothing of those beside it."""


@dataclass(frozen=True, slots=True)
class Unread:
    """A file that was sent with others and cannot be read."""

    item: Item
    refusal: Refusal

    @property
    def name(self) -> str:
        """As the user knows the file."""
        return self.item.name


@contextmanager
def sent(paths: Iterable[Path], layer: Layer, options: ReceiveOptions) -> Iterator[list[Item]]:
    """The deliveries in what was sent; what was unpacked for them is gone afterwards.

    Args:
        paths: Files, folders and ZIPs as the user names them.
        layer: What they are deliveries for.
        options: Their `part` and `bounds` count here.

    Raises:
        As `containers.opened`.
    """
    known, bounds = headings.headings(layer), options.bounds
    with containers.opened(paths, part=options.part, bounds=bounds) as items:
        yield [one for item in items for one in sheets.each(item, known=known, bounds=bounds)]


def each(items: list[Item], take: Callable[[Item], Taken]) -> tuple[list[Taken], list[Unread]]:
    """Receive every file, so that all that is wrong is seen at once.

    Args:
        items: The files.
        take: What is done with one.

    Returns:
        What became of the files that can be read, and the others.

    Raises:
        Refusal: The only file is refused, or what was asked cannot be done with any.
    """
    taken, unread = [], []
    for one in items:
        try:
            if one.refused is not None:
                raise one.refused
            taken.append(take(one))
        except OF_A_FILE as refusal:
            if len(items) == 1:
                raise
            unread.append(Unread(one, refusal))
    return taken, unread


def receive_all(
    paths: Iterable[Path],
    layer: Layer,
    territory: Territory,
    *,
    options: ReceiveOptions | None = None,
    **known: Any,
) -> tuple[list[Delivery], list[Unread]]:
    """Read and check everything that was sent, as `jingtu import` does; nothing is stored.

    A ZIP or folder gives a delivery for each set of data in it, a workbook with a parcel on every
    sheet one for each sheet.

    Args:
        paths: Files, folders and ZIPs.
        layer: What they are deliveries for.
        territory: Districts and units.
        options: What the user says of them.
        known: `register`, `moves` and `progress` of `delivery.receive`.

    Returns:
        The deliveries in order, and what of several files cannot be read.

    Raises:
        Refusal: The only file is refused, as `delivery.receive` says.
    """
    asked = options or ReceiveOptions()
    with sent(paths, layer, asked) as items:
        return each(items, lambda one: receive(one, layer, territory, options=asked, **known))
