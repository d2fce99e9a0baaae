"""Our values as the JSON that clients see. Times are RFC 3339, sizes bytes, digests hex."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING, Any

from media_service.core.errors.registry import restore_error
from media_service.core.findings import Outcome, outcome
from media_service.core.tags import TAGS
from media_service.core.upload_states import State
from media_service.http.problems import problem

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from media_service.core.chapters import Chapter
    from media_service.core.files import StoredFile
    from media_service.core.findings import Finding
    from media_service.core.limits import Limits
    from media_service.core.upload import Facts, Slice, Upload
    from media_service.intake.receiving.active_uploads import UploadView

API = "/api/v1"

MOMENTS = 1024
"""Seconds of which it is remembered how they are written."""

SPANS = 256
"""Spans that `received` names at most. A client fills the gaps between them, and asks again."""

LISTED_SPANS, LISTED_FINDINGS, LISTED_CHARACTERS = 16, 3, 200
"""What one row of a listing has at most: spans, findings, and characters of a tag."""

ROW_TAGS = ("title", "artist", "album", "date", "genre")
"""The tags of a row. The others may be long, and few clients show them in a list."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Shapes:
    """Shapes under one base path. `public_url`: what clients reach it by, the base path included; may be empty."""

    def __init__(self, base: str, limits: Limits, public_url: str) -> None:
        self.base = base
        self._prefix = public_url or base
        self._limits = limits

    def location(self, path: str) -> str:
        """Return the URL of a path below the base path, absolute if `public_url` is set."""
        return f"{self._prefix}{path}"

    def upload_url(self, upload_id: str) -> str:
        """Where an upload is seen."""
        return self.location(f"{API}/uploads/{upload_id}")

    def file_url(self, file_id: str) -> str:
        """Where a finished file is seen."""
        return f"{self.base}{API}/files/{file_id}"

    def upload(self, view: UploadView) -> dict[str, Any]:
        """An upload and what is recorded of it."""
        upload = view.upload
        return {
            **self._common(view),
            "received": _first_spans(view, SPANS),
            "tags": dict(upload.tags or {}),
            "chapters": [_chapter(chapter) for chapter in upload.chapters],
            "findings": [found.to_dict_with_message() for found in _findings(upload)],
            "suggested_tags": _offered(upload.facts),
        }

    def listed_upload(self, view: UploadView) -> dict[str, Any]:
        """An upload as a row of a listing. `short` says whether the upload itself has more."""
        upload, findings = view.upload, _findings(view.upload)
        tags, cut = _listed_tags(upload.tags or {})
        more = upload.chapters or len(findings) > LISTED_FINDINGS or len(view.received) > LISTED_SPANS
        return {
            **self._common(view),
            "received": _first_spans(view, LISTED_SPANS),
            "tags": tags,
            "findings": [found.to_dict_with_message() for found in findings[:LISTED_FINDINGS]],
            "short": bool(cut or more or _offered(upload.facts)),
        }

    def _common(self, view: UploadView) -> dict[str, Any]:
        """What an upload and its row in a listing both have."""
        upload = view.upload
        verdict, file_id = upload.verdict, upload.file_id
        return {
            "id": upload.id,
            "state": upload.state.value,
            "filename": upload.filename,
            "length": upload.length,
            "offset": view.received.offset,
            "slice_size": self._limits.slice_size,
            "slice_limit": self._limits.slice,
            "digest": hex_or_none(upload.facts.sha256 if upload.facts else upload.digest),
            "content_hash": hex_or_none(upload.facts.content_hash if upload.facts else upload.content_hash),
            "last_modified": time_or_none(upload.last_modified),
            "sender": upload.sender,
            "cover": None if upload.cover is None else asdict(upload.cover),
            "created_at": time(upload.created_at),
            "updated_at": time(upload.updated_at),
            "expires_at": time_or_none(view.expires_at),
            "editable_until": time_or_none(view.editable_until),
            "problem": None if verdict is None else problem(restore_error(verdict.code, verdict.details), self.base),
            "file": None if file_id is None else {"id": file_id, "url": self.file_url(file_id)},
            "verdict": _verdict(upload),
            "grade": None if upload.facts is None or upload.facts.grade is None else upload.facts.grade.value,
            "duration": None if upload.facts is None else upload.facts.duration,
        }

    def slice(self, piece: Slice) -> dict[str, Any]:
        """A recorded slice."""
        return {"start": piece.start, "stop": piece.stop, "digest": hex_or_none(piece.digest)}

    def file(self, file: StoredFile) -> dict[str, Any]:
        """A finished file. `duration` is in seconds, `bitrate` in bit/s, `sample_rate` in Hz."""
        return {
            **self._common_of_file(file),
            **{tag: file.tags.get(tag) for tag in TAGS},
            "chapters": [_chapter(chapter) for chapter in file.chapters],
            "findings": [found.to_dict_with_message() for found in file.facts.findings],
            "suggested_tags": _offered(file.facts),
            "audio": None if file.facts.audio is None else dict(file.facts.audio),
        }

    def listed_file(self, file: StoredFile) -> dict[str, Any]:
        """A finished file as a row of a listing. `short` says whether the file itself has more."""
        tags, cut = _listed_tags(file.tags)
        findings = file.facts.findings
        more = file.chapters or file.facts.audio or len(findings) > LISTED_FINDINGS
        return {
            **self._common_of_file(file),
            **{tag: tags.get(tag) for tag in ROW_TAGS},
            "findings": [found.to_dict_with_message() for found in findings[:LISTED_FINDINGS]],
            "short": bool(cut or more),
        }

    def _common_of_file(self, file: StoredFile) -> dict[str, Any]:
        """What a finished file and its row in a listing both have."""
        facts, spool_entry = file.facts, file.spool_entry
        return {
            "id": file.id,
            "upload_id": file.upload_id,
            "filename": file.filename,
            "stored_name": spool_entry.name,
            "duration": facts.duration,
            "bitrate": facts.bitrate,
            "sample_rate": facts.sample_rate,
            "channels": facts.channels,
            "verdict": None if facts.audio_sha256 is None else outcome(facts.findings).value,
            "grade": None if facts.grade is None else facts.grade.value,
            "audio_sha256": hex_or_none(facts.audio_sha256),
            "size": spool_entry.size,
            "received_size": facts.size,
            "sha256": facts.sha256.hex(),
            "content_hash": facts.content_hash.hex(),
            "spooled_sha256": spool_entry.sha256.hex(),
            "sender": file.sender,
            "uploaded_at": time(file.uploaded_at),
            "spooled_at": time(file.spooled_at),
            "url": self.file_url(file.id),
            "content_url": f"{self.file_url(file.id)}/content",
        }


