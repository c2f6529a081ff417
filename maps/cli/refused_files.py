"""Files that cannot be read among several that were sent: told in the report beside the others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from maps import answers, text
from parcels import errors
from parcels.errors import Refusal
from parcels.findings import Findings
from parcels.ingest.containers import Item

Taken = TypeVar("Taken")
"""What becomes of a file that can be read."""

_OF_A_FILE: Final = (
    errors.FileNotReadableError,
    errors.FileNotSafeError,
    errors.FileTooLargeError,
    errors.FormatNotKnownError,
    errors.PartNotChosenError,
    errors.CrsNotKnownError,
    errors.MappingNotUsableError,
)
"""Refusals that say something of one file and nothing of those beside it."""


@dataclass(frozen=True, slots=True)
class RefusedFile:
    """A file that was sent with others and cannot be read."""

    item: Item
    refusal: Refusal

    @property
    def name(self) -> str:
        """As the user knows the file."""
        return self.item.name

    def report(self, findings: Findings) -> None:
        """Add the refusal as a finding, in both languages, as it would be said alone."""
        self.item.report(findings)
        details = {"refusal": self.refusal.code}
        for lang in text.LANGUAGES:
            details[f"refusal_{lang}"] = answers.what(self.refusal, lang)
            details[f"remedy_{lang}"] = answers.mend(self.refusal, lang)
        findings.add("file_refused", details=details)


def each(
    sent: list[Item], receive: Callable[[Item], Taken]
) -> tuple[list[Taken], list[RefusedFile]]:
    """Receive every file, so that all that is wrong is seen at once.

    Args:
        sent: The files.
        receive: What is done with one.

    Returns:
        What became of the files that can be read, and the others.

    Raises:
        Refusal: The only file is refused, or what was asked cannot be done with any.
    """
    taken, refused = [], []
    for one in sent:
        try:
            taken.append(receive(one))
        except _OF_A_FILE as refusal:
            if len(sent) == 1:
                raise
            refused.append(RefusedFile(one, refusal))
    return taken, refused
