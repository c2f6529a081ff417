"""Figures as rows: for programs by key and exact, for people in words with unit and target."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any, Final

import pandas as pd

from layers import indicators
from layers.figures import AMOUNTS, Figure, Measure, Operator, State
from layers.indicators import Asked, Indicator, Indicators
from layers.parts import MM2_PER_M2
from maps import text

COLUMNS: Final = (
    "figure",
    "indicator",
    "place",
    "period",
    "value",
    "unit",
    "change",
    "target",
    "verdict",
    "least",
    "most",
    "terms",
    "state",
    "reason",
    "report",
    "evidence",
    "person",
)
"""Columns for programs.

`value`, `least` and `most` are numbers in `unit` (a share from 0 to 1); `change` is the difference
to the period before, in the same unit. `terms` holds the amount of each term, m2 or a count. The
last three say what a reported figure rests on.
"""

WORDS: Final = (
    "indicator", "place", "period", "value", "change", "target", "verdict", "terms", "figure"
)  # fmt: skip
"""Columns for people."""

OPERATORS: Final[Mapping[Operator, str]] = {
    Operator.AT_LEAST: "at_least",
    Operator.MORE: "more",
    Operator.AT_MOST: "at_most",
    Operator.LESS: "less",
    Operator.EQUAL: "equal",
}


def rows(figures: Sequence[Figure], declared: Indicators, lang: str) -> pd.DataFrame:
    """Figures for programs: COLUMNS, in the order given."""
    before = _before(figures)
    return pd.DataFrame(
        [_row(one, declared[one.indicator], before.get(one.key), lang) for one in figures],
        columns=list(COLUMNS),
    ).astype({**dict.fromkeys(("value", "least", "most", "change"), "float64"), "report": "Int64"})


def spoken(
    figures: Sequence[Figure], declared: Indicators, places: Mapping[str, str], lang: str
) -> pd.DataFrame:
    """Figures for people: WORDS, in the order given.

    A column that says nothing new is left out; so is the target of one indicator in its readings,
    which `targets` gives.

    Args:
        figures: The figures.
        declared: The indicators.
        places: Names by code.
        lang: "zh" or "en".
    """
    before = _before(figures)
    said = pd.DataFrame(
        [
            {
                "indicator": declared[one.indicator].label.in_(lang),
                "place": places.get(one.place, one.place),
                "period": one.period,
                "value": value(one, lang) + extent(one, lang),
                "change": change(one, before.get(one.key), lang),
                "target": target(declared[one.indicator], one, lang),
                "verdict": text.say(
                    f"indicators.verdicts.{indicators.verdict(declared[one.indicator], one)}", lang
                ),
                "terms": terms(declared[one.indicator], one, lang),
                "figure": str(one.key),
            }
            for one in figures
        ],
        columns=list(WORDS),
    )
    if len({declared[one.indicator].beside or one.indicator for one in figures}) == 1:
        said["target"] = ""
    same = [key for key in ("indicator", "period") if len(set(said[key])) == 1 and len(said) > 1]
    dull = [key for key in ("change", "target") if (said[key] == "").all()]
    return said.drop(columns=[*same, *dull])


def value(figure: Figure, lang: str) -> str:
    """The value with its unit; else why there is none."""
    if figure.value is None:
        return reason(figure, lang)
    if figure.state is State.REPORTED and figure.unit not in AMOUNTS and figure.unit != "share":
        return text.plain(figure.written or "")
    return amount(figure.value, figure.unit, lang)


def extent(figure: Figure, lang: str) -> str:
    """Between what a value lies once missing facts are known; "" where none is missing."""
    least, most = indicators.bounds(figure)
    if figure.value is None or least == most:
        return ""
    if least is None or most is None:
        key = "open" if least is None else "at_least"
        return text.say(f"indicators.said.{key}", lang)
    ends = [amount(end, figure.unit, lang) for end in (least, most)]
    return text.say("indicators.said.extent", lang, least=ends[0], most=ends[1])


def reason(figure: Figure, lang: str) -> str:
    """Why a figure has no value."""
    return text.say(f"indicators.reasons.{figure.reason}", lang) if figure.reason else ""


def amount(number: Fraction, unit: str, lang: str) -> str:
    """A number with its unit; a share as a percentage."""
    if unit == "share":
        return text.share(float(number), lang, decimals=2)
    if unit == "count":
        return text.number(float(number), lang)
    shown = text.number(float(number), lang, decimals=2)
    return f"{shown} {text.unit_name(unit, lang)}"


def change(figure: Figure, before: Figure | None, lang: str) -> str:
    """By how much a figure differs from that of the period before; "" where there is none."""
    moved = _moved(figure, before)
    if moved is None:
        return ""
    if figure.unit == "share":
        return text.say("indicators.said.points", lang, points=float(moved * 100))
    return f"{'+' if moved > 0 else ''}{amount(moved, figure.unit, lang)}"


def targets(asked: Sequence[Indicator], lang: str) -> str:
    """What the plan asks of indicators, each way once."""
    joint = text.say("indicators.said.or", lang)
    return joint.join(dict.fromkeys(_asked(way, one, lang) for one in asked for way in one.asked))


def target(indicator: Indicator, figure: Figure, lang: str) -> str:
    """What the plan asks at this place; "" where it asks nothing."""
    asked = [one for one in indicator.asked if not one.city or figure.place == "total"]
    joint = text.say("indicators.said.or", lang)
    return joint.join(_asked(one, indicator, lang) for one in asked)


def terms(indicator: Indicator, figure: Figure, lang: str) -> str:
    """The amounts of the terms in words; those that every indicator has where there are any."""
    if figure.state is not State.COMPUTED and not any(figure.terms.values()):
        return ""
    labels = {one.term.key: one.label.in_(lang) for one in indicator.counted}
    joint = text.say("indicators.said.joint", lang)
    return joint.join(
        f"{labels.get(term.key) or text.say(f'indicators.terms.{term.key}', lang)} "
        f"{_term(figure.terms.get(term.key, 0), term.measure, lang)}"
        for term in indicator.formula.terms
        if figure.terms.get(term.key) or (term.key in labels and figure.state is State.COMPUTED)
    )


def listed(declared: Iterable[Indicator], measures: Mapping[str, str], lang: str) -> pd.DataFrame:
    """The declarations, a row each.

    Args:
        declared: The indicators.
        measures: Numbers of the measures that name each, by its key.
        lang: "zh" or "en".
    """
    return pd.DataFrame(
        [
            {
                "indicator": one.key,
                "label": one.label.in_(lang),
                "measures": measures.get(one.beside or one.key, ""),
                "basis": text.say(f"indicators.bases.{one.basis.value}", lang),
                "unit": text.unit_name(one.unit, lang),
                "layers": " ".join(one.layers),
                "target": text.say("indicators.said.or", lang).join(
                    _asked(way, one, lang) for way in one.asked
                ),
                "formula": one.text.in_(lang),
                "question": questions(one, lang) or None,
                "source": one.source.in_(lang),
                "valid_from": one.valid_from,
                "valid_to": one.valid_to,
            }
            for one in declared
        ]
    )


def questions(indicator: Indicator, lang: str) -> str:
    """What is not certain of an indicator and of its terms."""
    asked = [indicator.question, *(one.question for one in indicator.counted)]
    return " ".join(one.in_(lang) for one in asked if one is not None)


def _row(figure: Figure, indicator: Indicator, before: Figure | None, lang: str) -> dict[str, Any]:
    least, most = indicators.bounds(figure)
    measured = {term.key: term.measure for term in indicator.formula.terms}
    moved = _moved(figure, before)
    return {
        "figure": str(figure.key),
        "indicator": figure.indicator,
        "place": figure.place,
        "period": figure.period,
        "value": _number(figure.value),
        "unit": figure.unit,
        "change": _number(moved),
        "target": target(indicator, figure, lang) or None,
        "verdict": str(indicators.verdict(indicator, figure)),
        "least": _number(least),
        "most": _number(most),
        "terms": {
            key: held if measured[key] is Measure.COUNT else held / MM2_PER_M2
            for key, held in figure.terms.items()
        },
        "state": str(figure.state),
        "reason": figure.reason,
        "report": figure.report,
        "evidence": figure.evidence,
        "person": figure.person,
    }


def _number(found: Fraction | None) -> float | None:
    return None if found is None else float(found)


def _moved(figure: Figure, before: Figure | None) -> Fraction | None:
    if before is None or before.value is None or figure.value is None:
        return None
    return figure.value - before.value


def _before(figures: Sequence[Figure]) -> dict[Any, Figure]:
    """By the key of a figure, that of the period before among these."""
    last: dict[tuple[str, str, str], Figure] = {}
    found = {}
    for one in figures:
        about = (one.indicator, one.by, one.place)
        if about in last:
            found[one.key] = last[about]
        last[about] = one
    return found


def _asked(asked: Asked, indicator: Indicator, lang: str) -> str:
    labels = {one.term.key: one.label.in_(lang) for one in indicator.counted}
    said = text.say(
        f"indicators.operators.{OPERATORS[asked.target.operator]}",
        lang,
        amount=_round(asked.target.value, indicator.unit, lang),
    )
    if asked.about:
        said = text.say("indicators.said.about", lang, said=said)
    if asked.city:
        said = text.say("indicators.said.city", lang, said=said)
    if asked.all_of is None or asked.are is None:
        return said
    return text.say(
        "indicators.said.provided",
        lang,
        said=said,
        all_of=labels[asked.all_of],
        are=labels[asked.are],
    )


def _round(number: Fraction, unit: str, lang: str) -> str:
    """The number of a target as the plan writes it."""
    if unit == "share":
        return f"{float(number * 100):g}%"
    shown = f"{float(number):,.0f}"
    return shown if unit == "count" else f"{shown} {text.unit_name(unit, lang)}"


def _term(held: int, measure: Measure, lang: str) -> str:
    if measure is Measure.COUNT:
        return text.number(held, lang)
    return text.area(held / MM2_PER_M2, lang)