def _listed_tags(tags: Mapping[str, str]) -> tuple[dict[str, str], bool]:
    """Return the tags of a row, each of at most LISTED_CHARACTERS, and whether there are others or longer ones."""
    listed = {tag: _cut(tags[tag]) for tag in ROW_TAGS if tag in tags}
    return listed, listed != dict(tags)


def _cut(text: str) -> str:
    return text if len(text) <= LISTED_CHARACTERS else f"{text[: LISTED_CHARACTERS - 1]}…"


def _first_spans(view: UploadView, most: int) -> list[list[int]]:
    return [[span.start, span.stop] for span in islice(view.received, most)]


def _chapter(chapter: Chapter) -> dict[str, Any]:
    return {"start": chapter.start, "title": chapter.title, "url": chapter.url}


def _findings(upload: Upload) -> Sequence[Finding]:
    """What was found in the file, once something was."""
    if upload.state is State.REJECTED and upload.verdict is not None:
        return upload.verdict.findings
    return () if upload.facts is None else upload.facts.findings


def _verdict(upload: Upload) -> str | None:
    if upload.state is State.REJECTED and upload.verdict is not None:
        return Outcome.REJECT.value
    known = upload.facts is not None and upload.facts.audio_sha256 is not None
    return outcome(_findings(upload)).value if known else None


def _offered(facts: Facts | None) -> dict[str, str]:
    """Tags as they read in the encoding that they are likely in, where they claim another one."""
    offered = None if facts is None or facts.audio is None else facts.audio.get("suggested_tags")
    return dict(offered) if isinstance(offered, dict) else {}


def time(microseconds: int) -> str | None:
    """A moment as RFC 3339 writes it, in UTC; None for one outside of the years 1 to 9999."""
    seconds, rest = divmod(microseconds, 1_000_000)
    try:
        return f"{_seconds(seconds)}.{rest:06}Z" if rest else f"{_seconds(seconds)}Z"
    except OverflowError:
        return None


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
