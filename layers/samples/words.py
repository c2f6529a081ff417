"""The invented words of the samples, read from `reference/samples.toml`."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Any


@cache
def words() -> dict[str, Any]:
    """Everything in the file, as it stands there."""
    text = files("layers").joinpath("reference", "samples.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
