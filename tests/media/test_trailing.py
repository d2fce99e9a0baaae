"""Trailing tags are found, and those that confuse players are told from the others."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_service.media.tags import mutagen_adapter
from media_service.media.tags.id3v2 import MAX_TAG_BYTES
from media_service.media.tags.legacy import convert_to_frames
from media_service.media.tags.trailing import TrailingTags, read_trailing_tags
from tests.media.raw_id3 import frame, tag
from tests.media.sample_images import png
from tests.support.stream import ID3V1, Stream, ape_tag, lyrics_tag

if TYPE_CHECKING:
    from collections.abc import Sequence

SOUND = b"".join(Stream(seed=3).frames(3))
APPENDED = tag(frame("TIT2", b"\0Title", 4), 4)
FOOTED = tag(frame("TIT2", b"\0Title", 4), 4, 0x10)
FOOTED += b"3DI" + FOOTED[3:10]
FIRST_LYRICS = b"LYRICSBEGINone\r\ntwoLYRICSEND"
PICTURE = png(200, 120)


def found(behind: bytes, *, known: bool = True) -> TrailingTags:
    return read_trailing_tags(io.BytesIO(SOUND + behind), len(SOUND) if known else None, 0)


STAYING = {"nothing": b"", "v1": ID3V1, "v1+": b"TAG+" + bytes(223) + ID3V1, "ape": ape_tag() + ID3V1}
MOVED: dict[str, Sequence[bytes]] = {
    "appended": [APPENDED],
    "footer": [FOOTED],
    "two": [APPENDED, FOOTED],
    "lyrics": [lyrics_tag()],
    "first lyrics": [FIRST_LYRICS],
    "ape without header": [ape_tag()[32:]],
    "ape with what looks like sound": [ape_tag(PICTURE)],
}


@pytest.mark.parametrize("moved", MOVED)
@pytest.mark.parametrize("in_place", STAYING)
def test_only_tags_that_confuse_players_are_moved(moved: str, in_place: str) -> None:
    behind = found(b"".join(MOVED[moved]) + STAYING[in_place])
    assert [tag for _, tag in behind.moved] == MOVED[moved]
    assert (behind.in_place, behind.start) == (STAYING[in_place], len(SOUND))
    assert behind.id3v1 == (ID3V1 if in_place != "nothing" else b"")


@pytest.mark.parametrize("moved", [kind for kind in MOVED if kind not in ("appended", "two")])
def test_tag_is_found_by_its_footer_if_the_end_of_the_audio_is_unknown(moved: str) -> None:
    behind = found(b"".join(MOVED[moved]) + ID3V1, known=False)
    assert [tag for _, tag in behind.moved] == MOVED[moved]
    assert behind.start == len(SOUND)


def test_only_id3v1_is_read_if_trailing_tags_exceed_the_limit() -> None:
    behind = found(bytes(MAX_TAG_BYTES) + lyrics_tag() + ID3V1)
    assert (behind.tags, behind.size) == ((("id3v1", ID3V1),), len(ID3V1))


@given(st.lists(st.sampled_from([APPENDED, FOOTED, lyrics_tag(), FIRST_LYRICS, ape_tag(), ID3V1]) | st.binary()))
def test_no_tag_is_found_in_other_bytes(pieces: list[bytes]) -> None:
    rest = b"".join(pieces)
    behind = found(rest)
    at = 0
    for _, each in behind.tags:
        at = rest.index(each, at) + len(each)
    assert (behind.start, behind.size) == (len(SOUND), len(rest))


def said(kind: str, content: bytes) -> list[str]:
    shown = mutagen_adapter.MutagenTag()
    return [
        f"{each.HashKey}={each}"
        for each in mutagen_adapter.add_missing(shown, convert_to_frames(kind, content))
        if each.FrameID != "APIC"
    ]


def test_lyrics3_texts_of_both_versions_keep_their_bytes() -> None:
    assert said("lyrics3", FIRST_LYRICS) == ["USLT::XXX=one\ntwo"]
    assert said("lyrics3", lyrics_tag()) == ["USLT::XXX=words"]
    assert said("lyrics3", b"LYRICSBEGININD0000200EAL00005Album000033LYRICS200") == []
    assert said("lyrics3", b"LYRICSBEGINLYR99999words000018LYRICS200") == ["USLT::XXX=words"]


def test_ape_items_become_frames() -> None:
    assert said("ape", ape_tag()) == ["TIT2=Title"]
    assert said("ape", ape_tag(PICTURE)[32:]) == ["TIT2=Title"]
    (cover,) = [each for each in convert_to_frames("ape", ape_tag(PICTURE)) if each.FrameID == "APIC"]
    assert (cover.mime, cover.type, cover.data) == ("image/png", 3, PICTURE)
    item = b"\x05\0\0\0\0\0\0\0REPLAYGAIN_TRACK_GAIN\0-3 dB"
    assert said("ape", item + bytes(32)) == ["TXXX:REPLAYGAIN_TRACK_GAIN=-3 dB"]


@given(st.sampled_from(["ape", "lyrics3"]), st.binary(max_size=200))
def test_any_bytes_are_converted_without_error(kind: str, content: bytes) -> None:
    around = {"ape": b"%b" + bytes(32), "lyrics3": b"LYRICSBEGIN%bLYRICSEND"}
    said(kind, around[kind].replace(b"%b", content))
