"""Every refusal: a type with a code and fields, without sentences."""

from __future__ import annotations

from typing import Any, ClassVar


class Refusal(Exception):  # noqa: N818 - the word of this project for "cannot be honoured"
    """A request that cannot be honoured; the register is left as it was.

    Args:
        fields: What the sentence for people needs: which parcel, which file, what to do.
    """

    code: ClassVar[str] = "refused"

    def __init__(self, **fields: Any) -> None:
        super().__init__(self.code, fields)
        self.fields = fields

    def __reduce__(self) -> tuple[Any, ...]:
        """Made again from its fields, so that it can come back from another process."""
        return _again, (type(self), self.fields)


def _again(kind: type[Refusal], fields: dict[str, Any]) -> Refusal:
    return kind(**fields)


class DeclarationError(Refusal):
    """A layer's declaration file is wrong. Fields: file, key, line, problem."""

    code = "declaration_wrong"


class UnknownLayerError(Refusal):
    """No layer has this key. Fields: layer, known."""

    code = "unknown_layer"


class UnknownDistrictError(Refusal):
    """No district is called so. Fields: district, known."""

    code = "unknown_district"


class UnknownStageError(Refusal):
    """No stage of these layers is called so. Fields: stage, known."""

    code = "unknown_stage"


class UnknownFigureError(Refusal):
    """No figure is called so. Fields: figure."""

    code = "unknown_figure"


class PeriodFrozenError(Refusal):
    """The figures of a period are kept already. Fields: period, edition, by, at, change."""

    code = "period_frozen"


class PeriodNotFrozenError(Refusal):
    """The figures of a period, or an edition of them, are not kept. Fields: period, known."""

    code = "period_not_frozen"


class FrozenDamagedError(Refusal):
    """What is kept of a frozen figure is not what was frozen. Fields: indicator, place."""

    code = "frozen_damaged"


class UnknownRuleError(Refusal):
    """No gate or milestone that can be switched on is called so. Fields: rule, known."""

    code = "unknown_rule"


class UnknownCheckError(Refusal):
    """No rule that is looked at in the register is called so. Fields: rule, known."""

    code = "unknown_check"


class UnknownIssueError(Refusal):
    """No issue, or no acceptance of one, is named so. Fields: issue."""

    code = "unknown_issue"


class AcceptanceNotUsableError(Refusal):
    """An issue cannot be accepted so. Fields: issue, reason, until."""

    code = "acceptance_not_usable"


class OverrideNotUsableError(Refusal):
    """Points cannot be given so. Fields: quarter, unit, item, reason, known."""

    code = "override_not_usable"


class UnknownParcelError(Refusal):
    """The layer has no parcels with these codes. Fields: layer, codes, count."""

    code = "unknown_parcel"


class UnknownDocumentError(Refusal):
    """No kind of document is called so. Fields: document, known."""

    code = "unknown_document"


class MovesNotAllowedError(Refusal):
    """Moves do not stand against what the register now says. Fields: layer, count, numbers."""

    code = "moves_not_allowed"


class ReasonNeededError(Refusal):
    """What was asked for needs a reason. Fields: what."""

    code = "reason_needed"


class DocumentFolderNeededError(Refusal):
    """No folder is named in which documents are kept. Fields: setting."""

    code = "document_folder_needed"


class DocumentNotFoundError(Refusal):
    """A kept document is not in its place. Fields: sha256, file."""

    code = "document_not_found"


class DocumentDamagedError(Refusal):
    """A kept document has other bytes than it had. Fields: sha256, file."""

    code = "document_damaged"


class AnchorNotUsableError(Refusal):
    """A file is no anchor that `jingtu verify` wrote. Fields: file."""

    code = "anchor_not_usable"


class UnknownSubmissionError(Refusal):
    """No submission has this number. Fields: submission, last."""

    code = "unknown_submission"


class StepNotAllowedError(Refusal):
    """A submission cannot go from its state to another. Fields: submission, state, to."""

    code = "step_not_allowed"


class OwnSubmissionError(Refusal):
    """A person would approve what they submitted. Fields: submission, person."""

    code = "own_submission"


class ParcelsChangedSinceError(Refusal):
    """The register changed parcels since they were submitted. Fields: submission, codes, count."""

    code = "parcels_changed_since"


class OtherKindSubmittedError(Refusal):
    """A submission is sent again by another command than the one that made it.

    Fields: submission.
    """

    code = "other_kind_submitted"


class ReviewNeededError(Refusal):
    """What is sent must be reviewed by another person first. Fields: setting."""

    code = "review_needed"


class StoreNotFoundError(Refusal):
    """There is no register at this address. Fields: store."""

    code = "store_not_found"


class StoreNotUsableError(Refusal):
    """The address does not lead to a register Jingtu can use. Fields: store, reason."""

    code = "store_not_usable"


class StoreBusyError(Refusal):
    """Another process is writing and did not finish in time. Fields: store, seconds."""

    code = "store_busy"


class StoreTooNewError(Refusal):
    """The register was made by a newer Jingtu. Fields: store, revision."""

    code = "store_too_new"


class FileNotReadableError(Refusal):
    """A file cannot be read at all. Fields: file, reason."""

    code = "file_not_readable"


class FileNotSafeError(Refusal):
    """A file is made to do harm, or cannot be told from one that is. Fields: file, reason, found.

    `reason` is a key of refusals.reasons.
    """

    code = "file_not_safe"


class FileTooLargeError(Refusal):
    """A file asks for more than a bound allows. Fields: file, reason, found, limit.

    `reason` names the bound, a key of refusals.reasons.
    """

    code = "file_too_large"


class CheckoutNotUsableError(Refusal):
    """A copy that was lent out cannot be merged. Fields: file, reason."""

    code = "checkout_not_usable"


