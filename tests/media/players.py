"""Files as they come into the spool, and what players show of them."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import eyed3  # type: ignore[import-untyped]  # it ships no types
from mutagen.id3 import ID3

from media_service.core.files import Source
from media_service.core.findings import Outcome, outcome
from media_service.core.upload_states import State
from media_service.media.inspection.inspector import MediaInspector, MediaOptions, TagOptions
from media_service.storage.spool import DiskSpool
from tests.core.samples import make_upload
from tests.media.tag_kinds import ASKED

if TYPE_CHECKING:
    from pathlib import Path

    from media_service.media.workers.pool import TagWorker


async def spooled(
    worker: TagWorker, folder: Path, content: bytes, tagging: TagOptions, name: str = "show.mp3"
) -> tuple[Path, Path, dict[str, Any]]:
    """Return the received file, the file in the spool, and the resulting tags."""
    source, spool = folder / "received.mp3", DiskSpool(folder / "spool")
    source.write_bytes(content)
    await spool.prepare()
    inspector = MediaInspector(worker, MediaOptions(tagging=tagging))
    upload = make_upload(state=State.RECEIVED, length=len(content), filename=name, tags=ASKED)
    facts = await inspector.verify(source, upload, [])
    assert outcome(facts.findings) is not Outcome.REJECT
    plan, carried = await inspector.plan_tags(source, replace(upload, facts=facts), None)
    await spool.assemble("a", Source(source), plan, plan.length or len(content))
    target = (folder / "spool" / ".incoming" / "a").rename(folder / "spooled.mp3")
    again = await inspector.verify(target, make_upload(state=State.RECEIVED, length=target.stat().st_size), [])
    assert facts.audio is not None
    assert again.audio_sha256 == facts.audio_sha256
    assert content[facts.audio["start"] : facts.audio["end"]] in target.read_bytes()
    inspector.close()
    return source, target, dict(carried.tags)


async def complaints(path: Path) -> set[str]:
    """Return the messages of ffmpeg and mpg123 about a file that they decode to its end."""
    ffmpeg = ["ffmpeg", "-v", "error", "-xerror", "-i", str(path), "-f", "null", "-"]
    said = set()
    for command in (ffmpeg, ["mpg123", "-q", "-t", str(path)]):
        ended = await asyncio.to_thread(subprocess.run, command, check=False, capture_output=True, text=True)
        said |= {re.sub(r"0x[0-9a-f]+|\d+", "", line) for line in ended.stderr.splitlines()}
        if ended.returncode:
            said.add(f"{command[0]} ended with {ended.returncode}")
    return said


def probed(path: Path) -> dict[str, str]:
    command = ["ffprobe", "-v", "error", "-of", "json", "-show_entries", "format_tags", str(path)]
    shown = subprocess.run(command, check=True, capture_output=True).stdout
    tags: dict[str, str] = json.loads(shown)["format"].get("tags", {})
    return tags


def seen_by_mediainfo(path: Path) -> dict[str, str]:
    """Return what MediaInfo shows, which prefers an APE tag, as MPD does."""
    command = ["mediainfo", "--Output=JSON", str(path)]
    found = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["media"]["track"][0]
    names = {"title": "Title", "artist": "Performer", "album": "Album", "genre": "Genre"}
    return {key: found[name] for key, name in names.items() if name in found}


def seen_by_eyed3(path: Path) -> dict[str, str | None]:
    loaded = eyed3.load(path)
    assert loaded is not None
    found = loaded.tag
    comments = [comment.text for comment in found.comments if not comment.description]
    return {
        "title": found.title,
        "artist": found.artist,
        "album": found.album,
        "album_artist": found.album_artist,
        "genre": found.genre.name if found.genre else None,
        "comment": comments[0] if comments else None,
        "composer": found.composer,
        "label": found.publisher,
        "track": "{}/{}".format(*found.track_num),
        "disc": "{}/{}".format(*found.disc_num),
        "bpm": str(found.bpm),
        "date": str(found.getBestDate()),
        "lyrics": next((lyric.text for lyric in found.lyrics), None),
        "copyright": found.copyright,
    }


def probed_without_junk(path: Path) -> dict[str, str]:
    """Return the tags that ffprobe shows without the junk, which it takes for another format."""
    path.write_bytes(path.read_bytes().replace(b"junk" * 50, b""))
    return probed(path)


def set_aside(path: Path) -> list[bytes]:
    return [each.data for each in ID3(path).getall("PRIV:urn:media-service:tag")]
