"""Signing in and out, and the choice of language."""

from __future__ import annotations

from typing import Annotated, Any, Final
from urllib.parse import urlsplit

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from maps.web import pages
from maps.web.guard import NotAllowedError, OfficeOf, VisitorOf, client_of, language
from maps.web.office import Office
from maps.web.sessions import COOKIE, HOURS, LANGUAGE_COOKIE
from maps.web.visitors import LOCAL
from parcels import accounts

__all__ = ["language", "router"]

router: Final = APIRouter(include_in_schema=False)

_YEAR: Final = 365 * 24 * 3600


@router.get("/healthz")
def health() -> dict[str, str]:
    """Whether the server answers."""
    return {"status": "ok"}


@router.get("/enter")
def enter(request: Request, office: OfficeOf, token: str = "") -> Response:
    """Open the link that the server printed; it opens once."""
    if not office.use_entry(token):
        raise NotAllowedError("entry_used")
    accounts.note(
        office.register, "enter", login="local", at=office.now(), address=client_of(request)
    )
    return _signed_in(office, LOCAL, "/")


@router.get("/sign-in", name="sign_in_page")
def sign_in_page(request: Request, next: str = "/") -> Response:  # noqa: A002 - of the address
    """Ask for name and password."""
    return pages.page(request, "sign_in.html", next=_own(next), failed=None)


@router.post("/sign-in")
def sign_in(
    request: Request,
    office: OfficeOf,
    login: Annotated[str, Form(max_length=64)],
    password: Annotated[str, Form(max_length=1024)],
    next: Annotated[str, Form(max_length=2048)] = "/",  # noqa: A002 - of the form
) -> Response:
    """Look at name and password, and never say which of them was wrong."""
    name, address = login.strip().casefold(), client_of(request)
    wait = office.patience.seconds_left(f"login:{name}", f"address:{address}")
    if wait:
        return _failed(request, "wait", next, status=429, seconds=wait)
    found = office.signed_in(name, password, address)
    if found is None:
        return _failed(request, "wrong", next, status=401)
    accounts.note(office.register, "sign_in", login=name, at=office.now(), address=address)
    return _signed_in(office, found.number, _own(next))


@router.post("/sign-out")
def sign_out(request: Request, office: OfficeOf, visitor: VisitorOf) -> Response:
    """Forget who it was."""
    accounts.note(
        office.register,
        "sign_out",
        login=visitor.account.login,
        at=office.now(),
        address=client_of(request),
    )
    response = RedirectResponse("/sign-in", status_code=303)
    response.delete_cookie(COOKIE)
    return response


@router.post("/language")
def choose_language(
    office: OfficeOf,
    lang: Annotated[str, Form()],
    next: Annotated[str, Form()] = "/",  # noqa: A002 - of the form
) -> Response:
    """Speak Chinese or English from now on."""
    response = RedirectResponse(_own(next), status_code=303)
    if lang in {"zh", "en"}:
        response.set_cookie(LANGUAGE_COOKIE, lang, max_age=_YEAR, **_flags(office))
    return response


def _signed_in(office: Office, account: int, place: str) -> Response:
    response = RedirectResponse(place, status_code=303)
    response.set_cookie(
        COOKIE, office.sessions.issue(account), max_age=HOURS * 3600, **_flags(office)
    )
    return response


def _failed(request: Request, key: str, place: str, *, status: int, **fields: Any) -> Response:
    said = Office.say(f"web.sign_in.{key}", language(request), **fields)
    return pages.page(request, "sign_in.html", status=status, next=_own(place), failed=said)


def _flags(office: Office) -> dict[str, Any]:
    return {"httponly": True, "samesite": "lax", "secure": office.secure, "path": "/"}


def _own(place: str) -> str:
    """A place on this server; anything else becomes the first page."""
    parts = urlsplit(place)
    is_own = not parts.scheme and not parts.netloc and place.startswith("/")
    return place if is_own and not place.startswith(("//", "/\\")) else "/"
