"""What one server stands on: the register, its words, who may come in, and its tiles."""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import Any, Final

from layers.catalog import Catalog
from layers.figures import Figure
from layers.indicators import Indicators
from layers.library import Library
from maps import settings, text
from maps.tiles.service import Tiles
from maps.web import passwords
from maps.web.sessions import Patience, Sessions
from parcels import accounts
from parcels.accounts import Account
from parcels.model import Moment
from parcels.reviewing import Reviewing

_REMEMBERED_SECONDS: Final = 300


@dataclass
class Office:
    """One server.

    Attributes:
        register: Open as long as the server runs.
        layers: As declared.
        lang: Language of who has not chosen one.
        user: In whose name whoever opens the printed link acts.
        sessions: Signed with the server's secret.
        secure: Whether cookies are sent over TLS alone.
        indicators: As declared, with the weights asked for; none where none are given.
        entry: Token of the printed link, until it is used; None where there are accounts, and then
            the session of such a link, of an earlier run with the same secret, is nobody's.
    """

    register: Reviewing
    layers: Catalog
    lang: str
    user: str
    sessions: Sessions = field(default_factory=lambda: Sessions(secrets.token_urlsafe(32)))
    secure: bool = False
    indicators: Indicators = field(default_factory=lambda: Indicators({}))
    entry: str | None = None

    def __post_init__(self) -> None:
        """Prepare what is made from the above."""
        self.is_local = self.entry is not None
        self.tiles = Tiles(self.register)
        self.patience = Patience()
        self.figures: dict[tuple[Any, ...], list[Figure]] = {}
        self._entry_lock = threading.Lock()
        self._proofs: dict[bytes, float] = {}

    @property
    def library(self) -> Library:
        """The register's layers as figures."""
        return Library(self.register, self.layers)

    def use_entry(self, token: str) -> bool:
        """Whether a token is that of the printed link; it opens once."""
        with self._entry_lock:
            is_right = self.entry is not None and secrets.compare_digest(
                self.entry.encode(), token.encode()
            )
            if is_right:
                self.entry = None
            return is_right

    def signed_in(self, login: str, password: str, address: str) -> Account | None:
        """The account of a name and password; None for a wrong one, and after too many of them.

        A right one is remembered for a while by its hash: making it again takes a tenth of a
        second by design, and programs ask for a page of features at a time.
        """
        names = (f"login:{login}", f"address:{address}")
        if self.patience.seconds_left(*names):
            return None
        found = accounts.of(self.register, login)
        proof = hashlib.sha256(f"{login}\0{password}\0{found and found.number}".encode()).digest()
        if found is not None and self._proofs.get(proof, 0.0) > time.monotonic():
            return found
        if not passwords.is_right(found.password if found else None, password) or found is None:
            self.patience.failed(*names)
            accounts.note(
                self.register, "sign_in_failed", login=login, at=self.now(), address=address
            )
            return None
        self.patience.succeeded(*names)
        self._proofs[proof] = time.monotonic() + _REMEMBERED_SECONDS
        return found

    @staticmethod
    def today() -> dt.date:
        """Today in Beijing."""
        return settings.today()

    @staticmethod
    def now() -> dt.datetime:
        """This instant, in UTC."""
        return settings.now()

    def moment(self, on: dt.date | None, known: int | None) -> Moment:
        """The two times of what is read: true today and as known now, unless others are named."""
        return Moment(on or self.today(), change=known)

    @staticmethod
    def say(key: str, lang: str, **fields: Any) -> str:
        """A sentence."""
        return text.say(key, lang, **fields)
