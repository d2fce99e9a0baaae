"""The states of an upload, and its transitions (drawn in `docs/architecture.md`).

A state exists only if a restart would act differently because of it:

- receiving: wait for bytes; expire if none come
- received: every byte is recorded; verify them
- verified: the bytes are a valid MP3, and the facts are stored; tag and publish
- spooled: the tagged file is in the spool
- rejected, cancelled, expired, lost: ended without a file
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class State(StrEnum):
    """State of an upload."""

    RECEIVING = "receiving"
    RECEIVED = "received"
    VERIFIED = "verified"
    SPOOLED = "spooled"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    LOST = "lost"


class Event(StrEnum):
    """What can happen to an upload."""

    COMPLETE = "complete"
    VERIFY = "verify"
    DELIVER = "deliver"
    REJECT = "reject"
    CANCEL = "cancel"
    EXPIRE = "expire"
    LOSE = "lose"
    RECHECK = "recheck"


TRANSITIONS: Mapping[tuple[State, Event], State] = {
    (State.RECEIVING, Event.COMPLETE): State.RECEIVED,
    (State.RECEIVING, Event.CANCEL): State.CANCELLED,
    (State.RECEIVING, Event.EXPIRE): State.EXPIRED,
    (State.RECEIVING, Event.REJECT): State.REJECTED,
    (State.RECEIVING, Event.LOSE): State.LOST,
    (State.RECEIVED, Event.VERIFY): State.VERIFIED,
    (State.RECEIVED, Event.CANCEL): State.CANCELLED,
    (State.RECEIVED, Event.EXPIRE): State.EXPIRED,
    (State.RECEIVED, Event.REJECT): State.REJECTED,
    (State.RECEIVED, Event.LOSE): State.LOST,
    (State.VERIFIED, Event.DELIVER): State.SPOOLED,
    (State.VERIFIED, Event.CANCEL): State.CANCELLED,
    (State.VERIFIED, Event.EXPIRE): State.EXPIRED,
    (State.VERIFIED, Event.REJECT): State.REJECTED,
    (State.VERIFIED, Event.LOSE): State.LOST,
    (State.REJECTED, Event.RECHECK): State.RECEIVED,
}

FINISHING = frozenset({State.RECEIVED, State.VERIFIED})
"""States with work for the finalizer. Cancel and expire are possible only after finishing failed."""

COMPLETE_STATES = FINISHING | {State.SPOOLED}
"""States with every byte here, even if the slices' rows are deleted."""

GONE = frozenset({State.CANCELLED, State.EXPIRED, State.LOST})
"""Ended, and nothing is left to ask for."""

ENDED = GONE | {State.SPOOLED, State.REJECTED}
"""States that nothing leaves by itself; an admin may have a rejected file judged again."""
