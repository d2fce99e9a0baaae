"""Convert between rows and the values of `core`. Unusable values of a row count as missing."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from media_service.catalogue.coercion import (
    UnreadableRow,
    blob,
    first_of_array,
    flag_or_none,
    id_of,
    integer,
    json_array,
    json_object,
    member,
    number,
    text,
    text_or_none,
    texts,
)
from media_service.catalogue.file_terms import text_of
from media_service.catalogue.json_columns import (
    chapters_column,
    chapters_value,
    cover_value,
    facts_to_json,
    facts_value,
    findings_value,
    intent_column,
    intent_or_none,
    verdict_to_json,
    verdict_value,
)
from media_service.catalogue.text_index import grams_of_text, signature_of, sort_key
from media_service.core.files import LoudnessReport, Place, SpoolEntry, StoredFile, Trashed
from media_service.core.findings import Grade
from media_service.core.tags import LISTED_TAGS, MORE_TAGS
from media_service.core.upload import Facts, Review, Slice, Upload
from media_service.core.upload_states import State

if TYPE_CHECKING:
    from media_service.catalogue.engine import Row

PLACE_COLUMNS = ("place", "trashed_at", "trashed_by", "trashed_by_name", "trash_reason", "removed_at")
"""Columns of `files` that say where a file is, besides `moving`."""


def upload_row(upload: Upload) -> dict[str, Any]:
    """Return the columns of `uploads` for this upload, without `charged`, which is not the upload's own."""
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
        "chapters": chapters_column(upload.chapters),
        "facts": None if upload.facts is None else json.dumps(facts_to_json(upload.facts)),
        "verdict": None if upload.verdict is None else json.dumps(verdict_to_json(upload.verdict)),
        "file_id": upload.file_id,
        "publish_intent": None if upload.publish_intent is None else intent_column(upload.publish_intent),
        "review": None if upload.review is None else upload.review.value,
        "defer_completion": int(upload.defer_completion),
        "protocol_fields": json.dumps(dict(upload.protocol_fields or {}), ensure_ascii=False),
        "address": upload.address,
        "account": upload.account,
        "collection": upload.collection,
        "email": upload.email,
        "created_at": upload.created_at,
        "updated_at": upload.updated_at,
        "version": upload.version,
    }


def upload_value(row: Row, last_recorded: int | None = None, *, short: bool = False) -> Upload:
    """Return the upload of a row. Raise UnreadableRow. `last_recorded`: time of its newest slice."""
    state = member(State, row["state"])
    if state is None:
        raise UnreadableRow("state")
    facts, intent = facts_value(row["facts"]), intent_or_none(row["publish_intent"])
    if row["publish_intent"] is not None and intent is None:
        # The file may be published already: without facts, the upload is not delivered a second time.
        facts = None
    created_at = integer(row["created_at"]) or 0
    length = integer(row["length"])
    return Upload(
        id=id_of(row),
        owner=text(row["owner"]),
        dialect=text(row["dialect"]),
        state=state,
        filename=text(row["filename"]),
        length=length if length is not None and length > 0 else None,
        last_modified=integer(row["last_modified"]),
        digest=blob(row["digest"]),
        content_hash=blob(row["content_hash"]),
        sender=text_or_none(row["sender"]),
        tags=texts(json_object(row["tags"])),
        cover=cover_value(json_object(row["cover"])),
        chapters=chapters_value((first_of_array if short else json_array)(row["chapters"])),
        facts=facts,
        verdict=verdict_value(json_object(row["verdict"])),
        file_id=text_or_none(row["file_id"]),
        publish_intent=intent,
        review=member(Review, row["review"]),
        defer_completion=bool(row["defer_completion"]),
        protocol_fields=texts(json_object(row["protocol_fields"])) or None,
        address=text_or_none(row["address"]),
        account=text_or_none(row["account"]),
        collection=text_or_none(row["collection"]),
        email=text_or_none(row["email"]),
        created_at=created_at,
        updated_at=max(integer(row["updated_at"]) or created_at, integer(last_recorded) or 0),
        version=integer(row["version"]) or 0,
    )


def slice_row(upload_id: str, piece: Slice, now: int) -> dict[str, Any]:
    """Return the columns of `slices` for this slice."""
    bounds = {"start": piece.start, "stop": piece.stop}
    return bounds | {"upload_id": upload_id, "digest": piece.digest, "object": piece.object, "recorded_at": now}


def slice_value(row: Row) -> Slice:
    """Return the slice of a row, empty if its bounds are unusable."""
    start, stop = integer(row["start"]), integer(row["stop"])
    if start is None or stop is None or not 0 <= start <= stop:
        return Slice(0, 0)
    return Slice(start, stop, blob(row["digest"]), text_or_none(row["object"]))


