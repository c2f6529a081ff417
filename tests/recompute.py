"""Reckons a figure again from what `jingtu explain --format json` printed, and nothing else."""

import json
import sys
from fractions import Fraction


def recompute(said):
    amounts = {}
    for row in said["rows"]:
        amounts[row["term"]] = amounts.get(row["term"], 0) + row["amount"]
    sums = {"numerator": Fraction(0), "denominator": Fraction(0)}
    for term in said["meta"]["formula"]["terms"]:
        if term["role"] in sums:
            sums[term["role"]] += Fraction(term["weight"]) * amounts.get(term["key"], 0)
    if any(term["role"] == "denominator" for term in said["meta"]["formula"]["terms"]):
        return sums["numerator"] / sums["denominator"] if sums["denominator"] else None
    return sums["numerator"] / Fraction(said["meta"]["formula"]["per_unit"])


if __name__ == "__main__":
    said = json.load(sys.stdin)
    value = recompute(said)
    print(value)
    sys.exit(str(value) != said["meta"]["figure"]["exact"])
