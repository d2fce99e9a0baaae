"""Covers: what kind of picture the bytes are, how large it is, and what is wrong with it. Nothing is decoded."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from media_service.core.verdict import Finding, Policy

PICTURES = ((b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG\r\n\x1a\n", "image/png"), (b"GIF8", "image/gif"))


def picture_type(picture: bytes) -> str | None:
    """The media type by the picture's own bytes; None for what is no picture that is shown."""
    if picture[:4] == b"RIFF" and picture[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for magic, kind in PICTURES if picture.startswith(magic)), None)


def picture_size(picture: bytes) -> tuple[int, int] | None:
    """Width and height in pixels, where the picture tells them."""
    kind = picture_type(picture)
    if kind == "image/png" and len(picture) >= 24:
        return int.from_bytes(picture[16:20]), int.from_bytes(picture[20:24])
    if kind == "image/gif" and len(picture) >= 10:
        return int.from_bytes(picture[6:8], "little"), int.from_bytes(picture[8:10], "little")
    if kind == "image/webp":
        return _webp_size(picture)
    return _jpeg_size(picture) if kind == "image/jpeg" else None


def _webp_size(picture: bytes) -> tuple[int, int] | None:
    if picture[12:16] == b"VP8X" and len(picture) >= 30:
        return 1 + int.from_bytes(picture[24:27], "little"), 1 + int.from_bytes(picture[27:30], "little")
    if picture[12:16] == b"VP8 " and len(picture) >= 30:
        return int.from_bytes(picture[26:28], "little") & 0x3FFF, int.from_bytes(picture[28:30], "little") & 0x3FFF
    if picture[12:16] == b"VP8L" and len(picture) >= 25:
        bits = int.from_bytes(picture[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    return None


def _jpeg_size(picture: bytes) -> tuple[int, int] | None:
    at = 2
    while at + 9 <= len(picture) and picture[at] == 0xFF:
        marker = picture[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return int.from_bytes(picture[at + 7 : at + 9]), int.from_bytes(picture[at + 5 : at + 7])
        at += 1 if marker == 0xFF else 2 + max(2, int.from_bytes(picture[at + 2 : at + 4]))
    return None


def cover_findings(name: bytes, content: bytes, size: int, policy: Policy, most: tuple[int, int]) -> list[Finding]:
    """What is wrong with a picture in a frame of so many bytes, of which the first are given.

    `most` are the bytes and pixels it may have.
    """
    limit, pixels = most
    if name == b"PIC":
        stated = {b"JPG": b"image/jpeg", b"PNG": b"image/png"}.get(content[1:4].upper(), content[1:4])
        rest = content[4:]
    else:
        stated, _, rest = content[1:].partition(b"\0")
    if stated.strip() == b"-->":
        return [policy.finding("cover_not_image", expected="a picture", actual="a link")]
    wide = content[:1] in (b"\1", b"\2")
    picture = _after_text(rest[1:], wide=wide)
    kind = picture_type(picture)
    if kind is None:
        return [policy.finding("cover_not_image", expected="a picture", actual=_shown(stated))]
    findings = []
    lower = stated.lower().replace(b"image/jpg", b"image/jpeg")
    if lower not in (kind.encode(), kind.removeprefix("image/").encode(), b"image/", b""):
        findings.append(policy.finding("cover_mime_mismatch", expected=kind, actual=_shown(stated)))
    size -= len(content) - len(picture)
    side = max(picture_size(picture) or (0,))
    if size > limit:
        findings.append(policy.finding("cover_too_large", expected=limit, actual=size))
    elif side > pixels:
        findings.append(policy.finding("cover_too_large", expected=pixels, actual=side))
    return findings


def _after_text(content: bytes, *, wide: bool) -> bytes:
    """What stands behind a text and its end."""
    if not wide:
        return content.partition(b"\0")[2]
    at = content.find(b"\0\0")
    while at >= 0 and at % 2:
        at = content.find(b"\0\0", at + 1)
    return content[at + 2 :] if at >= 0 else b""


def _shown(stated: bytes) -> str:
    return stated[:40].decode("latin-1")
