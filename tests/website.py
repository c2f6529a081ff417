"""A small site for the tests of the pages: a register, accounts of every role, browsers."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

from starlette.testclient import TestClient
from town import DAY, PLOT, act, plots

from layers.catalog import Catalog
from maps.web import passwords
from maps.web.app import create_app
from maps.web.office import Office
from parcels import accounts
from parcels.accounts import Account, Role
from parcels.reviewing import Reviewing

PASSWORD = "示例口令一二三四五六七"  # noqa: S105 - of the invented town
HAIDIAN, CHAOYANG = "110108", "110105"
UNITS = {Role.DISTRICT_EDITOR: HAIDIAN, Role.INSPECTOR: HAIDIAN, Role.VIEWER: HAIDIAN}
SECRET_PLOT = replace(
    PLOT,
    fields=tuple(replace(one, sensitive=one.key == "industry") for one in PLOT.fields),
)
_HASHED = passwords.kept(PASSWORD, "example")


@dataclass
class Site:
    """A server in this process and whoever comes to it."""

    office: Office
    app: Any

    def visitor(self, role: Role | None = None) -> Visitor:
        """A browser of its own, signed in as somebody of a role."""
        client = Visitor(self.app, base_url="http://127.0.0.1", follow_redirects=False)
        if role is not None:
            answer = client.submit("/sign-in", login=role.value, password=PASSWORD)
            assert answer.status_code == 303, answer.text
        return client


class Visitor(TestClient):
    """A browser that reads the token of a page before it sends a form."""

    def token(self) -> str:
        """The token of this session's forms."""
        page = self.get("/sign-in", headers={"accept": "text/html"})
        return re.search(r'name="csrf" value="([0-9a-f]+)"', page.text)[1]

    def submit(self, path: str, **form: Any) -> Any:
        """Send a form of ours."""
        return self.post(path, data={"csrf": self.token(), **form})

    def look(self, path: str) -> Any:
        """Open a page."""
        return self.get(path, headers={"accept": "text/html"})


def build(store_url: str) -> None:
    """Four plots of Haidian, two of Chaoyang, one of no known unit; an account of every role."""
    units = [HAIDIAN] * 4 + [CHAOYANG] * 2 + [None]
    stages = ["surveyed", "listed", "surveyed", None, "listed", "surveyed", "surveyed"]
    with Reviewing(store_url, [SECRET_PLOT]) as register:
        register.take(PLOT.key, plots(7, unit=units, stage=stages), act(DAY))
        for role in Role:
            wanted = Account(0, role.value, f"示例{role.value}", role, UNITS.get(role), _HASHED)
            accounts.add(register, wanted, act(DAY))


def open_site(store_url: str) -> Site:
    """A server on a register that was built."""
    register = Reviewing(store_url, [SECRET_PLOT])
    office = Office(register, Catalog({PLOT.key: SECRET_PLOT}, {}, {}), "zh", "示例")
    return Site(office, create_app(office))
