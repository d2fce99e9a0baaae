"""The wrappers that inject faults in other tests, injecting none: what they wrap must keep its contract."""

from __future__ import annotations

from typing import Any

from tests.intake.rig import Steps
from tests.support.failing import Failing


def plain(part: Any) -> Any:
    """Return the part."""
    return part


def wrapped(part: Any, method: str) -> Any:
    """Return the part in both wrappers; `method` is the one that could fail."""
    return Steps().around(Failing(part, method, []))
