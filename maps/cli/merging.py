"""The part of `jingtu import` that merges a copy lent by `jingtu checkout`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import typer

from maps import merge_files
from maps.cli.bars import bar
from maps.cli.desk import Desk
from parcels import words
from parcels.errors import (
    CheckoutNotUsableError,
    ChoiceNotUsableError,
    LayerNeededError,
    ReasonNeededError,
)
from parcels.exchange.checkout import NUMBER, Base, remember_in
from parcels.exchange.resolutions import read_resolutions
from parcels.findings import Findings
from parcels.ingest import archives, copies, headings
from parcels.ingest.bounds import limits
from parcels.ingest.containers import Item
from parcels.ingest.delivery import STEPS, Delivery, ReceiveOptions
from parcels.ingest.joining import Decided
from parcels.ingest.reading import read
from parcels.ingest.returned import Returned, receive_copy
from parcels.ingest.workbook import check_form
from parcels.merging import BOUNDARY, PARCEL, Choices, Side
from parcels.model import Layer, Moment
from parcels.moves import Claim
from parcels.register import Register

Resolve = Annotated[list[str] | None, typer.Option("--resolve", help="commands.options.resolve")]
ResolutionsFrom = Annotated[
    Path | None, typer.Option("--resolutions", help="commands.options.resolutions")
]
EndRemoved = Annotated[bool, typer.Option("--end-removed", help="commands.options.end_removed")]
DifferencesTo = Annotated[
    list[Path] | None, typer.Option("--differences", help="commands.options.differences")
]


@dataclass(frozen=True, slots=True)
class MergeWish:
    """What the user says about merging a copy.

    Attributes:
        decided: Whose word counts, and what becomes of removed parcels.
        differences: Files for the three-way difference.
    """

    decided: Decided = field(default_factory=Decided)
    differences: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Received:
    """A delivery that was checked; of a copy lent for editing also how it merges.

    Attributes:
        returned: None for what is no copy.
        looked_at: Number of the register's last change when the copy was compared with it.
    """

    delivery: Delivery
    returned: Returned | None = None
    looked_at: int = 0

    def said(self, desk: Desk, asked: MergeWish) -> list[str]:
        """What is said of the merge; nothing of what is no copy."""
        return [] if self.returned is None else show(desk, self.returned, asked)

    @property
    def ends(self) -> tuple[int, ...]:
        """Numbers of the parcels that are no longer true."""
        return () if self.returned is None else tuple(map(int, self.returned.ends))

    @property
    def merges(self) -> int | None:
        """As `Intake.merges`."""
        return None if self.returned is None else self.looked_at


def layer_of(files: Sequence[Path], said: str | None) -> str:
    """Key of the layer a delivery is for: said, or remembered by the copy.

    Raises:
        LayerNeededError: Nobody says it.
        CheckoutNotUsableError: A copy cannot be understood, or comes with other files.
    """
    bases = [base for path in files if (base := copies.base_of(path)) is not None]
    if bases and len(files) > 1:
        # The second would be compared with a register that the first has changed.
        raise CheckoutNotUsableError(file=files[-1].name, reason="one_at_a_time")
    if said is not None:
        return said
    if not bases:
        raise LayerNeededError(file=files[0].name)
    return bases[0].layer


def wish(
    layer: Layer,
    *,
    resolve: Sequence[str],
    resolutions: Path | None,
    end_removed: bool,
    differences: Sequence[Path],
    reason: str | None,
) -> MergeWish:
    """What was typed about merging.

    Raises:
        ReasonNeededError: Parcels are to be ended without a reason.
        ChoiceNotUsableError: A decision is not understood.
        FileNotReadableError: The file of decisions cannot be read.
        FormatNotOfferedError: A file's name ends in something that no difference is.
    """
    if end_removed and not reason:
        raise ReasonNeededError(what="--end-removed")
    for path in differences:
        merge_files.check(path)
    choices = parsed(layer, resolve)
    marks = {}
    if resolutions is not None:
        check_form(resolutions)
        archives.check_workbook(resolutions, limits())
        read_back = read_resolutions(resolutions, merge_files.side_words())
        # What is typed counts more than what a file says.
        choices = replace(choices, fields=dict(read_back.sides) | dict(choices.fields))
        marks = dict(read_back.marks)
    return MergeWish(Decided(choices, marks, end_removed), tuple(differences))


def parsed(layer: Layer, said: Sequence[str]) -> Choices:
    """Decisions as typed: theirs, ours, CODE=theirs, CODE:FIELD=ours.

    Raises:
        ChoiceNotUsableError: One is not understood.
    """
    every: Side | None = None
    parcels: dict[str, Side] = {}
    fields: dict[tuple[str, str], Side] = {}
    for one in said:
        about, _, chosen = one.rpartition("=")
        if chosen not in {*Side}:
            raise ChoiceNotUsableError(said=one, known=[*Side])
        code, colon, name = about.rpartition(":")
        if not about:
            every = Side(chosen)
        elif colon:
            fields[code.strip(), _field(layer, name, one)] = Side(chosen)
        else:
            parcels[about.strip()] = Side(chosen)
    return Choices(every, parcels, fields)


def _field(layer: Layer, name: str, said: str) -> str:
    asked = words.plain(name)
    for key in (BOUNDARY, PARCEL):
        phrase = words.values()["merging"][key]
        if asked in words.plain_set((key, phrase["zh"], phrase["en"])):
            return key
    for one in layer.fields:
        if asked in words.plain_set((one.key, one.label.zh, one.label.en)):
            return one.key
    known = [one.label.zh for one in layer.fields]
    raise ChoiceNotUsableError(said=said, known=known)


def receive_back(  # noqa: PLR0913 - the copy, and what is said of it
    desk: Desk,
    register: Register,
    layer: Layer,
    sent: Item,
    base: Base,
    *,
    options: ReceiveOptions,
    claim: Claim,
    asked: MergeWish,
) -> tuple[Returned, int]:
    """Check a copy and merge it; nothing is stored.

    Returns:
        The merged copy, and the number of the change up to which the register was looked at.

    Raises:
        CheckoutNotUsableError: It is a copy of something else.
        What `delivery.receive` raises.
    """
    changes = register.changes()
    copies.check(base, layer, changes, file=sent.name)
    findings = Findings(layer.key, sent.name)
    with bar(desk, sent.name, STEPS) as progress:
        progress("read", 0, 1)
        lent = copies.base_rows(sent.path, base, layer, options.bounds)
        # By its name: an empty layer would be passed over for the table of styles.
        arrived = read(
            replace(sent, part=layer.key),
            findings=findings,
            known=headings.headings(layer),
            bounds=options.bounds,
        )
        returned = receive_copy(
            arrived,
            base,
            lent,
            layer,
            register.territory,
            register=register.frame(layer.key, Moment(claim.on)),
            decided=asked.decided,
            findings=findings,
            asked=options,
            moves=lambda rows, found: register.assess(layer.key, rows, claim, found),
            progress=progress,
        )
    last = 0 if changes.empty else int(changes["change"].max())
    return returned, last


def show(desk: Desk, returned: Returned, asked: MergeWish) -> list[str]:
    """What is said of the merge; writes the files asked for."""
    layer, differences = returned.delivery.layer, returned.differences
    states = differences["state"]
    open_ = (states == "conflict") & differences["side"].isna()
    said = [
        desk.say(
            "checkout.summary",
            file=returned.delivery.source.name,
            by=returned.base.by,
            on=returned.base.on,
            change=returned.base.change,
            edited=differences.loc[
                states.isin(["theirs", "same", "conflict"]), "parcel"
            ].nunique(),
            fields=int(states.isin(["theirs", "same", "conflict"]).sum()),
            added=int((states == "added").sum()),
            removed=int((states == "removed").sum()),
            others=differences.loc[states.isin(["ours", "same", "conflict"]), "parcel"].nunique(),
            conflicts=int((states == "conflict").sum()),
            open=int(open_.sum()),
        )
    ]
    said += merge_files.lines(differences, layer, desk.lang)
    for path in asked.differences:
        merge_files.write(path, returned, lang=desk.lang)
        said.append(desk.say("cli.written", file=path))
    return said


def told(returned: Returned) -> dict[str, object]:
    """What the change remembers of the merge: the base, and how conflicts were decided."""
    base, differences = returned.base, returned.differences
    decided = differences[(differences["state"] == "conflict") & differences["side"].notna()]
    return {
        "change": base.change,
        "on": base.on.isoformat(),
        "at": base.at.isoformat(),
        "by": base.by,
        "decided": {
            f"{code}:{key}": str(side)
            for code, key, side in zip(
                decided["code"], decided["key"], decided["side"], strict=True
            )
        },
        "ended": [int(one) for one in returned.ends],
    }


def keep_base(returned: Returned, rejects: Path) -> None:
    """Let the file of rejected rows be a copy too, of the same base and of these rows alone."""
    frame = returned.delivery.frame
    ids = frame.loc[~frame["ok"], "parcel"].dropna().astype("int64")
    kept = returned.lent[returned.lent.index.isin(ids)]
    remember_in(rejects, returned.base, kept.rename_axis(NUMBER).reset_index())
