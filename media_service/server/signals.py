"""Signals as bytes of a pipe, so that one loop waits for them and for descriptors."""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

READ_BYTES = 4096


@contextmanager
def signal_pipe(numbers: Iterable[int]) -> Iterator[int]:
    """Yield a descriptor from which the numbers of these signals can be read, in the order of their arrival."""
    reader, writer = os.pipe()
    for end in (reader, writer):
        os.set_blocking(end, False)
    for number in numbers:
        # For good: one that arrives while the process exits must not change its status.
        signal.signal(number, _ignore)
    signal.set_wakeup_fd(writer)
    try:
        yield reader
    finally:
        signal.set_wakeup_fd(-1)
        os.close(reader)
        os.close(writer)


def arrived_signals(reader: int) -> list[signal.Signals]:
    """Return the signals that arrived since the last call."""
    with suppress(BlockingIOError):
        return [signal.Signals(number) for number in os.read(reader, READ_BYTES)]
    return []


def _ignore(_number: int, _frame: object) -> None:
    """Do nothing: the interpreter writes the signal's number into the pipe, which needs a handler."""
