"""An APE tag never contradicts the ID3v2 tag: players such as MPD and MediaInfo prefer APE."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mutagen.apev2 import APENoHeaderError, APEv2
from mutagen.id3 import ID3

from media_service.core.files import CoverAndChapters, Source
from media_service.media.inspection.inspector import MediaInspector, MediaOptions, TagOptions
from media_service.media.tags import ape, id3v1
from media_service.storage.spool import DiskSpool
from tests.media.players import complaints, seen_by_mediainfo, set_aside, spooled
from tests.media.raw_id3 import frame, tag
from tests.media.sample_images import png
from tests.media.tag_kinds import AUDIO, V1
from tests.support.stream import ape_tag_of

if TYPE_CHECKING:
    from pathlib import Path

    from media_service.media.workers.pool import TagWorker

pytestmark = pytest.mark.usefixtures("players")

TEXTS: dict[str, str | bytes] = {
    "Title": "APE title",
    "Year": "1987",
    "Performer": "Kim",
    "Cover Art (Front)": png(9, 9),
}
GAIN: dict[str, str | bytes] = {"MP3GAIN_UNDO": "+001,+001,N", "replaygain_track_gain": "-3.00 dB"}
SAID, BOTH = ape_tag_of(TEXTS), ape_tag_of({**TEXTS, **GAIN})
OLD = tag(frame("TALB", b"\0Old album"))

WAYS: dict[str, tuple[bytes, bytes, dict[str, str | bytes]]] = {
    "alone": (b"", SAID, {}),
    "before ID3v1": (OLD, SAID + V1, {}),
    "with gain": (OLD, BOTH + V1, GAIN),
    "gain alone": (OLD, ape_tag_of(GAIN) + V1, GAIN),
    "in front": (OLD + BOTH, V1, {}),
    "twice": (BOTH, BOTH, GAIN),
    "with what looks like sound": (b"", ape_tag_of({**TEXTS, "Blob": b"\xff\xfb\x90\x64" * 3}), {}),
}


def ape_items(path: Path) -> dict[str, str]:
    """Return the items of the APE tag at the file's end, as mutagen reads it."""
    try:
        return {key: str(value) for key, value in APEv2(path).items()}
    except APENoHeaderError:
        return {}


@pytest.mark.parametrize("way", WAYS)
async def test_players_that_prefer_ape_show_the_sent_tags(worker: TagWorker, tmp_path: Path, way: str) -> None:
    before, behind, staying = WAYS[way]
    _, target, carried = await spooled(worker, tmp_path, before + AUDIO + behind, TagOptions("full"))
    assert seen_by_mediainfo(target)["title"] == carried["title"] == "일요일 밤"
    assert ape_items(target) == staying
    assert await complaints(target) == set()
    if way != "gain alone":
        read = ID3(target)
        assert str(read["TXXX:Performer"]) == "Kim"
        assert read.getall("APIC")[0].data == TEXTS["Cover Art (Front)"]
        kept = set_aside(target)
        assert kept
        assert all(dict(ape.read_texts(each))["Title"] == "APE title" for each in kept)


@pytest.mark.parametrize("mode", ["provenance", "none"])
async def test_ape_tag_stays_if_no_tags_are_written(
    worker: TagWorker, tmp_path: Path, mode: Literal["provenance", "none"]
) -> None:
    _, target, _ = await spooled(worker, tmp_path, OLD + AUDIO + BOTH + V1, TagOptions(mode))
    assert target.read_bytes().endswith(AUDIO + BOTH + V1)


async def test_editing_a_spooled_file_replaces_ape_texts(worker: TagWorker, tmp_path: Path) -> None:
    for before, behind in ((OLD, BOTH + V1), (OLD + SAID, b"")):
        _, target, _ = await spooled(worker, tmp_path, before + AUDIO + behind, TagOptions("none"))
        assert seen_by_mediainfo(target)["title"] == "APE title"
        edited = await edit(worker, tmp_path, target, {"title": "New"}, [])
        assert {"title": "New", "album": "Old album"}.items() <= seen_by_mediainfo(edited).items()
        cleared = await edit(worker, tmp_path, edited, {}, ["title", "date"])
        assert "TIT2" not in ID3(cleared)
        assert seen_by_mediainfo(cleared).get("title", "") in ("", "Old title")
        assert AUDIO in cleared.read_bytes()
        assert await complaints(cleared) == set()


async def edit(worker: TagWorker, folder: Path, path: Path, tags: dict[str, str], removed: list[str]) -> Path:
    """Return the file after an admin's edit."""
    inspector, spool = MediaInspector(worker, MediaOptions()), DiskSpool(folder / "spool")
    plan, _ = await inspector.plan_edit(path, tags, removed, CoverAndChapters())
    await spool.assemble("b", Source(path), plan, plan.length)
    inspector.close()
    return (folder / "spool" / ".incoming" / "b").replace(path)


async def test_file_name_does_not_replace_the_title_of_an_ape_tag(worker: TagWorker, tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    path.write_bytes(AUDIO + SAID)
    answer, _ = await worker.call(
        "plan", path, tags={}, how={"provenance": {"A": "b"}, "guesses": {"artist": "Lee", "title": "Night"}}
    )
    assert answer["carried"]["tags"] == {"artist": "Lee", "title": "APE title", "date": "1987"}


keys = st.sampled_from(["Title", "Artist", "REPLAYGAIN_TRACK_PEAK", "mp3gain_minmax", "X"])


@given(st.dictionaries(keys, st.sampled_from(["", "text", "글"]) | st.binary(max_size=20)), st.binary(max_size=3))
def test_splitting_an_ape_tag_loses_nothing(items: dict[str, str | bytes], extra: bytes) -> None:
    whole = ape_tag_of(items)
    loud = {key: value for key, value in items.items() if key.upper().startswith(ape.GAIN_KEY_PREFIXES)}
    others = {key: value for key, value in items.items() if key not in loud}
    assert ape.split_gain(whole) == (ape_tag_of(others) if others else b"", ape_tag_of(loud) if loud else b"")
    broken = whole[: -ape.APE_HEADER_BYTES] + b"\0" + extra + whole[-ape.APE_HEADER_BYTES :]
    assert ape.split_gain(broken) == (broken, b"")


def test_control_characters_are_not_written_to_id3v1() -> None:
    changed = id3v1.update_tag(V1, {"comment": "one\r\ntwo\tthree", "title": "a\x00b\x85c"})
    assert changed[97:125] == b"one two three".ljust(28, b"\0")
    assert changed[3:33] == b"a b c".ljust(30, b"\0")
