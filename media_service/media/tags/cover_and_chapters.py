"""Frames of the front cover (ID3v2.4 frames, section 4.14) and of chapters (ID3v2 Chapter Frame Addendum)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from media_service.core.chapters import Chapter
from media_service.core.errors.files import NotMp3
from media_service.core.limits import MAX_CHAPTERS, NAME_CHARACTERS
from media_service.core.text import clean_line
from media_service.media.images import image_type
from media_service.media.tags import mutagen_adapter
from media_service.media.tags.cover_findings import FRONT_COVER, OTHER_PICTURE, parse_picture_frame

if TYPE_CHECKING:
    from media_service.core.files import CoverAndChapters
    from media_service.media.tags import id3v2

TOC_ID = "toc"
"""Element id of our table of contents."""

TOP_LEVEL, ORDERED = 2, 1
"""Flags of a table of contents."""

NO_OFFSET = 2**32 - 1
"""Byte offset of a chapter that is given by its times only."""

READABLE_FLAGS = 0x03
"""Format flags of a 2.4 frame that leave its beginning readable: data length, unsynchronisation."""


def build_frames(enclosed: CoverAndChapters, version: int) -> bytes:
    """Return our frames for a tag of this version. Each is rendered alone: mutagen sorts frames by size, and ffmpeg
    shows chapters in the order of their frames."""
    frames = [*_chapter_frames(enclosed, 3 if version == 4 else 1), *_cover_frames(enclosed)]
    return b"".join(_render_alone(frame, version) for frame in frames)


def _render_alone(frame: Any, version: int) -> bytes:
    tag = mutagen_adapter.MutagenTag()
    tag.add(frame)
    return mutagen_adapter.render_frames(tag, version)


def _cover_frames(enclosed: CoverAndChapters) -> list[Any]:
    if not enclosed.picture:
        return []
    # The description is empty: Latin-1, which every player reads.
    kind = image_type(enclosed.picture)
    return [mutagen_adapter.make_frame("APIC", encoding=0, mime=kind, type=FRONT_COVER, desc="", data=enclosed.picture)]


def _chapter_frames(enclosed: CoverAndChapters, encoding: int) -> list[Any]:
    if not enclosed.chapters:
        return []
    names = [f"chp{number}" for number in range(len(enclosed.chapters))]
    flags = TOP_LEVEL | ORDERED
    table = mutagen_adapter.make_frame("CTOC", element_id=TOC_ID, flags=flags, child_element_ids=names, sub_frames=[])
    ends = [*(chapter.start for chapter in enclosed.chapters[1:]), enclosed.duration]
    chapters = zip(names, enclosed.chapters, ends, strict=True)
    return [table, *(_make_chapter_frame(name, chapter, end, encoding) for name, chapter, end in chapters)]


def replaces(enclosed: CoverAndChapters, frame: id3v2.Id3Frame) -> bool:
    """Return whether our frames replace this raw frame."""
    if frame.name in (b"CHAP", b"CTOC"):
        return enclosed.chapters is not None
    return frame.name == b"APIC" and enclosed.picture is not None and _is_front(frame)


def remove_replaced(enclosed: CoverAndChapters, tag: mutagen_adapter.MutagenTag) -> None:
    """Remove the frames that ours replace."""
    if enclosed.picture is not None:
        for front in [frame for frame in tag.getall("APIC") if frame.type == FRONT_COVER]:
            del tag[front.HashKey]
    if enclosed.chapters is not None:
        tag.delall("CHAP")
        tag.delall("CTOC")


def verify_written(enclosed: CoverAndChapters, tag: mutagen_adapter.MutagenTag) -> None:
    """Check that players will see the cover and chapters in this tag. Raise NotMp3."""
    if enclosed.picture:
        written = [(frame.mime, frame.data) for frame in tag.getall("APIC") if frame.type == FRONT_COVER]
        if written != [(image_type(enclosed.picture), enclosed.picture)]:
            raise NotMp3("its cover cannot be written as a tag")
    if enclosed.chapters and read_chapters(tag) != enclosed.chapters:
        raise NotMp3("its chapters cannot be written as a tag")


def find_front_cover(tag: mutagen_adapter.MutagenTag) -> bytes:
    """Return the front cover, or else the picture of type "Other", which some programs write as one; not a link."""
    kinds = {int(frame.type): frame for frame in reversed(tag.getall("APIC")) if frame.mime != "-->"}
    front = kinds.get(FRONT_COVER, kinds.get(OTHER_PICTURE))
    return b"" if front is None else bytes(front.data)


def read_chapters(tag: mutagen_adapter.MutagenTag) -> tuple[Chapter, ...]:
    """Return the chapters of a tag by their start, with clean texts; one with nested chapters counts as one."""
    frames = sorted(tag.getall("CHAP"), key=lambda frame: frame.start_time)
    return tuple(map(_read_chapter, frames[:MAX_CHAPTERS]))


def _make_chapter_frame(name: str, chapter: Chapter, end: float, encoding: int) -> Any:
    sub_frames = [mutagen_adapter.make_frame("TIT2", encoding=encoding, text=chapter.title)]
    if chapter.url is not None:
        sub_frames.append(mutagen_adapter.make_frame("WXXX", encoding=0, desc="", url=chapter.url))
    return mutagen_adapter.make_frame(
        "CHAP",
        element_id=name,
        start_time=round(chapter.start * 1000),
        end_time=round(end * 1000),
        start_offset=NO_OFFSET,
        end_offset=NO_OFFSET,
        sub_frames=sub_frames,
    )


def _read_chapter(frame: Any) -> Chapter:
    title = str(frame.sub_frames.get("TIT2", ""))
    urls = [link.url for link in frame.sub_frames.getall("WXXX") if link.url.startswith(("http://", "https://"))]
    clean_title = clean_line(title[:NAME_CHARACTERS], "title", NAME_CHARACTERS)
    return Chapter(frame.start_time / 1000, clean_title, urls[0][:NAME_CHARACTERS] if urls else None)


def _is_front(frame: id3v2.Id3Frame) -> bool:
    format_flags = frame.raw[9]
    if format_flags & ~READABLE_FLAGS or (format_flags and frame.version == 3):
        return False
    # The data length indicator precedes the content.
    return parse_picture_frame(frame.name, frame.content[4:] if format_flags & 1 else frame.content)[1] == FRONT_COVER
