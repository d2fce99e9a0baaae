"""What is found in a whole file, how grave it is, and what follows from it: ok, warn or reject, and a grade.

The table of codes is the only place that says which findings there are. A code never changes its meaning; how grave it
is may be set by the operator.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from media_service.core.errors import Damaged, LengthMismatch, NotMp3, TooCostly

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from media_service.core.errors import Refusal


class Severity(StrEnum):
    """How grave a finding is."""

    INFO = "info"
    WARN = "warn"
    REJECT = "reject"


class Outcome(StrEnum):
    """The verdict on a file."""

    OK = "ok"
    WARN = "warn"
    REJECT = "reject"


class Grade(StrEnum):
    """How much is known of an accepted file, from most to least.

    proved: the encoder's CRC of the music matches, or the client's digest and the declared count of frames do.
    complete: the declared count of frames is met. structural: every frame follows the other, and nothing else can tell.
    """

    PROVED = "proved"
    COMPLETE = "complete"
    STRUCTURAL = "structural"


I, W, R = Severity.INFO, Severity.WARN, Severity.REJECT  # noqa: E741  # the table below is read by its columns

CODES: Mapping[str, tuple[Severity, str]] = {
    "size_mismatch": (R, "the file has not as many bytes as were announced"),
    "digest_mismatch": (R, "the bytes have another digest than the one announced"),
    "content_hash_mismatch": (R, "the bytes have another content hash than the one announced"),
    "duplicate": (R, "the same file, or the same sound with other tags, is here already"),
    "empty": (R, "the file has no bytes"),
    "not_mpeg_audio": (R, "the file is something else than MPEG audio"),
    "unsupported_layer": (R, "the file is MPEG audio, but not layer III"),
    "free_format": (R, "the frames state no bitrate, which few players can play"),
    "no_frames": (R, "there are tags but no sound"),
    "too_short": (R, "there is less than two frames of sound"),
    "id3_truncated": (R, "the tag in front ends behind the end of the file"),
    "id3_oversize": (R, "the tag in front is larger than a tag may be"),
    "id3_bomb": (R, "the tag in front unfolds to far more bytes than it has"),
    "id3_overlaps_audio": (R, "the tag in front covers sound"),
    "id3_malformed": (W, "the tag in front is not built as a tag is; it is kept but not read"),
    "id3_unsupported": (W, "the tag in front is of an unknown version; it is kept but not read"),
    "id3_too_many_frames": (W, "the tag in front has more frames than are read; it is kept but not read"),
    "tag_value_too_long": (W, "the tag in front has a text longer than is read; it is kept but not read"),
    "id3v2_multiple": (W, "several tags stand in front, of which players read one"),
    "cover_not_image": (W, "the cover is no JPEG, PNG, WebP or GIF picture"),
    "cover_mime_mismatch": (W, "the cover is another kind of picture than it says"),
    "cover_too_large": (W, "the cover has more bytes or pixels than a cover should"),
    "text_mislabelled": (I, "texts in the tag look like another encoding than the one they state"),
    "leading_junk": (W, "there are bytes before the first frame that belong to nothing"),
    "trailing_junk": (W, "there are bytes behind the last frame that belong to nothing"),
    "sync_lost": (R, "frames are missing or damaged inside the file"),
    "zero_hole": (R, "a part of the file is zeros where sound should be"),
    "format_change": (R, "the sample rate or MPEG version changes inside the file"),
    "channels_change": (W, "the sound changes between mono and stereo inside the file"),
    "concatenated": (W, "several files were joined into this one"),
    "truncated_frame": (R, "the last frame is cut off"),
    "xing_frames_fewer": (R, "the file has fewer frames than its header says: its end is missing"),
    "xing_frames_more": (W, "the file has more frames than its header says; players may stop early"),
    "xing_bytes_mismatch": (W, "the file's header says another size of the sound"),
    "vbr_without_header": (W, "the bitrate varies and no header says how long it plays; players guess"),
    "frame_crc_mismatch": (W, "checksums of frames do not match their bytes"),
    "music_crc_mismatch": (W, "the encoder's checksum of the music does not match: bytes were changed since"),
    "duration_mismatch": (W, "the tag states another duration than the sound has"),
    "chapter_behind_end": (W, "a chapter begins behind the end of the sound and was left out"),
    "mutagen_error": (W, "the second reader could not read the file"),
    "mutagen_disagrees": (W, "the second reader measures another duration"),
}
"""Every code with its usual severity and what it means."""

UNKNOWN_CODE = "another version of the service found this"

NO_MP3 = frozenset({"empty", "not_mpeg_audio", "unsupported_layer", "free_format", "no_frames", "too_short"})
"""Codes that say that there is nothing to play; the others say that it is damaged."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was found. `offset` is where, in bytes; `expected` and `actual` are what should be and what is."""

    code: str
    severity: Severity
    offset: int | None = None
    expected: str | int | float | None = None
    actual: str | int | float | None = None

    @property
    def message(self) -> str:
        """What it means, in a sentence; a finding that another version stored has only its code."""
        return CODES[self.code][1] if self.code in CODES else UNKNOWN_CODE

    def plain(self) -> dict[str, Any]:
        """As it is stored: what JSON can hold."""
        return {
            "code": self.code,
            "severity": self.severity.value,
            "offset": self.offset,
            "expected": self.expected,
            "actual": self.actual,
        }

    def told(self) -> dict[str, Any]:
        """As people and clients read it: with its sentence."""
        return self.plain() | {"message": self.message}


class Policy:
    """How grave each code is: the table, with the operator's changes."""

    def __init__(self, changes: Mapping[str, Severity] | None = None) -> None:
        self._changes = dict(changes or {})

    def finding(
        self,
        code: str,
        *,
        offset: int | None = None,
        expected: str | int | float | None = None,
        actual: str | int | float | None = None,
        grave: bool = False,
    ) -> Finding:
        """A finding of this code; a `grave` one rejects unless the operator says otherwise of the code."""
        usual = R if grave else CODES[code][0]
        return Finding(code, self._changes.get(code, usual), offset, expected, actual)


def outcome(findings: Iterable[Finding]) -> Outcome:
    """The verdict: the gravest finding decides, and what only informs is no warning."""
    severities = {finding.severity for finding in findings}
    return Outcome.REJECT if R in severities else Outcome.WARN if W in severities else Outcome.OK


REFUSED_AS = {LengthMismatch: "size_mismatch", NotMp3: "not_mpeg_audio", TooCostly: "mutagen_error"}
"""Codes of findings for refusals whose own code is none."""


def finding_of(refusal: Refusal) -> Finding:
    """Return the finding that says what the refusal of a whole file says.

    It is total: a refusal that no verdict should raise is one of the second reader's.
    """
    fields: Mapping[str, Any] = refusal.details()
    code = refusal.finding if isinstance(refusal, Damaged) else REFUSED_AS.get(type(refusal), refusal.code)
    if code not in CODES:
        return Finding("mutagen_error", R, actual=refusal.message)
    expected, actual = (fields.get(key) for key in ("expected", "actual"))
    return Finding(code, R, expected=expected, actual=fields.get("name", fields.get("reason", actual)))


def refusal_of(findings: Iterable[Finding]) -> Refusal | None:
    """What the client is told of a file that is rejected: the first finding that rejects it; None where none does."""
    for finding in findings:
        if finding.severity is R:
            detail = f" ({finding.actual})" if finding.code == "not_mpeg_audio" and finding.actual else ""
            if finding.code in NO_MP3:
                return NotMp3(finding.message + detail)
            return Damaged(finding.message, finding.code)
    return None
