"""Texts that fit a declared pattern, drawn by lot."""

from __future__ import annotations

import re
import string
from typing import Final

import numpy as np
import pandas as pd

_ATOM: Final = re.compile(
    r"(?P<set>\[(?:\\.|[^\]\\])+\]|\\d|\\w|\\[^\w\s]|[^\[\](){}|*+?\\.^$])"
    r"(?:\{(?P<least>\d+)(?:,(?P<most>\d*))?\}|(?P<mark>[?*+]))?"
)
_CLASSES: Final = {r"\d": string.digits, r"\w": string.ascii_letters + string.digits + "_"}
_MARKS: Final = {"?": (0, 1), "*": (0, 3), "+": (1, 4)}


class PatternNotUnderstoodError(ValueError):
    """The pattern is more than a row of characters and sets with counts."""


def texts(pattern: str, count: int, rng: np.random.Generator) -> pd.Series:
    r"""Texts that the pattern accepts as a whole.

    Args:
        pattern: Characters, sets such as [0-9A-F] and \d, with ?, *, + or {m,n}.
        count: How many.
        rng: Source of chance.

    Returns:
        Series of str, index from 0.

    Raises:
        PatternNotUnderstoodError: For groups, alternatives and negated sets.
    """
    whole = pd.Series("", index=range(count), dtype="str")
    for letters, least, most in _parts(pattern.removeprefix("^").removesuffix("$")):
        lengths = rng.integers(least, most + 1, count)
        choice = pd.array(list(letters), dtype="str")
        for place in range(most):
            drawn = pd.Series(choice.take(rng.integers(0, len(letters), count)))
            whole += drawn.where(lengths > place, "")
    return whole


def _parts(pattern: str) -> list[tuple[str, int, int]]:
    parts, place = [], 0
    while place < len(pattern):
        found = _ATOM.match(pattern, place)
        if found is None:
            raise PatternNotUnderstoodError(pattern)
        place = found.end()
        parts.append((_letters(found["set"], pattern), *_counts(found)))
    return parts


def _counts(found: re.Match[str]) -> tuple[int, int]:
    if found["mark"]:
        return _MARKS[found["mark"]]
    if found["least"] is None:
        return 1, 1
    least = int(found["least"])
    if found["most"] is None:
        return least, least
    return least, int(found["most"] or least + 3)


def _letters(atom: str, pattern: str) -> str:
    if atom in _CLASSES:
        return _CLASSES[atom]
    if not atom.startswith("["):
        return atom.removeprefix("\\")
    body = atom[1:-1]
    if body.startswith("^"):
        raise PatternNotUnderstoodError(pattern)
    matched = re.compile(atom)
    return "".join(letter for letter in map(chr, range(32, 127)) if matched.match(letter))
