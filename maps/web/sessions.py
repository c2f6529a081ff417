"""What a browser carries to say who it is: signed, so that nobody else can have written it."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from itsdangerous import BadSignature, TimestampSigner

COOKIE: Final = "jingtu"
LANGUAGE_COOKIE: Final = "jingtu_lang"

HOURS: Final = 10
"""A working day: then everyone signs in again."""

_FAILURES: Final = 5
_PAUSE_SECONDS: Final = 60
_KEPT_AT_MOST: Final = 10_000


class Sessions:
    """Makes and reads the cookies of one server.

    Args:
        secret: What they are signed with; whoever has it can be anyone.
    """

    def __init__(self, secret: str) -> None:
        self._signer = TimestampSigner(secret, salt="session")
        self._secret = hashlib.sha256(b"csrf" + secret.encode()).digest()

    def issue(self, account: int) -> str:
        """The cookie of somebody who signed in with the account of this number."""
        return self._signer.sign(f"{account}.{secrets.token_urlsafe(12)}").decode()

    def read(self, cookie: str | None) -> int | None:
        """Number of the account in a cookie; None where it is not ours, or too old."""
        if not cookie:
            return None
        try:
            said = self._signer.unsign(cookie, max_age=HOURS * 3600).decode()
            return int(said.partition(".")[0])
        except (BadSignature, ValueError):
            return None

    def csrf(self, cookie: str | None) -> str:
        """The token that forms of a session carry: no other site can know it."""
        return hmac.new(self._secret, (cookie or "").encode(), hashlib.sha256).hexdigest()

    def is_own(self, cookie: str | None, token: str | None) -> bool:
        """Whether a token belongs to the session of a cookie."""
        return hmac.compare_digest(self.csrf(cookie).encode(), (token or "").encode())


@dataclass
class _Tries:
    count: int
    until: float


class Patience:
    """Lets nobody guess on: after five wrong passwords a name or an address waits a minute.

    Args:
        clock: Seconds that only grow.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._tries: dict[str, _Tries] = {}
        self._lock = threading.Lock()

    def seconds_left(self, *names: str) -> int:
        """How long the one of these that waits longest still waits."""
        with self._lock:
            now = self._clock()
            waits = [self._tries[name].until - now for name in names if name in self._tries]
        return max(0, *(round(wait + 0.5) for wait in waits), 0)

    def failed(self, *names: str) -> None:
        """Count a wrong password against each of these."""
        with self._lock:
            now = self._clock()
            if len(self._tries) > _KEPT_AT_MOST:
                self._tries = {k: v for k, v in self._tries.items() if v.until > now}
            for name in names:
                tries = self._tries.setdefault(name, _Tries(0, now))
                tries.count += 1
                if tries.count >= _FAILURES:
                    doubled = min(tries.count - _FAILURES, 5)
                    tries.until = now + _PAUSE_SECONDS * 2**doubled

    def succeeded(self, *names: str) -> None:
        """Forget what was counted against these."""
        with self._lock:
            for name in names:
                self._tries.pop(name, None)
