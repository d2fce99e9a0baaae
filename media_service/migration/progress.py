"""How a migration tells what it does."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Shows how far it is."""

    def begin(self, phase: str, total: int = 0, unit: str = "") -> None:
        """Note that a phase begins, of so many bytes or rows if that is known; the one before has ended."""

    def advance(self, amount: int) -> None:
        """Note that so many bytes or rows more are done."""
