"""One upload as a value, and the table of its states.

The table is the only place that says which state follows which; `docs/architecture.md` draws its diagram from it.
A state exists only where a restart would act differently because of it:

- receiving: wait for bytes; expire when none come
- received: every byte is recorded; verify them
- verified: the bytes are a whole MP3, and what was learned is stored; tag and place
- spooled: the tagged file lies in the spool
- rejected, cancelled, expired, lost: ended without a file, for the reason in the name
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from media_service.core.errors.service import FinalizeFailed
from media_service.core.errors.uploads import UploadGone, WrongState

if TYPE_CHECKING:
    from collections.abc import Mapping

    from media_service.core.chapters import Chapter
    from media_service.core.cover import Cover
    from media_service.core.findings import Finding, Grade


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


class Review(StrEnum):
    """Why an admin had a rejected file looked at again: to be judged anew, or to be taken whatever is found."""

    AGAIN = "again"
    FORCED = "forced"


@dataclass(frozen=True, slots=True)
class Slice:
    """The recorded bytes `[start, stop)` with their SHA-256, None where the client sent none."""

    start: int
    stop: int
    digest: bytes | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """What verification learned of a whole file: digests of the bytes as received, and the audio's measures.

    `duration` is in seconds, `bitrate` in bit/s, `sample_rate` in Hz, `size` in bytes. `audio_sha256` is of the bytes
    from the first frame to the end of the last whole one, which no retagging changes; `audio` has what else the walk
    saw, for whoever wants to look. A file from before these were kept has None.
    """

    size: int
    sha256: bytes
    content_hash: bytes
    duration: float
    bitrate: int
    sample_rate: int
    channels: int
    audio_sha256: bytes | None = None
    grade: Grade | None = None
    findings: tuple[Finding, ...] = ()
    audio: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why an upload was rejected: the refusal's code and its fields, and everything that was found.

    An upload that is still to be finished has one while we cannot: the fault is ours, and says nothing of the file.
    """

    code: str
    details: Mapping[str, Any]
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class PublishIntent:
    """Where a tagged file is about to get its name: written before it has it, so that a crash is no riddle.

    `tags` and `chapters` are those the file carries; `size` and `sha256` are of the file as it will lie there.
    """

    name: str
    size: int
    sha256: bytes
    tags: Mapping[str, str]
    chapters: tuple[Chapter, ...] = ()


@dataclass(frozen=True, slots=True)
class Upload:
    """One file on its way. `length` is in bytes, None while not announced; times are UTC microseconds.

    `digest` and `content_hash` are what the client claims of the whole file; `facts` is what we found.
    `cover` and `chapters` are what the client sent beside the file; the cover's picture is with the catalogue.
    `defer_completion`: every byte may be here, and still the upload is whole only when its client says so.
    `protocol_fields`: fields of the client that its dialect gives back word for word, by name.
    `address`: from where the upload was created, for as long as it is open; None when it is not known.
    """

    id: str
    owner: str
    dialect: str
    state: State
    filename: str
    length: int | None
    created_at: int
    updated_at: int
    last_modified: int | None = None
    digest: bytes | None = None
    content_hash: bytes | None = None
    sender: str | None = None
    tags: Mapping[str, str] | None = None
    cover: Cover | None = None
    chapters: tuple[Chapter, ...] = ()
    facts: Facts | None = None
    verdict: Verdict | None = None
    file_id: str | None = None
    publish_intent: PublishIntent | None = None
    review: Review | None = None
    defer_completion: bool = False
    protocol_fields: Mapping[str, str] | None = None
    address: str | None = None

    def step(self, event: Event, now: int, **changes: Any) -> Upload:
        """The upload after `event`, with the other changes that go with it.

        Raises WrongState, or UploadGone when the upload has already ended with nothing left.
        """
        target = TRANSITIONS.get((self.state, event))
        unfinished = self.state in FINISHING and event in (Event.CANCEL, Event.EXPIRE)
        if target is None or (unfinished and not self.finalize_failed):
            raise self.refusal()
        return replace(self, state=target, updated_at=now, **changes)

    @property
    def finalize_failed(self) -> bool:
        """Whether finishing met so many faults of ours that it is not tried again before the next start."""
        return self.state in FINISHING and self.verdict is not None and self.verdict.code == FinalizeFailed.code

    def refusal(self) -> WrongState | UploadGone:
        """What a client hears that asks for something this state does not allow."""
        return UploadGone(self.state) if self.state in GONE else WrongState(self.state)
