"""Checks reports row by row, and makes them ready to keep."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from layers import plan_words, progress, report_form
from layers.figures import Basis
from layers.indicators import Indicators
from layers.measures import WHOLE, Plan
from layers.report_book import SAID
from parcels import words
from parcels.districts import Territory
from parcels.findings import Findings
from parcels.model import Layer

FILE: Final = "path"
"""Column of `checked` with the document's file, a Path or None."""

_STATE_UNIT: Final = "state"
_OF_MEASURE: Final = ("deadline", "state", "on")
_OF_VALUE: Final = ("value", "value_unit", "period")


@dataclass(frozen=True, eq=False)
class Book:
    """What reports are checked against.

    Attributes:
        form: The columns of a report.
        plan: Its measures.
        indicators: Those declared.
        territory: Units and how they are written.
        concern: Whose measure each one is, as `progress.concerns` gives it.
        today: The caller's day.
    """

    form: Layer
    plan: Plan
    indicators: Indicators
    territory: Territory
    concern: pd.DataFrame
    today: dt.date


def checked(
    rows: pd.DataFrame,
    book: Book,
    findings: Findings,
    *,
    file_of: Callable[[str], Path | None],
) -> pd.DataFrame:
    """Check reports and make them ready to keep; nothing of a list with an error may be kept.

    Args:
        rows: Fields of the form by key, indexed by row.
        book: What they are checked against.
        findings: Takes what is wrong.
        file_of: The document's file of this name; None where there is none.

    Returns:
        `report_book.SAID`, `row` and FILE, one row per report that was understood.
    """
    whole = rows.reindex(columns=[one.key for one in book.form.fields])
    whole = whole.astype(object).where(whole.notna(), None)
    check = _Checks(book, findings, whole)
    check.required()
    subjects = check.subjects()
    units = check.units()
    of_value = subjects.isin(list(book.indicators))
    of_measure = subjects.notna() & ~of_value
    check.belongs(of_measure, _OF_VALUE)
    check.belongs(of_value, _OF_MEASURE)
    made = pd.DataFrame(
        {
            "subject": subjects,
            "year": pd.Series(book.plan.year, rows.index, object).where(of_measure, None),
            "deadline": check.deadlines(subjects, of_measure),
            "unit": units,
            **check.periods(of_value),
            "state": whole["state"].where(of_measure, None),
            **check.amounts(subjects, of_value),
            "note": whole["note"],
            "kind": whole["evidence"],
            "number": whole["number"],
            "dated_on": whole["dated_on"],
            "issued_by": whole["issued_by"],
            "row": rows.index.to_numpy("int64"),
            FILE: check.files(file_of),
        },
        index=rows.index,
    )
    check.evidence(of_value)
    check.concerned(made)
    check.repeated(made)
    wrong = findings.rows_with_errors()
    return made[~made["row"].isin(wrong)][[*SAID, "row", FILE]]


