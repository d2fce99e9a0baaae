"""The facts that are stored about a file, and its provenance, from the parser's report and the tag scan."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from media_service.core.findings import Outcome, outcome
from media_service.core.upload import Facts
from media_service.media.inspection.findings import grade
from media_service.media.tags.charset import suggest_texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from media_service.core.findings import Finding
    from media_service.core.upload import Upload
    from media_service.media.mpeg.report import StreamReport
    from media_service.media.tags.safety_scan import TagScan


def build_facts(
    report: StreamReport, findings: Sequence[Finding], scan: TagScan, *, proven: bool, **digests: Any
) -> Facts:
    """Return the facts of a file. `proven`: the client sent a digest of the whole file, and it matched."""
    header = report.first_header
    if header is None:
        return Facts(duration=0.0, bitrate=0, sample_rate=0, channels=0, findings=tuple(findings), **digests)
    audio_bytes = report.audio_end - report.audio_start
    played = report.samples / header.sample_rate
    rates = {header.bitrate for header in report.headers}
    vbr_header = report.vbr_header
    encoding, texts = suggest_texts(scan.latin1_texts)
    rejected = outcome(findings) is Outcome.REJECT
    return Facts(
        duration=round(report.seconds, 3),
        bitrate=rates.pop() if len(rates) == 1 else round(audio_bytes * 8 / played) if played else 0,
        sample_rate=header.sample_rate,
        channels=max((header.channels for header in report.headers), default=header.channels),
        audio_sha256=report.audio_sha256,
        grade=None if rejected else grade(report, digest_given=proven),
        findings=tuple(findings),
        audio={
            "frames": report.frames,
            "samples_per_frame": header.samples,
            "start": report.audio_start,
            "end": report.audio_end,
            "mode": header.mode,
            "vbr": len({header.bitrate for header in report.headers}) > 1,
            "encoder": vbr_header.encoder if vbr_header is not None else None,
            "delay": vbr_header.delay if vbr_header is not None else 0,
            "padding": vbr_header.padding if vbr_header is not None else 0,
            "text_encoding": encoding,
            "suggested_tags": texts,
        },
        **digests,
    )


def audio_span(upload: Upload) -> tuple[int, int] | None:
    """Return the span of all frames; None if the file was accepted in spite of a rejecting finding."""
    facts = upload.facts
    if facts is None or facts.audio is None or outcome(facts.findings) is Outcome.REJECT:
        return None
    return facts.audio["start"], facts.audio["end"]


def provenance(upload: Upload) -> dict[str, str]:
    """Return the texts that say where the file came from, by the description of their TXXX frame."""
    facts = upload.facts
    assert facts is not None
    uploaded_at = datetime.fromtimestamp(upload.created_at / 1_000_000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    texts = {"UPLOAD_SHA256": facts.sha256.hex(), "UPLOADED_AT": uploaded_at}
    if upload.filename:
        texts["UPLOAD_FILENAME"] = upload.filename
    if facts.audio_sha256 is not None:
        texts["AUDIO_SHA256"] = facts.audio_sha256.hex()
    if facts.grade is not None:
        texts["VERIFIED"] = facts.grade.value
    return texts
