"""Between rows and the core's values, both ways."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from media_service.core.chapters import Chapter
from media_service.core.cover import Cover
from media_service.core.files import Heard, Placed, StoredFile
from media_service.core.text import LISTED_TAGS, MORE_TAGS
from media_service.core.upload import Facts, Placing, Review, Slice, State, Upload, Verdict
from media_service.core.verdict import Finding, Grade, Severity

if TYPE_CHECKING:
    from collections.abc import Sequence
    from sqlite3 import Row


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
        "cover": None if upload.cover is None else json.dumps(asdict(upload.cover)),
        "chapters": _chapters_column(upload.chapters),
        "facts": None if upload.facts is None else json.dumps(_facts_to_json(upload.facts)),
        "verdict": None if upload.verdict is None else json.dumps(_verdict_to_json(upload.verdict)),
        "file_id": upload.file_id,
        "placing": None if upload.placing is None else placing_column(upload.placing),
        "review": None if upload.review is None else upload.review.value,
        "held_open": int(upload.held_open),
        "remembered": json.dumps(dict(upload.remembered or {}), ensure_ascii=False),
        "address": upload.address,
        "created_at": upload.created_at,
        "updated_at": upload.updated_at,
    }


def upload_value(row: Row, last_recorded: int | None = None) -> Upload:
    """The upload of a row of `uploads`; `last_recorded` is when its newest slice came."""
    return Upload(
        id=row["id"],
        owner=row["owner"],
        dialect=row["dialect"],
        state=State(row["state"]),
        filename=row["filename"],
        length=row["length"],
        last_modified=row["last_modified"],
        digest=row["digest"],
        content_hash=row["content_hash"],
        sender=row["sender"],
        tags=json.loads(row["tags"]),
        cover=None if row["cover"] is None else Cover(**json.loads(row["cover"])),
        chapters=_chapters_value(json.loads(row["chapters"])),
        facts=None if row["facts"] is None else _facts_from_json(json.loads(row["facts"])),
        verdict=None if row["verdict"] is None else _verdict_from_json(json.loads(row["verdict"])),
        file_id=row["file_id"],
        placing=None if row["placing"] is None else placing_value(row["placing"]),
        review=None if row["review"] is None else Review(row["review"]),
        held_open=bool(row["held_open"]),
        remembered=json.loads(row["remembered"]) or None,
        address=row["address"],
        created_at=row["created_at"],
        updated_at=max(row["updated_at"], last_recorded or 0),
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


def slice_value(row: Row) -> Slice:
    """The slice of a row of `slices`."""
    return Slice(row["start"], row["stop"], row["digest"])


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
        **{tag: file.tags.get(tag) for tag in LISTED_TAGS},
        "more_tags": json.dumps({tag: file.tags[tag] for tag in MORE_TAGS if tag in file.tags}, ensure_ascii=False),
        "chapters": _chapters_column(file.chapters),
        "audio_sha256": facts.audio_sha256,
        "grade": None if facts.grade is None else facts.grade.value,
        "findings": json.dumps([finding.plain() for finding in facts.findings], ensure_ascii=False),
        "audio": None if facts.audio is None else json.dumps(dict(facts.audio)),
        "search": fold("\n".join([file.filename, file.sender or "", *file.tags.values()])),
        "uploaded_at": file.uploaded_at,
        "spooled_at": file.spooled_at,
        "retagging": None,
    }


def file_value(row: Row) -> StoredFile:
    """The file of a row of `files`."""
    return StoredFile(
        id=row["id"],
        upload_id=row["upload_id"],
        owner=row["owner"],
        sender=row["sender"],
        filename=row["filename"],
        placed=Placed(row["stored_name"], row["size"], row["spooled_sha256"]),
        facts=Facts(
            size=row["received_size"],
            sha256=row["sha256"],
            content_hash=row["content_hash"],
            duration=row["duration"],
            bitrate=row["bitrate"],
            sample_rate=row["sample_rate"],
            channels=row["channels"],
            audio_sha256=row["audio_sha256"],
            grade=None if row["grade"] is None else Grade(row["grade"]),
            findings=_findings_from_json(json.loads(row["findings"] or "[]")),
            audio=None if row["audio"] is None else json.loads(row["audio"]),
        ),
        tags={tag: value for tag in LISTED_TAGS if (value := row[tag]) is not None}
        | json.loads(row["more_tags"] or "{}"),
        chapters=_chapters_value(json.loads(row["chapters"])),
        uploaded_at=row["uploaded_at"],
        spooled_at=row["spooled_at"],
    )


def heard_row(file_id: str, heard: Heard, now: int) -> dict[str, Any]:
    """The columns of `heard` for what was heard in this file."""
    return {"file_id": file_id, **asdict(heard), "peaks": json.dumps(heard.peaks), "heard_at": now}


def heard_value(row: Row) -> Heard:
    """What a row of `heard` says."""
    return Heard(
        loudness=row["loudness"],
        loudness_range=row["loudness_range"],
        true_peak=row["true_peak"],
        silence_before=row["silence_before"],
        silence_behind=row["silence_behind"],
        peaks=tuple(json.loads(row["peaks"])),
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
        "audio_sha256": None if facts.audio_sha256 is None else facts.audio_sha256.hex(),
        "grade": facts.grade,
        "findings": [finding.plain() for finding in facts.findings],
        "audio": None if facts.audio is None else dict(facts.audio),
    }


def _facts_from_json(stored: dict[str, Any]) -> Facts:
    sound, grade = stored.get("audio_sha256"), stored.get("grade")
    return Facts(
        **{
            **stored,
            "sha256": bytes.fromhex(stored["sha256"]),
            "content_hash": bytes.fromhex(stored["content_hash"]),
            "audio_sha256": None if sound is None else bytes.fromhex(sound),
            "grade": None if grade is None else Grade(grade),
            "findings": _findings_from_json(stored.get("findings", [])),
        }
    )


def _verdict_to_json(verdict: Verdict) -> dict[str, Any]:
    plain = {"code": verdict.code, "details": dict(verdict.details)}
    return plain | ({"findings": [finding.plain() for finding in verdict.findings]} if verdict.findings else {})


def _verdict_from_json(stored: dict[str, Any]) -> Verdict:
    return Verdict(stored["code"], stored["details"], _findings_from_json(stored.get("findings", [])))


def _findings_from_json(stored: list[dict[str, Any]]) -> tuple[Finding, ...]:
    return tuple(Finding(**{**finding, "severity": Severity(finding["severity"])}) for finding in stored)


def placing_column(placing: Placing) -> str:
    """Where a file is about to get its name, as a column holds it."""
    return json.dumps(_placing_to_json(placing), ensure_ascii=False)


def _placing_to_json(placing: Placing) -> dict[str, Any]:
    return asdict(placing) | {"sha256": placing.sha256.hex(), "tags": dict(placing.tags)}


def placing_value(stored: str) -> Placing:
    """Where a file is about to get its name, from its column; a former version did not know of chapters."""
    fields = json.loads(stored)
    chapters = _chapters_value(fields.get("chapters", []))
    return Placing(**{**fields, "sha256": bytes.fromhex(fields["sha256"]), "chapters": chapters})


def _chapters_column(chapters: Sequence[Chapter]) -> str:
    return json.dumps([asdict(chapter) for chapter in chapters], ensure_ascii=False)


def _chapters_value(stored: list[dict[str, Any]]) -> tuple[Chapter, ...]:
    return tuple(Chapter(**fields) for fields in stored)
