"""`jingtu stages`, `advance` and `evidence`: the way of parcels through their stages."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer

from maps import report, settings, tables
from maps.answers import Exit
from maps.cli import checking, proof, waiting
from maps.cli.desk import Desk, desk_of
from maps.tables import Format
from parcels import legal_basis, lifecycle, words
from parcels.errors import MappingNotUsableError, UnknownParcelError, UnknownStageError
from parcels.exchange.output import placed
from parcels.findings import Findings
from parcels.ingest import listed
from parcels.ingest.stated import stated
from parcels.model import Gate, Layer
from parcels.moves import Claim
from parcels.recording import Act
from parcels.register import Intake, Register
from parcels.review import Deed


def advance(  # noqa: PLR0913, PLR0917 - one argument per option of the command line
    context: typer.Context,
    said: Annotated[
        list[str],
        typer.Argument(metavar="[CODE...] STAGE", help="commands.arguments.codes_and_stage"),
    ],
    layer: Annotated[str, typer.Option("--layer", "-l", help="commands.options.layer_of")],
    on: Annotated[
        dt.datetime | None, typer.Option(formats=["%Y-%m-%d"], help="commands.options.moved_on")
    ] = None,
    kind: proof.Kind = None,
    number: proof.Number = None,
    dated: proof.Dated = None,
    issued_by: proof.IssuedBy = None,
    reviewed_by: proof.ReviewedBy = None,
    file: proof.File = None,
    codes_from: Annotated[Path | None, typer.Option(help="commands.options.codes_from")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="commands.options.set")] = None,
    reason: Annotated[str | None, typer.Option(help="commands.options.reason")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="commands.options.dry_run")] = False,
    submit: waiting.Submit = False,
    resubmit: waiting.Resubmit = None,
) -> int:
    """Move parcels to another stage, all of them or none."""
    desk = desk_of(context)
    waits = submit or resubmit is not None
    waiting.refuse_direct(desk, waits=waits or dry_run)
    layers = desk.catalog()
    declared = layers.layer(layer)
    stage = stage_of(declared, said[-1])
    shown = proof.proof(
        desk,
        layers.documents,
        kind=kind,
        number=number,
        dated=dated,
        issued_by=issued_by,
        reviewed_by=reviewed_by,
        file=file,
    )
    if shown is None:
        raise typer.BadParameter(desk.say("commands.evidence_said.needed"))
    day = on.date() if on else settings.today()
    findings = Findings(declared.key, codes_from.name if codes_from else "")
    codes = _codes(declared, said[:-1], codes_from, findings)
    moving = stated(
        declared,
        codes["code"].tolist(),
        facts_of(set_ or []),
        rows=codes["row"],
        findings=findings,
    ).assign(stage=stage)
    act = Act(by=desk.user, at=settings.now(), on=day, reason=reason)
    with desk.open(layers) as register:
        _refuse_unknown(register, declared, codes["code"].tolist())
        register.assess(declared.key, moving, Claim(day, shown.said), findings)
        found = findings.frame()
        if not found.empty:
            report.show(found, layer=declared, lang=desk.lang)
        if (found["severity"] == "error").any():
            desk.print(desk.say("commands.advance_said.nothing_moved"))
            return int(Exit.MOVES_NOT_ALLOWED)
        if dry_run:
            desk.print(desk.say("commands.import_said.dry_run"))
            return int(Exit.DONE)
        if waits:
            given = shown.kept(register)
            asked = Intake(moving, act, evidence=given, deed=Deed("advance"))
            waiting.hand_in(desk, register, declared.key, asked, resubmit)
            return int(Exit.DONE)
        outcome = register.advance(declared.key, moving, act, shown.kept(register))
        label = declared.stage(stage).label.in_(desk.lang)
        key = "moved" if outcome.change is not None else "already"
        desk.print(
            desk.say(
                f"commands.advance_said.{key}",
                change=outcome.change,
                count=outcome.updated,
                stage=label,
                on=day,
            )
        )
        moved = moving["code"].tolist()
        checking.show_touched(desk, register, layers, declared.key, moved, day)
    return int(Exit.DONE)


def stages(
    context: typer.Context,
    key: Annotated[str, typer.Argument(help="commands.arguments.layer")],
    on: Annotated[
        dt.datetime | None, typer.Option(formats=["%Y-%m-%d"], help="commands.options.law_on")
    ] = None,
    format_: Annotated[Format, typer.Option("--format", help="cli.options.format")] = Format.TABLE,
    out: Annotated[Path | None, typer.Option(help="cli.options.out")] = None,
) -> None:
    """Show the stages of a layer: moves, documents, reviewers, gates with their articles."""
    desk = desk_of(context)
    layer = desk.catalog().layer(key)
    day = on.date() if on else settings.today()
    moves = pd.DataFrame(_moves(desk, layer, day))
    gates = pd.DataFrame([_gate(desk, layer, gate, day) for gate in layer.gates])
    notes = [] if gates.empty else [desk.say("commands.stages_said.gate", **g) for g in
                                    gates.to_dict("records")]  # fmt: skip
    tables.show(
        moves,
        headings=tables.headings("commands.columns", desk.lang, list(moves.columns)),
        format=format_.value,
        out=out,
        lang=desk.lang,
        title=desk.say("commands.stages_said.title", layer=layer.label.in_(desk.lang), on=day),
        notes=notes,
        meta={"gates": gates.to_dict("records")},
    )


def evidence(
    context: typer.Context,
    codes: Annotated[list[str], typer.Argument(help="commands.arguments.codes")],
    layer: Annotated[str, typer.Option("--layer", "-l", help="commands.options.layer_of")],
    save: Annotated[Path | None, typer.Option(help="commands.options.save")] = None,
    format_: Annotated[Format, typer.Option("--format", help="cli.options.format")] = Format.TABLE,
    out: Annotated[Path | None, typer.Option(help="cli.options.out")] = None,
) -> None:
    """List what the moves of parcels rest on; copy the documents out, their bytes checked."""
    desk = desk_of(context)
    layers = desk.catalog()
    declared = layers.layer(layer)
    with desk.open(layers) as register:
        _refuse_unknown(register, declared, codes)
        rows = register.evidence(declared.key, codes)
        _check_documents(desk, register, rows, save)
    labels = {stage.key: stage.label.in_(desk.lang) for stage in declared.stages}
    kinds = {code: one.label.in_(desk.lang) for code, one in layers.documents.items()}
    shown = rows.assign(
        from_stage=rows["from_stage"].map(lambda key: labels.get(key, key)),
        to_stage=rows["to_stage"].map(lambda key: labels.get(key, key)),
        kind=rows["kind"].map(lambda key: kinds.get(key, key), na_action="ignore"),
    ).drop(columns=["size_bytes"])
    tables.show(
        shown,
        headings=tables.headings("commands.evidence_columns", desk.lang, list(shown.columns)),
        format=format_.value,
        out=out,
        lang=desk.lang,
    )


def _check_documents(
    desk: Desk, register: Register, rows: pd.DataFrame, save: Path | None
) -> None:
    """Read every document, its bytes checked; copy it where it was asked for."""
    for one in rows.dropna(subset="sha256").drop_duplicates("sha256").itertuples():
        kept = register.documents.read(str(one.sha256))
        if save is None:
            continue
        target = save / f"{one.sha256[:8]}_{Path(str(one.file)).name}"
        with placed(target) as path:
            shutil.copyfile(kept, path)
        desk.print(desk.say("cli.written", file=target))


def stage_of(layer: Layer, written: str) -> str:
    """The stage so called.

    Raises:
        UnknownStageError: None is.
    """
    asked = words.plain(written)
    for stage in layer.stages:
        names = (stage.key, stage.label.zh, stage.label.en, *stage.synonyms)
        if not stage.derived and asked in words.plain_set(names):
            return stage.key
    known = [stage.label.zh for stage in layer.stages if not stage.derived]
    raise UnknownStageError(stage=written, known=known)


def _codes(
    layer: Layer, typed: Sequence[str], path: Path | None, findings: Findings
) -> pd.DataFrame:
    """Columns `code` and `row`: what was typed, then what a list holds, each code once."""
    whole = pd.DataFrame({"code": list(typed), "row": range(1, len(typed) + 1)})
    if path is not None:
        whole = pd.concat([whole, listed.codes(path, layer, findings=findings)])
    if not len(whole):
        raise typer.BadParameter("CODE")
    return whole.drop_duplicates("code").reset_index(drop=True)


def facts_of(written: Sequence[str]) -> dict[str, str]:
    """Field and value of each FIELD=VALUE.

    Raises:
        MappingNotUsableError: One has no sign between them.
    """
    pairs = {}
    for one in written:
        name, sign, value = one.partition("=")
        if not sign:
            raise MappingNotUsableError(column=one, field="", known=["--set FIELD=VALUE"])
        pairs[name.strip()] = value.strip()
    return pairs


def _refuse_unknown(register: Register, layer: Layer, codes: Sequence[str]) -> None:
    unknown = sorted(set(codes) - register.codes(layer.key, codes))
    if unknown:
        raise UnknownParcelError(layer=layer.key, codes=unknown[:5], count=len(unknown))


def _moves(desk: Desk, layer: Layer, day: dt.date) -> list[dict[str, Any]]:
    """One row per move; one with no next for a stage that ends."""
    rows = []
    for stage in layer.stages:
        for to in stage.next or (None,):
            kinds = lifecycle.documents(layer, stage.key, to) if to else ()
            reviewed = to is not None and lifecycle.is_reviewed(layer, stage.key, to)
            rows.append(
                {
                    "stage": stage.key,
                    "label": stage.label.in_(desk.lang),
                    "next": layer.stage(to).label.in_(desk.lang) if to else None,
                    "documents": _joined(desk, [kind.label.in_(desk.lang) for kind in kinds]),
                    "reviewed": desk.say("words.yes") if reviewed else "",
                    "gates": _joined(desk, _gate_labels(desk, layer, stage.key, to, day)),
                    "basis": stage.basis,
                }
            )
    return rows


def _gate_labels(desk: Desk, layer: Layer, stage: str, to: str | None, day: dt.date) -> list[str]:
    """Gates on the way out of a stage and into the next that hold on a day."""
    if to is None:
        return []
    return [
        gate.label.in_(desk.lang)
        for gate in layer.gates
        if (stage if gate.leaving else to) in gate.stages
        and lifecycle.article(gate, day) is not None
    ]


def _gate(desk: Desk, layer: Layer, gate: Gate, day: dt.date) -> dict[str, Any]:
    article = lifecycle.article(gate, day)
    state = "on" if article else "off" if gate.question else "not_in_force"
    labels = [layer.field(k).label.in_(desk.lang) for k in gate.fields if k not in gate.unless]
    held = [one.cited.in_(desk.lang) for one in legal_basis.subjects()[gate.basis].articles]
    question = gate.question.in_(desk.lang) if gate.question else ""
    return {
        "gate": gate.key,
        "label": gate.label.in_(desk.lang),
        "state": desk.say(f"commands.stages_said.{state}", question=question),
        "basis": article.cited.in_(desk.lang) if article else _joined(desk, held),
        "fields": _joined(desk, labels),
    }


def _joined(desk: Desk, listed_: Sequence[str]) -> str:
    return desk.say("commands.stages_said.comma").join(listed_)
