"""Who looks at a page: what they may see of parcels and fields follows from here alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from parcels.accounts import OF_THE_CITY, Account, Role
from parcels.model import Field, Layer
from parcels.reading import Filter

SEES_SENSITIVE: Final = frozenset(
    {Role.DISTRICT_EDITOR, Role.CITY_EDITOR, Role.AUDITOR, Role.ADMIN}
)
"""Roles that see fields declared as sensitive; the others see that there is something."""

LOCAL: Final = 0
"""Number of the account that stands for whoever opened the link printed on this machine."""


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who looks.

    Attributes:
        account: Who signed in.
        lang: "zh" or "en".
    """

    account: Account
    lang: str

    @property
    def role(self) -> Role:
        """What they may do."""
        return self.account.role

    @property
    def units(self) -> tuple[str, ...] | None:
        """Codes of the units whose parcels they see; None for all."""
        if self.account.unit is None or self.role in OF_THE_CITY:
            return None
        return (self.account.unit,)

    @property
    def sees_sensitive(self) -> bool:
        """Whether they see fields declared as sensitive."""
        return self.role in SEES_SENSITIVE

    def filter(self, **wanted: object) -> Filter:
        """A filter of parcels that never reaches beyond what they may see.

        Args:
            wanted: Fields of `Filter`; units they may not see are left out.
        """
        units = wanted.pop("units", None)
        if self.units is not None:
            units = self.units if units is None else tuple(u for u in units if u in self.units)  # type: ignore[attr-defined] # a tuple of codes
        return Filter(units=units, **wanted)  # type: ignore[arg-type] # the fields of Filter

    def fields(self, layer: Layer) -> list[Field]:
        """The fields of a layer that they see."""
        return [one for one in layer.fields if self.sees_sensitive or not one.sensitive]


def local(name: str) -> Account:
    """The account of whoever opened the link printed on this machine: they own the file anyway."""
    return Account(LOCAL, "local", name, Role.ADMIN, None, "")
