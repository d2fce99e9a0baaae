"""One upload as a value, with its slices, facts and verdict."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from media_service.core.errors.service import FinalizeFailed
from media_service.core.errors.uploads import CancelledByStation, UploadGone, WrongState
from media_service.core.ranges import Ranges, Span
from media_service.core.upload_states import FINISHING, GONE, TRANSITIONS, Event, State

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from media_service.core.chapters import Chapter
    from media_service.core.cover import Cover
    from media_service.core.findings import Finding, Grade


class Review(StrEnum):
    """Why an admin returned a rejected file: to be judged again, or to be accepted whatever is found."""

    AGAIN = "again"
    FORCED = "forced"


@dataclass(frozen=True, slots=True)
class Slice:
    """The recorded bytes `[start, stop)`, and the SHA-256 that the client sent for them, or None.

    `object`: the name that the store gave to these bytes if each attempt at a slice is an object of its own, else None.
    """

    start: int
    stop: int
    digest: bytes | None = None
    object: str | None = None


def ranges_of(slices: Iterable[Slice]) -> Ranges:
    """Return the ranges that the slices cover."""
    return Ranges(Span(piece.start, piece.stop) for piece in slices)


@dataclass(frozen=True, slots=True)
class Recorded:
    """The upload after a slice was recorded.

    `whole`: every byte is recorded now, and completion is not deferred. `version`: that of the upload's row.
    """

    whole: bool
    version: int


@dataclass(frozen=True, slots=True)
class Facts:
    """Results of verification: digests of the bytes as received, and the audio's properties.

    `duration` is in seconds, `bitrate` in bit/s, `sample_rate` in Hz, `size` in bytes. `audio_sha256` is from the first
    to the last complete frame, which retagging keeps; `audio` has more of the parser. Both are None in older rows.
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
    """Why an upload was rejected, with all findings, or cancelled; in a finishing one, that the service failed."""

    code: str
    details: Mapping[str, Any]
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class PublishIntent:
    """Name and values of a tagged file, saved before the rename so that recovery can repeat it."""

    name: str
    size: int
    sha256: bytes
    tags: Mapping[str, str]
    chapters: tuple[Chapter, ...] = ()
    has_cover: bool | None = None


@dataclass(frozen=True, slots=True)
class Upload:
    """One upload. `length` is in bytes, None while not announced; times are UTC microseconds.

    `digest` and `content_hash` are the client's claims; `facts` is what was verified. The cover's picture is in the
    catalogue. `defer_completion`: the upload is complete only when its client says so, even with all bytes here.
    `protocol_fields`: the client's fields that its dialect returns unchanged. `address`: the creator's address while
    the upload is open, None if unknown. `account`: the person or link whose quota counts it. `collection`: the id of
    its show, None for the general one. `version` counts the changes of its row: a change that was made from another
    version is not saved.
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
    account: str | None = None
    collection: str | None = None
    email: str | None = None
    version: int = 0

    def step(self, event: Event, now: int, **changes: Any) -> Upload:
        """Return the upload after `event`, with further changes. Raise WrongState or UploadGone."""
        target = TRANSITIONS.get((self.state, event))
        unfinished = self.state in FINISHING and event in (Event.CANCEL, Event.EXPIRE)
        if target is None or (unfinished and not self.finalize_failed):
            raise self.refusal()
        return replace(self, state=target, updated_at=now, **changes)

    @property
    def finalize_failed(self) -> bool:
        """Return whether finishing failed so often that it is not retried before the next start."""
        return self.state in FINISHING and self.verdict is not None and self.verdict.code == FinalizeFailed.code

    def refusal(self) -> WrongState | UploadGone:
        """Return the refusal of a request that this state does not allow."""
        if self.state not in GONE:
            return WrongState(self.state)
        verdict = self.verdict
        if verdict is not None and verdict.code == CancelledByStation.code:
            return CancelledByStation(self.state, str(verdict.details.get("reason", "")))
        return UploadGone(self.state)
