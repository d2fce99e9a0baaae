"""Findings of a file, their severity, and what follows: outcome, grade, refusal.

`CODES` is the only list of findings. A code never changes its meaning; the operator may change its severity.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from media_service.core.errors.files import Damaged, LengthMismatch, NotMp3, TooCostly

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from media_service.core.errors.base import Refusal


class Severity(StrEnum):
    """Severity of a finding."""

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

    proven: the encoder's CRC matches, or the client's digest and the declared number of frames do. complete: the number
    of frames is the declared one. structural: the frames are contiguous, and nothing else can be checked.
    """

    PROVEN = "proven"
    COMPLETE = "complete"
    STRUCTURAL = "structural"


I, W, R = Severity.INFO, Severity.WARN, Severity.REJECT  # noqa: E741  # the table below is read by its columns

CODES: Mapping[str, tuple[Severity, str]] = {
    "size_mismatch": (R, "the file is longer or shorter than announced"),
    "digest_mismatch": (R, "the file was changed on its way (its checksum differs)"),
    "content_hash_mismatch": (R, "the file was changed on its way (its content hash differs)"),
    "duplicate": (R, "the same file, or the same audio with other tags, is already here"),
    "empty": (R, "the file is empty"),
    "not_mpeg_audio": (R, "another kind of file"),
    "unsupported_layer": (R, "MPEG audio, but not layer III"),
    "free_format": (R, "the frames state no bitrate (free format), which few players support"),
    "no_frames": (R, "the file has tags but no audio"),
    "too_short": (R, "the file has almost no audio"),
    "id3_truncated": (R, "the tag at the start is longer than the file"),
    "id3_oversize": (R, "the tag at the start is too large"),
    "id3_bomb": (R, "the tag at the start decompresses to too many bytes"),
    "id3_overlaps_audio": (R, "the tag at the start overlaps the audio"),
    "id3_malformed": (W, "the tag at the start is malformed; it is kept but not read"),
    "id3_unsupported": (W, "the tag at the start has an unsupported version; it is kept but not read"),
    "id3_too_many_frames": (W, "the tag at the start has too many entries; it is kept but not read"),
    "tag_value_too_long": (W, "a text in the tag at the start is too long; the tag is kept but not read"),
    "id3v2_multiple": (W, "there are several tags at the start; players read only one"),
    "cover_not_image": (W, "the cover is not a JPEG, PNG, WebP or GIF picture"),
    "cover_mime_mismatch": (W, "the cover's image type is not the declared one"),
    "cover_too_large": (W, "the cover exceeds the limit of bytes or pixels"),
    "text_mislabelled": (I, "the text of the tags is not in the declared encoding"),
    "leading_junk": (W, "unrecognised bytes before the first frame"),
    "trailing_junk": (W, "unrecognised bytes after the last frame"),
    "sync_lost": (R, "audio is missing or damaged inside the file"),
    "zero_hole": (R, "audio is missing inside the file: zeros are in its place"),
    "format_change": (R, "the sample rate or MPEG version changes inside the file"),
    "channels_change": (W, "the audio changes between mono and stereo inside the file"),
    "concatenated": (W, "several files were joined into this one"),
    "truncated_frame": (R, "the end is cut off"),
    "xing_frames_fewer": (R, "the file is shorter than its header states: audio is missing"),
    "xing_frames_more": (W, "the file is longer than its header states; players may stop early"),
    "xing_bytes_mismatch": (W, "the file's header states a different audio size"),
    "vbr_without_header": (W, "the bitrate varies and no header states the length; players guess it"),
    "frame_crc_mismatch": (W, "frame checksums do not match: the audio was changed"),
    "music_crc_mismatch": (W, "the encoder's audio checksum does not match: the audio was changed after encoding"),
    "duration_mismatch": (W, "the tag states a different length than the audio has"),
    "chapter_after_end": (W, "a chapter begins after the end of the audio and was left out"),
    "mutagen_error": (W, "a second parser (mutagen) could not read the file"),
    "mutagen_disagrees": (W, "a second parser (mutagen) measures a different length"),
}
"""Every code with its default severity and its message."""

UNKNOWN_CODE_MESSAGE = "another version of the service found this"

NOT_MP3_CODES = frozenset({"empty", "not_mpeg_audio", "unsupported_layer", "free_format", "no_frames", "too_short"})
"""Codes of files without playable audio; the other rejecting codes mean damage."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One finding: `offset` in bytes, and what was expected there.

    `start_seconds` and `stop_seconds`: playing time, if known; without a stop it is a moment or all that follows.
    """

    code: str
    severity: Severity
    offset: int | None = None
    expected: str | int | float | None = None
    actual: str | int | float | None = None
    start_seconds: float | None = None
    stop_seconds: float | None = None

    @property
    def message(self) -> str:
        """Return the message, also for a code that another version stored."""
        return CODES[self.code][1] if self.code in CODES else UNKNOWN_CODE_MESSAGE

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON object that is stored."""
        return asdict(self) | {"severity": self.severity.value}

    def to_dict_with_message(self) -> dict[str, Any]:
        """Return the JSON object for clients and reports."""
        return self.to_dict() | {"message": self.message}


class Severities:
    """The severity of each code, with the operator's changes."""

    def __init__(self, changes: Mapping[str, Severity] | None = None) -> None:
        self._changes = dict(changes or {})

    def finding(
        self,
        code: str,
        *,
        offset: int | None = None,
        expected: str | int | float | None = None,
        actual: str | int | float | None = None,
        seconds: tuple[float | None, float | None] = (None, None),
        grave: bool = False,
    ) -> Finding:
        """Return a finding; a `grave` one rejects the file unless the operator set the code's severity."""
        usual = R if grave else CODES[code][0]
        return Finding(code, self._changes.get(code, usual), offset, expected, actual, *seconds)


def outcome(findings: Iterable[Finding]) -> Outcome:
    """Return the outcome of the gravest finding; INFO is no warning."""
    severities = {finding.severity for finding in findings}
    return Outcome.REJECT if R in severities else Outcome.WARN if W in severities else Outcome.OK


CODE_OF_REFUSAL = {LengthMismatch: "size_mismatch", NotMp3: "not_mpeg_audio", TooCostly: "mutagen_error"}
"""Findings of refusals whose own code is not in CODES."""


def finding_of(refusal: Refusal) -> Finding:
    """Return the finding for a refusal of a file; `mutagen_error` for a refusal without one."""
    fields: Mapping[str, Any] = refusal.details()
    code = refusal.finding if isinstance(refusal, Damaged) else CODE_OF_REFUSAL.get(type(refusal), refusal.code)
    if code not in CODES:
        return Finding("mutagen_error", R, actual=refusal.message)
    expected, actual = (fields.get(key) for key in ("expected", "actual"))
    return Finding(code, R, expected=expected, actual=fields.get("name", fields.get("reason", actual)))


def refusal_of(findings: Iterable[Finding]) -> Refusal | None:
    """Return the refusal by the first finding that rejects the file, None if none does."""
    for finding in findings:
        if finding.severity is R:
            detail = f" ({finding.actual})" if finding.code == "not_mpeg_audio" and finding.actual else ""
            if finding.code in NOT_MP3_CODES:
                return NotMp3(finding.message + detail)
            return Damaged(finding.message, finding.code)
    return None
