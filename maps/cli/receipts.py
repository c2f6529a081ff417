"""What `jingtu import` answers: sentences for people, or one object for programs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self

from maps import report, report_files
from maps.answers import Exit
from maps.cli.desk import Desk
from maps.report_files import Told
from maps.tables import Format
from parcels.errors import OutputFileNeededError
from parcels.ingest.delivery import Delivery
from parcels.register import Outcome
from parcels.reviewing import Submitted


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of one file.

    Attributes:
        file: Its name.
        sha256: Of its content, hexadecimal; None for a file that could not be read.
        rows: Rows it holds.
        kept_out: Rows with an error.
        change: Number of the change that took it in; None when nothing was stored.
        known_as: Number of the earlier change that took in the very same file.
        created: New parcels.
        updated: Changed parcels.
        unchanged: Parcels of which the register said the same already.
        rejects: File with the rows kept out; None when there is none.
        refused: Code of the refusal of a file that could not be read.
        submission: Number of the submission that waits for a reviewer.
        looked_at: Whether it was tried to store it.
    """

    file: str
    sha256: str | None
    rows: int
    kept_out: int
    change: int | None = None
    known_as: int | None = None
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    rejects: str | None = None
    refused: str | None = None
    submission: int | None = None
    looked_at: bool = False

    @classmethod
    def of(cls, delivery: Delivery) -> Self:
        """The receipt of a file of which nothing is stored."""
        source, rows = delivery.source, len(delivery.frame)
        return cls(source.name, source.sha256, rows, rows - delivery.ready_count)

    @classmethod
    def of_refused(cls, file: str, code: str) -> Self:
        """The receipt of a file that could not be read."""
        return cls(file, None, 0, 0, refused=code)

    def put_aside(self, rejects: Path | None) -> Receipt:
        """The receipt once the rows kept out are written; None where there are none."""
        return replace(self, rejects=None if rejects is None else str(rejects))

    def stored_as(self, outcome: Outcome | None) -> Receipt:
        """The receipt after storing; `outcome` is None for a file without a good row."""
        return self if outcome is None else replace(self, looked_at=True, **asdict(outcome))

    def submitted_as(self, kept: Submitted | None) -> Receipt:
        """The receipt after submitting; `kept` is None for a file without a good row."""
        if kept is None:
            return self
        return replace(self, looked_at=True, submission=kept.number, known_as=kept.known_as)

    def said_aside(self, desk: Desk) -> str:
        """What is said of the rows kept out."""
        return desk.say(
            "commands.import_said.rejects",
            file=self.file,
            rows=self.kept_out,
            rejects=self.rejects,
        )

    def said(self, desk: Desk) -> str:
        """What is said of what was stored."""
        return desk.say(f"commands.import_said.{self._became()}", **self._fields())

    def told(self) -> dict[str, object]:
        """What programs are told of it; documented in maps/reference/answers.schema.json."""
        return {key: held for key, held in asdict(self).items() if key != "looked_at"}

    def _became(self) -> str:
        if self.known_as is not None:
            return "known"
        if self.submission is not None:
            return "submitted"
        return "unchanged" if self.change is None else "stored"

    def _fields(self) -> dict[str, object]:
        if self.known_as is not None:
            return {"file": self.file, "change": self.known_as}
        if self.submission is not None:
            waits = self.rows - self.kept_out
            return {"file": self.file, "submission": self.submission, "rows": waits}
        if self.change is None:
            return {"file": self.file, "rows": self.unchanged}
        counts = {key: getattr(self, key) for key in ("created", "updated", "unchanged")}
        return {"file": self.file, "change": self.change, **counts}


@dataclass(frozen=True, slots=True)
class Answer:
    """In which forms the answer is given.

    Attributes:
        form: On the screen, or in `out`; sentences go to the stream of errors unless it is TABLE.
        out: File instead of the screen.
        files: Further files with the report, in the form of their endings.
    """

    form: Format = Format.TABLE
    out: Path | None = None
    files: tuple[Path, ...] = ()

    def check(self) -> None:
        """Refuse what cannot be given before any work is done.

        Raises:
            FormatNotOfferedError: A file's name ends in something that no report is.
            OutputFileNeededError: A workbook for the screen.
        """
        for path in self.files:
            report_files.check(path)
        if self.form is Format.XLSX and self.out is None:
            raise OutputFileNeededError(format=str(self.form))

    def say(self, desk: Desk, sentence: str) -> None:
        """Print a sentence beside the report."""
        desk.print(sentence, aside=self._is_for_programs)

    def report(self, desk: Desk, told: Told) -> None:
        """Print the report for people, and write the files asked for."""
        if self.form is Format.TABLE:
            report.show(told.found, layer=told.layer, lang=told.lang, out=self.out)
        for path in self.files:
            for left_out in report_files.write(told, path):
                self.say(desk, left_out)
            self.say(desk, desk.say("cli.written", file=path))

    def give(self, told: Told, receipts: Sequence[Receipt], *, code: Exit, dry_run: bool) -> None:
        """Print the report and what became of the files, for programs."""
        if self.form is Format.TABLE:
            return
        outcome = {
            "exit": int(code),
            "dry_run": dry_run,
            "stored": any(one.change is not None for one in receipts),
            "files": [one.told() for one in receipts],
        }
        meta = {"outcome": outcome}
        report_files.show(told, format=self.form.value, out=self.out, meta=meta)

    @property
    def _is_for_programs(self) -> bool:
        return self.form is not Format.TABLE and self.out is None
