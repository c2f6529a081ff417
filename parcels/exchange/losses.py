"""What a file format could not hold as it was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Loss:
    """Something that was cut or changed so that it could be written.

    Attributes:
        what: "field_name" where a column's name was cut, "text_cut" where texts were too long,
            "text_changed" where a text held marks of the format.
        field: Name of the column.
        became: Its name in the file.
        count: How many texts; 1 for a name.
    """

    what: Literal["field_name", "text_cut", "text_changed"]
    field: str
    became: str
    count: int = 1
