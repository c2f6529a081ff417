"""Ctrl-C while something is being stored: either nothing is stored, or the work is finished."""

from __future__ import annotations

import signal
import threading
from types import FrameType, TracebackType
from typing import Any, Self


class Interruption:
    """Watches for Ctrl-C; what was interrupted always ends in KeyboardInterrupt.

    Code that is called back from C, as SQLite does, can turn the exception into another or lose
    it; so that it was asked for is remembered. From `hold` on, the work is seen through to its
    end: between a commit and the sentence about it there is nothing left to interrupt.
    """

    def __init__(self) -> None:
        self._asked = False
        self._held = False
        self._before: Any = None

    def __enter__(self) -> Self:
        """Begin to watch; only the main thread hears of signals."""
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._on_signal)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """End in KeyboardInterrupt if it was asked for and not held off."""
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
        if self._asked and not self._held:
            raise KeyboardInterrupt from error

    def check(self) -> None:
        """Give way to a Ctrl-C that was lost on the way."""
        if self._asked and not self._held:
            raise KeyboardInterrupt

    def hold(self) -> None:
        """From now on see the work through; one that was asked for before is given way to."""
        self.check()
        self._held = True

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._asked = True
        if not self._held:
            raise KeyboardInterrupt
