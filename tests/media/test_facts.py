"""Which facts of a file are kept, and which of them the file itself will say."""

from __future__ import annotations

from dataclasses import replace

from media_service.core.findings import Grade, Severities
from media_service.core.upload_states import State
from media_service.media.inspection.facts import facts_of, provenance, sound_of
from media_service.media.inspection.findings import judge
from media_service.media.mpeg.parser import FrameParser
from media_service.media.tags.safety_scan import Scan
from tests.core.samples import make_upload
from tests.support.stream import Stream

STREAM = Stream(seed=4)
WHOLE = STREAM.with_header(STREAM.frames(50))


def facts_in(content: bytes) -> tuple[dict[str, str], tuple[int, int] | None, Grade | None]:
    walked = FrameParser()
    walked.feed(content)
    walk = walked.finish()
    facts = facts_of(
        walk,
        judge(walk, Severities()),
        Scan(),
        proven=False,
        size=len(content),
        sha256=bytes(32),
        content_hash=bytes(32),
    )
    upload = replace(make_upload(state=State.RECEIVED, length=len(content), filename="밤.mp3"), facts=facts)
    return provenance(upload), sound_of(upload), facts.grade


def test_a_whole_file_says_where_it_came_from_and_how_much_is_known() -> None:
    says, sound, grade = facts_in(b"junk" * 10 + WHOLE)
    assert (sound, grade) == ((40, 40 + len(WHOLE)), Grade.PROVEN)
    assert (says["UPLOAD_FILENAME"], says["VERIFIED"], says["UPLOAD_SHA256"]) == ("밤.mp3", "proven", "00" * 32)
    assert {"AUDIO_SHA256", "UPLOADED_AT"} <= says.keys()


def test_of_a_file_that_was_taken_against_its_verdict_no_byte_is_left_out() -> None:
    says, sound, grade = facts_in(WHOLE[:-5000])
    assert (sound, grade) == (None, None)
    assert "VERIFIED" not in says


def test_a_file_without_a_frame_has_no_sound() -> None:
    says, sound, grade = facts_in(b"nothing")
    assert (sound, grade, "AUDIO_SHA256" in says) == (None, None, False)