class LayerNeededError(Refusal):
    """It is not said which layer a file is for, and the file does not say it. Fields: file."""

    code = "layer_needed"


class ChoiceNotUsableError(Refusal):
    """A decision about a conflict is not understood. Fields: said, known."""

    code = "choice_not_usable"


class RegisterMovedError(Refusal):
    """The register was changed while a copy was merged with it. Fields: layer, change."""

    code = "register_moved"


class PartNotChosenError(Refusal):
    """One delivery is wanted and the file holds several, or not the one named.

    Fields: file, part, parts.
    """

    code = "part_not_chosen"


class FormatNotKnownError(Refusal):
    """No reader knows this kind of file. Fields: file, kinds."""

    code = "format_not_known"


class NothingInsideError(FormatNotKnownError):
    """A ZIP or folder holds no file that can be read. Fields: file, kinds."""

    code = "nothing_inside"


class CrsNotKnownError(Refusal):
    """It cannot be told in which CRS coordinates arrived. Fields: file, bounds, supply."""

    code = "crs_not_known"


class ControlPointsNotUsableError(Refusal):
    """Control points do not lead from a local system to CGCS2000. Fields: file, reason, found."""

    code = "control_points_not_usable"


class LimitsNotUsableError(Refusal):
    """A table of limits is not understood. Fields: standard, row, found."""

    code = "limits_not_usable"


class BackgroundsNotUsableError(Refusal):
    """A table of natural contents is not understood. Fields: file, row, found."""

    code = "backgrounds_not_usable"


class DistrictsNotUsableError(Refusal):
    """A file of districts cannot replace the present ones. Fields: file, reason."""

    code = "districts_not_usable"


class OutputNotWritableError(Refusal):
    """A file asked for cannot be written. Fields: file, reason."""

    code = "output_not_writable"


class SettingNotUnderstoodError(Refusal):
    """The environment holds a setting that means nothing. Fields: setting, found, expected."""

    code = "setting_not_understood"


class PeriodNotUnderstoodError(Refusal):
    """A period is no quarter, year or day. Fields: period."""

    code = "period_not_understood"


class UnknownIndicatorError(Refusal):
    """No indicator has this key. Fields: indicator, known."""

    code = "unknown_indicator"


class UnknownMeasureError(Refusal):
    """The plan has no measure of this number. Fields: measure, known."""

    code = "unknown_measure"


class OutputFileNeededError(Refusal):
    """What this form of output makes must go to a file. Fields: format."""

    code = "output_file_needed"


class FormatNotOfferedError(Refusal):
    """What was asked for cannot be given in this form. Fields: format, offered."""

    code = "format_not_offered"


class LayerNotPublicError(Refusal):
    """The layer declares nothing that may be published. Fields: layer, known."""

    code = "not_public"


class MappingNotUsableError(Refusal):
    """A mapping of columns names what is not there. Fields: column, field, known."""

    code = "mapping_not_usable"


class UnknownMappingError(Refusal):
    """No mapping in force has this number. Fields: mapping, known."""

    code = "unknown_mapping"


class UnknownChangeError(Refusal):
    """There is no change of this number. Fields: change, last."""

    code = "unknown_change"


class ChangeNotUndoableError(Refusal):
    """A change cannot be taken back. Fields: change, kind, reason.

    `reason` is a key of refusals.reasons.
    """

    code = "change_not_undoable"


class ChangeRestedOnError(Refusal):
    """Later changes rest on the one to be taken back. Fields: change, later."""

    code = "change_rested_on"


class OutsideAddressError(Refusal):
    """A page would load something from outside this machine. Fields: address."""

    code = "outside_address"


class LineageNotPossibleError(Refusal):
    """Parcels cannot be split, merged or surveyed anew so. Fields: layer, codes, reason.

    `reason` is a key of refusals.reasons.
    """

    code = "lineage_not_possible"


class UnknownProposalError(Refusal):
    """No proposal of a site has this number. Fields: proposal, known."""

    code = "unknown_proposal"


class ProposalDecidedError(Refusal):
    """A proposal cannot be decided so. Fields: proposal, state, last.

    It was decided so already, or the pair has a newer one, `last`.
    """

    code = "proposal_decided"


class UnknownPlanError(Refusal):
    """There is no plan of this year. Fields: year, known."""

    code = "unknown_plan"


class UnknownReportError(Refusal):
    """No report of this number counts. Fields: report, last."""

    code = "unknown_report"


class UnknownAccountError(Refusal):
    """Nobody signs in under this name. Fields: login, known."""

    code = "unknown_account"


class AccountNotUsableError(Refusal):
    """An account cannot be made so. Fields: login, reason, unit.

    `reason` is a key of refusals.reasons.
    """

    code = "account_not_usable"


class NotServedError(Refusal):
    """The pages cannot be served so. Fields: host, port, reason.

    `reason` is a key of refusals.reasons.
    """

    code = "not_served"


class LakeNotUsableError(Refusal):
    """A folder of GeoParquet files cannot be read as a lake. Fields: folder, file, reason.

    `reason` is a key of refusals.reasons.
    """

    code = "lake_not_usable"


class LakeStaleError(Refusal):
    """A lake is not of the moment that was asked for. Fields: folder, layer, reason, found, asked.

    `reason` is a key of refusals.reasons.
    """

    code = "lake_stale"


class ClusterNotUsableError(Refusal):
    """Work cannot be given to a cluster. Fields: address, reason.

    `reason` is a key of refusals.reasons.
    """

    code = "cluster_not_usable"


class ClusterUnlikeError(ClusterNotUsableError):
    """A worker might give other figures. Fields: address, reason, what, here, there.

    `reason` is a key of refusals.reasons.
    """

    code = "cluster_unlike"
