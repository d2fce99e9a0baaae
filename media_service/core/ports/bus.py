"""Contract for hints between the processes of the service."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable

Plain = str | int | float | bytes | bool | None
"""What a hint may carry. A member of an enumeration is not plain: send its value."""


class Bus(Protocol):
    """Hints to every process, each delivered at most once; any may be lost.

    Whoever needs the truth asks the catalogue: correctness must not depend on a hint. The hints of one process arrive
    in the order in which they were published. Every call must be made in the event loop's thread.
    """

    def publish(self, topic: str, *payload: Plain) -> None:
        """Send a hint to the subscribers of all processes, also of this one, and return at once.

        Raise ValueError if the payload is not plain; nothing else.
        """

    def subscribe(self, topic: str, handler: Callable[..., None]) -> None:
        """Call `handler(*payload)` for each hint of this topic, in the event loop, never during `publish`.

        An exception of a handler is logged and stops no other handler.
        """
