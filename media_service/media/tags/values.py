"""Which of our tags a file's tag carries, as players will see them. Runs in the child process only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.core.errors.files import NotMp3
from media_service.core.tags import LONG_TAGS, TAG_CHARACTERS
from media_service.core.text import clean_line, clean_lines
from media_service.media.tags import cover_and_chapters, id3v2, mutagen_adapter
from media_service.media.tags.new_frames import LONG_FRAMES, MOOD, TEXT_FRAMES

if TYPE_CHECKING:
    from media_service.media.tags.new_frames import Ours


def read(tag: mutagen_adapter.Tag) -> dict[str, str]:
    """Our tags as the file carries them already, fit to be shown: a file is trusted no more than a client."""
    carried = {key: str(tag[name]) for key, name in TEXT_FRAMES.items() if name in tag}
    if "date" in carried:
        carried["date"] = carried["date"][:10]
    for mood in tag.getall("TXXX:" + MOOD):
        carried.setdefault("mood", str(mood))
    for key, name in LONG_FRAMES.items():
        for comment in tag.getall(name):
            if not comment.desc:
                carried[key] = str(comment)
    cleaned = {key: _shown(key, value) for key, value in carried.items()}
    return {key: value for key, value in cleaned.items() if value}


def check(frames: bytes, ours: Ours, version: int) -> None:
    """Reads back what was built: what a player will see is what was asked for. Raises NotMp3."""
    tag = mutagen_adapter.load(id3v2.join([frames], version))
    seen = read(tag)
    for key, text in ours.tags.items():
        # A genre's number is read as its name, and a date in version 2.3 may lose its month.
        if key not in ("genre", "date") and seen.get(key) != _shown(key, text):
            raise NotMp3(f"its {key} cannot be written as a tag")
    for name, text in ours.texts.items():
        if [str(frame) for frame in tag.getall("TXXX:" + name)] != [text]:
            raise NotMp3(f"its {name} cannot be written as a tag")
    cover_and_chapters.check(ours.enclosed, tag)


def _shown(key: str, value: str) -> str:
    """The tag as `clean_tags` would take it; several values of one frame, which a NUL divides, side by side."""
    clean = clean_lines if key in LONG_TAGS else clean_line
    return clean(value.replace("\0", " / ")[:TAG_CHARACTERS], key, TAG_CHARACTERS)
