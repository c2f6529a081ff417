"""Who comes in: asked once for every request, by the table of `access` and nothing else."""

from __future__ import annotations

import base64
from typing import Annotated, Final

from fastapi import Depends, Request

from maps.web.access import TABLE
from maps.web.office import Office
from maps.web.sessions import COOKIE, LANGUAGE_COOKIE
from maps.web.visitors import LOCAL, Visitor, local
from parcels import accounts

_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_SAME: Final = frozenset({"same-origin", "none"})


class NotSignedInError(Exception):
    """The page is for people who signed in."""


class NotAllowedError(Exception):
    """The page is not for this role, or what was sent does not come from a page of ours.

    Its argument is a key of web.problems.
    """


def office_of(request: Request) -> Office:
    """What the server stands on."""
    found: Office = request.app.state.office
    return found


def language(request: Request) -> str:
    """The language chosen in this browser, else the server's."""
    chosen = request.cookies.get(LANGUAGE_COOKIE)
    return chosen if chosen in {"zh", "en"} else office_of(request).lang


async def guard(request: Request) -> Visitor | None:
    """Let in who may come in; None where nobody has to sign in and nobody did.

    Raises:
        NotSignedInError: The route is for people who signed in.
        NotAllowedError: The route is not for them, or a form is not ours.
    """
    route = f"{request.method} {request.scope['route'].path}"
    if route not in TABLE:
        raise NotAllowedError("not_allowed")
    if request.method not in _SAFE:
        await _refuse_strange(request)
    visitor = _visitor(request)
    request.state.visitor = visitor
    allowed = TABLE[route]
    if allowed is None:
        return visitor
    if visitor is None:
        raise NotSignedInError
    if visitor.role not in allowed:
        raise NotAllowedError("not_allowed")
    return visitor


def visitor_of(request: Request) -> Visitor:
    """Who looks, on a route that is for people who signed in."""
    found: Visitor | None = request.state.visitor
    if found is None:
        raise NotSignedInError
    return found


OfficeOf = Annotated[Office, Depends(office_of)]
VisitorOf = Annotated[Visitor, Depends(visitor_of)]


def _visitor(request: Request) -> Visitor | None:
    office = office_of(request)
    written = request.headers.get("authorization", "")
    if written[:6].casefold() == "basic " and request.method in _SAFE:
        return _program(request, written[6:])
    cookie = request.cookies.get(COOKIE)
    number = office.sessions.read(cookie)
    if number is None:
        return None
    if number == LOCAL:
        if not office.is_local:
            return None
        account = local(office.user)
    else:
        found = accounts.numbered(office.register, number)
        if found is None:
            return None
        account = found
    return Visitor(account, language(request))


def _program(request: Request, written: str) -> Visitor | None:
    """Who a program asks for: name and password with each question, that only reads."""
    office = office_of(request)
    try:
        login, _, password = base64.b64decode(written, validate=True).decode().partition(":")
    except ValueError:
        return None
    account = office.signed_in(login.strip().casefold(), password, client_of(request))
    return None if account is None else Visitor(account, language(request))


def client_of(request: Request) -> str:
    """The address that asked."""
    return request.client.host if request.client else ""


async def _refuse_strange(request: Request) -> None:
    """What is sent must come from a page of ours: by the browser's word, and by the token."""
    site = request.headers.get("sec-fetch-site")
    if site is not None and site not in _SAME:
        raise NotAllowedError("strange_form")
    token = request.headers.get("x-csrf")
    if token is None:
        form = await request.form()
        given = form.get("csrf")
        token = given if isinstance(given, str) else None
    sessions = office_of(request).sessions
    if not sessions.is_own(request.cookies.get(COOKIE), token):
        raise NotAllowedError("strange_form")
