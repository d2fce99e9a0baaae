"""Our values as the JSON that clients see. Times are RFC 3339, sizes bytes, digests hex."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any

from media_service.core.errors import revive
from media_service.core.text import TAGS
from media_service.core.upload import State
from media_service.core.verdict import outcome
from media_service.http.problems import problem

if TYPE_CHECKING:
    from media_service.core.files import StoredFile
    from media_service.core.rules import Limits
    from media_service.core.upload import Facts, Slice, Upload
    from media_service.intake.register import View

API = "/api/v1"

RANGES = 256
"""Ranges of an upload that are listed, at most: the first ones."""

MOMENTS = 1024
"""Seconds of which it is remembered how they are written."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Shapes:
    """Shapes under one base path."""

    def __init__(self, base: str, limits: Limits) -> None:
        self.base = base
        self._limits = limits

    def upload_url(self, upload_id: str) -> str:
        """Where an upload is seen."""
        return f"{self.base}{API}/uploads/{upload_id}"

    def file_url(self, file_id: str) -> str:
        """Where a finished file is seen."""
        return f"{self.base}{API}/files/{file_id}"

    def upload(self, view: View) -> dict[str, Any]:
        """An upload and what is recorded of it."""
        upload = view.upload
        verdict, file_id = upload.verdict, upload.file_id
        return {
            "id": upload.id,
            "state": upload.state.value,
            "filename": upload.filename,
            "length": upload.length,
            "offset": view.received.offset,
            "received": [[span.start, span.stop] for span in islice(view.received, RANGES)],
            "slice_size": self._limits.slice_size,
            "slice_limit": self._limits.slice,
            "digest": hex_or_none(upload.facts.sha256 if upload.facts else upload.digest),
            "content_hash": hex_or_none(upload.facts.content_hash if upload.facts else upload.content_hash),
            "last_modified": time_or_none(upload.last_modified),
            "sender": upload.sender,
            "tags": dict(upload.tags or {}),
            "cover": None if upload.cover is None else asdict(upload.cover),
            "chapters": [asdict(chapter) for chapter in upload.chapters],
            "created_at": time(upload.created_at),
            "updated_at": time(upload.updated_at),
            "expires_at": time_or_none(view.expires_at),
            "problem": None if verdict is None else problem(revive(verdict.code, verdict.details), self.base),
            "file": None if file_id is None else {"id": file_id, "url": self.file_url(file_id)},
            **_verdict(upload),
        }

    def slice(self, piece: Slice) -> dict[str, Any]:
        """A recorded slice."""
        return {"start": piece.start, "stop": piece.stop, "digest": hex_or_none(piece.digest)}

    def file(self, file: StoredFile) -> dict[str, Any]:
        """A finished file. `duration` is in seconds, `bitrate` in bit/s, `sample_rate` in Hz."""
        facts, placed = file.facts, file.placed
        return {
            "id": file.id,
            "upload_id": file.upload_id,
            "filename": file.filename,
            "stored_name": placed.name,
            **{tag: file.tags.get(tag) for tag in TAGS},
            "chapters": [asdict(chapter) for chapter in file.chapters],
            "duration": facts.duration,
            "bitrate": facts.bitrate,
            "sample_rate": facts.sample_rate,
            "channels": facts.channels,
            "verdict": None if facts.audio_sha256 is None else outcome(facts.findings).value,
            "grade": None if facts.grade is None else facts.grade.value,
            "findings": [found.told() for found in facts.findings],
            "offered_tags": _offered(facts),
            "audio_sha256": hex_or_none(facts.audio_sha256),
            "audio": None if facts.audio is None else dict(facts.audio),
            "size": placed.size,
            "received_size": facts.size,
            "sha256": facts.sha256.hex(),
            "content_hash": facts.content_hash.hex(),
            "spooled_sha256": placed.sha256.hex(),
            "sender": file.sender,
            "uploaded_at": time(file.uploaded_at),
            "spooled_at": time(file.spooled_at),
            "url": self.file_url(file.id),
            "content_url": f"{self.file_url(file.id)}/content",
        }


def _verdict(upload: Upload) -> dict[str, Any]:
    """What was found in the file, once something was."""
    facts, rejected = upload.facts, upload.verdict if upload.state is State.REJECTED else None
    findings = rejected.findings if rejected is not None else facts.findings if facts is not None else ()
    known = rejected is not None or (facts is not None and facts.audio_sha256 is not None)
    verdict = "reject" if rejected is not None else outcome(findings).value
    return {
        "verdict": verdict if known else None,
        "grade": None if facts is None or facts.grade is None else facts.grade.value,
        "findings": [found.told() for found in findings],
        "offered_tags": {} if facts is None else _offered(facts),
    }


def _offered(facts: Facts) -> dict[str, str]:
    """Tags as they read in the encoding that they are likely in, where they claim another one."""
    return dict((facts.audio or {}).get("offered_tags", {}))


def time(microseconds: int) -> str:
    """A moment as RFC 3339 writes it, in UTC."""
    seconds, rest = divmod(microseconds, 1_000_000)
    return f"{_seconds(seconds)}.{rest:06}Z" if rest else f"{_seconds(seconds)}Z"


@lru_cache(MOMENTS)
def _seconds(seconds: int) -> str:
    # Every slice tells its upload's moments again, and most of a second's slices tell the same second.
    return (_EPOCH + timedelta(seconds=seconds)).isoformat().removesuffix("+00:00")


def time_or_none(microseconds: int | None) -> str | None:
    """A moment that may not be known."""
    return None if microseconds is None else time(microseconds)


def microseconds(moment: datetime) -> int:
    """A moment as the core counts it."""
    return (moment - _EPOCH) // timedelta(microseconds=1)


def hex_or_none(digest: bytes | None) -> str | None:
    """A digest that may not be known."""
    return None if digest is None else digest.hex()
