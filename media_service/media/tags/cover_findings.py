"""Covers in a tag, and what is wrong with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.media.images import picture_size, picture_type

if TYPE_CHECKING:
    from media_service.core.findings import Finding, Severities

OTHER, FRONT = 0, 3
"""Which picture a frame says it holds: one of no kind, and the cover in front."""


def cover_findings(name: bytes, content: bytes, size: int, policy: Severities, most: tuple[int, int]) -> list[Finding]:
    """What is wrong with a picture in a frame of so many bytes, of which the first are given.

    `most` are the bytes and pixels it may have.
    """
    limit, pixels = most
    stated, _, picture = taken_apart(name, content)
    if stated.strip() == b"-->":
        return [policy.finding("cover_not_image", expected="a picture", actual="a link")]
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


def taken_apart(name: bytes, content: bytes) -> tuple[bytes, int | None, bytes]:
    """What media type a picture's frame states, which picture it is, and its bytes."""
    if name == b"PIC":
        stated = {b"JPG": b"image/jpeg", b"PNG": b"image/png"}.get(content[1:4].upper(), content[1:4])
        rest = content[4:]
    else:
        stated, _, rest = content[1:].partition(b"\0")
    wide = content[:1] in (b"\1", b"\2")
    return stated, rest[0] if rest else None, _after_text(rest[1:], wide=wide)


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
