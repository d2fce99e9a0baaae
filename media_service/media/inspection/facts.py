"""What is kept of a walk and a look into the tags: the facts of a file, and what they say of where it came from."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from media_service.core.findings import Outcome, outcome
from media_service.core.upload import Facts
from media_service.media.tags.charset import offered

if TYPE_CHECKING:
    from collections.abc import Sequence

    from media_service.core.findings import Finding
    from media_service.core.upload import Upload
    from media_service.media.mpeg.report import Walk
    from media_service.media.tags.safety_scan import Scan


def facts_of(walk: Walk, findings: Sequence[Finding], seen: Scan, *, proven: bool, **digests: Any) -> Facts:
    """The facts of a file; `proven` where its sender said which bytes it has."""
    first = walk.first
    if first is None:
        return Facts(duration=0.0, bitrate=0, sample_rate=0, channels=0, findings=tuple(findings), **digests)
    size = walk.audio_end - walk.audio_start
    played = walk.samples / first.sample_rate
    rates = {header.bitrate for header in walk.headers}
    declared = walk.declared
    encoding, texts = offered(seen.latin)
    rejected = outcome(findings) is Outcome.REJECT
    return Facts(
        duration=round(walk.seconds, 3),
        bitrate=rates.pop() if len(rates) == 1 else round(size * 8 / played) if played else 0,
        sample_rate=first.sample_rate,
        channels=max((header.channels for header in walk.headers), default=first.channels),
        audio_sha256=walk.audio_sha256,
        grade=None if rejected else findings.grade(walk, digest_given=proven),
        findings=tuple(findings),
        audio={
            "frames": walk.frames,
            "samples_per_frame": first.samples,
            "start": walk.audio_start,
            "end": walk.audio_end,
            "mode": first.mode,
            "vbr": len({header.bitrate for header in walk.headers}) > 1,
            "encoder": declared.encoder if declared is not None else None,
            "delay": declared.delay if declared is not None else 0,
            "padding": declared.padding if declared is not None else 0,
            "text_encoding": encoding,
            "suggested_tags": texts,
        },
        **digests,
    )


def sound_of(upload: Upload) -> tuple[int, int] | None:
    """Where the first frame begins and the last ends; None of a file that was taken against its verdict."""
    facts = upload.facts
    if facts is None or facts.audio is None or outcome(facts.findings) is Outcome.REJECT:
        return None
    return facts.audio["start"], facts.audio["end"]


def provenance(upload: Upload) -> dict[str, str]:
    """Where the file came from, as texts of our own."""
    facts = upload.facts
    assert facts is not None
    came = datetime.fromtimestamp(upload.created_at / 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    texts = {"UPLOAD_SHA256": facts.sha256.hex(), "UPLOADED_AT": came}
    if upload.filename:
        texts["UPLOAD_FILENAME"] = upload.filename
    if facts.audio_sha256 is not None:
        texts["AUDIO_SHA256"] = facts.audio_sha256.hex()
    if facts.grade is not None:
        texts["VERIFIED"] = facts.grade.value
    return texts
