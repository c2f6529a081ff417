"""The placemarks of a KML file that is no whole XML: each is read for itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final
from xml.parsers import expat

import numpy as np

_MARK: Final = re.compile(rb"<Placemark[\s/>]")
_END: Final = b"</Placemark>"
_SCHEMA: Final = re.compile(rb"<Schema\s.*?</Schema>", re.DOTALL)
_ROOT: Final = re.compile(rb"<kml(\s[^<>]*)?>")
_PLAIN_ROOT: Final = b'<kml xmlns="http://www.opengis.net/kml/2.2">'


@dataclass(frozen=True, slots=True)
class Mended:
    """What is left of a KML file.

    Attributes:
        content: A whole KML document of the placemarks that can be read.
        numbers: Place of each of them among all placemarks of the file, from 0.
        damaged: Places of the others.
    """

    content: bytes
    numbers: np.ndarray
    damaged: np.ndarray


def mended(content: bytes) -> Mended | None:
    """The placemarks that are whole, in a document of their own.

    A file is cut off, or one "&" in a name is no XML, and no program opens it; but a placemark
    stands between its own two words, and says all of its parcel itself.

    Args:
        content: The file, in UTF-8.

    Returns:
        None where not a single placemark is whole.
    """
    starts = [one.start() for one in _MARK.finditer(content)]
    if not starts:
        return None
    ends = [*starts[1:], len(content)]
    root = _ROOT.search(content)
    opening = root[0] if root and _is_whole(root[0] + b"</kml>") else _PLAIN_ROOT
    pieces = [_piece(content[start:end]) for start, end in zip(starts, ends, strict=True)]
    good = np.array([bool(one) and _is_whole(opening + one + b"</kml>") for one in pieces], bool)
    if not good.any():
        return None
    head = content[: starts[0]]
    schemas = [one for one in _SCHEMA.findall(head) if _is_whole(opening + one + b"</kml>")]
    chosen = [one for one, whole in zip(pieces, good, strict=True) if whole]
    body = b"\n".join([opening, b"<Document>", *schemas, *chosen, b"</Document></kml>"])
    return Mended(body, np.flatnonzero(good), np.flatnonzero(~good))


def _piece(content: bytes) -> bytes:
    """From the beginning of a placemark to its end; nothing where that is missing."""
    end = content.find(_END)
    return content[: end + len(_END)] if end >= 0 else b""


def _is_whole(content: bytes) -> bool:
    parser = expat.ParserCreate("UTF-8")
    try:
        parser.Parse(content, True)  # noqa: FBT003 - expat takes no names
    except (expat.ExpatError, ValueError):
        return False
    return True
