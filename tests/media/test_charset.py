"""Texts that claim to be Latin-1 and are not: told, offered, and left as they are."""

from __future__ import annotations

import io

import pytest

from media_service.core.findings import Severities
from media_service.media.tags.charset import id3v1_texts, likely_encoding, offered
from media_service.media.tags.safety_scan import scan
from tests.media.raw_id3 import frame, tag
from tests.support.mp3 import make_frames


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("일요일 밤의 음악 이야기", "cp949"),
        ("日曜日のよるのおんがく", "shift_jis"),
        ("星期天晚上的音乐", "gbk"),
        ("일요일 밤", "utf-8"),
        ("Motörhead, Überjam, Café, naïve, Ærø", None),
        ("plain words", None),
    ],
)
def test_texts_of_another_encoding_are_told_and_not_changed(text: str, encoding: str | None) -> None:
    raw = text.encode(encoding or "latin-1", "replace")
    assert likely_encoding([raw]) == encoding


def test_a_text_of_another_encoding_is_offered_as_it_reads_there() -> None:
    title, artist = "일요일 밤의 음악 이야기".encode("cp949"), "김철수와 친구들".encode("cp949")
    body = frame("TIT2", b"\x00" + title) + frame("TPE1", b"\x00" + artist) + frame("TALB", b"\x00Live")
    whole = tag(body)
    seen = scan(whole[:10], whole[10:], Severities(), (2**21, 4096))
    assert offered(seen.latin) == ("cp949", {"title": "일요일 밤의 음악 이야기", "artist": "김철수와 친구들"})
    assert offered({"title": "Café Überjam".encode("latin-1")}) == (None, {})


def test_texts_of_an_id3v1_tag_are_looked_at_too() -> None:
    title = "일요일 밤의 음악".encode("cp949")
    content = make_frames(3) + b"TAG" + title.ljust(30, b"\0") + b"Kim".ljust(30) + bytes(65)
    assert id3v1_texts(io.BytesIO(content)) == {"title": title, "artist": b"Kim"}
    assert id3v1_texts(io.BytesIO(make_frames(3))) == {}
