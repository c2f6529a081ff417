"""What the surroundings say: the environment, read once, and the clock."""

from __future__ import annotations

import datetime as dt
import getpass
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from typing import Final

from maps.text import BEIJING_TIME, LANGUAGES
from parcels.errors import SettingNotUnderstoodError

STORE: Final = "jingtu.gpkg"
"""The register when none is named: a file in the present folder."""


REVIEWS: Final = ("own", "other")
"""Whether a person may store and approve what they bring, or another must approve it."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What the environment asks for; the command line goes before it.

    Attributes:
        store: JINGTU_STORE, a path or a database URL; STORE when it is not set.
        lang: JINGTU_LANG, "zh" or "en"; else the language of the locale, and Chinese for any
            other.
        user: JINGTU_USER, who makes changes; else the name of the account.
        files: JINGTU_FILES, the folder of the documents of evidence; "" for the one beside the
            register.
        review: JINGTU_REVIEW: "own" lets a person change the register at once and approve what
            they submitted; "other" asks that another person approves it; "" does so only where
            the register is on a server, which several people share.
        secret: JINGTU_SECRET, with which the pages sign their sessions; "" where none is set.
        enable: JINGTU_ENABLE, keys of gates and milestones to switch on, parted by commas.
        weights: JINGTU_WEIGHTS, what terms of indicators count, as INDICATOR.TERM=0.95, parted by
            commas.
    """

    store: str
    lang: str
    user: str
    files: str = ""
    review: str = ""
    secret: str = field(default="", repr=False)
    enable: tuple[str, ...] = ()
    weights: tuple[tuple[str, Fraction], ...] = ()


def read(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings, from the process's environment when none is given.

    Raises:
        SettingNotUnderstoodError: JINGTU_LANG, JINGTU_REVIEW or JINGTU_WEIGHTS means nothing.
    """
    given = os.environ if environment is None else environment  # noqa: TID251 - its one home
    return Settings(
        store=given.get("JINGTU_STORE", "").strip() or STORE,
        lang=_lang(given),
        user=given.get("JINGTU_USER", "").strip() or _account(),
        files=given.get("JINGTU_FILES", "").strip(),
        review=_review(given),
        secret=given.get("JINGTU_SECRET", ""),
        enable=tuple(
            key.strip() for key in given.get("JINGTU_ENABLE", "").split(",") if key.strip()
        ),
        weights=_weights(given),
    )


def spoken(environment: Mapping[str, str] | None = None) -> str:
    """The language to speak in even when JINGTU_LANG means nothing."""
    try:
        return _lang(os.environ if environment is None else environment)  # noqa: TID251 - as above
    except SettingNotUnderstoodError:
        return LANGUAGES[0]


def today() -> dt.date:
    """Today in Beijing."""
    return now().astimezone(BEIJING_TIME).date()


def now() -> dt.datetime:
    """This instant, in UTC."""
    return dt.datetime.now(dt.UTC)  # noqa: TID251 - the clock's one home


def _lang(given: Mapping[str, str]) -> str:
    asked = given.get("JINGTU_LANG", "").strip()
    if not asked:
        return _locale_language(given)
    if asked.lower() not in LANGUAGES:
        raise SettingNotUnderstoodError(setting="JINGTU_LANG", found=asked, expected=LANGUAGES)
    return asked.lower()


def _review(given: Mapping[str, str]) -> str:
    asked = given.get("JINGTU_REVIEW", "").strip().lower()
    if asked not in {"", *REVIEWS}:
        raise SettingNotUnderstoodError(setting="JINGTU_REVIEW", found=asked, expected=REVIEWS)
    return asked


def _weights(given: Mapping[str, str]) -> tuple[tuple[str, Fraction], ...]:
    written = [one.strip() for one in given.get("JINGTU_WEIGHTS", "").split(",") if one.strip()]
    found = []
    for one in written:
        term, _, number = (part.strip() for part in one.partition("="))
        try:
            found.append((term, Fraction(Decimal(number))))
        except (InvalidOperation, ValueError, OverflowError):
            expected = ["INDICATOR.TERM=0.95"]
            raise SettingNotUnderstoodError(
                setting="JINGTU_WEIGHTS", found=one, expected=expected
            ) from None
    return tuple(found)


def _locale_language(given: Mapping[str, str]) -> str:
    named = (given.get(name, "") for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    first = next((one for one in named if one), "")
    return "en" if first.lower().startswith("en") else "zh"


def _account() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # an account without a name, as in some containers
        return f"uid-{os.getuid()}"
