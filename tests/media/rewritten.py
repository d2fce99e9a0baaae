"""Files that are given tags as the child gives them, in this process."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from mutagen.id3 import ID3

from media_service.media.tags.rewrite import plan
from tests.support.mp3 import make_frames

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

AUDIO = make_frames(40)


def tagged(path: Path, content: bytes, tags: Mapping[str, str]) -> tuple[bytes, bytes, dict[str, str]]:
    """The file with these tags: its new head, all of its bytes, and the tags it is said to carry."""
    path.write_bytes(content)
    planned, carried = plan(path, tags)
    assert len(planned.head) % 4096 == planned.cut % 4096, "the audio left its place within a block"
    return planned.head, planned.head + content[planned.cut :], dict(carried.tags)


def read(content: bytes) -> ID3:
    return ID3(io.BytesIO(content), translate=False)
