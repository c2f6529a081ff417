"""Files that cannot be read among several that were sent: told in the report beside the others."""

from __future__ import annotations

from maps import answers, text
from parcels.findings import Findings
from parcels.ingest.deliveries import Unread


def report(unread: Unread, findings: Findings) -> None:
    """Add the refusal of a file as a finding, in both languages, as it would be said alone."""
    unread.item.report(findings)
    details = {"refusal": unread.refusal.code}
    for lang in text.LANGUAGES:
        details[f"refusal_{lang}"] = answers.what(unread.refusal, lang)
        details[f"remedy_{lang}"] = answers.mend(unread.refusal, lang)
    findings.add("file_refused", details=details)