def file_row(file: StoredFile) -> dict[str, Any]:
    """Return the columns of `files` for this file."""
    facts, spool_entry = file.facts, file.spool_entry
    return {
        "id": file.id,
        "upload_id": file.upload_id,
        "owner": file.owner,
        "account": file.account,
        "collection": file.collection,
        "email": file.email,
        "sender": file.sender,
        "filename": file.filename,
        "stored_name": spool_entry.name,
        "size": spool_entry.size,
        "received_size": facts.size,
        "sha256": facts.sha256,
        "content_hash": facts.content_hash,
        "spooled_sha256": spool_entry.sha256,
        "duration": facts.duration,
        "bitrate": facts.bitrate,
        "sample_rate": facts.sample_rate,
        "channels": facts.channels,
        **{tag: file.tags.get(tag) for tag in LISTED_TAGS},
        "more_tags": json.dumps({tag: file.tags[tag] for tag in MORE_TAGS if tag in file.tags}, ensure_ascii=False),
        "chapters": chapters_column(file.chapters),
        "has_cover": None if file.has_cover is None else int(file.has_cover),
        "audio_sha256": facts.audio_sha256,
        "grade": None if facts.grade is None else facts.grade.value,
        "findings": json.dumps([finding.to_dict() for finding in facts.findings], ensure_ascii=False),
        "audio": None if facts.audio is None else json.dumps(dict(facts.audio)),
        "uploaded_at": file.uploaded_at,
        "spooled_at": file.spooled_at,
        "retag_intent": None,
        "moving": None,
        **place_columns(file),
    }


def place_columns(file: StoredFile) -> dict[str, Any]:
    """Return the columns of `files` that say where this file is, without `moving`."""
    trashed = file.trashed
    return {
        "place": file.place.value,
        "trashed_at": None if trashed is None else trashed.at,
        "trashed_by": None if trashed is None else trashed.by,
        "trashed_by_name": None if trashed is None else trashed.by_name,
        "trash_reason": None if trashed is None else trashed.reason,
        "removed_at": file.removed_at,
    }


def listed_row(file: StoredFile) -> tuple[dict[str, Any], set[str]]:
    """Return the columns of `listed_files` for this file, without its number; and the grams of its text."""
    filename, searched = sort_key(file.filename), text_of(file)
    grams = grams_of_text(searched)
    columns = {
        "file_id": file.id,
        "uploaded_at": file.uploaded_at,
        # As the page shows it: the name of the file stands for a missing title.
        "title": sort_key(file.tags.get("title", "")) or filename,
        "artist": sort_key(file.tags.get("artist", "")),
        "duration": file.facts.duration,
        "size": file.spool_entry.size,
        "filename": filename,
        "text": searched,
        "collection": file.collection,
        "account": file.account,
        "taken": 1 if file.place is Place.TAKEN else None,
        **signature_of(grams),
    }
    return columns, grams


def trashed_row(file: StoredFile) -> dict[str, Any]:
    """Return the columns of `trashed_files` for this file."""
    return {
        "file_id": file.id,
        "trashed_at": 0 if file.trashed is None else file.trashed.at,
        "text": text_of(file),
        "collection": file.collection,
        "account": file.account,
    }


def file_value(row: Row) -> StoredFile:
    """Return the file of a row. Raise UnreadableRow."""
    return StoredFile(
        id=id_of(row),
        upload_id=id_of(row, "upload_id"),
        owner=text(row["owner"]),
        account=text_or_none(row["account"]),
        collection=text_or_none(row["collection"]),
        email=text_or_none(row["email"]),
        sender=text_or_none(row["sender"]),
        filename=text(row["filename"]),
        spool_entry=SpoolEntry(text(row["stored_name"]), integer(row["size"]) or 0, blob(row["spooled_sha256"]) or b""),
        facts=Facts(
            size=integer(row["received_size"]) or 0,
            sha256=blob(row["sha256"]) or b"",
            content_hash=blob(row["content_hash"]) or b"",
            duration=number(row["duration"]) or 0.0,
            bitrate=integer(row["bitrate"]) or 0,
            sample_rate=integer(row["sample_rate"]) or 0,
            channels=integer(row["channels"]) or 0,
            audio_sha256=blob(row["audio_sha256"]),
            grade=member(Grade, row["grade"]),
            findings=findings_value(json_array(row["findings"])),
            audio=json_object(row["audio"]) or None,
        ),
        tags={tag: value for tag in LISTED_TAGS if (value := text_or_none(row[tag])) is not None}
        | texts(json_object(row["more_tags"])),
        chapters=chapters_value(json_array(row["chapters"])),
        has_cover=flag_or_none(row["has_cover"]),
        uploaded_at=integer(row["uploaded_at"]) or 0,
        spooled_at=integer(row["spooled_at"]) or 0,
        place=member(Place, row["place"]) or Place.SPOOL,
        trashed=_trashed_value(row),
        removed_at=integer(row["removed_at"]),
    )


def _trashed_value(row: Row) -> Trashed | None:
    at = integer(row["trashed_at"])
    if at is None:
        return None
    return Trashed(at, text_or_none(row["trashed_by"]), text(row["trashed_by_name"]), text(row["trash_reason"]))


def loudness_row(file_id: str, report: LoudnessReport, now: int) -> dict[str, Any]:
    """Return the columns of `loudness` for the report on this file."""
    return {
        "file_id": file_id,
        "loudness": report.integrated,
        "loudness_range": report.range,
        "true_peak": report.true_peak,
        "leading_silence": report.leading_silence,
        "trailing_silence": report.trailing_silence,
        "peaks": json.dumps(report.peaks),
        "measured_at": now,
    }


def loudness_value(row: Row) -> LoudnessReport:
    """Return the report of a row of `loudness`."""
    return LoudnessReport(
        integrated=number(row["loudness"]),
        range=number(row["loudness_range"]),
        true_peak=number(row["true_peak"]),
        leading_silence=number(row["leading_silence"]),
        trailing_silence=number(row["trailing_silence"]),
        peaks=tuple(peak for peak in json_array(row["peaks"]) if integer(peak) is not None),
    )
