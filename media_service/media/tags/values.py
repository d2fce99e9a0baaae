"""The values of our tags in a file's tag, as players show them. Runs in tag workers only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.core.errors.files import NotMp3
from media_service.core.limits import TAG_CHARACTERS
from media_service.core.tags import LONG_TAGS
from media_service.core.text import clean_line, clean_lines
from media_service.media.tags import cover_and_chapters, id3v2, mutagen_adapter
from media_service.media.tags.new_frames import LANGUAGE_FRAMES, MOOD, TEXT_FRAMES

if TYPE_CHECKING:
    from media_service.media.tags.new_frames import NewFrames


def read_values(tag: mutagen_adapter.MutagenTag) -> dict[str, str]:
    """Return our tags in the file with clean texts: a file is not trusted more than a client."""
    values = {key: str(tag[name]) for key, name in TEXT_FRAMES.items() if name in tag}
    if "date" in values:
        values["date"] = values["date"][:10]
    for mood in tag.getall("TXXX:" + MOOD):
        values.setdefault("mood", str(mood))
    for key, name in LANGUAGE_FRAMES.items():
        for comment in tag.getall(name):
            if not comment.desc:
                values[key] = str(comment)
    cleaned = {key: _clean(key, value) for key, value in values.items()}
    return {key: value for key, value in cleaned.items() if value}


def verify_written(frames: bytes, new_frames: NewFrames, version: int) -> None:
    """Read the built frames back, and compare them with what was requested. Raise NotMp3."""
    tag = mutagen_adapter.parse_tag(id3v2.build_tag([frames], version))
    written_values = read_values(tag)
    for key, text in new_frames.tags.items():
        # A genre's number is read as its name, and a date in 2.3 may lose its month.
        if key not in ("genre", "date") and written_values.get(key) != _clean(key, text):
            raise NotMp3(f"its {key} cannot be written as a tag")
    for name, text in new_frames.texts.items():
        if [str(frame) for frame in tag.getall("TXXX:" + name)] != [text]:
            raise NotMp3(f"its {name} cannot be written as a tag")
    cover_and_chapters.verify_written(new_frames.enclosed, tag)


def _clean(key: str, value: str) -> str:
    """Clean a value as `clean_tags` does; join several values of a frame, which NULs separate."""
    clean = clean_lines if key in LONG_TAGS else clean_line
    return clean(value.replace("\0", " / ")[:TAG_CHARACTERS], key, TAG_CHARACTERS)
