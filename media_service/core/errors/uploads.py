"""Refusals that depend on an upload's state, bytes or digests."""

from __future__ import annotations

from dataclasses import dataclass

from media_service.core.errors.base import Refusal


@dataclass(eq=False)
class UnknownUpload(Refusal):
    """The upload does not exist, or belongs to another owner."""

    code = "unknown_upload"
    template = "There is no such upload."


@dataclass(eq=False)
class UploadGone(Refusal):
    """The upload was cancelled, expired or was lost."""

    code = "upload_gone"
    template = "The upload has ended: {state}. Create a new one."
    state: str


@dataclass(eq=False)
class CancelledByStation(UploadGone):
    """Somebody else than its owner cancelled the upload, who may have said why."""

    code = "cancelled_by_station"
    template = 'The station cancelled the upload. Its reason: "{reason}".'
    reason: str = ""

    @property
    def message(self) -> str:
        """Return the message for people, also without a reason."""
        return super().message if self.reason else "The station cancelled the upload."


@dataclass(eq=False)
class WrongState(Refusal):
    code = "wrong_state"
    template = "Not possible in state {state}."
    state: str


@dataclass(eq=False)
class Superseded(Refusal):
    code = "superseded"
    template = "A newer request sends these bytes; this one was ended."


@dataclass(eq=False)
class OffsetMismatch(Refusal):
    code = "offset_mismatch"
    template = "The upload continues at {offset}, not at {provided}."
    offset: int
    provided: int


@dataclass(eq=False)
class LengthDiffers(Refusal):
    code = "length_differs"
    template = "The length was {expected} before, and is {provided} now."
    expected: int
    provided: int


@dataclass(eq=False)
class NotWritable(Refusal):
    code = "not_writable"
    template = "The upload is a concatenation of others and accepts no bytes."


@dataclass(eq=False)
class SpanOutside(Refusal):
    code = "span_outside"
    template = "The bytes from {start} exceed the announced length of {length}."
    start: int
    length: int


@dataclass(eq=False)
class SpanOverlaps(Refusal):
    code = "span_overlaps"
    template = "The bytes from {start} are recorded up to or from {edge}; send only what is missing."
    start: int
    edge: int


@dataclass(eq=False)
class BytesMissing(Refusal):
    code = "bytes_missing"
    template = "Bytes are missing: continue at {offset}."
    offset: int


@dataclass(eq=False)
class DigestMismatch(Refusal):
    code = "digest_mismatch"
    template = "The digest of the bytes differs from the announced one; they were changed in transit."
    expected: str
    actual: str


@dataclass(eq=False)
class SliceDiffers(Refusal):
    code = "slice_differs"
    template = "The digest of the bytes recorded from {start} differs from the announced one: this is another file."
    start: int
