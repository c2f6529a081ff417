"""The page of accounts, for administrators."""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import RedirectResponse

from maps.web import pages, passwords
from maps.web.guard import OfficeOf, VisitorOf
from parcels import accounts
from parcels.accounts import Account, Role
from parcels.recording import Act

router: Final = APIRouter(include_in_schema=False)


@router.get("/accounts")
def account_page(request: Request, office: OfficeOf) -> Response:
    """Who may sign in, and the last things that were noted."""
    units = office.register.territory.units
    column = "name_en" if request.state.visitor.lang == "en" else "name"
    return pages.page(
        request,
        "accounts.html",
        accounts=accounts.listed(office.register).to_dict("records"),
        noted=accounts.noted(office.register, last=50).to_dict("records"),
        roles=[role.value for role in Role],
        units=units[column].to_dict(),
    )


@router.post("/accounts")
def make_account(  # noqa: PLR0913, PLR0917 - one argument per field of the form
    office: OfficeOf,
    visitor: VisitorOf,
    login: Annotated[str, Form(max_length=64)],
    name: Annotated[str, Form(max_length=64)],
    role: Annotated[Role, Form()],
    unit: Annotated[str, Form(max_length=12)] = "",
    password: Annotated[str, Form(max_length=1024)] = "",
) -> Response:
    """Make an account, or change the one of this name."""
    wanted = Account(
        0,
        login.strip().casefold(),
        name.strip(),
        role,
        unit or None,
        passwords.kept(password, login),
    )
    accounts.add(office.register, wanted, _act(office, visitor))
    return RedirectResponse("/accounts", status_code=303)


@router.post("/accounts/close")
def close_account(
    office: OfficeOf, visitor: VisitorOf, login: Annotated[str, Form(max_length=64)]
) -> Response:
    """Let nobody sign in under this name any more."""
    accounts.close(office.register, login, _act(office, visitor))
    return RedirectResponse("/accounts", status_code=303)


def _act(office: OfficeOf, visitor: VisitorOf) -> Act:
    return Act(by=visitor.account.name, at=office.now(), on=office.today())
