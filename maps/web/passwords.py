"""Passwords: hashed with Argon2id and a salt of their own, compared in constant time."""

from __future__ import annotations

from functools import cache
from typing import Final

import argon2

from parcels.errors import AccountNotUsableError

SHORTEST: Final = 10
"""Characters; length counts, rules about kinds of characters do not (NIST SP 800-63B, 5.1.1)."""

_HASHER: Final = argon2.PasswordHasher()


def kept(password: str, login: str) -> str:
    """The hash of a password to keep for an account; "" for none.

    Raises:
        AccountNotUsableError: It is shorter than SHORTEST.
    """
    if password and len(password) < SHORTEST:
        raise AccountNotUsableError(login=login, reason="password_short", unit=None)
    return _HASHER.hash(password) if password else ""


def is_right(hashed: str | None, password: str) -> bool:
    """Whether a password is the one whose hash is kept; as slow for an account that is not."""
    try:
        _HASHER.verify(hashed or _nobodys(), password)
    except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError):
        return False
    return bool(hashed)


@cache
def _nobodys() -> str:
    """A hash that is none's; made when it is first wanted, as every command starts without."""
    return _HASHER.hash("nobody's")
