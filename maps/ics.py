"""Milestones as a calendar that other programs subscribe to (RFC 5545)."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from maps import text

_OCTETS: Final = 75
"""A line has no more octets than this, its end not counted."""

_CONTROL: Final = re.compile("[\x00-\x08\x0b-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Event:
    """One whole day of a calendar.

    Attributes:
        key: What the event is about, the same whenever it is written; its UID is made of it.
        on: The day.
        category: A word that programs can filter by.
    """

    key: str
    on: dt.date
    summary: str
    description: str
    category: str


def calendar(events: list[Event], *, name: str, lang: str, stamp: dt.datetime) -> str:
    """The text of a calendar file: UTF-8, lines folded, each ending in CR LF.

    Args:
        events: In any order.
        name: How programs call the calendar.
        lang: "zh" or "en".
        stamp: The instant it was made, timezone-aware.
    """
    made = stamp.astimezone(dt.UTC).strftime("%Y%m%dT%H%M%SZ")
    lines = [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        f"PRODID:-//Jingtu//jingtu//{lang.upper()}",
        "CALSCALE:GREGORIAN",
        "METHOD:PUBLISH",
        f"X-WR-CALNAME:{escaped(name)}",
    ]
    for event in events:
        lines += _event(event, made)
    lines.append("END:VCALENDAR")
    return "".join(f"{folded(line)}\r\n" for line in lines)


def escaped(written: str) -> str:
    """Text as a value: what parts values is escaped, what cannot be shown is left out."""
    one = _CONTROL.sub("", written.replace("\r\n", "\n").replace("\r", "\n"))
    for mark in ("\\", ";", ","):
        one = one.replace(mark, f"\\{mark}")
    return one.replace("\n", "\\n")


def folded(line: str) -> str:
    """A line in pieces of at most 75 octets, no character cut; later ones begin with a space."""
    return "\r\n ".join(_pieces(line))


def _pieces(line: str) -> Iterator[str]:
    piece, size = "", 0
    room = _OCTETS
    for character in line:
        octets = len(character.encode())
        if size + octets > room:
            yield piece
            # The space in front of what goes on counts too.
            piece, size, room = "", 0, _OCTETS - 1
        piece += character
        size += octets
    yield piece


def _event(event: Event, made: str) -> list[str]:
    digest = hashlib.sha256(event.key.encode()).hexdigest()[:32]
    after = event.on + dt.timedelta(days=1)
    return [
        "BEGIN:VEVENT",
        f"UID:{digest}@jingtu",
        f"DTSTAMP:{made}",
        f"DTSTART;VALUE=DATE:{event.on:%Y%m%d}",
        f"DTEND;VALUE=DATE:{after:%Y%m%d}",
        f"SUMMARY:{escaped(text.plain(event.summary))}",
        f"DESCRIPTION:{escaped(event.description)}",
        f"CATEGORIES:{escaped(event.category)}",
        "TRANSP:TRANSPARENT",
        "END:VEVENT",
    ]
