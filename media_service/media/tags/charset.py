"""Guess the charset of texts that are declared as Latin-1. The result is only suggested; no tag is changed by it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

CANDIDATES = (("cp949", "euc_kr"), ("shift_jis", "shift_jis"), ("gbk", "gb2312"))
"""Double-byte charsets, each with the subset of its common characters."""


def suggest_texts(texts: Mapping[str, bytes]) -> tuple[str | None, dict[str, str]]:
    """Return the likely charset, and the texts that are not ASCII decoded with it."""
    encoding = guess_encoding(list(texts.values()))
    if encoding is None:
        return None, {}
    decoded = {key: _decoded(raw, encoding) for key, raw in texts.items() if not raw.isascii()}
    return encoding, {key: text for key, text in decoded.items() if text}


def guess_encoding(texts: list[bytes]) -> str | None:
    """Return the charset of texts declared as Latin-1, if it is clearly another one. In Latin-1 text few characters
    outside ASCII are adjacent; in double-byte text almost all are."""
    joined = b"\n".join(texts)
    non_ascii = sum(byte >= 0x80 for byte in joined)
    if non_ascii < 4 or not re.search(rb"[\x80-\xff]{3}", joined):
        return None
    if _decoded(joined, "utf-8") is not None:
        return "utf-8"
    pairs = re.findall(rb"[\x80-\xff][\x40-\x7e\x80-\xff]", joined)
    if len(pairs) * 2 < non_ascii * 0.9 or not re.search(rb"[\x80-\xff][\x40-\x7e\x80-\xff]{3}", joined):
        return None
    scores = [
        (_everyday_share(joined, name, common_charset), -order, name)
        for order, (name, common_charset) in enumerate(CANDIDATES)
    ]
    best = max(scores)
    return best[2] if best[0] > 0.7 else None


def _decoded(text: bytes, name: str) -> str | None:
    try:
        return text.decode(name)
    except UnicodeDecodeError:
        return None


def _everyday_share(raw: bytes, encoding: str, common_charset: str) -> float:
    """Return the share of common characters among those outside ASCII."""
    text = _decoded(raw, encoding)
    letters = [char for char in text or "" if ord(char) >= 0x80]
    if not letters:
        return 0.0
    # Python's EUC-KR encodes rare syllables with eight bytes.
    common = [ord(char) for char in letters if 0 < len(char.encode(common_charset, "ignore")) <= 2]
    if encoding == "cp949":
        everyday = sum(0xAC00 <= code < 0xD7A4 for code in common)
    elif encoding == "shift_jis":
        kana = sum(0x3040 <= code < 0x3100 for code in common)
        everyday = kana + sum(0x4E00 <= code < 0xA000 for code in common) if kana else 0
    else:
        everyday = sum(0x4E00 <= code < 0xA000 for code in common)
    return everyday / len(letters)
