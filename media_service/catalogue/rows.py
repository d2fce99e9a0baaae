"""Between rows and the core's values, both ways."""

from __future__ import annotations

import json
import unicodedata
from typing import TYPE_CHECKING, Any

from media_service.core.ports import Placed, StoredFile
from media_service.core.text import TAGS
from media_service.core.upload import Facts, Slice, State, Upload, Verdict

if TYPE_CHECKING:
    from sqlalchemy import Row


def upload_row(upload: Upload) -> dict[str, Any]:
    """The columns of `uploads` for this upload."""
    return {
        "id": upload.id,
        "owner": upload.owner,
        "dialect": upload.dialect,
        "state": upload.state.value,
        "filename": upload.filename,
        "length": upload.length,
        "last_modified": upload.last_modified,
        "digest": upload.digest,
        "content_hash": upload.content_hash,
        "sender": upload.sender,
        "tags": json.dumps(dict(upload.tags or {}), ensure_ascii=False),
        "facts": None if upload.facts is None else json.dumps(_facts_to_json(upload.facts)),
        "verdict": None if upload.verdict is None else json.dumps(_verdict_to_json(upload.verdict)),
        "file_id": upload.file_id,
        "held_open": int(upload.held_open),
        "remembered": json.dumps(dict(upload.remembered or {}), ensure_ascii=False),
        "created_at": upload.created_at,
        "updated_at": upload.updated_at,
    }


def upload_value(row: Row[Any], last_recorded: int | None = None) -> Upload:
    """The upload of a row of `uploads`; `last_recorded` is when its newest slice came."""
    return Upload(
        id=row.id,
        owner=row.owner,
        dialect=row.dialect,
        state=State(row.state),
        filename=row.filename,
        length=row.length,
        last_modified=row.last_modified,
        digest=row.digest,
        content_hash=row.content_hash,
        sender=row.sender,
        tags=json.loads(row.tags),
        facts=None if row.facts is None else _facts_from_json(json.loads(row.facts)),
        verdict=None if row.verdict is None else Verdict(**json.loads(row.verdict)),
        file_id=row.file_id,
        held_open=bool(row.held_open),
        remembered=json.loads(row.remembered) or None,
        created_at=row.created_at,
        updated_at=max(row.updated_at, last_recorded or 0),
    )


def slice_row(upload_id: str, piece: Slice, now: int) -> dict[str, Any]:
    """The columns of `slices` for this slice."""
    return {
        "upload_id": upload_id,
        "start": piece.start,
        "stop": piece.stop,
        "digest": piece.digest,
        "recorded_at": now,
    }


def slice_value(row: Row[Any]) -> Slice:
    """The slice of a row of `slices`."""
    return Slice(row.start, row.stop, row.digest)


def file_row(file: StoredFile) -> dict[str, Any]:
    """The columns of `files` for this file."""
    facts, placed = file.facts, file.placed
    return {
        "id": file.id,
        "upload_id": file.upload_id,
        "owner": file.owner,
        "sender": file.sender,
        "filename": file.filename,
        "stored_name": placed.name,
        "size": placed.size,
        "received_size": facts.size,
        "sha256": facts.sha256,
        "content_hash": facts.content_hash,
        "spooled_sha256": placed.sha256,
        "duration": facts.duration,
        "bitrate": facts.bitrate,
        "sample_rate": facts.sample_rate,
        "channels": facts.channels,
        **{tag: file.tags.get(tag) for tag in TAGS},
        "search": fold("\n".join([file.filename, file.sender or "", *file.tags.values()])),
        "uploaded_at": file.uploaded_at,
        "spooled_at": file.spooled_at,
    }


def file_value(row: Row[Any]) -> StoredFile:
    """The file of a row of `files`."""
    return StoredFile(
        id=row.id,
        upload_id=row.upload_id,
        owner=row.owner,
        sender=row.sender,
        filename=row.filename,
        placed=Placed(row.stored_name, row.size, row.spooled_sha256),
        facts=Facts(
            size=row.received_size,
            sha256=row.sha256,
            content_hash=row.content_hash,
            duration=row.duration,
            bitrate=row.bitrate,
            sample_rate=row.sample_rate,
            channels=row.channels,
        ),
        tags={tag: value for tag in TAGS if (value := getattr(row, tag)) is not None},
        uploaded_at=row.uploaded_at,
        spooled_at=row.spooled_at,
    )


def fold(text: str) -> str:
    """Text as a search compares it: whatever case, width or composition it was typed in."""
    return unicodedata.normalize("NFKC", text).casefold()


def _facts_to_json(facts: Facts) -> dict[str, Any]:
    return {
        "size": facts.size,
        "sha256": facts.sha256.hex(),
        "content_hash": facts.content_hash.hex(),
        "duration": facts.duration,
        "bitrate": facts.bitrate,
        "sample_rate": facts.sample_rate,
        "channels": facts.channels,
    }


def _facts_from_json(stored: dict[str, Any]) -> Facts:
    return Facts(
        **{
            **stored,
            "sha256": bytes.fromhex(stored["sha256"]),
            "content_hash": bytes.fromhex(stored["content_hash"]),
        }
    )


def _verdict_to_json(verdict: Verdict) -> dict[str, Any]:
    return {"code": verdict.code, "details": dict(verdict.details)}
