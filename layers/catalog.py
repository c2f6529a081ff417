"""The declared layers: every `reference/layers/*.toml`, checked, in one catalog.

A new layer is one more file, there or in a folder of the user's own; nothing else changes. What a
file may hold is in `forms`. Every file is read to its end, so that all problems of all
files are refused at once.
"""

from __future__ import annotations

import datetime as dt
import difflib
import errno
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Final

from layers import forms, layer_files, lifecycle_files, plan
from layers.declaration import Declaration, Problems, nearest
from layers.lifecycle_files import Passage
from parcels import legal_basis, words
from parcels.errors import FileNotReadableError, UnknownLayerError, UnknownRuleError
from parcels.findings import Severity
from parcels.legal_basis import Article
from parcels.model import Choice, Gate, Label, Layer, Milestone

REFERENCE: Final = Path(__file__).parent / "reference"
"""The folder of the declarations that come with Jingtu."""

_LAST: Final = 1_000_000


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule between layers that a layer names in `rules`.

    Attributes:
        severity: An error is what the law forbids.
        basis: The articles it rests on; None where it is a matter of consistency.
        subject: Of `parcels.legal_basis`: the article in force on a day.
    """

    key: str
    label: Label
    severity: Severity
    basis: str | None = None
    subject: str | None = None

    def article(self, on: dt.date) -> Article | None:
        """The article in force on a day; None where the rule rests on none."""
        return None if self.subject is None else legal_basis.subjects()[self.subject].on(on)


@dataclass(frozen=True, slots=True, eq=False)
class Catalog(Mapping[str, Layer]):
    """The layers by key in their declared order, the rules they name, the kinds of documents."""

    layers: Mapping[str, Layer]
    rules: Mapping[str, Rule]
    documents: Mapping[str, Choice]

    def __getitem__(self, key: str) -> Layer:
        """The layer of this key; KeyError if there is none."""
        return self.layers[key]

    def __iter__(self) -> Iterator[str]:
        """The keys, in the order of the layers."""
        return iter(self.layers)

    def __len__(self) -> int:
        """How many layers there are."""
        return len(self.layers)

    def layer(self, key: str) -> Layer:
        """The layer of this key.

        Raises:
            UnknownLayerError: Fields layer, known (all keys) and close (keys of the layers whose
                key or label is like this one).
        """
        if key in self.layers:
            return self.layers[key]
        raise UnknownLayerError(layer=key, known=tuple(self.layers), close=self._close(key))

    def _close(self, key: str) -> tuple[str, ...]:
        written = words.plain(key)
        named = {
            words.plain(name): layer.key
            for layer in self.layers.values()
            for name in (layer.label.en, layer.label.zh, layer.key)
        }
        near = difflib.get_close_matches(written, named, n=3)
        near += [name for name in named if written and written in name]
        return tuple(dict.fromkeys(named[name] for name in near))


def load(
    folder: Path | None = None, *, extra: Iterable[Path] = (), enable: Iterable[str] = ()
) -> Catalog:
    """Read and check every declaration.

    Args:
        folder: Holds core_fields.toml, documents.toml, gates.toml, lifecycles.toml,
            milestones.toml, rules.toml, layers/ and plan_2024/; the one that comes with Jingtu
            when None.
        extra: More folders with files of layers.
        enable: Keys of gates and milestones that are off by their declaration and shall be on.

    Raises:
        UnknownRuleError: `enable` names what is not there.
        FileNotReadableError: There is no such folder.
        DeclarationError: With all problems of all files; see `layers.declaration.Problem`.
    """
    home = folder or REFERENCE
    problems = Problems()
    rules = _rules(Declaration(home / "rules.toml", problems))
    passage = _passage(home, problems)
    shared = layer_files.Shared(
        core=layer_files.read_core_fields(Declaration(home / "core_fields.toml", problems)),
        lifecycles=layer_files.read_lifecycles(
            Declaration(home / "lifecycles.toml", problems), passage.documents
        ),
        rules=frozenset(rules),
        measures=frozenset(m.id for m in plan.load(home / plan.CURRENT).measures),
        passage=passage,
    )
    problems.refuse()
    layers = _layers([home / "layers", *extra], shared, problems)
    problems.refuse()
    wanted = frozenset(enable)
    if unknown := wanted - {*passage.gates, *passage.milestones}:
        known = sorted(key for key, rule in _questioned(passage) if rule.question)
        raise UnknownRuleError(rule=min(unknown), known=known)
    layers = {key: _enabled(layer, wanted) for key, layer in layers.items()}
    return Catalog(
        MappingProxyType(layers), MappingProxyType(rules), MappingProxyType(passage.documents)
    )


def _passage(home: Path, problems: Problems) -> Passage:
    return Passage(
        documents=lifecycle_files.read_documents(Declaration(home / "documents.toml", problems)),
        gates=lifecycle_files.read_gates(Declaration(home / "gates.toml", problems)),
        milestones=lifecycle_files.read_milestones(
            Declaration(home / "milestones.toml", problems)
        ),
    )


def _questioned(passage: Passage) -> list[tuple[str, Gate | Milestone]]:
    return [*passage.gates.items(), *passage.milestones.items()]


def _enabled(layer: Layer, wanted: frozenset[str]) -> Layer:
    if not wanted:
        return layer
    return replace(
        layer,
        gates=tuple(replace(g, question=None) if g.key in wanted else g for g in layer.gates),
        milestones=tuple(
            replace(m, question=None) if m.key in wanted else m for m in layer.milestones
        ),
    )


def _rules(declaration: Declaration) -> dict[str, Rule]:
    read = declaration.form(forms.RULES).get("rules", [])
    for position, rule in enumerate(read):
        subject = rule.get("subject")
        if subject is not None and subject not in legal_basis.subjects():
            declaration.problem(
                "basis_unknown",
                at=("rules", position, "subject"),
                found=subject,
                expected=nearest(subject, legal_basis.subjects()),
            )
    if not declaration.is_sound:
        return {}
    return {
        rule["key"]: Rule(
            rule["key"],
            Label(rule["zh"], rule["en"]),
            Severity(rule["severity"]),
            rule.get("basis"),
            rule.get("subject"),
        )
        for rule in read
    }


def _layers(
    folders: Iterable[Path], shared: layer_files.Shared, problems: Problems
) -> dict[str, Layer]:
    places: list[tuple[int, Layer]] = []
    first: dict[str, Path] = {}
    for path in (path for folder in folders for path in _files(folder)):
        declaration = Declaration(path, problems)
        layer = layer_files.read_layer(declaration, shared)
        if layer is None:
            continue
        if layer.key in first:
            earlier = str(first[layer.key])
            declaration.problem("layer_twice", at=("key",), found=layer.key, expected=earlier)
        first.setdefault(layer.key, path)
        places.append((declaration.table.get("order", _LAST), layer))
    places.sort(key=lambda place: (place[0], place[1].key))
    return {layer.key: layer for _, layer in places}


def _files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise FileNotReadableError(file=str(folder), reason=os.strerror(errno.ENOENT))
    return sorted(folder.glob("*.toml"))
