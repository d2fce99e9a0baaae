"""The charset of texts declared as Latin-1 is guessed, and a decoded text suggested."""

from __future__ import annotations

import io

import pytest

from media_service.core.findings import Severities
from media_service.media.tags import id3v1
from media_service.media.tags.charset import guess_encoding, suggest_texts
from media_service.media.tags.safety_scan import scan_tag
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
def test_charset_of_mislabelled_texts_is_guessed(text: str, encoding: str | None) -> None:
    raw = text.encode(encoding or "latin-1", "replace")
    assert guess_encoding([raw]) == encoding


def test_mislabelled_texts_are_suggested_decoded() -> None:
    title, artist = "일요일 밤의 음악 이야기".encode("cp949"), "김철수와 친구들".encode("cp949")
    body = frame("TIT2", b"\x00" + title) + frame("TPE1", b"\x00" + artist) + frame("TALB", b"\x00Live")
    whole = tag(body)
    seen = scan_tag(whole[:10], whole[10:], Severities(), (2**21, 4096))
    assert suggest_texts(seen.latin1_texts) == (
        "cp949",
        {"title": "일요일 밤의 음악 이야기", "artist": "김철수와 친구들"},
    )
    assert suggest_texts({"title": "Café Überjam".encode("latin-1")}) == (None, {})


def test_id3v1_texts_are_read() -> None:
    title = "일요일 밤의 음악".encode("cp949")
    content = make_frames(3) + b"TAG" + title.ljust(30, b"\0") + b"Kim".ljust(30) + bytes(65)
    assert id3v1.read_texts(io.BytesIO(content)) == {"title": title, "artist": b"Kim"}
    assert id3v1.read_texts(io.BytesIO(make_frames(3))) == {}
