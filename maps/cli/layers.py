"""`jingtu layers`: what layers there are, what one holds, and an empty file to fill in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer

from layers import plan
from layers.catalog import Catalog
from maps import tables, text
from maps.cli.desk import AsOf, Desk, Known, dates, desk_of
from maps.tables import Format
from parcels.exchange import templates
from parcels.model import Layer

app = typer.Typer(help="commands.layers", invoke_without_command=True)


@app.callback(epilog="commands.layers_example")
def list_layers(
    context: typer.Context,
    counts: Annotated[bool, typer.Option("--counts", help="commands.options.counts")] = False,
    as_of: AsOf = None,
    known: Known = None,
    format_: Annotated[Format, typer.Option("--format", help="cli.options.format")] = Format.TABLE,
    out: Annotated[Path | None, typer.Option(help="cli.options.out")] = None,
) -> None:
    """List the layers."""
    if context.invoked_subcommand is not None:
        return
    desk = desk_of(context)
    layers = desk.catalog()
    rows = [
        {
            "layer": layer.key,
            "label": layer.label.in_(desk.lang),
            "shape": desk.say(f"commands.shapes.{layer.shape.value}"),
            "fields": len(layer.own_fields),
            "stages": len(layer.stages),
            "measures": " ".join(layer.measures),
        }
        for layer in layers.values()
    ]
    frame = pd.DataFrame(rows)
    if not (counts or as_of or known):
        _show(desk, frame, format_=format_, out=out)
        return
    moment = desk.moment(as_of, known)
    with desk.open(layers) as register:
        held = register.counts(moment)
    frame = frame.assign(parcels=[held.get(key, 0) for key in frame["layer"]])
    _show(desk, frame, format_=format_, out=out, title=desk.state(moment), meta=dates(moment))


@app.command("show", help="commands.layers_show", epilog="commands.layers_show_example")
def show(
    context: typer.Context,
    key: Annotated[str, typer.Argument(help="commands.arguments.layer")],
    format_: Annotated[Format, typer.Option("--format", help="cli.options.format")] = Format.TABLE,
    out: Annotated[Path | None, typer.Option(help="cli.options.out")] = None,
) -> None:
    """Show fields, stages, rules and measures of a layer."""
    desk = desk_of(context)
    layers = desk.catalog()
    layer = layers.layer(key)
    if format_ is Format.TABLE:
        desk.print(f"{layer.label.in_(desk.lang)}  {layer.key}")
        if layer.note is not None:
            desk.print(layer.note.in_(desk.lang))
    _show(desk, _fields(layer, desk), format_=format_, out=out, meta=_about(layer, layers, desk))
    if format_ is not Format.TABLE:
        return
    _show(desk, _stages(layer, desk), format_=format_, out=None)
    for rule in layer.rules:
        desk.print(desk.say("commands.rule", rule=layers.rules[rule].label.in_(desk.lang)))
    for measure in plan.load().shown_by(layer.key):
        desk.print(desk.say("commands.measure", id=measure.id, said=measure.text))


@app.command("template", help="commands.layers_template", epilog="commands.template_example")
def template(
    context: typer.Context,
    key: Annotated[str, typer.Argument(help="commands.arguments.layer")],
    path: Annotated[Path, typer.Argument(help="commands.arguments.template")],
) -> None:
    """Write an empty file to fill in."""
    desk = desk_of(context)
    layer = desk.catalog().layer(key)
    words = {**text.words("words", desk.lang), **text.words("catalog.template", desk.lang)}
    templates.write_template(layer, path, lang=desk.lang, words=words)
    desk.print(desk.say("cli.written", file=path))


def _show(
    desk: Desk,
    frame: pd.DataFrame,
    *,
    format_: Format,
    out: Path | None,
    title: str = "",
    meta: Mapping[str, Any] | None = None,
) -> None:
    tables.show(
        frame,
        headings=tables.headings("commands.columns", desk.lang, list(frame.columns)),
        format=format_.value,
        out=out,
        lang=desk.lang,
        title=title,
        meta=meta,
    )


def _about(layer: Layer, layers: Catalog, desk: Desk) -> dict[str, Any]:
    """What JSON tells of a layer besides its fields."""
    return {
        "layer": layer.key,
        "label": layer.label.in_(desk.lang),
        "note": None if layer.note is None else layer.note.in_(desk.lang),
        "stages": [
            {
                "key": stage.key,
                "label": stage.label.in_(desk.lang),
                "next": list(stage.next),
                "basis": stage.basis,
            }
            for stage in layer.stages
        ],
        "rules": [
            {"key": rule, "label": layers.rules[rule].label.in_(desk.lang)} for rule in layer.rules
        ],
        "measures": list(layer.measures),
    }


def _fields(layer: Layer, desk: Desk) -> pd.DataFrame:
    return pd.DataFrame(
        [
            {
                "field": field.key,
                "label": field.label.in_(desk.lang),
                "kind": desk.say(f"commands.kinds.{field.kind.value}"),
                "unit": field.unit,
                "required": field.required,
                "choices": " ".join(c.label.in_(desk.lang) for c in field.choices),
                "aliases": " ".join(field.aliases),
            }
            for field in layer.fields
        ]
    )


def _stages(layer: Layer, desk: Desk) -> pd.DataFrame:
    labels = {stage.key: stage.label.in_(desk.lang) for stage in layer.stages}
    return pd.DataFrame(
        [
            {
                "stage": stage.key,
                "label": labels[stage.key],
                "next": " ".join(labels[key] for key in stage.next),
                "basis": stage.basis,
            }
            for stage in layer.stages
        ]
    )
