"""What commands share that leave an act to a reviewer instead of doing it."""

from __future__ import annotations

from typing import Annotated

import typer

from maps.cli.desk import Desk
from parcels.errors import ReviewNeededError
from parcels.register import Intake
from parcels.reviewing import Reviewing, Submitted

Submit = Annotated[bool, typer.Option("--submit", help="review.options.submit_act")]
Resubmit = Annotated[int | None, typer.Option("--resubmit", help="review.options.resubmit")]


def refuse_direct(desk: Desk, *, waits: bool) -> None:
    """Refuse to change the register at once where a reviewer comes first.

    Args:
        desk: Whose settings say so.
        waits: Nothing is changed now: it is submitted, or only looked at.

    Raises:
        ReviewNeededError: It would be changed at once.
    """
    if desk.asks_review and not waits:
        raise ReviewNeededError(setting="JINGTU_REVIEW")


def hand_in(
    desk: Desk, register: Reviewing, layer: str, intake: Intake, again: int | None
) -> None:
    """Submit an act, or again one that was returned, and say its number."""
    if again is None:
        say_handed_in(desk, register.submit(layer, [intake])[0])
    else:
        say_handed_in(desk, register.resubmit(again, intake))


def say_handed_in(desk: Desk, done: Submitted) -> None:
    """Say under which number an act waits."""
    desk.print(desk.say("review.said.act_waits", submission=done.number))
