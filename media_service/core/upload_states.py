"""The states of an upload, and the table of its transitions.

The table is the only place that says which state follows which; `docs/architecture.md` draws its diagram from it.
A state exists only if a restart would act differently because of it:

- receiving: wait for bytes; expire if none come
- received: every byte is recorded; verify them
- verified: the bytes are a whole MP3, and what was learned is stored; tag and place
- spooled: the tagged file lies in the spool
- rejected, cancelled, expired, lost: ended without a file, for the reason in the name
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


class State(StrEnum):
    """Where an upload stands."""

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
"""What the finisher has still to do. These can be cancelled and expire only after finishing has failed."""


COMPLETE_STATES = FINISHING | {State.SPOOLED}
"""Every byte is here, whether or not the slices' rows still are."""


GONE = frozenset({State.CANCELLED, State.EXPIRED, State.LOST})
"""Ended with nothing left to ask for."""


ENDED = GONE | {State.SPOOLED, State.REJECTED}
"""Nothing leads out of these by itself; an admin may have a rejected file looked at again."""
