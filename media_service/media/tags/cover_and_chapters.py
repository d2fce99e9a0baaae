"""What stands in a tag beside its texts: the cover in front, and the chapters. Runs in the child process only."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from media_service.core.chapters import MAX_CHAPTERS, Chapter
from media_service.core.errors.files import NotMp3
from media_service.core.text import NAME_CHARACTERS, clean_line
from media_service.media.images import picture_type
from media_service.media.tags import mutagen_adapter
from media_service.media.tags.cover_findings import FRONT, OTHER, taken_apart

if TYPE_CHECKING:
    from media_service.core.files import CoverAndChapters
    from media_service.media.tags import id3v2

TABLE = "toc"
"""By what name our table of chapters goes."""

TOP_LEVEL, ORDERED = 2, 1
"""A table that stands in no other, of chapters in their order."""

NO_OFFSET = 2**32 - 1
"""No place in bytes: the times count."""

READABLE = 0x03
"""Of a frame's format in version 2.4: what leaves its beginning readable."""


def build(enclosed: CoverAndChapters, version: int) -> bytes:
    """Our frames as mutagen writes them for a tag of this version.

    Each by itself: mutagen would sort them by their size, and ffmpeg shows chapters in the order of their frames.
    """
    frames = [*_table_and_chapters(enclosed, 3 if version == 4 else 1), *_cover(enclosed)]
    return b"".join(_alone(frame, version) for frame in frames)


def _alone(frame: Any, version: int) -> bytes:
    tag = mutagen_adapter.Tag()
    tag.add(frame)
    return mutagen_adapter.save(tag, version)


def _cover(enclosed: CoverAndChapters) -> list[Any]:
    if not enclosed.picture:
        return []
    # What has no words of its own is Latin-1, which every player reads.
    kind = picture_type(enclosed.picture)
    return [mutagen_adapter.make("APIC", encoding=0, mime=kind, type=FRONT, desc="", data=enclosed.picture)]


def _table_and_chapters(enclosed: CoverAndChapters, encoding: int) -> list[Any]:
    if not enclosed.chapters:
        return []
    names = [f"chp{number}" for number in range(len(enclosed.chapters))]
    flags = TOP_LEVEL | ORDERED
    table = mutagen_adapter.make("CTOC", element_id=TABLE, flags=flags, child_element_ids=names, sub_frames=[])
    ends = [*(chapter.start for chapter in enclosed.chapters[1:]), enclosed.duration]
    chapters = zip(names, enclosed.chapters, ends, strict=True)
    return [table, *(_chapter(name, chapter, end, encoding) for name, chapter, end in chapters)]


def replaces(enclosed: CoverAndChapters, frame: id3v2.Frame) -> bool:
    """Whether this raw frame gives way to ours."""
    if frame.name in (b"CHAP", b"CTOC"):
        return enclosed.chapters is not None
    return frame.name == b"APIC" and enclosed.picture is not None and _is_front(frame)


def take_out(enclosed: CoverAndChapters, tag: mutagen_adapter.Tag) -> None:
    """Takes what gives way to ours out of a tag as mutagen holds it."""
    if enclosed.picture is not None:
        for front in [frame for frame in tag.getall("APIC") if frame.type == FRONT]:
            del tag[front.HashKey]
    if enclosed.chapters is not None:
        tag.delall("CHAP")
        tag.delall("CTOC")


def check(enclosed: CoverAndChapters, tag: mutagen_adapter.Tag) -> None:
    """Whether a player will see in this tag what was asked for. Raises NotMp3."""
    if enclosed.picture:
        seen = [(frame.mime, frame.data) for frame in tag.getall("APIC") if frame.type == FRONT]
        if seen != [(picture_type(enclosed.picture), enclosed.picture)]:
            raise NotMp3("its cover cannot be written as a tag")
    if enclosed.chapters and chapters_in(tag) != enclosed.chapters:
        raise NotMp3("its chapters cannot be written as a tag")


def front_in(tag: mutagen_adapter.Tag) -> bytes:
    """The front cover of a tag, or the picture of no kind that some programs write as one. A link is none."""
    kinds = {int(frame.type): frame for frame in reversed(tag.getall("APIC")) if frame.mime != "-->"}
    front = kinds.get(FRONT, kinds.get(OTHER))
    return b"" if front is None else bytes(front.data)


def chapters_in(tag: mutagen_adapter.Tag) -> tuple[Chapter, ...]:
    """The chapters of a tag by their beginning, fit to be shown; what holds others counts as one of them."""
    found = sorted(tag.getall("CHAP"), key=lambda frame: frame.start_time)
    return tuple(map(_shown, found[:MAX_CHAPTERS]))


def _chapter(name: str, chapter: Chapter, end: float, encoding: int) -> Any:
    words = [mutagen_adapter.make("TIT2", encoding=encoding, text=chapter.title)]
    if chapter.url is not None:
        words.append(mutagen_adapter.make("WXXX", encoding=0, desc="", url=chapter.url))
    return mutagen_adapter.make(
        "CHAP",
        element_id=name,
        start_time=round(chapter.start * 1000),
        end_time=round(end * 1000),
        start_offset=NO_OFFSET,
        end_offset=NO_OFFSET,
        sub_frames=words,
    )


def _shown(frame: Any) -> Chapter:
    title = str(frame.sub_frames.get("TIT2", ""))
    urls = [link.url for link in frame.sub_frames.getall("WXXX") if link.url.startswith(("http://", "https://"))]
    shown = clean_line(title[:NAME_CHARACTERS], "title", NAME_CHARACTERS)
    return Chapter(frame.start_time / 1000, shown, urls[0][:NAME_CHARACTERS] if urls else None)


def _is_front(frame: id3v2.Frame) -> bool:
    form = frame.raw[9]
    if form & ~READABLE or (form and frame.version == 3):
        return False
    # A length that is stated once more comes before the content.
    return taken_apart(frame.name, frame.content[4:] if form & 1 else frame.content)[1] == FRONT
