"""Texts that claim to be Latin-1 and are likely something else: told and offered, never changed."""

from __future__ import annotations

import re
from os import SEEK_END
from typing import TYPE_CHECKING, BinaryIO

from media_service.media.signatures import ID3V1

if TYPE_CHECKING:
    from collections.abc import Mapping

CANDIDATES = (("cp949", "euc_kr"), ("shift_jis", "shift_jis"), ("gbk", "gb2312"))
"""Encodings of two bytes a letter, each with the one that has only its everyday letters."""


def id3v1_texts(file: BinaryIO) -> dict[str, bytes]:
    """The bytes of the texts in an ID3v1 tag at the file's end, where there is one, by the name of our tag."""
    if file.seek(0, SEEK_END) < ID3V1:
        return {}
    file.seek(-ID3V1, SEEK_END)
    tag = file.read(ID3V1)
    if not tag.startswith(b"TAG"):
        return {}
    texts = {"title": tag[3:33], "artist": tag[33:63], "album": tag[63:93]}
    return {key: raw.partition(b"\0")[0].rstrip(b" ") for key, raw in texts.items() if raw.strip(b"\0 ")}


def offered(texts: Mapping[str, bytes]) -> tuple[str | None, dict[str, str]]:
    """The encoding that these texts are likely in, and those of them that read otherwise in it."""
    encoding = likely_encoding(list(texts.values()))
    if encoding is None:
        return None, {}
    read = {key: _decoded(raw, encoding) for key, raw in texts.items() if not raw.isascii()}
    return encoding, {key: text for key, text in read.items() if text}


def likely_encoding(texts: list[bytes]) -> str | None:
    """The encoding in which texts that claim to be Latin-1 make sense, where it is plainly another one.

    Latin-1 has few letters beyond ASCII beside each other; text of two bytes a letter has little else.
    """
    joined = b"\n".join(texts)
    high = sum(byte >= 0x80 for byte in joined)
    if high < 4 or not re.search(rb"[\x80-\xff]{3}", joined):
        return None
    if _decoded(joined, "utf-8") is not None:
        return "utf-8"
    runs = re.findall(rb"[\x80-\xff][\x40-\x7e\x80-\xff]", joined)
    if len(runs) * 2 < high * 0.9 or not re.search(rb"[\x80-\xff][\x40-\x7e\x80-\xff]{3}", joined):
        return None
    scores = [(_plausible(joined, name, usual), -order, name) for order, (name, usual) in enumerate(CANDIDATES)]
    best = max(scores)
    return best[2] if best[0] > 0.7 else None


def _decoded(text: bytes, name: str) -> str | None:
    try:
        return text.decode(name)
    except UnicodeDecodeError:
        return None


def _plausible(raw: bytes, name: str, usual: str) -> float:
    """The share of letters beyond ASCII that people of this encoding write every day."""
    text = _decoded(raw, name)
    letters = [char for char in text or "" if ord(char) >= 0x80]
    if not letters:
        return 0.0
    # Python's EUC-KR writes the rarer syllables with eight bytes.
    known = [ord(char) for char in letters if 0 < len(char.encode(usual, "ignore")) <= 2]
    if name == "cp949":
        good = sum(0xAC00 <= code < 0xD7A4 for code in known)
    elif name == "shift_jis":
        kana = sum(0x3040 <= code < 0x3100 for code in known)
        good = kana + sum(0x4E00 <= code < 0xA000 for code in known) if kana else 0
    else:
        good = sum(0x4E00 <= code < 0xA000 for code in known)
    return good / len(letters)
