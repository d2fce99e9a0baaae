"""Sample streams, and reports of the frame parser for pieces of any size."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.core.findings import Outcome, Severities, outcome
from media_service.media.inspection.findings import find_problems
from media_service.media.mpeg.parser import FrameParser
from tests.media.raw_id3 import frame, tag
from tests.support.stream import Stream

if TYPE_CHECKING:
    from media_service.media.mpeg.report import StreamReport

POLICY = Severities()
STREAM = Stream(seed=5)
FRAMES = STREAM.frames(400)
PLAIN = b"".join(FRAMES)
WHOLE = STREAM.with_header(FRAMES)
LEAD = len(WHOLE) - len(PLAIN)
TAGGED = tag(frame("TIT2", b"\x00Title"), padding=300)
VBRI = FRAMES[0][:36] + b"VBRI" + bytes(10) + (900).to_bytes(4) + (50).to_bytes(4) + FRAMES[0][54:]
KIB = 1024


def parse(content: bytes, size: int | None = None) -> StreamReport:
    """Return the report of the content, fed in pieces of `size` bytes; None for one piece."""
    parser, piece_bytes = FrameParser(), size or max(1, len(content))
    for at in range(0, len(content), piece_bytes):
        parser.feed(content[at : at + piece_bytes])
    return parser.finish()


def codes(content: bytes) -> tuple[Outcome, set[str]]:
    """Return the outcome and the codes of the findings."""
    findings = find_problems(parse(content), POLICY)
    return outcome(findings), {found.code for found in findings}
