"""One declaration file: its tables against a form, and every problem with its line."""

from __future__ import annotations

import datetime as dt
import difflib
import math
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from layers import toml_lines
from parcels.errors import DeclarationError

IDENTIFIER: Final = re.compile("[a-z][a-z0-9_]{0,40}")
"""Keys of layers, fields and stages: safe as names of columns, views, files and addresses."""

_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_PLACE: Final = re.compile(r"at line (\d+), column (\d+)\)$")


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong in a declaration; the sentences are catalog.problem.* in maps/locale.

    Attributes:
        code: What is wrong, e.g. "unknown_key".
        file: The file as it was named.
        key: Where, e.g. "fields[closed_on].kind"; "" for the file as a whole.
        line: Counted from 1.
        found: What stands there.
        expected: What could stand there, or the other place it clashes with.
    """

    code: str
    file: str
    key: str
    line: int
    found: str = ""
    expected: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """What may stand under one key of a table.

    Attributes:
        holds: "text", "texts", "integer", "integers", "number", "boolean", "day", "table" or
            "tables".
        required: Its absence is a problem.
        form: What the table, or each of the tables, may hold.
        words: The texts allowed; None for any. A text outside them is the problem `refuse`.
        refuse: See `words`.
    """

    holds: str
    required: bool = False
    form: Form | None = None
    words: frozenset[str] | None = None
    refuse: str = ""


Form = Mapping[str, Entry]
"""The keys a table may have."""


def is_held(found: object, holds: str) -> bool:
    """Whether a value of a TOML file is of a kind that `Entry.holds` names."""
    if isinstance(found, list):
        one = _ELEMENTS.get(holds)
        return one is not None and all(is_held(element, one) for element in found)
    if isinstance(found, bool):
        return holds == "boolean"
    if isinstance(found, float) and not math.isfinite(found):
        return False
    return isinstance(found, _TYPES.get(holds, ()))


_TYPES: Final[Mapping[str, tuple[type, ...]]] = {
    "text": (str,),
    "integer": (int,),
    "number": (int, float),
    "day": (dt.date,),
    "table": (dict,),
}

_ELEMENTS: Final = {"texts": "text", "integers": "integer", "tables": "table"}


@dataclass(slots=True)
class Problems:
    """The problems of several files, in the order they were found."""

    found: list[Problem] = field(default_factory=list)

    def refuse(self) -> None:
        """Raise what was found, by file and line; nothing happens if there is nothing.

        Raises:
            DeclarationError: Its file, key, line and problem are those of the first; `problems`
                has them all.
        """
        if not self.found:
            return
        ordered = tuple(sorted(self.found, key=lambda p: (p.file, p.line)))
        first = ordered[0]
        raise DeclarationError(
            file=first.file,
            key=first.key,
            line=first.line,
            problem=first.code,
            problems=ordered,
        )


class Declaration:
    """A TOML file being checked.

    Args:
        path: The file.
        problems: Where problems are added; the file is never refused by itself.
    """

    def __init__(self, path: Path, problems: Problems) -> None:
        self.path = path
        self._problems = problems
        self._count = 0
        self._text = ""
        self._is_read = True
        self.table = self._read()

    @property
    def is_sound(self) -> bool:
        """Whether nothing wrong was found so far."""
        return self._count == 0

    def problem(
        self,
        code: str,
        *,
        at: toml_lines.Path = (),
        found: object = "",
        expected: str | Iterable[str] = "",
    ) -> None:
        """Note a problem with the value at a path; a file that cannot be read has no others."""
        if not self._is_read:
            return
        wanted = expected if isinstance(expected, str) else ", ".join(expected)
        line = toml_lines.line_of(self._lines, at)
        self._note(Problem(code, str(self.path), self._spoken(at), line, str(found), wanted))

    def form(self, form: Form, *, at: str = "") -> dict[str, Any]:
        """What of the file, or of one table of it, fits a form.

        Whatever does not fit is a problem and left out; in a list of texts None stands for it, so
        that positions stay what they are in the file.
        """
        if not at:
            return self._fitting(self.table, form, ())
        found = self.table[at]
        if is_held(found, "table"):
            return self._fitting(found, form, (at,))
        self.problem("not_table", at=(at,), found=found)
        return {}

    def identifier(self, found: str, at: toml_lines.Path, reserved: frozenset[str]) -> None:
        """A key that becomes a column or a view must be a plain word both stores leave free."""
        if not IDENTIFIER.fullmatch(found):
            self.problem("key_not_plain", at=at, found=found)
        elif found in reserved:
            self.problem("key_reserved", at=at, found=found)

    def _read(self) -> dict[str, Any]:
        try:
            self._text = self.path.read_text("utf-8-sig")
            return tomllib.loads(self._text)
        except OSError as error:
            self._refused("file_not_readable", str(error.strerror))
        except UnicodeDecodeError as error:
            line = error.object.count(b"\n", 0, error.start) + 1
            self._refused("not_utf8", f"0x{error.object[error.start]:02x}", line)
        except tomllib.TOMLDecodeError as error:
            place = _PLACE.search(str(error))
            line = int(place[1]) if place else self._text.count("\n") + 1
            self._refused("syntax_wrong", str(error), line)
        return {}

    def _refused(self, code: str, found: str, line: int = 1) -> None:
        self._is_read = False
        self._note(Problem(code, str(self.path), "", line, found))

    def _note(self, problem: Problem) -> None:
        self._count += 1
        self._problems.found.append(problem)

    @cached_property
    def _lines(self) -> dict[toml_lines.Path, int]:
        return toml_lines.lines(self._text)

    def _spoken(self, at: toml_lines.Path) -> str:
        """A path for people: elements go by their own key or code, else by position from 1."""
        spoken = ""
        here: Any = self.table
        for step in at:
            here = _stepped(here, step)
            if isinstance(step, str):
                spoken += f".{step}" if spoken else step
            else:
                spoken += f"[{_own_name(here) or step + 1}]"
        return spoken

    def _fitting(
        self, table: Mapping[str, Any], form: Form, at: toml_lines.Path
    ) -> dict[str, Any]:
        for key in table.keys() - form.keys():
            self.problem("unknown_key", at=(*at, key), found=key, expected=nearest(key, form))
        for key, entry in form.items():
            if entry.required and key not in table:
                self.problem("missing_key", at=at, found=key)
        known = {key: found for key, found in table.items() if key in form}
        return {
            key: self._taken(found, form[key], (*at, key))
            for key, found in known.items()
            if self._holds(found, form[key], (*at, key))
        }

    def _holds(self, found: object, entry: Entry, at: toml_lines.Path) -> bool:
        if not is_held(found, entry.holds):
            self._wrong_kind(found, entry.holds, at)
            return False
        if isinstance(found, str):
            return self._allowed(found, entry, at)
        return True

    def _wrong_kind(self, found: object, holds: str, at: toml_lines.Path) -> None:
        one = _ELEMENTS.get(holds)
        if one is None or not isinstance(found, list):
            self.problem(f"not_{holds}", at=at, found=found)
            return
        for position, element in enumerate(found):
            if not is_held(element, one):
                self.problem(f"not_{one}", at=(*at, position), found=element)

    def _allowed(self, found: str, entry: Entry, at: toml_lines.Path) -> bool:
        if not found.strip():
            self.problem("text_empty", at=at)
        elif place := _CONTROL.search(found):
            self.problem("text_unprintable", at=at, found=f"U+{ord(place[0]):04X}")
        elif entry.words is not None and found not in entry.words:
            self.problem(entry.refuse, at=at, found=found, expected=nearest(found, entry.words))
        else:
            return True
        return False

    def _taken(self, found: Any, entry: Entry, at: toml_lines.Path) -> Any:
        """The value with what is wrong inside it left out; elements keep their positions."""
        if entry.holds == "texts":
            return [
                one if self._allowed(one, entry, (*at, i)) else None for i, one in enumerate(found)
            ]
        if entry.form is None:
            return found
        if entry.holds == "table":
            return self._fitting(found, entry.form, at)
        return [self._fitting(one, entry.form, (*at, i)) for i, one in enumerate(found)]


def nearest(found: str, known: Iterable[str]) -> list[str]:
    """The known words that a word was perhaps meant to be; all of them if none is like it."""
    ordered = sorted(known)
    return difflib.get_close_matches(found, ordered, n=3) or ordered


def _stepped(here: Any, step: str | int) -> Any:
    if isinstance(here, Mapping):
        return here.get(step) if isinstance(step, str) else None
    if isinstance(here, Sequence) and isinstance(step, int) and step < len(here):
        return here[step]
    return None


def _own_name(element: Any) -> str | None:
    if not isinstance(element, Mapping):
        return None
    name = element.get("key", element.get("code"))
    return name if isinstance(name, str) else None
