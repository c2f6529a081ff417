"""The application: every route behind one guard, every answer with the same headers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator
from importlib import resources
from typing import Any, Final

from fastapi import Depends, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse
from fastapi.staticfiles import StaticFiles
from starlette.exceptions import HTTPException

from maps import answers
from maps.web import accounts, cql2, entrance, features, figures, mapping, pages, parcel
from maps.web.guard import NotAllowedError, NotSignedInError, guard
from maps.web.office import Office
from parcels.errors import Refusal

MOST_BYTES: Final = 200 << 20
"""Of what is sent to the server at once; the door has bounds of its own for what is inside."""

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        "connect-src 'self'; font-src 'self'; manifest-src 'self'; worker-src 'self'; "
        "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "geolocation=(self), camera=(self)",
}
"""Of every answer: nothing is loaded or run that does not come from this server as a file."""


def create_app(office: Office) -> FastAPI:
    """The application of one server.

    Args:
        office: What it stands on; whoever made it closes its register.
    """
    app = FastAPI(
        title="Jingtu",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        dependencies=[Depends(guard)],
    )
    app.state.office = office
    # The guard of the application runs for each of them; it knows them by method and path.
    for part in (entrance, pages, mapping, parcel, figures, accounts, features):
        app.include_router(part.router)
    app.add_api_route("/openapi.json", _openapi, include_in_schema=False)
    static = resources.files("maps") / "static"
    app.mount("/static", StaticFiles(directory=str(static)), name="static")
    app.add_exception_handler(NotSignedInError, _not_signed_in)
    app.add_exception_handler(NotAllowedError, _not_allowed)
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(RequestValidationError, _not_understood)
    app.add_exception_handler(features.NotUnderstoodError, _parameter)
    app.add_exception_handler(cql2.FilterError, _filter)
    app.add_exception_handler(HTTPException, _other)
    app.middleware("http")(_around)
    return app


def routes(app: FastAPI) -> set[str]:
    """Every route by method and path, to be compared with `access.TABLE`."""
    found = set()
    for route in _each(app.routes):
        methods = getattr(route, "methods", None) or {"MOUNT"}
        found |= {f"{method} {getattr(route, 'path', '')}" for method in methods}
    return found


def _each(given: Iterable[Any]) -> Iterator[Any]:
    """Routes, with those of the routers among them in place of these."""
    for route in given:
        router = getattr(route, "original_router", None)
        if router is None:
            yield route
        else:
            yield from _each(router.routes)


def _openapi(request: Request) -> JSONResponse:
    return JSONResponse(request.app.openapi())


async def _around(
    request: Request, call_next: Callable[[Request], Awaitable[Response]]
) -> Response:
    length = request.headers.get("content-length", "")
    if request.method in {"POST", "PUT", "PATCH"} and not length.isdecimal():
        response: Response = JSONResponse({"code": "length_needed"}, status_code=411)
    elif length.isdecimal() and int(length) > MOST_BYTES:
        response = JSONResponse({"code": "too_large"}, status_code=413)
    else:
        response = await call_next(request)
    for name, content in HEADERS.items():
        response.headers.setdefault(name, content)
    if not request.url.path.startswith("/static/"):
        response.headers.setdefault("Cache-Control", "no-store")
    return response


def _not_signed_in(request: Request, _error: Exception) -> Response:
    if _wants_page(request):
        asked = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return RedirectResponse(
            str(request.url_for("sign_in_page").include_query_params(next=asked)), status_code=303
        )
    return _told(request, "not_signed_in", 401)


def _not_allowed(request: Request, error: Exception) -> Response:
    return _told(request, error.args[0] if error.args else "not_allowed", 403)


def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)  # noqa: S101 - registered for it
    lang = entrance.language(request)
    said = answers.what(error, lang)
    mend = answers.mend(error, lang)
    status = answers.status(error)
    if _wants_page(request):
        return pages.problem(request, said, mend, status=status)
    return JSONResponse({"code": error.code, "what": said, "mend": mend}, status_code=status)


def _not_understood(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for it
    fields = [".".join(str(part) for part in one["loc"]) for one in error.errors()]
    return _told(request, "not_understood", 422, fields=fields)


def _parameter(request: Request, error: Exception) -> Response:
    return _told(request, "not_understood", 400, fields=[str(error)])


def _filter(request: Request, error: Exception) -> Response:
    return _told(request, "filter_not_understood", 400, filter=str(error)[:200])


def _other(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for it
    key = "not_there" if error.status_code == 404 else "not_possible"
    return _told(request, key, error.status_code)


def _told(request: Request, key: str, status: int, **fields: Any) -> Response:
    lang = entrance.language(request)
    said = Office.say(f"web.problems.{key}", lang)
    if _wants_page(request):
        return pages.problem(request, said, None, status=status)
    return JSONResponse({"code": key, "what": said, **fields}, status_code=status)


def _wants_page(request: Request) -> bool:
    return "text/html" in request.headers.get("accept", "")
