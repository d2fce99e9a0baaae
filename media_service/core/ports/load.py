"""Contract for what measures the load of the event loop."""

from __future__ import annotations

from typing import Protocol


class Load(Protocol):
    """The load of the event loop, and whether uploads arrive. Every call must be made in the loop's thread."""

    @property
    def idle(self) -> bool:
        """Whether the loop has had time to spare for a while: new work that can wait may start."""

    @property
    def idle_now(self) -> bool:
        """Whether the loop has time to spare now: work that is waited for may run in parallel."""

    def note_receiving(self) -> None:
        """Note that a block of an admitted slice was received."""

    @property
    def receiving(self) -> bool:
        """Whether a block was received within the last moment."""

    def pause_after(self, seconds: float, workers: int) -> float:
        """Return for how many seconds a worker should pause after `seconds` of work; 0 unless blocks are received.

        `workers` work at the same time: the pause lets all of them together use the share of one.
        """
