"""Plan how a file is retagged: the bytes before and after the audio, and where the old head ends.

New frames, built by mutagen, precede the preserved ones, which are kept byte for byte. Runs in tag workers only.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, BinaryIO

from media_service.core.cover import CoverLimits, accept_cover
from media_service.core.errors.base import Refusal
from media_service.core.files import CoverAndChapters, RewritePlan, TagValues
from media_service.core.findings import Severities
from media_service.media.images import inspect_image
from media_service.media.signatures import TAG_PROBE_BYTES, detect_tag
from media_service.media.tags import ape, cover_and_chapters, id3v1, id3v2, mutagen_adapter
from media_service.media.tags.id3v2 import ID3_HEADER_BYTES
from media_service.media.tags.legacy import convert_to_frames
from media_service.media.tags.new_frames import TEXT_FRAMES, NewFrames
from media_service.media.tags.preserved_frames import SourceTag, preserved_frames, unread_frame_ids
from media_service.media.tags.safety_scan import scan_tag
from media_service.media.tags.trailing import TrailingTags, read_trailing_tags
from media_service.media.tags.values import read_values, verify_written

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from pathlib import Path

    from media_service.core.chapters import Chapter

DEFAULT_COVER_LIMITS = CoverLimits()

ALIGNMENT_BYTES = 4096
"""The audio moves by a multiple of a file system block, so that its blocks can be shared instead of copied."""


def plan_rewrite(
    source: Path | int,
    tags: Mapping[str, str],
    provenance: Mapping[str, str] | None = None,
    *,
    upload_id: str | None = None,
    version: int | None = None,
    opaque: bool = False,
    guesses: Mapping[str, str] | None = None,
    audio_span: Sequence[int] | None = None,
    removed: Collection[str] = (),
    enclosed: CoverAndChapters | None = None,
    cover_limits: CoverLimits = DEFAULT_COVER_LIMITS,
) -> tuple[RewritePlan, TagValues]:
    """Plan to write `tags`, cover and chapters (`enclosed`), and to remove tags; return also the resulting values.

    `source` is a path or an open descriptor, which is closed. `provenance` are texts by their TXXX description.
    `version` is 3 or 4; None keeps that of the file. An `opaque` tag is kept but not parsed. `guesses` fill missing
    tags, and so does an ID3v1 tag that stands alone.

    Junk outside of `audio_span` is dropped: players take it for another format or for broken frames. Trailing tags that
    confuse players move to the front: ID3v2 frame by frame, others converted, and whole in a PRIV frame. So do texts of
    APE tags, unless only `provenance` is written.
    """
    replaces = bool(tags or removed or enclosed or (provenance and guesses))
    leading, trailing, cut = _read_tags(source, audio_span, replaces=replaces)
    sources = [SourceTag(tag, not opaque and _is_safe(tag)) for tag in [*leading, *trailing.appended]]
    merged, first, legacy = _read_sources(sources, trailing, opaque=opaque)
    unread = unread_frame_ids(sources)
    enclosed = _without_needless_cover(enclosed, (first, merged), unread, sources)
    values = {key: text for key, text in read_values(merged).items() if key not in removed}
    known_keys = {*values, *(key for key, name in TEXT_FRAMES.items() if name in unread)}
    fills = {key: text for key, text in (guesses or {}).items() if key not in known_keys}
    resulting = TagValues(values | fills | dict(tags), _chapters(merged, enclosed))
    if not tags and not provenance and not removed and not enclosed:
        has = _has_cover(b"".join(leading[:1]), sources, trailing, first, limits=cover_limits)
        return RewritePlan(b"", 0), replace(resulting, has_cover=has)
    new_frames = NewFrames(fills | dict(tags), provenance or {}, upload_id, legacy, removed, enclosed=enclosed)
    head = _render_head(sources, trailing, new_frames, _version(sources, version), cut)
    tail, length = _tail(trailing, id3v1.update_tag(trailing.id3v1, dict.fromkeys(removed, "") | dict(tags)))
    has = _has_cover(head, sources, trailing, first, enclosed, limits=cover_limits)
    return RewritePlan(head, cut, tail, length), replace(resulting, has_cover=has)


def _read_tags(
    source: Path | int, audio_span: Sequence[int] | None, *, replaces: bool
) -> tuple[list[bytes], TrailingTags, int]:
    """Return the leading tags, the trailing ones, and where the old head ends.

    `replaces`: an APE tag right after the leading ones belongs to the old head, and all APE tags lose their texts.
    """
    with open(source, "rb") as file:  # noqa: PTH123  # it may be a descriptor
        leading = id3v2.leading_tags(file)
        leading_bytes = sum(map(len, leading))
        trailing = read_trailing_tags(file, None if audio_span is None else audio_span[1], leading_bytes)
        audio_start = trailing.start if audio_span is None else audio_span[0]
        ape_tag = _read_ape_tag(file, leading_bytes, audio_start) if replaces else b""
        cut = _head_end(file, leading_bytes + len(ape_tag), audio_span)
    return leading, trailing.without_ape_text(ape_tag) if replaces else trailing, cut


def _has_cover(
    tag: bytes,
    sources: Sequence[SourceTag],
    trailing: TrailingTags,
    first: mutagen_adapter.MutagenTag,
    enclosed: CoverAndChapters | None = None,
    *,
    limits: CoverLimits,
) -> bool | None:
    """Return whether `front_cover` will find a cover within the limits if the file begins with this tag.

    None if several tags became one, or one cannot be read: the result would have to be parsed again, which takes 0.4 s
    of processor time for 255 chapters. Change `first`.
    """
    if b"PIC" not in tag:
        # Pictures are in frames APIC, or PIC in 2.2.
        return False
    if len(sources) > 1 or trailing.foreign or not all(source.readable for source in sources):
        return None
    given = enclosed or CoverAndChapters()
    cover_and_chapters.remove_replaced(given, first)
    picture = given.picture or cover_and_chapters.find_front_cover(first)
    try:
        accept_cover(len(picture), inspect_image(picture), limits)
    except Refusal:
        return False
    return len(tag) <= id3v2.MAX_TAG_BYTES


def _render_head(
    sources: Sequence[SourceTag], trailing: TrailingTags, new_frames: NewFrames, version: int, cut: int
) -> bytes:
    """Return the new leading tag, padded so that the audio keeps its alignment. Raise NotMp3."""
    body = _build(sources, new_frames, version)
    verify_written(body, new_frames, version)
    parts = [
        body,
        *preserved_frames(sources, new_frames, version),
        *(id3v2.wrap_in_private_frame(tag, version) for _, tag in trailing.foreign),
    ]
    padding = (cut - ID3_HEADER_BYTES - sum(map(len, parts))) % ALIGNMENT_BYTES
    return id3v2.build_tag(parts, version, padding)


def front_cover(source: Path | int) -> bytes:
    """Return the front cover of the first ID3v2 tag; nothing if there is none, or mutagen may not parse the tag."""
    with open(source, "rb") as file:  # noqa: PTH123  # it may be a descriptor
        leading = id3v2.leading_tags(file)
    if not leading or not _is_safe(leading[0]):
        return b""
    return cover_and_chapters.find_front_cover(mutagen_adapter.parse_tag(leading[0]))


def _read_sources(
    sources: Sequence[SourceTag], trailing: TrailingTags, *, opaque: bool
) -> tuple[mutagen_adapter.MutagenTag, mutagen_adapter.MutagenTag, list[Any]]:
    """Return the values of all tags, the first one's first; the first tag with all of its frames; and the frames
    converted from tags of other formats."""
    parsed = [mutagen_adapter.parse_tag(source.tag) for source in sources if source.readable]
    merged, first = mutagen_adapter.MutagenTag(), parsed[0] if parsed else mutagen_adapter.MutagenTag()
    for tag in parsed:
        mutagen_adapter.add_missing(merged, tag.values())
    if opaque or not all(source.readable for source in sources):
        # An unreadable tag may have these values already.
        return merged, first, []
    legacy = [
        frame
        for kind, tag in trailing.foreign
        for frame in mutagen_adapter.add_missing(merged, convert_to_frames(kind, tag))
    ]
    if not sources:
        # Players that find our ID3v2 tag ignore the ID3v1 tag.
        legacy += mutagen_adapter.add_missing(merged, mutagen_adapter.frames_from_id3v1(trailing.id3v1))
    return merged, first, legacy


def _without_needless_cover(
    enclosed: CoverAndChapters | None,
    tags: Sequence[mutagen_adapter.MutagenTag],
    unread: set[str],
    sources: Sequence[SourceTag],
) -> CoverAndChapters | None:
    """Return what to write without a cover that is only for files without one, if the file has one or may have one."""
    if enclosed is None or not enclosed.only_missing:
        return enclosed
    # Of a tag without any known frame nothing is known.
    is_all_read = all(source.readable for source in sources)
    may_have = not is_all_read and (not unread or "APIC" in unread)
    if may_have or any(map(cover_and_chapters.find_front_cover, tags)):
        return replace(enclosed, picture=None)
    return enclosed


def _chapters(merged: mutagen_adapter.MutagenTag, enclosed: CoverAndChapters | None) -> tuple[Chapter, ...]:
    """Return the new chapters, or those of the file."""
    if enclosed is None or enclosed.chapters is None:
        return cover_and_chapters.read_chapters(merged)
    return enclosed.chapters


def _version(sources: Sequence[SourceTag], requested: int | None) -> int:
    """Return the version to write: that of the first tag if none is requested, or if mutagen may not convert it."""
    current = sources[0].version if sources and sources[0].version in (3, 4) else None
    return (current if sources and not sources[0].readable else None) or requested or current or 3


def _build(sources: Sequence[SourceTag], new_frames: NewFrames, version: int) -> bytes:
    """Return our frames as bytes, with those of a 2.2 tag, which mutagen converts."""
    is_v22 = sources and sources[0].version == 2 and sources[0].readable
    tag = mutagen_adapter.parse_tag(sources[0].tag) if is_v22 else mutagen_adapter.MutagenTag()
    new_frames.apply_to(tag, version)
    return mutagen_adapter.render_frames(tag, version) + cover_and_chapters.build_frames(new_frames.enclosed, version)


def _is_safe(tag: bytes) -> bool:
    """Return whether mutagen may parse this tag."""
    return not scan_tag(tag[:ID3_HEADER_BYTES], tag[ID3_HEADER_BYTES:], Severities(), (0, 0)).opaque


def _tail(trailing: TrailingTags, id3v1_tag: bytes) -> tuple[bytes, int | None]:
    """Return the bytes after the audio, and the length up to which the file is kept; None for all of it."""
    in_place = trailing.in_place
    if len(in_place) == trailing.size:
        return id3v1_tag, None
    tail = in_place[: len(in_place) - len(id3v1_tag)] + id3v1_tag
    return tail, trailing.start + len(tail)


def _read_ape_tag(file: BinaryIO, offset: int, limit: int) -> bytes:
    """Return the APE tag that begins at `offset` and ends before `limit`; nothing if there is none."""
    file.seek(offset)
    kind, size = detect_tag(file.read(TAG_PROBE_BYTES), 0) or ("", 0)
    if kind != "ape" or offset + size > limit or size > id3v2.MAX_TAG_BYTES:
        return b""
    file.seek(offset)
    tag = file.read(size)
    return tag if tag[-ape.APE_HEADER_BYTES :].startswith(b"APETAGEX") else b""


def _head_end(file: BinaryIO, stop: int, audio_span: Sequence[int] | None) -> int:
    """Return where the old head ends: after the leading tags, and the junk between them and the first frame."""
    if audio_span is None or audio_span[0] <= stop:
        return stop
    file.seek(stop)
    return stop if detect_tag(file.read(TAG_PROBE_BYTES), 0) is not None else audio_span[0]
