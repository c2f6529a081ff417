"""`jingtu lineage`: what a parcel came from and became, as a tree, a table or a drawing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer

from maps import lineage_drawing, tables, text
from maps.cli.desk import AsOf, Desk, Known, dates, desk_of
from maps.tables import Format
from parcels import descent
from parcels.descent import Chain
from parcels.exchange.output import placed
from parcels.model import FOREVER, Layer

Drawing = Annotated[Path | None, typer.Option(help="lineage.options.drawing")]
LayerOf = Annotated[str, typer.Option("--layer", "-l", help="commands.options.layer_of")]


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
        draw(desk, lineage_drawing.page(title, _acts(desk, found), lang=desk.lang), drawing)
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


def draw(desk: Desk, page: str, drawing: Path) -> None:
    """Write a page of `lineage_drawing`, and say where."""
    with placed(drawing) as path:
        path.write_text(page, "utf-8")
    desk.print(desk.say("cli.written", file=drawing), aside=True)


def left_said(desk: Desk, area_m2: float, reason: str) -> str:
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
            left_said(desk, area, why): shape
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
        desk.print(text.plain(f"{code} {left_said(desk, row.area_m2, row.reason)}"))
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
