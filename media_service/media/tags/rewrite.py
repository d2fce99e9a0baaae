"""How a file is given its tags: which bytes come before its sound, which behind, and where the sound is cut off.

Frames that are not ours are kept byte for byte: mutagen builds our frames, and they are put before the raw ones.
Runs in the child process only.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, BinaryIO

from media_service.core.files import RewritePlan, TagValues
from media_service.core.findings import Severities
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
    from media_service.core.files import CoverAndChapters

ALIGNMENT_BYTES = 4096
"""The audio keeps its place within a file system block, so that a file system that can share blocks copies none."""


def plan_rewrite(
    source: Path | int,
    tags: Mapping[str, str],
    provenance: Mapping[str, str] | None = None,
    *,
    upload_id: str | None = None,
    version: int | None = None,
    opaque: bool = False,
    guesses: Mapping[str, str] | None = None,
    sound: Sequence[int] | None = None,
    removed: Collection[str] = (),
    enclosed: CoverAndChapters | None = None,
) -> tuple[RewritePlan, TagValues]:
    """How to give the file these tags and what is `enclosed`, and take the `removed` ones; and what it carries then.

    Without any it stays as it is. `source` is a path or an open descriptor, which is closed then.

    `provenance` are texts of our own by their names. `version` is 3 or 4, None to keep the one found. An `opaque` tag
    is not shown to mutagen: its frames are kept, and nothing of it is read. `guesses` fill what is missing, and so does
    an ID3v1 tag where it stands alone. `sound` is where the frames begin and end; junk before and behind them is left
    out, since players take it for another kind of file, or for broken frames. Tags behind it that players stumble over
    go to the front: ID3v2 frame by frame, the others as frames that say the same, and whole in a private one. So does
    what any APE tag says, unless nothing but `provenance` is written.
    """
    replaces = bool(tags or removed or enclosed or (provenance and guesses))
    with open(source, "rb") as file:  # noqa: PTH123  # it may be a descriptor
        leading = id3v2.leading_tags(file)
        front = sum(map(len, leading))
        trailing = read_trailing_tags(file, None if sound is None else sound[1], front)
        first = _read_ape_tag(file, front, trailing.start if sound is None else sound[0]) if replaces else b""
        cut = _head_end(file, front + len(first), sound)
    if replaces:
        trailing = trailing.without_ape_text(first)
    sources = [SourceTag(tag, not opaque and _is_safe(tag)) for tag in [*leading, *trailing.appended]]
    said, legacy = _read_sources(sources, trailing, opaque=opaque)
    carried = {key: text for key, text in read_values(said).items() if key not in removed}
    known = {*carried, *(key for key, name in TEXT_FRAMES.items() if name in unread_frame_ids(sources))}
    fills = {key: text for key, text in (guesses or {}).items() if key not in known}
    says = TagValues(carried | fills | dict(tags), _chapters(said, enclosed))
    if not tags and not provenance and not removed and not enclosed:
        return RewritePlan(b"", 0), says
    new_frames = NewFrames(fills | dict(tags), provenance or {}, upload_id, legacy, removed, enclosed=enclosed)
    written = _version(sources, version)
    body = _build(sources, new_frames, written)
    verify_written(body, new_frames, written)
    parts = [
        body,
        *preserved_frames(sources, new_frames, written),
        *(id3v2.wrap_in_private_frame(tag, written) for _, tag in trailing.foreign),
    ]
    padding = (cut - ID3_HEADER_BYTES - sum(map(len, parts))) % ALIGNMENT_BYTES
    tail, length = _tail(trailing, id3v1.update_tag(trailing.id3v1, dict.fromkeys(removed, "") | dict(tags)))
    return RewritePlan(id3v2.build_tag(parts, written, padding), cut, tail, length), says


def front_cover(source: Path | int) -> bytes:
    """The picture in front of a file, as its first tag has it; nothing where there is none, or nobody may read it."""
    with open(source, "rb") as file:  # noqa: PTH123  # it may be a descriptor
        leading = id3v2.leading_tags(file)
    if not leading or not _is_safe(leading[0]):
        return b""
    return cover_and_chapters.find_front_cover(mutagen_adapter.parse_tag(leading[0]))


def _read_sources(
    sources: Sequence[SourceTag], trailing: TrailingTags, *, opaque: bool
) -> tuple[mutagen_adapter.MutagenTag, list[Any]]:
    """What the file says of itself, the first tag first; and frames of ours that say what its other tags say."""
    shown = mutagen_adapter.MutagenTag()
    for each in sources:
        if each.readable:
            mutagen_adapter.add_missing(shown, mutagen_adapter.parse_tag(each.tag).values())
    if opaque or not all(each.readable for each in sources):
        # What nobody reads may say it already.
        return shown, []
    legacy = [
        frame
        for kind, tag in trailing.foreign
        for frame in mutagen_adapter.add_missing(shown, convert_to_frames(kind, tag))
    ]
    if not sources:
        # Players that see our tag would show nothing of it any more.
        legacy += mutagen_adapter.add_missing(shown, mutagen_adapter.frames_from_id3v1(trailing.id3v1))
    return shown, legacy


def _chapters(said: mutagen_adapter.MutagenTag, enclosed: CoverAndChapters | None) -> tuple[Chapter, ...]:
    """Those that are written, or those of the file."""
    if enclosed is None or enclosed.chapters is None:
        return cover_and_chapters.read_chapters(said)
    return enclosed.chapters


def _version(sources: Sequence[SourceTag], asked: int | None) -> int:
    """The version to write: that of the first tag where none is asked for, or where nobody may translate it."""
    stands = sources[0].version if sources and sources[0].version in (3, 4) else None
    return (stands if sources and not sources[0].readable else None) or asked or stands or 3


def _build(sources: Sequence[SourceTag], new_frames: NewFrames, version: int) -> bytes:
    """Our frames as mutagen writes them, and those of a small tag, which it translates."""
    small = sources and sources[0].version == 2 and sources[0].readable
    tag = mutagen_adapter.parse_tag(sources[0].tag) if small else mutagen_adapter.MutagenTag()
    new_frames.apply_to(tag, version)
    return mutagen_adapter.render_frames(tag, version) + cover_and_chapters.build_frames(new_frames.enclosed, version)


def _is_safe(tag: bytes) -> bool:
    """Whether mutagen may see this tag."""
    return not scan_tag(tag[:ID3_HEADER_BYTES], tag[ID3_HEADER_BYTES:], Severities(), (0, 0)).opaque


def _tail(trailing: TrailingTags, changed: bytes) -> tuple[bytes, int | None]:
    """The bytes behind the sound, and the length up to which the file is used; None for all of it."""
    in_place = trailing.in_place
    if len(in_place) == trailing.size:
        return changed, None
    tail = in_place[: len(in_place) - len(changed)] + changed
    return tail, trailing.start + len(tail)


def _read_ape_tag(file: BinaryIO, at: int, limit: int) -> bytes:
    """Return the whole APE tag that begins here and ends before `limit`; nothing if there is none."""
    file.seek(at)
    kind, size = detect_tag(file.read(TAG_PROBE_BYTES), 0) or ("", 0)
    if kind != "ape" or at + size > limit or size > id3v2.MAX_TAG_BYTES:
        return b""
    file.seek(at)
    tag = file.read(size)
    return tag if tag[-ape.APE_HEADER_BYTES :].startswith(b"APETAGEX") else b""


def _head_end(file: BinaryIO, stop: int, sound: Sequence[int] | None) -> int:
    """Where our tag ends: behind the tags found, and behind the junk between them and the first frame."""
    if sound is None or sound[0] <= stop:
        return stop
    file.seek(stop)
    return stop if detect_tag(file.read(TAG_PROBE_BYTES), 0) is not None else sound[0]
