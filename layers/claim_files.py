"""Claims as declaration files write them, checked against the layer they are about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from layers import claims
from layers.claims import Claim
from layers.declaration import Declaration, Entry, Form, nearest
from layers.toml_lines import Path
from parcels.model import Field, Kind, Layer

_CLAIM: dict[str, Entry] = {}

CLAIM: Final[Form] = _CLAIM
"""What one claim may hold: one of the entries that make it, and what these need beside them."""

_MAKE: Final = (
    "every", "boundary", "sampled", "stages", "field", "known", "blank", "yes", "day", "year",
    "ordered", "gates", "all", "any", "not", "named",
)  # fmt: skip
_BESIDE: Final = {"codes": "field", "when": "day", "back": "year"}

_CLAIM.update(
    {
        "every": Entry("boolean"),
        "boundary": Entry("boolean"),
        "sampled": Entry("boolean"),
        "stages": Entry("texts"),
        "field": Entry("text"),
        "codes": Entry("texts"),
        "known": Entry("text"),
        "blank": Entry("text"),
        "yes": Entry("text"),
        "day": Entry("text"),
        "when": Entry("text", words=frozenset(claims.When), refuse="when_unknown"),
        "year": Entry("text"),
        "back": Entry("integer"),
        "ordered": Entry("texts"),
        "gates": Entry("texts"),
        "all": Entry("tables", form=_CLAIM),
        "any": Entry("tables", form=_CLAIM),
        "not": Entry("table", form=_CLAIM),
        "named": Entry("text"),
        "else_no": Entry("boolean"),
    }
)


Named = tuple[Mapping[str, Any], Path]
"""A claim of a file's own, and where it stands."""


class ClaimReader:
    """Reads the claims of a file about one layer; what is wrong is a problem of the file.

    Args:
        declaration: The file.
        layer: What the claims are about.
        named: The file's own claims by name, each with where it stands; these name no others.
    """

    def __init__(
        self, declaration: Declaration, layer: Layer, named: Mapping[str, Named] | None = None
    ) -> None:
        self._file = declaration
        self._layer = layer
        self._named = dict(named or {})
        self._fields = {field.key: field for field in layer.fields}

    def read(self, table: Mapping[str, Any], at: Path) -> Claim:
        """The claim of a table at a path; a claim that holds of all where it is wrong."""
        makers = [key for key in _MAKE if key in table]
        beside = [key for key, with_ in _BESIDE.items() if key in table and with_ not in table]
        needed = [key for key, with_ in _BESIDE.items() if with_ in table and key not in table]
        if len(makers) != 1 or beside or set(needed) & {"codes", "when"}:
            found = ", ".join(table)
            self._file.problem("claim_unclear", at=at, found=found, expected=_MAKE)
            return claims.All()
        made = self._made(makers[0], table, at)
        return claims.Settled(made) if table.get("else_no") else made

    def _made(self, maker: str, table: Mapping[str, Any], at: Path) -> Claim:
        found, here = table[maker], (*at, maker)
        constant = _CONSTANT.get(maker)
        if constant is not None:
            return constant
        if maker in {"all", "any"}:
            inner = tuple(self.read(one, (*here, i)) for i, one in enumerate(found))
            return claims.Every(inner) if maker == "all" else claims.Some(inner)
        compound: dict[str, Callable[[Any, Path], Claim]] = {
            "not": self._negated,
            "named": self._by_name,
            "stages": self._stages,
            "gates": self._gates,
            "ordered": self._ordered,
        }
        if maker in compound:
            return compound[maker](found, here)
        return self._about(maker, table, here)

    def _negated(self, found: Mapping[str, Any], at: Path) -> Claim:
        return claims.Not(self.read(found, at))

    def _by_name(self, name: str, at: Path) -> Claim:
        named = self._named.get(name)
        if named is None:
            expected = nearest(name, self._named)
            self._file.problem("claim_unknown", at=at, found=name, expected=expected)
            return claims.All()
        return ClaimReader(self._file, self._layer).read(*named)

    def _about(self, maker: str, table: Mapping[str, Any], at: Path) -> Claim:
        key: str = table[maker]
        field = self._field(key, at, _KINDS.get(maker))
        if maker == "field":
            if field is not None:
                self._among(table["codes"], [c.code for c in field.choices], at)
            return claims.In(key, _texts(table["codes"]))
        if maker == "day":
            return claims.Dated(key, claims.When(table["when"]))
        if maker == "year":
            return claims.OfYear(key, table.get("back", 0))
        if maker == "known":
            return claims.Known(key)
        return claims.Blank(key) if maker == "blank" else claims.Yes(key)

    def _stages(self, found: list[str | None], at: Path) -> Claim:
        known = [stage.key for stage in self._layer.stages]
        self._among(found, known, at, code="stage_unknown")
        return claims.In("stage", _texts(found))

    def _gates(self, found: list[str | None], at: Path) -> Claim:
        known = [gate.key for gate in self._layer.gates]
        self._among(found, known, at, code="gate_unknown")
        return claims.Stopped(_texts(found))

    def _ordered(self, found: list[str | None], at: Path) -> Claim:
        if len(found) != 2:
            self._file.problem("ordered_not_two", at=at, found=len(found))
            return claims.All()
        for position, key in enumerate(found):
            if key is not None:
                self._field(key, (*at, position), Kind.DATE)
        first, second = (key or "" for key in found)
        return claims.Ordered(first, second)

    def _field(self, key: str, at: Path, kind: Kind | None) -> Field | None:
        field = self._fields.get(key)
        if field is None:
            self._file.problem(
                "layer_field_unknown", at=at, found=key, expected=nearest(key, self._fields)
            )
        elif kind is not None and field.kind is not kind:
            self._file.problem("field_kind_differs", at=at, found=key, expected=str(kind))
        return field

    def _among(
        self, found: list[str | None], known: list[str], at: Path, *, code: str = "code_unknown"
    ) -> None:
        for position, one in enumerate(found):
            if one is not None and one not in known:
                place = at if code == "code_unknown" else (*at, position)
                self._file.problem(code, at=place, found=one, expected=nearest(one, known))


_CONSTANT: Final[Mapping[str, Claim]] = {
    "every": claims.All(),
    "boundary": claims.Known(claims.BOUNDARY),
    "sampled": claims.Yes(claims.SAMPLED),
}

_KINDS: Final = {
    "field": Kind.CODE,
    "yes": Kind.BOOLEAN,
    "day": Kind.DATE,
    "year": Kind.INTEGER,
}


def _texts(found: list[str | None]) -> tuple[str, ...]:
    return tuple(one for one in found if one is not None)
