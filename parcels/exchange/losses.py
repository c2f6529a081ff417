"""What a file format could not hold as it was."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Loss:
    """Something that was cut or changed so that it could be written.

    Attributes:
        what: "field_name" where a column's name was cut, "text_cut" where texts were too long,
            "text_changed" where a text held marks of the format, "field_left_out" where the format
            has no place for a column, "boundary_left_out" where it has none for boundaries,
            "parcel_left_out" where it has none for parcels without one,
            "area_computed" where it wants an area and none was declared.
        field: Name of the column.
        became: Its name in the file.
        count: How many texts or parcels; 1 for a name.
    """

    what: Literal[
        "field_name",
        "text_cut",
        "text_changed",
        "field_left_out",
        "boundary_left_out",
        "parcel_left_out",
        "area_computed",
    ]
    field: str
    became: str
    count: int = 1
