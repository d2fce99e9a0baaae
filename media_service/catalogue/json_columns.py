"""Convert between JSON columns and the values of `core`. Unusable JSON counts as missing."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from media_service.catalogue.coercion import (
    UnreadableRow,
    flag_or_none,
    hex_bytes,
    integer,
    json_object,
    member,
    number,
    text,
    text_or_none,
    texts,
)
from media_service.core.chapters import Chapter
from media_service.core.cover import EXTENSIONS, Cover
from media_service.core.findings import Finding, Grade, Severity
from media_service.core.upload import Facts, PublishIntent, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence


def facts_to_json(facts: Facts) -> dict[str, Any]:
    """Return the facts as a JSON object."""
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
        "findings": [finding.to_dict() for finding in facts.findings],
        "audio": None if facts.audio is None else dict(facts.audio),
    }


def facts_value(stored: str | None) -> Facts | None:
    """Return the facts; None without a usable size, digest, duration or format."""
    fields = json_object(stored)
    sha256, content_hash = hex_bytes(fields.get("sha256")), hex_bytes(fields.get("content_hash"))
    counts = [integer(fields.get(name)) for name in ("size", "bitrate", "sample_rate", "channels")]
    duration = number(fields.get("duration"))
    if sha256 is None or content_hash is None or duration is None or None in counts:
        return None
    size, bitrate, sample_rate, channels = (count or 0 for count in counts)
    return Facts(
        size=size,
        sha256=sha256,
        content_hash=content_hash,
        duration=duration,
        bitrate=bitrate,
        sample_rate=sample_rate,
        channels=channels,
        audio_sha256=hex_bytes(fields.get("audio_sha256")),
        grade=member(Grade, fields.get("grade")),
        findings=findings_value(fields.get("findings")),
        audio=audio if isinstance(audio := fields.get("audio"), dict) else None,
    )


def verdict_to_json(verdict: Verdict) -> dict[str, Any]:
    """Return the verdict as a JSON object."""
    plain = {"code": verdict.code, "details": dict(verdict.details)}
    return plain | ({"findings": [finding.to_dict() for finding in verdict.findings]} if verdict.findings else {})


def verdict_value(stored: dict[str, Any]) -> Verdict | None:
    """Return the verdict; None for an object without a code."""
    code, details = stored.get("code"), stored.get("details")
    if not isinstance(code, str):
        return None
    return Verdict(code, details if isinstance(details, dict) else {}, findings_value(stored.get("findings")))


def findings_value(stored: object) -> tuple[Finding, ...]:
    """Return the findings that name a code."""
    return tuple(map(_finding_value, filter(_names_a_code, stored if isinstance(stored, list) else ())))


def intent_column(intent: PublishIntent) -> str:
    """Return the JSON of an intent to publish or replace a file."""
    return json.dumps(_intent_to_json(intent), ensure_ascii=False)


def intent_value(stored: str) -> PublishIntent:
    """Return the intent. Raise UnreadableRow."""
    intent = intent_or_none(stored)
    if intent is None:
        raise UnreadableRow("intent")
    return intent


def intent_or_none(stored: object) -> PublishIntent | None:
    """Return the intent; None if there is none, or it is unusable."""
    fields = json_object(stored)
    name, size, sha256 = text(fields.get("name")), integer(fields.get("size")), hex_bytes(fields.get("sha256"))
    if not name or size is None or sha256 is None:
        return None
    # Rows from before migration 0006 have no chapters.
    tags, chapters = texts(fields.get("tags")), chapters_value(fields.get("chapters", []))
    return PublishIntent(name, size, sha256, tags, chapters, flag_or_none(fields.get("has_cover")))


def cover_value(stored: dict[str, Any]) -> Cover | None:
    """Return the cover; None if the object does not describe one."""
    sizes = [integer(stored.get(name)) for name in ("size", "width", "height")]
    if text(stored.get("media_type")) not in EXTENSIONS or None in sizes:
        return None
    return Cover(stored["media_type"], *(size or 0 for size in sizes))


def chapters_column(chapters: Sequence[Chapter]) -> str:
    """Return the JSON of chapters."""
    return json.dumps([asdict(chapter) for chapter in chapters], ensure_ascii=False)


def chapters_value(stored: object) -> tuple[Chapter, ...]:
    """Return the chapters that have a start and a title."""
    return tuple(
        Chapter(fields["start"], fields["title"], text_or_none(fields.get("url")))
        for fields in (stored if isinstance(stored, list) else ())
        if isinstance(fields, dict) and number(fields.get("start")) is not None and text(fields.get("title"))
    )


def _names_a_code(finding: object) -> bool:
    return isinstance(finding, dict) and isinstance(finding.get("code"), str)


def _finding_value(stored: dict[str, Any]) -> Finding:
    # An unknown severity of another version: the file was stored, so it did not reject.
    severity = member(Severity, stored.get("severity")) or Severity.WARN
    expected, actual = (_plain(stored.get(name)) for name in ("expected", "actual"))
    # Older rows have no times.
    seconds = (number(stored.get(name)) for name in ("start_seconds", "stop_seconds"))
    return Finding(stored["code"], severity, integer(stored.get("offset")), expected, actual, *seconds)


def _plain(value: object) -> str | float | None:
    return value if isinstance(value, str) else number(value)


def _intent_to_json(intent: PublishIntent) -> dict[str, Any]:
    return asdict(intent) | {"sha256": intent.sha256.hex(), "tags": dict(intent.tags)}
