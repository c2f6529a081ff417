"""`jingtu samples`, `farmland-class`: what was measured, and what it means."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import pandas as pd
import typer

from layers import sampled
from maps import tables
from maps.cli.coverage import chosen
from maps.cli.desk import AsOf, Desk, Known, dates, desk_of
from maps.tables import Format
from parcels import backgrounds, standards, verdicts
from parcels.analytes import analytes
from parcels.errors import FileNotReadableError
from parcels.standards import Limits

_FACTS: Final = (
    "number", "point", "parcel", "district", "medium", "kind", "depth", "sampled_on", "land",
    "ph", "analyte", "written", "unit",
)  # fmt: skip
_VERDICTS: Final = ("verdict", "times", "limit", "standard", "clause", "why", "background_note")
_ORIGIN: Final = ("lab", "report", "method", "change", "file", "row")
_WORST: Final = ("verdict", "analyte", "times", "clause", "readings", "exceeding", "not_judged")


class By(StrEnum):
    """What the worst verdict is given for."""

    SAMPLE = "sample"
    POINT = "point"
    PARCEL = "parcel"


def samples(  # noqa: PLR0913, PLR0917 - one argument per option of the command line
    context: typer.Context,
    point: Annotated[list[str] | None, typer.Option(help="sampling.options.point")] = None,
    parcel: Annotated[list[str] | None, typer.Option(help="sampling.options.parcel")] = None,
    layer: Annotated[
        str, typer.Option("--layer", "-l", help="sampling.options.layer")
    ] = sampled.FIELDS,
    district: Annotated[
        list[str] | None, typer.Option(help="commands.options.only_district")
    ] = None,
    judge: Annotated[bool, typer.Option("--judge", help="sampling.options.judge")] = False,
    by: Annotated[By | None, typer.Option(help="sampling.options.by")] = None,
    limits: Annotated[list[str] | None, typer.Option(help="sampling.options.limits")] = None,
    background: Annotated[Path | None, typer.Option(help="sampling.options.background")] = None,
    as_of: AsOf = None,
    known: Known = None,
    format_: Annotated[Format, typer.Option("--format", help="cli.options.format")] = Format.TABLE,
    out: Annotated[Path | None, typer.Option(help="cli.options.out")] = None,
) -> None:
    """List samples and readings, and judge them by the standards."""
    desk = desk_of(context)
    moment = desk.moment(as_of, known)
    layers = desk.catalog()
    layers.layer(layer)
    given = _given(desk, limits or [])
    with desk.open(layers) as register:
        where = chosen(register, [layer], districts=district)
        rows = sampled.located(register.readings(moment), register, moment, layer=layer)
        territory = register.territory_at(moment)
        places = territory.districts
    for column, wanted in (("point", point), ("parcel", parcel), ("district", where.districts)):
        if wanted is not None:
            rows = rows[rows[column].isin(wanted)]
    shown: tuple[str, ...] = (*_FACTS, *_ORIGIN)
    if judge or by or background:
        if background is not None:
            stated = backgrounds.given(_text(background), territory, file=background.name)
            rows = rows.assign(background=backgrounds.beside(rows, stated))
        rows = verdicts.judged(rows, given)
        natural = () if background is None else ("background",)
        shown = (*_FACTS, *_VERDICTS, *natural, *_ORIGIN)
    if by:
        key = "number" if by is By.SAMPLE else by.value
        rows = standards.worst(rows[rows[key].notna()], key).reset_index()
        shown = (key, *_WORST)
    if format_ is Format.TABLE and not by:
        shown = tuple(key for key in shown if key not in _ONLY_IN_FILES)
    people = format_ in {Format.TABLE, Format.XLSX}
    names = places["name_en" if desk.lang == "en" else "name"]
    tables.show(
        _in_words(desk, rows, names)[list(shown)] if people else rows[list(shown)],
        headings=tables.headings("sampling.columns", desk.lang, shown, times={"decimals": 2}),
        format=format_.value,
        out=out,
        lang=desk.lang,
        title=desk.say("sampling.said.title", count=len(rows), state=desk.state(moment)),
        notes=_notes(desk, background) if judge or by or background else [],
        meta=dates(moment),
    )


_ONLY_IN_FILES: Final = frozenset({"kind", "report", "method", "file", "row", "district", "lab"})


def farmland_class(  # noqa: PLR0913, PLR0917 - one argument per option of the command line
    context: typer.Context,
    code: Annotated[str, typer.Argument(help="sampling.arguments.unit")],
    limits: Annotated[Path | None, typer.Option(help="sampling.options.produce_limits")] = None,
    side_by_side: Annotated[
        bool | None,
        typer.Option("--side-by-side/--apart", help="sampling.options.side_by_side"),
    ] = None,
    as_of: AsOf = None,
    known: Known = None,
    format_: Annotated[Format, typer.Option("--format", help="cli.options.format")] = Format.TABLE,
    out: Annotated[Path | None, typer.Option(help="cli.options.out")] = None,
) -> None:
    """Show the class of a unit of farmland that follows from its samples, step by step."""
    desk = desk_of(context)
    moment = desk.moment(as_of, known)
    given = None if limits is None else _read(limits)
    layers = desk.catalog()
    with desk.open(layers) as register:
        found = sampled.unit_class(register, code, moment, limits=given, side_by_side=side_by_side)
    names = {stage.key: stage.label.in_(desk.lang) for stage in layers.layer("farmland").stages}
    people = format_ in {Format.TABLE, Format.XLSX}
    rows = pd.DataFrame(
        {
            "analyte": [step.analyte for step in found.classified.steps],
            "ground": [step.ground.value for step in found.classified.steps],
            **{
                f"class{place + 1}": [step.counts[place] for step in found.classified.steps]
                for place in range(3)
            },
            "unknown": [step.unknown for step in found.classified.steps],
            "quality": [
                step.quality.stage if step.quality else None for step in found.classified.steps
            ],
        },
    )
    quality = found.classified.quality
    outcome = names[quality.stage] if quality else desk.say("sampling.said.open")
    registered = [names.get(stage, stage) for stage in found.registered]
    tables.show(
        _steps_in_words(desk, rows, names) if people else rows,
        headings=tables.headings("sampling.steps", desk.lang, list(rows.columns)),
        format=format_.value,
        out=out,
        lang=desk.lang,
        title=desk.say("sampling.said.class_title", code=code, state=desk.state(moment)),
        notes=[
            desk.say(
                "sampling.said.class",
                quality=outcome,
                registered=registered or [desk.say("sampling.said.none")],
                points=len(found.points),
            ),
            desk.say("sampling.said.walk", code=code),
            desk.say("sampling.said.believed"),
        ],
        meta={
            **dates(moment),
            "unit": code,
            "parcels": list(found.codes),
            "points": list(found.points),
            "quality": quality.stage if quality else None,
            "registered": list(found.registered),
        },
    )


def _given(desk: Desk, written: list[str]) -> dict[str, Limits]:
    """Limits by medium from what was typed: groundwater=FILE.

    Raises:
        typer.BadParameter: It has another form.
    """
    found = {}
    for one in written:
        medium, _, path = one.partition("=")
        if not path or medium not in {"groundwater", "produce"}:
            raise typer.BadParameter(desk.say("sampling.said.limits_form", found=one))
        found[medium] = _read(Path(path))
    return found


def _read(path: Path) -> Limits:
    return standards.given(_text(path), standard=path.stem)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise FileNotReadableError(file=str(path), reason=str(error)) from error


def _in_words(desk: Desk, rows: pd.DataFrame, districts: pd.Series) -> pd.DataFrame:
    """Codes as people read them."""
    spoken = rows.copy()
    labels = {key: one.label.in_(desk.lang) for key, one in analytes().items()}
    for column in ("medium", "kind", "land", "verdict", "why"):
        if column in spoken:
            words = {
                key: desk.say(f"sampling.{column}.{key}")
                for key in spoken[column].dropna().astype(str).unique()
                if key
            } | {"": ""}
            spoken[column] = spoken[column].astype(object).map(words, na_action="ignore")
    if "name" in spoken:
        spoken["analyte"] = spoken["analyte"].map(labels).astype(object).fillna(spoken["name"])
    else:
        spoken["analyte"] = spoken["analyte"].map(labels)
    if "district" in spoken:
        spoken["district"] = (
            spoken["district"].map(districts).astype(object).fillna(spoken["district"])
        )
    return spoken


def _steps_in_words(desk: Desk, rows: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    labels: dict[Any, str] = {key: one.label.in_(desk.lang) for key, one in analytes().items()}
    together = ["soil_together", "produce"]
    about = [labels.get(one) for one in rows["analyte"]]
    about[-2:] = [desk.say(f"sampling.said.{key}") for key in together]
    return rows.assign(
        analyte=about,
        ground=[desk.say(f"sampling.ground.{key}") for key in rows["ground"]],
        quality=rows["quality"].map(dict(names)).fillna(desk.say("sampling.said.open")),
    )


def _notes(desk: Desk, background: Path | None) -> list[str]:
    said = [desk.say("sampling.said.judged"), desk.say("sampling.said.duplicates")]
    if background is not None:
        said.append(desk.say("sampling.said.backgrounds", file=background.name))
    return said
