"""The wrappers that inject faults in other tests, injecting none: what they wrap must keep its contract."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.intake.rig import Steps
from tests.support.failing import Failing
from tests.support.s3 import ENGINES

if TYPE_CHECKING:
    from collections.abc import Callable


def plain(part: Any) -> Any:
    """Return the part."""
    return part


def wrapped(part: Any, method: str) -> Any:
    """Return the part in both wrappers; `method` is the one that could fail."""
    return Steps().around(Failing(part, method, []))


def byte_adapters(method: str) -> dict[str, Callable[[Any], Any]]:
    """Return how a suite gets each adapter for bytes: on a disk plain and wrapped, and on each S3 server."""
    return {"disk": plain, "wrapped": lambda part: wrapped(part, method), **dict.fromkeys(ENGINES, plain)}
