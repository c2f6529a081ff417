"""Pages: a template, its words, and who looks."""

from __future__ import annotations

from functools import cache
from typing import Any, Final

import jinja2
from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from maps import text
from maps.web.guard import language, office_of
from maps.web.sessions import COOKIE
from maps.web.visitors import Visitor

router: Final = APIRouter(include_in_schema=False)


def page(request: Request, template: str, *, status: int = 200, **given: Any) -> Response:
    """A page in the language of whoever looks.

    Args:
        request: What was asked.
        template: File in `maps/web/templates`.
        status: HTTP status.
        given: What the template shows; text is escaped by it.
    """
    return HTMLResponse(fragment(request, template, **given), status_code=status)


def fragment(request: Request, template: str, **given: Any) -> str:
    """A template filled in, in the language of whoever looks."""
    lang = language(request)
    visitor: Visitor | None = getattr(request.state, "visitor", None)
    sessions = office_of(request).sessions
    return (
        _templates()
        .get_template(template)
        .render(
            lang=lang,
            say=lambda key, **fields: text.say(f"web.{key}", lang, **fields),
            instant=lambda at: text.instant(at, lang),
            visitor=visitor,
            csrf=sessions.csrf(request.cookies.get(COOKIE)),
            here=request.url.path + (f"?{request.url.query}" if request.url.query else ""),
            **given,
        )
    )


def problem(request: Request, said: str, mend: str | None, *, status: int) -> Response:
    """A page that says what is wrong and what to do about it."""
    return page(request, "problem.html", status=status, said=said, mend=mend)


@cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.PackageLoader("maps.web"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
