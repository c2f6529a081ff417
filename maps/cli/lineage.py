"""`jingtu split`, `merge`, `resurvey` and `lineage`: what parcels come from and become."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import geopandas as gpd
import pandas as pd
import typer

from maps import lineage_drawing, report, settings, tables, text
from maps.answers import Exit
from maps.cli import checking, proof, sent_files, waiting
from maps.cli.desk import AsOf, Desk, Known, dates, desk_of
from maps.cli.passage import facts_of, stage_of
from maps.cli.proof import Proof
from maps.tables import Format
from parcels import crs, descent, succession
from parcels.descent import Chain
from parcels.errors import FileNotReadableError, LineageNotPossibleError, ReasonNeededError
from parcels.exchange.output import placed
from parcels.findings import Findings
from parcels.ingest.delivery import Delivery, ReceiveOptions, receive
from parcels.ingest.stated import stated
from parcels.model import FOREVER, Layer
from parcels.recording import Act
from parcels.register import Register
from parcels.reviewing import Reviewing
from parcels.succession import Succession

On = Annotated[dt.datetime | None, typer.Option(formats=["%Y-%m-%d"], help="lineage.options.on")]
LayerOf = Annotated[str, typer.Option("--layer", "-l", help="commands.options.layer_of")]
Reason = Annotated[str | None, typer.Option(help="commands.options.reason")]
Drawing = Annotated[Path | None, typer.Option(help="lineage.options.drawing")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="commands.options.dry_run")]


@dataclass(frozen=True, slots=True)
class When:
    """Whether an act is done now, left to a reviewer, or only looked at.

    Attributes:
        dry_run: Look at it and do nothing.
        submit: Leave it to a reviewer.
        again: The returned submission that it mends.
    """

    dry_run: bool = False
    submit: bool = False
    again: int | None = None

    @property
    def waits(self) -> bool:
        """Whether a reviewer decides."""
        return self.submit or self.again is not None


@dataclass(frozen=True, slots=True)
class Wish:
    """What is said of an act.

    Attributes:
        on: First day on which it is true.
        proof: The document it rests on.
        drawing: Where it is drawn.
        when: Whether it is done now.
    """

    on: dt.date
    reason: str | None
    proof: Proof | None
    drawing: Path | None
    when: When

    def act(self, desk: Desk, delivery: Delivery | None = None) -> Act:
        """Who, when, why, from which file."""
        source = delivery.source if delivery is not None else None
        return Act(by=desk.user, at=settings.now(), on=self.on, reason=self.reason, file=source)


def split(  # noqa: PLR0913, PLR0917 - one argument per option of the command line
    context: typer.Context,
    code: Annotated[str, typer.Argument(help="lineage.arguments.code")],
    layer: LayerOf,
    into: Annotated[list[str], typer.Option(help="lineage.options.split_into")],
    on: On = None,
    stage: Annotated[str | None, typer.Option(help="lineage.options.stage")] = None,
    leave_out: Annotated[
        str | None, typer.Option("--leave-out", help="lineage.options.leave_out")
    ] = None,
    crs_: sent_files.Crs = None,
    kind: proof.Kind = None,
    number: proof.Number = None,
    dated: proof.Dated = None,
    issued_by: proof.IssuedBy = None,
    reviewed_by: proof.ReviewedBy = None,
    file: proof.File = None,
    reason: Reason = None,
    drawing: Drawing = None,
    dry_run: DryRun = False,
    submit: waiting.Submit = False,
    resubmit: waiting.Resubmit = None,
) -> int:
    """Split a parcel."""
    desk = desk_of(context)
    shown = _proof(desk, kind, number, dated, issued_by, reviewed_by, file)
    when = When(dry_run, submit, resubmit)
    wish = _wish(desk, "split", on, reason, shown, drawing, when)
    layers = desk.catalog()
    declared = layers.layer(layer)
    with desk.open(layers) as register:
        delivery = None
        children: gpd.GeoDataFrame | list[str] = into
        if len(into) == 1 and Path(into[0]).exists():
            options = ReceiveOptions(crs=crs_, stage=stage)
            delivery = _received(register, declared, Path(into[0]), options, known=None)
            if not _is_whole(desk, declared, delivery):
                return int(Exit.DELIVERY_NOT_ACCEPTED)
            children = delivery.ready
        act = wish.act(desk, delivery)
        left_out = leave_out.strip() if leave_out is not None else None
        if left_out == "":
            raise ReasonNeededError(what="--leave-out")
        made = succession.split(register, declared.key, code, children, act=act, left_out=left_out)
        return _finish(desk, register, made, wish, act)


def merge(  # noqa: PLR0913, PLR0917 - one argument per option of the command line
    context: typer.Context,
    codes: Annotated[list[str], typer.Argument(help="lineage.arguments.codes")],
    layer: LayerOf,
    into: Annotated[str, typer.Option(help="lineage.options.merge_into")],
    on: On = None,
    stage: Annotated[str | None, typer.Option(help="lineage.options.stage")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="lineage.options.set")] = None,
    kind: proof.Kind = None,
    number: proof.Number = None,
    dated: proof.Dated = None,
    issued_by: proof.IssuedBy = None,
    reviewed_by: proof.ReviewedBy = None,
    file: proof.File = None,
    reason: Reason = None,
    drawing: Drawing = None,
    dry_run: DryRun = False,
    submit: waiting.Submit = False,
    resubmit: waiting.Resubmit = None,
) -> int:
    """Merge parcels."""
    desk = desk_of(context)
    shown = _proof(desk, kind, number, dated, issued_by, reviewed_by, file)
    when = When(dry_run, submit, resubmit)
    wish = _wish(desk, "merge", on, reason, shown, drawing, when)
    layers = desk.catalog()
    declared = layers.layer(layer)
    findings = Findings(declared.key, "")
    said = stated(declared, [into], facts_of(set_ or []), findings=findings)
    if stage is not None:
        said = said.assign(stage=stage_of(declared, stage))
    if not _is_clear(desk, declared, findings.frame()):
        return int(Exit.DELIVERY_NOT_ACCEPTED)
    act = wish.act(desk)
    with desk.open(layers) as register:
        made = succession.merge(register, declared.key, codes, into, said=said, act=act)
        return _finish(desk, register, made, wish, act)


def resurvey(  # noqa: PLR0913, PLR0917 - one argument per option of the command line
    context: typer.Context,
    code: Annotated[str, typer.Argument(help="lineage.arguments.code")],
    layer: LayerOf,
    boundary: Annotated[Path, typer.Option(help="lineage.options.boundary")],
    on: On = None,
    crs_: sent_files.Crs = None,
    kind: proof.Kind = None,
    number: proof.Number = None,
    dated: proof.Dated = None,
    issued_by: proof.IssuedBy = None,
    reviewed_by: proof.ReviewedBy = None,
    file: proof.File = None,
    reason: Reason = None,
    drawing: Drawing = None,
    dry_run: DryRun = False,
    submit: waiting.Submit = False,
    resubmit: waiting.Resubmit = None,
) -> int:
    """Take in a new survey of a boundary."""
    desk = desk_of(context)
    shown = _proof(desk, kind, number, dated, issued_by, reviewed_by, file)
    when = When(dry_run, submit, resubmit)
    wish = _wish(desk, "resurvey", on, reason, shown, drawing, when)
    layers = desk.catalog()
    declared = layers.layer(layer)
    with desk.open(layers) as register:
        known = register.frame(declared.key, desk.moment(wish.on), columns=["code", "name"])
        known = known[known["code"] == code].reset_index()
        options = ReceiveOptions(crs=crs_)
        delivery = _received(register, declared, boundary, options, known=known)
        if not _is_whole(desk, declared, delivery):
            return int(Exit.DELIVERY_NOT_ACCEPTED)
        ready = delivery.ready
        if len(ready) != 1 or (ready["code"].notna().any() and ready["code"].iloc[0] != code):
            raise LineageNotPossibleError(layer=declared.key, codes=[code], reason="one_boundary")
        act = wish.act(desk, delivery)
        shape = ready.geometry.iloc[0]
        made = succession.resurvey(register, declared.key, code, shape, act=act)
        return _finish(desk, register, made, wish, act)


def lineage(  # noqa: PLR0913, PLR0917 - one argument per option of the command line
    context: typer.Context,
    code: Annotated[str, typer.Argument(help="lineage.arguments.any_code")],
    layer: LayerOf,
    drawing: Drawing = None,
    as_of: AsOf = None,
    known: Known = None,
    format_: Annotated[Format, typer.Option("--format", help="cli.options.format")] = Format.TABLE,
    out: Annotated[Path | None, typer.Option(help="cli.options.out")] = None,
) -> None:
    """Show what a parcel came from and became."""
    desk = desk_of(context)
    # What is known to become of it later belongs to the picture unless a day is named.
    moment = desk.any_day(as_of, known)
    layers = desk.catalog()
    declared = layers.layer(layer)
    with desk.open(layers) as register:
        found = descent.chain(register, declared.key, code, moment)
    title = desk.say("lineage.title", code=code, layer=declared.label.in_(desk.lang))
    if as_of or known:
        title = desk.say("lineage.title_then", title=title, state=desk.state(moment))
    if drawing is not None:
        _draw(desk, lineage_drawing.page(title, _acts(desk, found), lang=desk.lang), drawing)
    if format_ is Format.TABLE and out is None:
        _print_tree(desk, found, declared, title)
        return
    rows = _rows(desk, found)
    tables.show(
        rows,
        headings=tables.headings("lineage.columns", desk.lang, list(rows.columns)),
        format=format_.value,
        out=out,
        lang=desk.lang,
        title=title,
        meta={
            "parcels": _members(found),
            "code": code,
            "layer": declared.key,
            **dates(moment),
        },
    )


def _wish(  # noqa: PLR0913, PLR0917 - as the command line has them
    desk: Desk,
    what: str,
    on: dt.datetime | None,
    reason: str | None,
    shown: Proof | None,
    drawing: Path | None,
    when: When,
) -> Wish:
    """What was typed; an act names a document or a reason."""
    waiting.refuse_direct(desk, waits=when.waits or when.dry_run)
    if shown is None and not reason:
        raise ReasonNeededError(what=f"jingtu {what}")
    return Wish(on.date() if on else settings.today(), reason, shown, drawing, when)


def _proof(  # noqa: PLR0913, PLR0917 - as the command line has them
    desk: Desk,
    kind: str | None,
    number: str | None,
    dated: dt.datetime | None,
    issued_by: str | None,
    reviewed_by: str | None,
    file: Path | None,
) -> Proof | None:
    return proof.proof(
        desk,
        desk.catalog().documents,
        kind=kind,
        number=number,
        dated=dated,
        issued_by=issued_by,
        reviewed_by=reviewed_by,
        file=file,
    )


def _received(
    register: Register,
    layer: Layer,
    path: Path,
    options: ReceiveOptions,
    *,
    known: gpd.GeoDataFrame | None,
) -> Delivery:
    if register.is_own_file(path):
        raise FileNotReadableError(file=str(path), reason="is_the_register")
    return receive(path, layer, register.territory, options=options, register=known)


def _is_whole(desk: Desk, layer: Layer, delivery: Delivery) -> bool:
    """Whether a file can be taken as it is; what is wrong is printed."""
    found = delivery.findings.frame()
    whole = _is_clear(desk, layer, found)
    return whole and delivery.ready_count == len(delivery.frame) > 0


def _is_clear(desk: Desk, layer: Layer, found: pd.DataFrame) -> bool:
    if not found.empty:
        report.show(found, layer=layer, lang=desk.lang)
    if (found["severity"] == "error").any():
        desk.print(desk.say("lineage.nothing_done"))
        return False
    return True


def _finish(desk: Desk, register: Reviewing, made: Succession, wish: Wish, act: Act) -> int:
    """Print what was found, draw it, and do it unless something stands against it."""
    layer = register.layer(made.layer)
    if not made.findings.empty:
        report.show(made.findings, layer=layer, lang=desk.lang)
    fields = {
        "parents": made.parents["code"].tolist(),
        "children": made.children["code"].tolist(),
        "before": text.area(made.balance.parents_m2, desk.lang, unit="m2"),
        "after": text.area(made.balance.children_m2, desk.lang, unit="m2"),
        "on": wish.on,
    }
    said = desk.say(f"lineage.{made.kind}", **fields)
    desk.print(said)
    if made.left_out is not None:
        desk.print(_left_said(desk, crs.area_m2(made.balance.left), made.left_out))
    if layer.inheritance is not None and made.kind != "resurvey":
        desk.print(desk.say("lineage.rule", note=layer.inheritance.note.in_(desk.lang)))
    if wish.drawing is not None:
        title = desk.say(f"lineage.acts.{made.kind}")
        drawn = lineage_drawing.page(title, [_act_of(desk, made, said)], lang=desk.lang)
        _draw(desk, drawn, wish.drawing)
    if not made.is_sound:
        desk.print(desk.say("lineage.nothing_done"))
        return int(Exit.LINEAGE_NOT_POSSIBLE)
    if wish.when.dry_run:
        desk.print(desk.say("commands.import_said.dry_run"))
        return int(Exit.DONE)
    given = wish.proof.kept(register) if wish.proof is not None else None
    if wish.when.waits:
        asked = succession.asked(made, act, given)
        waiting.hand_in(desk, register, made.layer, asked, wish.when.again)
        return int(Exit.DONE)
    number = succession.record(register, made, replace(act, at=settings.now()), given)
    desk.print(desk.say("lineage.done", change=number))
    codes = made.children["code"].tolist()
    checking.show_touched(desk, register, desk.catalog(), made.layer, codes, wish.on)
    return int(Exit.DONE)


def _draw(desk: Desk, page: str, drawing: Path) -> None:
    with placed(drawing) as path:
        path.write_text(page, "utf-8")
    desk.print(desk.say("cli.written", file=drawing), aside=True)


def _act_of(desk: Desk, made: Succession, said: str) -> lineage_drawing.Act:
    faults = {
        desk.say(f"lineage.faults.{name}"): getattr(made.balance, name)
        for name in ("left", "outside", "twice")
        if made.kind != "resurvey" and not getattr(made.balance, name).is_empty
    }
    left = {}
    if made.left_out is not None:
        faults.pop(desk.say("lineage.faults.left"), None)
        words = _left_said(desk, crs.area_m2(made.balance.left), made.left_out)
        left[words] = made.balance.left
    return lineage_drawing.Act(
        said,
        list(zip(made.parents["code"], made.parents.geometry, strict=True)),
        list(zip(made.children["code"], made.children.geometry, strict=True)),
        faults,
        left,
    )


def _left_said(desk: Desk, area_m2: float, reason: str) -> str:
    """Land left out, as a sentence: how much, and why."""
    return desk.say("lineage.left_out", area=text.area(area_m2, desk.lang), reason=reason)


def _acts(desk: Desk, found: Chain) -> list[lineage_drawing.Act]:
    """The acts of a chain, each with all its parents and children."""
    codes, shapes = found.parcels["code"], found.boundaries.geometry
    acts = []
    for number, rows in found.steps.groupby("change", sort=False):
        sides = []
        for side in ("parent", "child"):
            once = rows.drop_duplicates(f"{side}_boundary")
            pairs = zip(once[side], once[f"{side}_boundary"], strict=True)
            sides.append([(str(codes.get(one)), shapes.loc[shape]) for one, shape in pairs])
        said = _step_said(desk, rows.iloc[0].to_dict())
        out = found.left[found.left["change"] == number]
        left = {
            _left_said(desk, area, why): shape
            for area, why, shape in zip(out["area_m2"], out["reason"], out.geometry, strict=True)
        }
        acts.append(lineage_drawing.Act(said, sides[0], sides[1], left=left))
    return acts


def _step_said(desk: Desk, step: dict[Any, Any]) -> str:
    """An act as a sentence: what, when, which change, on what ground."""
    return desk.say(
        "lineage.step",
        act=desk.say(f"lineage.acts.{step['act']}"),
        on=step["on"],
        change=step["change"],
        ground=step["number"] or step["reason"] or "",
    )


def _print_tree(desk: Desk, found: Chain, layer: Layer, title: str) -> None:
    desk.print(title)
    if found.steps.empty:
        desk.print(desk.say("lineage.alone"))
        return
    own = found.parcels.index[found.parcels["relation"] == "self"].tolist()
    again = found.steps["parent"] == found.steps["child"]
    steps = found.steps[~again]
    for key, near, far in (("came_from", "child", "parent"), ("became", "parent", "child")):
        if not steps[near].isin(own).any():
            continue
        desk.print(desk.say(f"lineage.{key}"))
        for one in own:
            desk.print(f"  {_node(desk, found, layer, one, None)}")
            for margin, beyond, step in _branches(one, steps, near, far):
                desk.print(f"  {margin}{_node(desk, found, layer, beyond, step)}")
    for row in found.left.itertuples():
        code = found.parcels.loc[row.parent, "code"]
        desk.print(text.plain(f"{code} {_left_said(desk, row.area_m2, row.reason)}"))
    for step in found.steps[again].to_dict("records"):
        code = found.parcels.loc[step["child"], "code"]
        desk.print(text.plain(f"{code} {_step_said(desk, step)}"))


def _branches(
    one: int, steps: pd.DataFrame, near: str, far: str, margin: str = ""
) -> Iterator[tuple[str, int, dict[Any, Any]]]:
    """Everything beyond a parcel, with the lines that lead to it."""
    after = steps[steps[near] == one].to_dict("records")
    for place, step in enumerate(after):
        last = place == len(after) - 1
        beyond = int(step[far])
        yield margin + ("└─ " if last else "├─ "), beyond, step
        yield from _branches(beyond, steps, near, far, margin + ("   " if last else "│  "))


def _node(desk: Desk, found: Chain, layer: Layer, one: int, step: dict[Any, Any] | None) -> str:
    row = found.parcels.loc[one]
    labels = {stage.key: stage.label.in_(desk.lang) for stage in layer.stages}
    ended = row["valid_to"] != FOREVER
    until = str(row["valid_to"]) if ended else desk.say("lineage.still")
    days = f"{row['valid_from']} – {until}"
    parts = [str(row["code"]), row["name"], labels.get(row["stage"]), days]
    said = " ".join(str(part) for part in parts if part is not None and not pd.isna(part))
    if step is not None:
        area = text.area(step["common_m2"], desk.lang)
        said += desk.say("lineage.by", step=_step_said(desk, step), area=area)
    return text.plain(said)


def _rows(desk: Desk, found: Chain) -> pd.DataFrame:
    codes = found.parcels["code"]
    steps = pd.concat([found.steps.assign(left_out=None), _left_steps(found)])
    steps = steps.sort_values(["on", "change"], kind="stable").reset_index(drop=True)
    return pd.DataFrame(
        {
            "act": [desk.say(f"lineage.acts.{one}") for one in steps["act"]],
            "on": steps["on"],
            "change": steps["change"],
            "parent": steps["parent"].map(codes),
            "child": steps["child"].map(codes),
            "common_m2": steps["common_m2"].astype("float64"),
            **{
                key: steps[key]
                for key in ("kind", "number", "dated_on", "issued_by", "file", "sha256")
            },
            **{key: steps[key] for key in ("left_out", "made_by", "made_at", "reason")},
        }
    )


def _left_steps(found: Chain) -> pd.DataFrame:
    """Land left out as steps to no parcel, with what is said of the act."""
    acts = found.steps.drop_duplicates("change").set_index("change")
    steps = acts.loc[found.left["change"]].reset_index()
    told = pd.DataFrame(found.left.drop(columns="geometry"))
    return steps.assign(
        parent=told["parent"],
        child=None,
        common_m2=told["area_m2"],
        left_out=told["reason"],
    )


def _members(found: Chain) -> Sequence[dict[str, Any]]:
    """The parcels of a chain, for programs."""
    shown = found.parcels.reset_index()
    shown = shown.astype(object).where(shown.notna(), None)
    days = {key: shown[key].map(str) for key in ("valid_from", "valid_to")}
    records: list[dict[str, Any]] = shown.assign(**days).to_dict("records")
    return records
