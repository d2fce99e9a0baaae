"""Files retagged in this process as a tag worker does it."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from mutagen.id3 import ID3

from media_service.media.tags.rewrite import plan_rewrite
from tests.support.mp3 import make_frames

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

AUDIO = make_frames(40)


def tagged(path: Path, content: bytes, tags: Mapping[str, str]) -> tuple[bytes, bytes, dict[str, str]]:
    """Return the new head, the whole file, and the resulting tags."""
    path.write_bytes(content)
    planned, carried = plan_rewrite(path, tags)
    assert len(planned.head) % 4096 == planned.cut % 4096, "the audio left its place within a block"
    return planned.head, planned.head + content[planned.cut :], dict(carried.tags)


def read(content: bytes) -> ID3:
    return ID3(io.BytesIO(content), translate=False)
