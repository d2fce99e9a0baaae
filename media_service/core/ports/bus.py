"""Contract for hints between the processes of the service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class Bus(Protocol):
    """Hints, delivered at most once. The truth is in the catalogue: no correctness may depend on a hint."""

    def publish(self, topic: str, *payload: Any) -> None:
        """Send plain values to the subscribers of all processes, this one too. Never wait, never raise."""

    def subscribe(self, topic: str, handler: Callable[..., None]) -> None:
        """Call `handler(*payload)` in the event loop for each hint of this topic."""
