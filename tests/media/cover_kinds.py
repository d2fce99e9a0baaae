"""Files with every kind of existing cover and chapters, and what players show of them."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from media_service.core.chapters import Chapter
from media_service.core.cover import Cover
from media_service.core.files import Source
from media_service.core.upload_states import State
from media_service.media.inspection.inspector import MediaInspector, MediaOptions, TagOptions
from media_service.storage.spool import DiskSpool
from tests.core.samples import make_upload
from tests.media.raw_id3 import frame, frame22, tag
from tests.support.pictures import png
from tests.support.stream import Stream

if TYPE_CHECKING:
    from pathlib import Path

    from media_service.media.workers.pool import TagWorker

STREAM = Stream(kbits=128, seed=23)
AUDIO = STREAM.with_header(STREAM.frames(120))
CHAPTERS = (
    Chapter(0.0, "Intro"),
    Chapter(1.25, "인터뷰 / 밤", "https://example.com/notes?a=1#b"),
    Chapter(2.001, "Ende"),
)


def apic(kind: int, picture: bytes, version: int, described: bytes = b"") -> bytes:
    return frame("APIC", b"\0image/png\0" + bytes([kind]) + described + b"\0" + picture, version)


def chapter(name: bytes, start: int, version: int) -> bytes:
    times = start.to_bytes(4) + (start + 500).to_bytes(4) + b"\xff" * 8
    return frame("CHAP", name + b"\0" + times + frame("TIT2", b"\0" + name, version), version)


def others(version: int) -> list[bytes]:
    """Return frames that stay whatever is written."""
    return [
        apic(4, png(2, 2), version),
        apic(0, png(3, 3), version),
        frame("PRIV", b"x\0" + bytes(range(200)), version),
    ]


def old(version: int) -> bytes:
    """Return a tag with a front cover, nested chapters, and other frames."""
    own = [
        apic(3, png(1, 1), version),
        apic(3, png(1, 2), version, b"another"),
        frame("CTOC", b"top\0\3\1in\0", version),
        frame("CTOC", b"in\0\1\2one\0two\0", version),
        chapter(b"two", 1500, version),
        chapter(b"one", 0, version),
    ]
    return tag(b"".join([*own, *others(version)]), version)


OLD22 = tag(
    frame22("PIC", b"\0PNG\0\0" + png(3, 3)) + frame22("PIC", b"\0PNG\3front\0" + png(1, 1)) + frame22("TT2", b"\0Old"),
    2,
)
BEFORE = {"none": b"", "v2.2": OLD22, "v2.3": old(3), "v2.4": old(4)}


async def spooled(
    worker: TagWorker,
    folder: Path,
    content: bytes,
    tagging: TagOptions,
    *,
    picture: bytes | None = None,
    chapters: tuple[Chapter, ...] = (),
) -> tuple[Path, tuple[Chapter, ...]]:
    """Return the file in the spool, and the resulting chapters."""
    source, spool = folder / "received.mp3", DiskSpool(folder / "spool")
    source.write_bytes(content)
    await spool.prepare()
    inspector = MediaInspector(worker, MediaOptions(tagging=tagging))
    cover = None if picture is None else Cover("image/png", len(picture), 1, 1)
    upload = make_upload(state=State.RECEIVED, length=len(content), tags={}, cover=cover, chapters=chapters)
    facts = await inspector.verify(source, upload, [])
    planned, carried = await inspector.plan_tags(source, replace(upload, facts=facts), picture)
    await spool.assemble("a", Source(source), planned, planned.length or len(content))
    target = (folder / "spool" / ".incoming" / "a").rename(folder / "spooled.mp3")
    again = await inspector.verify(target, make_upload(state=State.RECEIVED, length=target.stat().st_size), [])
    assert again.audio_sha256 == facts.audio_sha256
    assert AUDIO in target.read_bytes()
    found = await inspector.front_cover(target)
    if picture is not None and tagging.mode == "full":
        assert found == picture
    # Of several tags that became one it is not known.
    assert carried.has_cover in (found is not None, None)
    inspector.close()
    return target, carried.chapters


def probed(path: Path) -> dict[str, Any]:
    command = ["ffprobe", "-v", "error", "-of", "json", "-show_chapters", "-show_streams", str(path)]
    shown: dict[str, Any] = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    return shown


def extracted(path: Path) -> bytes:
    """Return the first picture as ffmpeg extracts it."""
    command = ["ffmpeg", "-v", "error", "-i", str(path), "-map", "0:v:0", "-c", "copy", "-f", "data", "-"]
    return subprocess.run(command, check=True, capture_output=True).stdout
