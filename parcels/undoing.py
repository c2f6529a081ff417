"""Which changes still count once some were taken back, and which of them rest on another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def taken_back(undoes: Mapping[int, int]) -> frozenset[int]:
    """Numbers of the changes that do not count, being undone by one that counts.

    Args:
        undoes: The change undone, by the number of each change that undoes one.
    """
    gone: set[int] = set()
    for number in sorted(undoes, reverse=True):
        if number not in gone:
            gone.add(undoes[number])
    return frozenset(gone)


def resting_on(number: int, later: Iterable[int], undoes: Mapping[int, int]) -> list[int]:
    """Those of some later changes that still count and rest on a change, in order.

    A change that was taken back does not count, and neither does what took it back if both came
    after `number`: together they did nothing.
    """
    gone = taken_back(undoes)
    return sorted(n for n in set(later) - gone if undoes.get(n, number) <= number)
