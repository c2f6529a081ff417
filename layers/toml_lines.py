"""On which line of a TOML text each key stands; the standard library's reader does not say."""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_left
from typing import Any, Final

Path = tuple[str | int, ...]
"""Where a value stands: keys of tables, and positions in arrays counted from 0."""

_BLANK: Final = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_SPACE: Final = re.compile(r"[ \t]*")
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_DOT: Final = re.compile(r"[ \t]*\.[ \t]*")
# Multi-line strings may end in up to two quotes of their own before the closing three.
_STRING: Final = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}|' r"'''.*?'{3,5}|" r'"(?:\\.|[^"\\\n])*"|' r"'[^'\n]*'",
    re.DOTALL,
)
# Numbers, booleans and dates; a date may hold a blank before its time.
_SCALAR: Final = re.compile(r"[^,\]}#\n]+")


def lines(text: str) -> dict[Path, int]:
    """The line, counted from 1, on which each key, table and array element begins.

    A table that is never named by itself, such as `a` in `[a.b]`, stands where it is first
    mentioned. An element of an array of tables stands at its own header.

    Args:
        text: TOML that `tomllib` reads without an error; for any other text the answer is open.
    """
    scan = _Scan(text)
    scan.document()
    return scan.found


def line_of(found: dict[Path, int], at: Path) -> int:
    """The line of a path, or of the innermost table around it that is written down; else 1."""
    for length in range(len(at), 0, -1):
        if at[:length] in found:
            return found[at[:length]]
    return 1


class _Scan:
    """One pass over a text, from left to right."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found: dict[Path, int] = {}
        self._breaks = [place.start() for place in re.finditer("\n", text)]
        self._elements: dict[Path, int] = {}

    def document(self) -> None:
        table: Path = ()
        self._skip(_BLANK)
        while self.at < len(self.text):
            if self.text[self.at] == "[":
                table = self._header()
            else:
                self._pair(table)
            self._skip(_BLANK)

    def _header(self) -> Path:
        begin = self.at
        is_element = self.text.startswith("[[", begin)
        self.at += 2 if is_element else 1
        keys = self._keys()
        self.at = self.text.index("]", self.at) + (2 if is_element else 1)
        where: Path = ()
        for key in keys[:-1]:
            where = self._last_element((*where, key))
            self._note(where, begin)
        where = (*where, keys[-1])
        self._note(where, begin)
        if not is_element:
            return where
        self._elements[where] = self._elements.get(where, -1) + 1
        where = (*where, self._elements[where])
        self._note(where, begin)
        return where

    def _last_element(self, where: Path) -> Path:
        return (*where, self._elements[where]) if where in self._elements else where

    def _pair(self, table: Path) -> None:
        begin = self.at
        where = table
        for key in self._keys():
            where = (*where, key)
            self._note(where, begin)
        self.at = self.text.index("=", self.at) + 1
        self._value(where)

    def _value(self, where: Path) -> None:
        self._skip(_BLANK)
        opening = self.text[self.at]
        if opening == "[":
            self._inside("]", where, is_array=True)
        elif opening == "{":
            self._inside("}", where, is_array=False)
        else:
            self._skip(_STRING if opening in "\"'" else _SCALAR)

    def _inside(self, closing: str, where: Path, *, is_array: bool) -> None:
        self.at += 1
        position = 0
        self._skip(_BLANK)
        while self.text[self.at] != closing:
            if is_array:
                self._note((*where, position), self.at)
                self._value((*where, position))
                position += 1
            else:
                self._pair(where)
            self._skip(_BLANK)
            if self.text[self.at] == ",":
                self.at += 1
                self._skip(_BLANK)
        self.at += 1

    def _keys(self) -> list[str]:
        keys = [self._key()]
        while dot := _DOT.match(self.text, self.at):
            self.at = dot.end()
            keys.append(self._key())
        return keys

    def _key(self) -> str:
        self._skip(_SPACE)
        is_quoted = self.text[self.at] in "\"'"
        written = self._skip(_STRING if is_quoted else _BARE)
        return str(tomllib.loads(f"key = {written}")["key"]) if is_quoted else written

    def _skip(self, pattern: re.Pattern[str]) -> str:
        """Go past what the pattern takes here, which is handed back."""
        place: Any = pattern.match(self.text, self.at)
        self.at = place.end()
        return str(place.group())

    def _note(self, where: Path, begin: int) -> None:
        self.found.setdefault(where, bisect_left(self._breaks, begin) + 1)
