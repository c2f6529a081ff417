"""Runs the pages: for whoever has the printed link on this machine, else for accounts alone."""

from __future__ import annotations

import ipaddress
import secrets
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import uvicorn

from layers.catalog import Catalog
from layers.indicators import Indicators
from maps.web.app import create_app
from maps.web.office import Office
from maps.web.sessions import Sessions
from parcels import accounts
from parcels.errors import NotServedError
from parcels.reviewing import Reviewing

SHORTEST_SECRET: Final = 32


@dataclass(frozen=True, slots=True)
class Wish:
    """Where and how to serve.

    Attributes:
        host: Address to listen on.
        port: 0 for any that is free.
        secret: With which sessions are signed; "" makes one that ends with the server.
        behind_tls: A proxy before the server speaks TLS, and says who asked.
        lang, user, indicators: As `Office`.
    """

    host: str
    port: int
    secret: str
    behind_tls: bool
    lang: str
    user: str
    indicators: Indicators


def serve(
    register: Reviewing, layers: Catalog, wish: Wish, *, started: Callable[[str, str | None], None]
) -> None:
    """Serve until interrupted.

    Args:
        register: Open as long as the server runs.
        layers: As declared.
        wish: Where and how.
        started: Told the address, and the link to come in by where there are no accounts.

    Raises:
        NotServedError: Others could reach it and there are no accounts or no secret, or the port
            is taken.
    """
    has_accounts = len(accounts.listed(register)) > 0
    is_local = _is_loopback(wish.host)
    reason = None
    if not is_local and not has_accounts:
        reason = "accounts_needed"
    elif (not is_local or wish.behind_tls) and len(wish.secret) < SHORTEST_SECRET:
        reason = "secret_needed"
    if reason is not None:
        raise NotServedError(host=wish.host, port=wish.port, reason=reason)
    listener = _listener(wish)
    office = Office(
        register,
        layers,
        wish.lang,
        wish.user,
        sessions=Sessions(wish.secret or secrets.token_urlsafe(32)),
        secure=wish.behind_tls,
        indicators=wish.indicators,
        entry=None if has_accounts else secrets.token_urlsafe(24),
    )
    config = uvicorn.Config(
        create_app(office),
        log_level="warning",
        proxy_headers=wish.behind_tls,
        server_header=False,
        timeout_graceful_shutdown=5,
    )
    shown = f"[{wish.host}]" if ":" in wish.host else wish.host
    address = f"http://{shown}:{listener.getsockname()[1]}/"
    started(address, None if office.entry is None else f"{address}enter?token={office.entry}")
    try:
        uvicorn.Server(config).run(sockets=[listener])
    finally:
        listener.close()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _listener(wish: Wish) -> socket.socket:
    """A socket that listens already, so that the address is known before anything is said."""
    family = socket.AF_INET6 if ":" in wish.host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        made.bind((wish.host, wish.port))
        made.listen(128)
    except (OSError, OverflowError) as error:
        made.close()
        raise NotServedError(host=wish.host, port=wish.port, reason="port_taken") from error
    return made
