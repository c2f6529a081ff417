"""Bundled files, and pages that need nothing else."""

from __future__ import annotations

import re
from pathlib import Path

import folium
import pytest
from branca.element import Element, Figure, JavascriptLink, MacroElement
from folium.plugins import MarkerCluster
from folium.template import Template

from maps import assets
from parcels.errors import OutsideAddressError

STATIC = Path(assets.__file__).parent / "static"
OUTSIDE = re.compile(r"(?:https?|wss?|ftp):(?:\\?/){2}(?!www\.w3\.org/(?:1999|2000)/)")


class UsesJquery(MacroElement):
    _template = Template("{% macro script(this, kwargs) %}$(document).ready();{% endmacro %}")


def plain_map() -> folium.Map:
    return folium.Map([40, 116.4], tiles=None)


def test_every_bundled_file_is_the_one_its_publisher_packed():
    declared = {f: h for p in assets.packages() for f, h in p.files.items()}

    assert {f: assets.sha256(f"vendor/{f}") for f in declared} == declared


def test_no_file_is_bundled_without_being_declared():
    declared = {f for p in assets.packages() for f in p.files}
    own = {"vendor.toml", "SOURCES.md"}

    found = {
        p.relative_to(STATIC / "vendor").as_posix()
        for p in (STATIC / "vendor").rglob("*")
        if p.is_file()
    }

    assert found - own == declared


def test_every_package_has_its_licence_and_a_line_in_the_sources():
    sources = (STATIC / "vendor" / "SOURCES.md").read_text("utf-8")

    for package in assets.packages():
        assert package.licence_file in package.files
        assert package.version in sources
        assert package.licence in sources


@pytest.mark.parametrize(
    "name",
    sorted(
        p.relative_to(STATIC).as_posix() for p in STATIC.rglob("*") if p.suffix in {".js", ".css"}
    ),
)
def test_no_script_or_style_as_read_holds_an_outside_address(name):
    assert OUTSIDE.search(assets.read(name)) is None


@pytest.mark.parametrize("mode", ["inline", "link"])
def test_a_plain_folium_map_is_written_without_outside_addresses(mode):
    written = plain_map()
    folium.GeoJson({"type": "Point", "coordinates": [116, 40]}).add_to(written)
    folium.LayerControl().add_to(written)

    page = assets.offline_html(written, mode=mode)

    assert OUTSIDE.search(page) is None
    assert ("leaflet/leaflet.js" in page) is (mode == "link")


def test_a_linked_page_takes_its_files_from_the_base():
    page = assets.offline_html(plain_map(), mode="link", base="/s/")

    assert '<script src="/s/vendor/leaflet/leaflet.js"></script>' in page
    assert '<link rel="stylesheet" href="/s/vendor/leaflet/leaflet.css"/>' in page


def test_an_inlined_page_carries_pictures_of_styles_in_itself():
    page = assets.offline_html(plain_map())

    addresses = set(re.findall(r"url\(([^)]{0,12})", page))
    assert addresses
    assert all(one.startswith(("data:image", "#")) for one in addresses)


def test_writing_twice_gives_the_same_page():
    written = plain_map()

    assert assets.offline_html(written) == assets.offline_html(written)


@pytest.mark.parametrize(
    ("element", "address"),
    [
        (lambda: folium.TileLayer("OpenStreetMap"), "tile.openstreetmap.org"),
        (MarkerCluster, "markercluster"),
        (lambda: folium.Marker([40, 116], icon=folium.Icon(icon="home")), "awesome-markers"),
        (UsesJquery, "jquery"),
        (
            lambda: folium.raster_layers.ImageOverlay(
                "https://example.org/a.png", [[39, 115], [41, 117]]
            ),
            "example.org/a.png",
        ),
    ],
    ids=["tiles", "plugin", "icon", "script of a plugin", "picture"],
)
def test_a_page_that_would_load_from_outside_is_refused_by_address(element, address):
    written = plain_map()
    element().add_to(written)

    with pytest.raises(OutsideAddressError) as refused:
        assets.offline_html(written)

    assert address in refused.value.fields["address"]


@pytest.mark.parametrize(
    "html",
    [
        '<img src="//example.org/a.png">',
        "<img src=//example.org/a.png>",
        "<style>a { background: url( '//example.org/a.png' ) }</style>",
        "<style>@import '//example.org/a.css';</style>",
        "<a href='HTTPS://example.org'>x</a>",
        "<p>wss://example.org</p>",
    ],
)
def test_an_address_anywhere_on_the_page_is_refused(html):
    page = Figure()
    page.html.add_child(Element(html))

    with pytest.raises(OutsideAddressError):
        assets.offline_html(page)


def test_a_script_nobody_knows_is_refused():
    page = Figure()
    page.header.add_child(JavascriptLink("lib/unknown.js"))

    with pytest.raises(OutsideAddressError) as refused:
        assets.offline_html(page)

    assert refused.value.fields["address"] == "lib/unknown.js"


def test_a_comment_or_namespace_is_no_outside_address():
    page = Figure()
    page.html.add_child(
        Element('<svg xmlns="http://www.w3.org/2000/svg"></svg><script>1; // a note</script>')
    )

    assert "a note" in assets.offline_html(page)