class _Checks:
    """The checks of one list, column by column."""

    def __init__(self, book: Book, findings: Findings, rows: pd.DataFrame) -> None:
        self.book = book
        self.findings = findings
        self.rows = rows
        self.numbers = rows.index.to_series()

    def wrong(
        self, code: str, where: pd.Series, field: str, *, details: Mapping[str, Any] | None = None
    ) -> None:
        """Report a code for the rows where something holds."""
        those = where.fillna(value=False).to_numpy(bool)
        self.findings.add(
            code,
            rows=self.numbers[those],
            numbers=self.rows.loc[those, "subject"],
            field=field,
            found=self.rows.loc[those, field],
            details=details,
        )

    def required(self) -> None:
        """What every report says."""
        for field in self.book.form.fields:
            if field.required:
                self.wrong("value_missing", self.rows[field.key].isna(), field.key)

    def subjects(self) -> pd.Series:
        """The number of a measure or the key of an indicator, missing where it is neither."""
        known = self._subjects()
        written = self.rows["subject"]
        found = written.map(lambda one: known.get(words.plain(one)), na_action="ignore")
        found = found.astype(object).where(found.notna(), None)
        details = report_form.vocabulary()["expected"]
        expected = words.in_both(details, "subject", "expected")
        unknown = written.notna() & found.isna()
        self.wrong("value_not_understood", unknown, "subject", details=expected)
        computed = found.isin(
            [key for key, one in self.book.indicators.items() if one.basis is Basis.COMPUTED]
        )
        self.wrong("indicator_is_computed", computed, "subject")
        progress_of = found.isin(
            [key for key, one in self.book.indicators.items() if one.unit == _STATE_UNIT]
        )
        self.wrong("report_by_measure", progress_of, "subject")
        return found

    def _subjects(self) -> dict[str, str]:
        known = {
            words.plain(name): key
            for key, one in self.book.indicators.items()
            for name in (key, one.label.zh, one.label.en)
        }
        return known | {words.plain(one.id): one.id for one in self.book.plan.measures}

    def units(self) -> pd.Series:
        """Codes of units, or of the city."""
        names = {
            one: plan_words.place_of(one, self.book.territory)
            for one in self.rows["unit"].dropna().unique()
        }
        found = self.rows["unit"].map(names).astype(object)
        known = self.book.territory.units
        allowed = {
            f"allowed_{lang}": [*known[name], word]
            for lang, name, word in (("zh", "name", _city(0)), ("en", "name_en", _city(-1)))
        }
        unknown = self.rows["unit"].notna() & found.isna()
        self.wrong("value_not_in_list", unknown, "unit", details=allowed)
        return found.where(found.notna(), None)

    def belongs(self, where: pd.Series, others: tuple[str, ...]) -> None:
        """A measure has no value, and an indicator no progress."""
        for key in others:
            self.wrong("field_not_of_report", where & self.rows[key].notna(), key)

    def deadlines(self, subjects: pd.Series, of_measure: pd.Series) -> pd.Series:
        """Which deadline of its measure each progress is about; all of it where none is said."""
        self.wrong("value_missing", of_measure & self.rows["state"].isna(), "state")
        named: dict[tuple[str, str], str] = {}
        for one in self.book.plan.deadlines:
            label = (one.label.zh, one.label.en) if one.label else ()
            for name in (one.key, *label):
                named[one.measure, words.plain(name)] = one.key
        written = self.rows["deadline"]
        found = pd.Series(
            [
                WHOLE if said is None else named.get((subject, words.plain(said)))
                for subject, said in zip(subjects, written, strict=True)
            ],
            self.rows.index,
            dtype=object,
        )
        for measure in subjects[of_measure & found.isna()].unique():
            names = [
                one.label.zh if one.label else one.key
                for one in self.book.plan.deadlines_of(measure)
            ]
            self.wrong(
                "value_not_in_list",
                of_measure & found.isna() & (subjects == measure),
                "deadline",
                details={"allowed_zh": names, "allowed_en": names},
            )
        return found.where(of_measure, None)

    def periods(self, of_value: pd.Series) -> dict[str, pd.Series]:
        """The period of each value, and the day on which each report is true."""
        written = self.rows["period"].where(of_value, None)
        read_ = written.map(report_form.period, na_action="ignore")
        self.wrong("value_missing", of_value & written.isna(), "period")
        expected = words.in_both(report_form.vocabulary()["expected"], "period", "expected")
        not_read = written.notna() & read_.isna()
        self.wrong("value_not_understood", not_read, "period", details=expected)
        days = pd.Series(
            [
                period.last if period is not None and not _is_missing(period) else _day(on)
                for period, on in zip(read_, self.rows["on"], strict=True)
            ],
            self.rows.index,
            dtype=object,
        )
        days = days.where(days.notna(), self.book.today)
        ahead = pd.Series([day > self.book.today for day in days], self.rows.index, dtype=bool)
        self.wrong("report_ahead", ahead & of_value, "period")
        self.wrong("report_ahead", ahead & ~of_value, "on")
        names = read_.map(str, na_action="ignore").astype(object)
        return {"period": names.where(names.notna(), None), "true_on": days}

    def amounts(self, subjects: pd.Series, of_value: pd.Series) -> dict[str, pd.Series]:
        """Each value as written, and exact in the unit of its indicator."""
        self.wrong("value_missing", of_value & self.rows["value"].isna(), "value")
        declared = subjects.map({key: one.unit for key, one in self.book.indicators.items()})
        units = self.rows["value_unit"].where(of_value, None)
        found = pd.Series(
            [
                report_form.amount(value, unit or "", of) if is_value and value else None
                for value, unit, of, is_value in zip(
                    self.rows["value"], units, declared, of_value, strict=True
                )
            ],
            self.rows.index,
            dtype=object,
        )
        self._report_amounts(found, declared)
        exact = found.map(lambda one: None if isinstance(one, str) else one, na_action="ignore")
        texts = exact.map(report_form.plain_digits, na_action="ignore").astype(object)
        written = self.rows["value"].where(of_value, None)
        beside = units.notna() & written.notna()
        written = written.where(~beside, written + " " + units.where(units.notna(), ""))
        declared = declared.astype(object).where(texts.notna(), None)
        return {
            "written": written.where(written.notna(), None),
            "amount": texts.where(texts.notna(), None),
            "amount_unit": declared,
        }

    def _report_amounts(self, found: pd.Series, declared: pd.Series) -> None:
        is_share = declared == "share"
        self.wrong(report_form.UNIT_NEEDED, found == report_form.UNIT_NEEDED, "value")
        for unit in declared[found == report_form.NOT_UNDERSTOOD].unique():
            said = report_form.vocabulary()["expected"]
            expected = words.in_both(said, "value", "expected", unit=unit)
            where = (found == report_form.NOT_UNDERSTOOD) & (declared == unit)
            self.wrong(report_form.NOT_UNDERSTOOD, where, "value", details=expected)
        outside = pd.Series(
            [
                not isinstance(one, str)
                and one is not None
                and not (0 <= one <= (1 if s else one))
                for one, s in zip(found, is_share, strict=True)
            ],
            self.rows.index,
            dtype=bool,
        )
        for shares, most in ((True, "100%"), (False, None)):
            details = {"minimum": 0, "maximum": most, "unit": ""}
            self.wrong(
                "value_out_of_range", outside & (is_share == shares), "value", details=details
            )

    def evidence(self, of_value: pd.Series) -> None:
        """What is done and every value rests on a document; a document has a kind and a number."""
        needs = of_value | (self.rows["state"] == progress.DONE)
        parts = self.rows[["evidence", "number", "dated_on", "issued_by", "file"]]
        said = parts.notna().any(axis=1)
        for key in ("evidence", "number"):
            self.wrong("report_evidence_missing", (needs | said) & self.rows[key].isna(), key)

    def files(self, file_of: Callable[[str], Path | None]) -> pd.Series:
        """The file of each document."""
        found = {one: file_of(one) for one in self.rows["file"].dropna().unique()}
        paths = self.rows["file"].map(found).astype(object)
        self.wrong("evidence_file_missing", self.rows["file"].notna() & paths.isna(), "file")
        return paths.where(paths.notna(), None)

    def concerned(self, made: pd.DataFrame) -> None:
        """Warn of progress by a unit whose measure it is not."""
        known = self.book.concern.set_index(["measure", "unit"])["concern"]
        pairs = pd.MultiIndex.from_frame(made[["subject", "unit"]])
        strange = known.reindex(pairs).eq(progress.NOBODY).to_numpy(bool)
        self.wrong("report_not_concerned", pd.Series(strange, made.index), "unit")

    def repeated(self, made: pd.DataFrame) -> None:
        """Two rows of one list are about different things."""
        days = made["true_on"].where(made["period"].isna(), None)
        keys = made[["subject", "deadline", "unit", "period"]].assign(day=days).astype(str)
        whole = made["subject"].notna() & made["unit"].notna()
        again = keys.duplicated() & whole
        self.wrong("report_repeated", again, "subject")


def _city(place: int) -> str:
    return str(plan_words.vocabulary()["city"]["words"][place])


def _day(on: Any) -> dt.date | None:
    return None if pd.isna(on) else pd.Timestamp(on).date()


def _is_missing(one: Any) -> bool:
    return isinstance(one, float) and bool(np.isnan(one))
