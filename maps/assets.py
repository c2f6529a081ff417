"""What a page loads: scripts, styles and pictures that are bundled here, never from outside.

Folium writes pages that fetch a dozen files from public servers. A page written through
`offline_html` carries or links the bundled files instead, and is refused if anything is left that
would leave the machine.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any, Final, Literal

from branca.element import Element

from parcels.errors import OutsideAddressError

OWN: Final = "jingtu:"
"""Scheme by which an element names a bundled file, e.g. "jingtu:map/map.css"."""

_TAG: Final = re.compile(
    r'<script[^>]*\ssrc="(?P<script>[^"]+)"[^>]*>\s*</script>'
    r'|<link[^>]*\shref="(?P<style>[^"]+)"[^>]*/?>'
)
_OUTSIDE: Final = re.compile(
    r"\b(?:https?|wss?|ftp)://(?!www\.w3\.org/)[^\s\"'<>]*"
    r"|(?:\b(?:src|srcset|href|action|poster|data)\s*=\s*|\burl\(\s*|@import\s*)[\"']?\s*//[^\s\"'<>)]*",
    re.IGNORECASE,
)
_LINK_IN_TEXT: Final = re.compile(r'\shref="https?://[^"]*"')
_SCHEME: Final = re.compile(r"https?://(?!www\.w3\.org/)")
_SOURCE_MAP: Final = re.compile(r"^//[#@] sourceMappingURL=.*$", re.MULTILINE)
_CSS_FILE: Final = re.compile(r"url\(\s*['\"]?(?!#|data:)([^)'\"]+)['\"]?\s*\)")
_MEDIA_TYPES: Final = {"png": "image/png", "svg": "image/svg+xml", "woff2": "font/woff2"}


@dataclass(frozen=True, slots=True)
class Package:
    """Files taken over from one publisher.

    Attributes:
        source: Where they were packed, for people.
        licence: SPDX identifier.
        licence_file: Path below `maps/static/vendor`.
        files: SHA-256 by path below `maps/static/vendor`.
    """

    name: str
    version: str
    source: str
    licence: str
    licence_file: str
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class _Address:
    """What stands in for an outside address: a file, or nothing while nothing needs it."""

    pattern: re.Pattern[str]
    file: str | None
    needed_if: re.Pattern[str] | None


def packages() -> tuple[Package, ...]:
    """Everything bundled from others."""
    return tuple(
        Package(**{name: part[name] for name in Package.__dataclass_fields__})
        for part in _declared()["package"]
    )


def sha256(name: str) -> str:
    """SHA-256 of a bundled file as it lies on disk, hexadecimal."""
    return hashlib.sha256(_file(name).read_bytes()).hexdigest()


@cache
def read(name: str) -> str:
    """The text of a bundled script or style, without any outside address.

    Args:
        name: Path below `maps/static`.
    """
    written = _file(name).read_text("utf-8")
    return _SCHEME.sub("", _LINK_IN_TEXT.sub("", _SOURCE_MAP.sub("", written)))


def offline_html(
    element: Element,
    *,
    mode: Literal["inline", "link"] = "inline",
    base: str = "/static/",
) -> str:
    """The page of a Folium map or any other element, needing nothing from outside.

    Args:
        element: A map, or anything on it; the whole page is written.
        mode: "inline" for one file that carries all it needs, "link" for a page that takes the
            bundled files from `base`.
        base: Where `maps/static` is served, for "link".

    Raises:
        OutsideAddressError: For an address that no bundled file answers for.
    """
    rendered = element.get_root().render()
    rest = _TAG.sub("", rendered)

    def bundled(tag: re.Match[str]) -> str:
        name = _name_of(tag["script"] or tag["style"], rest)
        if name is None:
            return ""
        is_script = tag["script"] is not None
        return _inlined(name, is_script) if mode == "inline" else _linked(base, name, is_script)

    page = _TAG.sub(bundled, rendered)
    left = _OUTSIDE.search(page)
    if left is not None:
        raise OutsideAddressError(address=left.group())
    return page


def _name_of(address: str, rest: str) -> str | None:
    """The bundled file for an address; None for one that the rest of the page does not need."""
    if address.startswith(OWN):
        return address.removeprefix(OWN)
    for known in _addresses():
        if known.pattern.search(address) is None:
            continue
        if known.needed_if is not None and known.needed_if.search(rest):
            break
        return known.file
    raise OutsideAddressError(address=address)


def _inlined(name: str, is_script: bool) -> str:  # noqa: FBT001 - private, one call
    written = read(name)
    if not is_script:
        return f"<style>{_with_pictures(name, written)}</style>"
    # The end of the element must not be found inside a string of the script.
    safe = written.replace("</script", "<\\/script").replace("<!--", "<\\!--")
    return f"<script>{safe}</script>"


def _linked(base: str, name: str, is_script: bool) -> str:  # noqa: FBT001 - private, one call
    place = html.escape(f"{base.rstrip('/')}/{name}")
    if is_script:
        return f'<script src="{place}"></script>'
    return f'<link rel="stylesheet" href="{place}"/>'


def _with_pictures(name: str, style: str) -> str:
    folder = name.rpartition("/")[0]

    def data(found: re.Match[str]) -> str:
        path = f"{folder}/{found[1]}"
        media = _MEDIA_TYPES[path.rpartition(".")[2]]
        return f"url(data:{media};base64,{base64.b64encode(_file(path).read_bytes()).decode()})"

    return _CSS_FILE.sub(data, style)


def _file(name: str) -> Traversable:
    return resources.files("maps") / "static" / name


@cache
def _declared() -> dict[str, Any]:
    return tomllib.loads(_file("vendor/vendor.toml").read_text("utf-8"))


@cache
def _addresses() -> tuple[_Address, ...]:
    return tuple(
        _Address(
            re.compile(one["pattern"]),
            one.get("file"),
            re.compile(one["needed_if"]) if "needed_if" in one else None,
        )
        for one in _declared()["address"]
    )
