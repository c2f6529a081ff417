"""`jingtu verify`: whether every change still is as it was sealed, and every document whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import pandas as pd
import typer

from layers.coverage import TOTAL
from maps import settings, tables
from maps.answers import Exit
from maps.cli.desk import Desk, desk_of
from maps.tables import Format
from parcels import evidence, freezing
from parcels.errors import (
    AnchorNotUsableError,
    DocumentDamagedError,
    DocumentFolderNeededError,
    DocumentNotFoundError,
    OutputNotWritableError,
)
from parcels.exchange.output import placed
from parcels.register import Register
from parcels.seals import Check

_COLUMNS = ("change", "export", "kind", "sealed_rows", "found_rows", "sealed", "found")


def verify(
    context: typer.Context,
    files: Annotated[Path | None, typer.Option(help="verify.options.files")] = None,
    anchor: Annotated[Path | None, typer.Option(help="verify.options.anchor")] = None,
    against: Annotated[Path | None, typer.Option(help="verify.options.against")] = None,
    format_: Annotated[Format, typer.Option("--format", help="cli.options.format")] = Format.TABLE,
    out: Annotated[Path | None, typer.Option(help="cli.options.out")] = None,
) -> int:
    """Check the log of changes and the documents; name the first change that does not fit."""
    desk = desk_of(context)
    if files is not None:
        desk = replace(desk, files=str(files))
    kept = None if against is None else _read(against)
    if anchor is not None and anchor.exists():
        raise OutputNotWritableError(file=str(anchor), reason="EEXIST")
    with desk.open(desk.catalog()) as register:
        found = register.store.verify()
        damaged, documents = _documents(desk, register)
        unlike, blocks = freezing.check(register, total=TOTAL)
    wrong = [*_misfits(found), *map(_altered, unlike)]
    if kept is not None:
        wrong += _compared(desk, found, kept)
    read = {"documents": documents, "frozen": blocks}
    _show(desk, found, [*wrong, *damaged], read=read, form=format_, out=out)
    if wrong:
        return int(Exit.LOG_NOT_AS_SEALED)
    if anchor is not None:
        _write(desk, anchor, found)
    return int(Exit.DOCUMENT_DAMAGED if damaged else Exit.DONE)


def _misfits(found: Check) -> list[dict[str, Any]]:
    """What of the first change and of the first export that do not fit differs from its seal."""
    return [
        {
            "change": number if of == "change" else None,
            "export": number if of == "export" else None,
            "kind": one.kind,
            "sealed_rows": one.sealed_rows,
            "found_rows": one.found_rows,
            "sealed": one.sealed_digest or None,
            "found": one.found_digest or None,
        }
        for of, misfits in (("change", found.misfits), ("export", found.exports.misfits))
        for number, differences in list(misfits.items())[:1]
        for one in differences
    ]


def _altered(one: freezing.Misfit) -> dict[str, Any]:
    """A frozen figure that is no longer what its versions add up to, or the other way round."""
    return {
        "change": one.change,
        "export": None,
        "kind": "frozen",
        "sealed_rows": 1,
        "found_rows": 1,
        "sealed": one.kept,
        "found": one.found or None,
    }


def _compared(desk: Desk, found: Check, kept: dict[str, Any]) -> list[dict[str, Any]]:
    """What differs from an anchor: a hash it names is another, or no longer there."""
    wrong = []
    gone = desk.say("verify.said.gone")
    for of, digest, hashes in (
        ("change", "sha256", found.hashes),
        ("export", "export_sha256", found.exports.hashes),
    ):
        number, sealed = kept.get(of, 0), kept.get(digest)
        now = hashes.get(number)
        if number == 0 or now == sealed:
            continue
        wrong.append(
            {
                "change": None,
                "export": None,
                of: number,
                "kind": "anchor",
                "sealed_rows": 1,
                "found_rows": int(now is not None),
                "sealed": sealed,
                "found": now or gone,
            }
        )
    return wrong


def _documents(desk: Desk, register: Register) -> tuple[list[dict[str, Any]], int | None]:
    """The documents that are not whole, and how many were read; None where no folder is named."""
    listed = evidence.documents(register.store)
    wrong = []
    for sha256, change in zip(listed["sha256"], listed["change"], strict=True):
        row = {
            "change": int(change),
            "export": None,
            "kind": "document",
            "sealed_rows": 1,
            "found_rows": 1,
            "sealed": sha256,
            "found": desk.say("verify.said.other_bytes"),
        }
        try:
            register.documents.read(sha256)
        except DocumentFolderNeededError:
            return [], None
        except DocumentNotFoundError:
            wrong.append(row | {"found_rows": 0, "found": desk.say("verify.said.gone")})
        except DocumentDamagedError:
            wrong.append(row)
    return wrong, len(listed)


def _show(
    desk: Desk,
    found: Check,
    wrong: list[dict[str, Any]],
    *,
    read: Mapping[str, int | None],
    form: Format,
    out: Path | None,
) -> None:
    shown = pd.DataFrame(wrong, columns=list(_COLUMNS))
    if form is Format.TABLE:
        shown["kind"] = [desk.say(f"verify.kinds.{_key(kind)}") for kind in shown["kind"]]
    state = "fits" if not wrong else "differs"
    notes = [desk.say(f"verify.said.{state}", changes=found.changes, rows=found.rows)]
    if found.misfits:
        first = next(iter(found.misfits))
        notes.append(desk.say("verify.said.first", change=first, count=len(found.misfits)))
    if found.exports.misfits:
        first = next(iter(found.exports.misfits))
        count = len(found.exports.misfits)
        notes.append(desk.say("verify.said.first_export", export=first, count=count))
    notes.append(desk.say("verify.said.exports", count=found.exports.count))
    if read["documents"] is None:
        notes.append(desk.say("verify.said.no_folder"))
    else:
        notes.append(desk.say("verify.said.documents", count=read["documents"]))
    if read["frozen"]:
        notes.append(desk.say("verify.said.frozen", count=read["frozen"]))
    notes.append(desk.say("verify.said.last", change=found.last, sha256=found.digest))
    tables.show(
        shown,
        headings=tables.headings("verify.columns", desk.lang, list(_COLUMNS)),
        format=form.value,
        out=out,
        lang=desk.lang,
        title=desk.say("verify.said.title"),
        notes=notes,
        meta={
            "changes": found.changes,
            "rows": found.rows,
            **read,
            "misfits": len(found.misfits),
            "last": found.last,
            "sha256": found.digest,
            "exports": found.exports.count,
            "export_misfits": len(found.exports.misfits),
            "last_export": found.exports.last,
            "export_sha256": found.exports.digest,
        },
    )


def _key(kind: str) -> str:
    return kind.replace(" ", "_")


def _write(desk: Desk, path: Path, found: Check) -> None:
    said = {
        "change": found.last,
        "sha256": found.digest,
        "export": found.exports.last,
        "export_sha256": found.exports.digest,
        "at": settings.now().isoformat(),
        "register": Path(desk.store).name if "://" not in desk.store else None,
    }
    with placed(path) as made:
        made.write_text(json.dumps(said, ensure_ascii=False, indent=1) + "\n", "utf-8")
    desk.print(desk.say("cli.written", file=path), aside=True)


def _read(path: Path) -> dict[str, Any]:
    try:
        said = json.loads(path.read_text("utf-8-sig"))
        kept = {"change": int(said["change"]), "sha256": str(said["sha256"])}
        # Anchors of before name no export.
        exported = {
            "export": int(said.get("export", 0)),
            "export_sha256": said.get("export_sha256"),
        }
    except (AttributeError, OSError, ValueError, TypeError, KeyError) as error:
        raise AnchorNotUsableError(file=str(path)) from error
    return kept | exported
