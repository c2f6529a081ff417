"""How a refusal is answered at the edge: its exit code, and its sentence in either language."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Mapping
from dataclasses import asdict
from enum import IntEnum
from types import MappingProxyType
from typing import Any, Final

from maps import text
from parcels import errors


class Exit(IntEnum):
    """Exit codes of `jingtu` by family.

    1-9 what was typed, 10-19 what came in, 20-29 what was sought, 30-39 what keeps it, 40-49 what
    goes out, 50-59 the plan, indicators, figures, rules, evaluation and the cluster, 60-69 who
    may come in.
    """

    DONE = 0
    UNEXPECTED = 1
    USAGE = 2
    DELIVERY_NOT_ACCEPTED = 10
    FILE_NOT_READABLE = 11
    FORMAT_NOT_KNOWN = 12
    CRS_NOT_KNOWN = 13
    DISTRICTS_NOT_USABLE = 14
    DECLARATION_WRONG = 15
    MAPPING_NOT_USABLE = 16
    FILE_NOT_SAFE = 17
    FILE_TOO_LARGE = 18
    PART_NOT_CHOSEN = 19
    CONTROL_POINTS_NOT_USABLE = 20
    UNKNOWN_LAYER = 21
    UNKNOWN_PARCEL = 22
    UNKNOWN_DISTRICT = 23
    UNKNOWN_STAGE = 24
    MOVES_NOT_ALLOWED = 25
    UNKNOWN_MAPPING = 26
    UNKNOWN_RULE = 27
    UNKNOWN_DOCUMENT = 28
    UNKNOWN_CHANGE = 29
    REVIEW_NOT_ALLOWED = 30
    STORE_NOT_FOUND = 31
    STORE_NOT_USABLE = 32
    STORE_BUSY = 33
    STORE_TOO_NEW = 34
    CHANGE_NOT_UNDOABLE = 35
    CHANGE_RESTED_ON = 36
    DOCUMENT_DAMAGED = 37
    LOG_NOT_AS_SEALED = 38
    LINEAGE_NOT_POSSIBLE = 39
    OUTPUT_NOT_WRITABLE = 41
    OUTSIDE_ADDRESS = 42
    EXPORT_INCOMPLETE = 43
    NOT_PUBLIC = 44
    UNKNOWN_FIGURE = 50
    PERIOD_FROZEN = 51
    PERIOD_NOT_FROZEN = 52
    RULES_NOT_MET = 55
    ACCOUNT_NOT_USABLE = 60
    NOT_SERVED = 61
    LAKE_NOT_USABLE = 58
    CLUSTER_NOT_USABLE = 59
    INTERRUPTED = 130


EXITS: Final[Mapping[type[errors.Refusal], Exit]] = MappingProxyType(
    {
        errors.Refusal: Exit.UNEXPECTED,
        errors.SettingNotUnderstoodError: Exit.USAGE,
        errors.OutputFileNeededError: Exit.USAGE,
        errors.PeriodNotUnderstoodError: Exit.USAGE,
        errors.UnknownIndicatorError: Exit.UNKNOWN_RULE,
        errors.UnknownMeasureError: Exit.UNKNOWN_RULE,
        errors.FormatNotOfferedError: Exit.USAGE,
        errors.FileNotReadableError: Exit.FILE_NOT_READABLE,
        errors.FileNotSafeError: Exit.FILE_NOT_SAFE,
        errors.FileTooLargeError: Exit.FILE_TOO_LARGE,
        errors.PartNotChosenError: Exit.PART_NOT_CHOSEN,
        errors.CheckoutNotUsableError: Exit.FILE_NOT_READABLE,
        errors.ChoiceNotUsableError: Exit.USAGE,
        errors.LayerNeededError: Exit.USAGE,
        errors.RegisterMovedError: Exit.STORE_BUSY,
        errors.FormatNotKnownError: Exit.FORMAT_NOT_KNOWN,
        errors.NothingInsideError: Exit.FORMAT_NOT_KNOWN,
        errors.CrsNotKnownError: Exit.CRS_NOT_KNOWN,
        errors.ControlPointsNotUsableError: Exit.CONTROL_POINTS_NOT_USABLE,
        errors.LimitsNotUsableError: Exit.DECLARATION_WRONG,
        errors.BackgroundsNotUsableError: Exit.DECLARATION_WRONG,
        errors.DistrictsNotUsableError: Exit.DISTRICTS_NOT_USABLE,
        errors.DeclarationError: Exit.DECLARATION_WRONG,
        errors.MappingNotUsableError: Exit.MAPPING_NOT_USABLE,
        errors.UnknownLayerError: Exit.UNKNOWN_LAYER,
        errors.UnknownMappingError: Exit.UNKNOWN_MAPPING,
        errors.UnknownDistrictError: Exit.UNKNOWN_DISTRICT,
        errors.UnknownStageError: Exit.UNKNOWN_STAGE,
        errors.UnknownRuleError: Exit.UNKNOWN_RULE,
        errors.UnknownFigureError: Exit.UNKNOWN_FIGURE,
        errors.FrozenDamagedError: Exit.LOG_NOT_AS_SEALED,
        errors.PeriodFrozenError: Exit.PERIOD_FROZEN,
        errors.PeriodNotFrozenError: Exit.PERIOD_NOT_FROZEN,
        errors.UnknownCheckError: Exit.UNKNOWN_RULE,
        errors.UnknownIssueError: Exit.UNKNOWN_RULE,
        errors.AcceptanceNotUsableError: Exit.USAGE,
        errors.OverrideNotUsableError: Exit.USAGE,
        errors.UnknownParcelError: Exit.UNKNOWN_PARCEL,
        errors.UnknownDocumentError: Exit.UNKNOWN_DOCUMENT,
        errors.MovesNotAllowedError: Exit.MOVES_NOT_ALLOWED,
        errors.LineageNotPossibleError: Exit.LINEAGE_NOT_POSSIBLE,
        errors.UnknownProposalError: Exit.UNKNOWN_CHANGE,
        errors.UnknownReportError: Exit.UNKNOWN_CHANGE,
        errors.UnknownPlanError: Exit.UNKNOWN_RULE,
        errors.ProposalDecidedError: Exit.MOVES_NOT_ALLOWED,
        errors.ReasonNeededError: Exit.USAGE,
        errors.DocumentFolderNeededError: Exit.USAGE,
        errors.DocumentNotFoundError: Exit.DOCUMENT_DAMAGED,
        errors.DocumentDamagedError: Exit.DOCUMENT_DAMAGED,
        errors.UnknownSubmissionError: Exit.UNKNOWN_CHANGE,
        errors.StepNotAllowedError: Exit.REVIEW_NOT_ALLOWED,
        errors.OwnSubmissionError: Exit.REVIEW_NOT_ALLOWED,
        errors.ParcelsChangedSinceError: Exit.REVIEW_NOT_ALLOWED,
        errors.OtherKindSubmittedError: Exit.REVIEW_NOT_ALLOWED,
        errors.ReviewNeededError: Exit.REVIEW_NOT_ALLOWED,
        errors.AnchorNotUsableError: Exit.FILE_NOT_READABLE,
        errors.UnknownChangeError: Exit.UNKNOWN_CHANGE,
        errors.ChangeNotUndoableError: Exit.CHANGE_NOT_UNDOABLE,
        errors.ChangeRestedOnError: Exit.CHANGE_RESTED_ON,
        errors.StoreNotFoundError: Exit.STORE_NOT_FOUND,
        errors.StoreNotUsableError: Exit.STORE_NOT_USABLE,
        errors.StoreBusyError: Exit.STORE_BUSY,
        errors.StoreTooNewError: Exit.STORE_TOO_NEW,
        errors.OutputNotWritableError: Exit.OUTPUT_NOT_WRITABLE,
        errors.LayerNotPublicError: Exit.NOT_PUBLIC,
        errors.OutsideAddressError: Exit.OUTSIDE_ADDRESS,
        errors.UnknownAccountError: Exit.ACCOUNT_NOT_USABLE,
        errors.AccountNotUsableError: Exit.ACCOUNT_NOT_USABLE,
        errors.NotServedError: Exit.NOT_SERVED,
        errors.LakeNotUsableError: Exit.LAKE_NOT_USABLE,
        errors.LakeStaleError: Exit.LAKE_NOT_USABLE,
        errors.ClusterNotUsableError: Exit.CLUSTER_NOT_USABLE,
        errors.ClusterUnlikeError: Exit.CLUSTER_NOT_USABLE,
    }
)
"""The one table from refusals to exit codes; a test walks every subclass."""

_STATUSES: Final[Mapping[Exit, int]] = MappingProxyType(
    {
        Exit.USAGE: 400,
        Exit.FILE_TOO_LARGE: 413,
        Exit.MOVES_NOT_ALLOWED: 409,
        Exit.REVIEW_NOT_ALLOWED: 409,
        Exit.STORE_NOT_FOUND: 503,
        Exit.STORE_NOT_USABLE: 503,
        Exit.STORE_BUSY: 503,
        Exit.STORE_TOO_NEW: 503,
        Exit.CHANGE_NOT_UNDOABLE: 409,
        Exit.CHANGE_RESTED_ON: 409,
        Exit.LINEAGE_NOT_POSSIBLE: 409,
        Exit.NOT_PUBLIC: 403,
        Exit.UNKNOWN_FIGURE: 404,
        Exit.PERIOD_FROZEN: 409,
        Exit.PERIOD_NOT_FROZEN: 404,
        Exit.ACCOUNT_NOT_USABLE: 422,
    }
)
"""HTTP statuses of refusals that differ from those of their family."""

_NUMBERED: Final = re.compile(r"\[Errno (\d{1,4})\]")
_SYSTEM_REASONS: Final = {os.strerror(number): name for number, name in errno.errorcode.items()}


def exit_code(refusal: errors.Refusal) -> Exit:
    """The exit code of a refusal: its own, else that of the nearest type it derives from."""
    return next(EXITS[kind] for kind in type(refusal).__mro__ if kind in EXITS)


def status(refusal: errors.Refusal) -> int:
    """The HTTP status of a refusal: 422 for what came in, 404 for what is not there, else 500."""
    code = exit_code(refusal)
    families = {1: 422, 2: 404}
    return _STATUSES.get(code, families.get(code // 10, 500))


def what(refusal: errors.Refusal, lang: str) -> str:
    """What cannot be honoured, and for which parcel or file."""
    return _say(refusal, "what", lang)


def mend(refusal: errors.Refusal, lang: str) -> str:
    """What to do about it."""
    return _say(refusal, "mend", lang)


def problems(refusal: errors.Refusal, lang: str) -> list[str]:
    """One line for each thing wrong in a declaration: file, line, key, and what is wrong.

    Empty for a refusal that does not list problems.
    """
    listed = refusal.fields.get("problems", ())
    return [text.say("cli.problem", lang, **_problem(asdict(one), lang)) for one in listed]


def _say(refusal: errors.Refusal, part: str, lang: str) -> str:
    key = f"refusals.{refusal.code}.{part}"
    nothing = dict.fromkeys(text.fields(key, lang))
    given = nothing | _problem(refusal.fields, lang)
    for name in ("state", "to"):
        if text.has(f"review.states.{given.get(name)}", lang):
            given[name] = text.say(f"review.states.{given[name]}", lang)
    return text.say(key, lang, **given | {"reason": _reason(given.get("reason"), lang)})


def _problem(given: Mapping[str, Any], lang: str) -> dict[str, Any]:
    code = given.get("problem", given.get("code"))
    key = f"catalog.problem.{code}"
    if not text.has(key, lang):
        return dict(given)
    nothing = dict.fromkeys(text.fields(key, lang))
    first = next((asdict(one) for one in given.get("problems", ())), {})
    said = text.say(key, lang, **nothing | first | dict(given))
    return dict(given) | {"problem": said.rstrip(".。")}


def _reason(reason: Any, lang: str) -> Any:
    """A reason in the language of the reader, where it is one of refusals.reasons."""
    numbered = _NUMBERED.match(str(reason))
    given = os.strerror(int(numbered.group(1))) if numbered else str(reason)
    known = _SYSTEM_REASONS.get(given, reason)
    key = f"refusals.reasons.{known}"
    return text.say(key, lang) if text.has(key, lang) else reason
