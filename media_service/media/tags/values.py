"""Which of our tags a file's tag carries, as players will see them. Runs in the child process only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.core.errors.files import NotMp3
from media_service.core.tags import LONG_TAGS, TAG_CHARACTERS
from media_service.core.text import clean_line, clean_lines
from media_service.media.tags import cover_and_chapters, id3v2, mutagen_adapter
from media_service.media.tags.new_frames import LANGUAGE_FRAMES, MOOD, TEXT_FRAMES

if TYPE_CHECKING:
    from media_service.media.tags.new_frames import NewFrames


def read_values(tag: mutagen_adapter.MutagenTag) -> dict[str, str]:
    """Our tags as the file carries them already, fit to be shown: a file is trusted no more than a client."""
    carried = {key: str(tag[name]) for key, name in TEXT_FRAMES.items() if name in tag}
    if "date" in carried:
        carried["date"] = carried["date"][:10]
    for mood in tag.getall("TXXX:" + MOOD):
        carried.setdefault("mood", str(mood))
    for key, name in LANGUAGE_FRAMES.items():
        for comment in tag.getall(name):
            if not comment.desc:
                carried[key] = str(comment)
    cleaned = {key: _shown(key, value) for key, value in carried.items()}
    return {key: value for key, value in cleaned.items() if value}


def verify_written(frames: bytes, new_frames: NewFrames, version: int) -> None:
    """Reads back what was built: what a player will see is what was asked for. Raises NotMp3."""
    tag = mutagen_adapter.parse_tag(id3v2.build_tag([frames], version))
    seen = read_values(tag)
    for key, text in new_frames.tags.items():
        # A genre's number is read as its name, and a date in version 2.3 may lose its month.
        if key not in ("genre", "date") and seen.get(key) != _shown(key, text):
            raise NotMp3(f"its {key} cannot be written as a tag")
    for name, text in new_frames.texts.items():
        if [str(frame) for frame in tag.getall("TXXX:" + name)] != [text]:
            raise NotMp3(f"its {name} cannot be written as a tag")
    cover_and_chapters.verify_written(new_frames.enclosed, tag)


def _shown(key: str, value: str) -> str:
    """The tag as `clean_tags` would take it; several values of one frame, which a NUL divides, side by side."""
    clean = clean_lines if key in LONG_TAGS else clean_line
    return clean(value.replace("\0", " / ")[:TAG_CHARACTERS], key, TAG_CHARACTERS)
