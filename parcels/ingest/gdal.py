"""Settings of GDAL that hold for one piece of work: elsewhere it goes on as it was."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

import pyogrio

KML: Final[Mapping[str, str]] = {
    # Else each Chinese character of a heading becomes three underscores, headings of the same
    # length are taken for one column, and of that the last value is kept.
    "LIBKML_LAUNDER_FIELD_NAMES": "NO",
    # Else a boundary that crosses itself cannot be written, and no rejects file with it.
    "LIBKML_STRICT_COMPLIANCE": "NO",
}
"""How KML is read and written."""


@contextmanager
def settings(wanted: Mapping[str, str | None]) -> Iterator[None]:
    """Set options of GDAL, and set them back afterwards."""
    before = {name: pyogrio.get_gdal_config_option(name) for name in wanted}
    pyogrio.set_gdal_config_options(dict(wanted))
    try:
        yield
    finally:
        pyogrio.set_gdal_config_options(before)
