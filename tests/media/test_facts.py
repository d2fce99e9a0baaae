"""The facts that are stored about a file, and its provenance."""

from __future__ import annotations

from dataclasses import replace

from media_service.core.findings import Grade, Severities
from media_service.core.upload_states import State
from media_service.media.inspection.facts import audio_span, build_facts, provenance
from media_service.media.inspection.findings import find_problems
from media_service.media.mpeg.parser import FrameParser
from media_service.media.tags.safety_scan import TagScan
from tests.core.samples import make_upload
from tests.support.stream import Stream

STREAM = Stream(seed=4)
WHOLE = STREAM.with_header(STREAM.frames(50))


def facts_in(content: bytes) -> tuple[dict[str, str], tuple[int, int] | None, Grade | None]:
    parser = FrameParser()
    parser.feed(content)
    report = parser.finish()
    facts = build_facts(
        report,
        find_problems(report, Severities()),
        TagScan(),
        proven=False,
        size=len(content),
        sha256=bytes(32),
        content_hash=bytes(32),
    )
    upload = replace(make_upload(state=State.RECEIVED, length=len(content), filename="밤.mp3"), facts=facts)
    return provenance(upload), audio_span(upload), facts.grade


def test_provenance_has_digests_and_grade() -> None:
    says, sound, grade = facts_in(b"junk" * 10 + WHOLE)
    assert (sound, grade) == ((40, 40 + len(WHOLE)), Grade.PROVEN)
    assert (says["UPLOAD_FILENAME"], says["VERIFIED"], says["UPLOAD_SHA256"]) == ("밤.mp3", "proven", "00" * 32)
    assert {"AUDIO_SHA256", "UPLOADED_AT"} <= says.keys()


def test_file_accepted_in_spite_of_findings_has_no_audio_span() -> None:
    says, sound, grade = facts_in(WHOLE[:-5000])
    assert (sound, grade) == (None, None)
    assert "VERIFIED" not in says


def test_file_without_frames_has_no_duration() -> None:
    says, sound, grade = facts_in(b"nothing")
    assert (sound, grade, "AUDIO_SHA256" in says) == (None, None, False)
