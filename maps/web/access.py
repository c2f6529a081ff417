"""Who may open what: one table of every route, and nothing is open that is not in it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from parcels.accounts import Role

ANYONE: Final[frozenset[Role] | None] = None
"""Also who has not signed in."""

SIGNED_IN: Final = frozenset(Role)
STAFF: Final = frozenset({Role.DISTRICT_EDITOR, Role.CITY_EDITOR, Role.ADMIN})
ADMINS: Final = frozenset({Role.ADMIN})

TABLE: Final[Mapping[str, frozenset[Role] | None]] = MappingProxyType(
    {
        "MOUNT /static": ANYONE,
        "GET /healthz": ANYONE,
        "GET /enter": ANYONE,
        "GET /sign-in": ANYONE,
        "POST /sign-in": ANYONE,
        "POST /language": ANYONE,
        "POST /sign-out": SIGNED_IN,
        "GET /": SIGNED_IN,
        "GET /map/start.js": SIGNED_IN,
        "GET /tiles/{layer}/{z}/{x}/{y}": SIGNED_IN,
        "GET /api/layers/{layer}/counts": SIGNED_IN,
        "GET /api/at": SIGNED_IN,
        "GET /api/search": SIGNED_IN,
        "GET /parcels/{layer}/{parcel}": SIGNED_IN,
        "GET /figures": SIGNED_IN,
        "GET /figures/{figure}": SIGNED_IN,
        "GET /ogc": SIGNED_IN,
        "GET /ogc/api": SIGNED_IN,
        "GET /ogc/conformance": SIGNED_IN,
        "GET /ogc/collections": SIGNED_IN,
        "GET /ogc/collections/{layer}": SIGNED_IN,
        "GET /ogc/collections/{layer}/queryables": SIGNED_IN,
        "GET /ogc/collections/{layer}/items": SIGNED_IN,
        "GET /ogc/collections/{layer}/items/{parcel}": SIGNED_IN,
        "GET /accounts": ADMINS,
        "POST /accounts": ADMINS,
        "POST /accounts/close": ADMINS,
        "GET /openapi.json": SIGNED_IN,
    }
)
"""Roles that may use each route, by method and path; a test walks every route as every role."""
