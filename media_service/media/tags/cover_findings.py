"""Findings about the pictures in a tag."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.media.images import image_size, image_type

if TYPE_CHECKING:
    from media_service.core.findings import Finding, Severities

OTHER_PICTURE, FRONT_COVER = 0, 3
"""Picture types (ID3v2.4 frames, section 4.14)."""


def cover_findings(
    name: bytes, content: bytes, size: int, policy: Severities, limits: tuple[int, int]
) -> list[Finding]:
    """Return findings about a picture frame of `size` bytes. `limits`: bytes, and pixels of the longer side."""
    max_bytes, max_pixels = limits
    declared_type, _, picture = parse_picture_frame(name, content)
    if declared_type.strip() == b"-->":
        return [policy.finding("cover_not_image", expected="a picture", actual="a link")]
    kind = image_type(picture)
    if kind is None:
        return [policy.finding("cover_not_image", expected="a picture", actual=_printable(declared_type))]
    findings = []
    declared = declared_type.lower().replace(b"image/jpg", b"image/jpeg")
    if declared not in (kind.encode(), kind.removeprefix("image/").encode(), b"image/", b""):
        findings.append(policy.finding("cover_mime_mismatch", expected=kind, actual=_printable(declared_type)))
    size -= len(content) - len(picture)
    longer_side = max(image_size(picture) or (0,))
    if size > max_bytes:
        findings.append(policy.finding("cover_too_large", expected=max_bytes, actual=size))
    elif longer_side > max_pixels:
        findings.append(policy.finding("cover_too_large", expected=max_pixels, actual=longer_side))
    return findings


def parse_picture_frame(name: bytes, content: bytes) -> tuple[bytes, int | None, bytes]:
    """Return declared media type, picture type and picture of an APIC or PIC frame."""
    if name == b"PIC":
        declared_type = {b"JPG": b"image/jpeg", b"PNG": b"image/png"}.get(content[1:4].upper(), content[1:4])
        rest = content[4:]
    else:
        declared_type, _, rest = content[1:].partition(b"\0")
    utf16 = content[:1] in (b"\1", b"\2")
    return declared_type, rest[0] if rest else None, _skip_text(rest[1:], utf16=utf16)


def _skip_text(content: bytes, *, utf16: bool) -> bytes:
    """Return what follows a terminated text."""
    if not utf16:
        return content.partition(b"\0")[2]
    end = content.find(b"\0\0")
    while end >= 0 and end % 2:
        end = content.find(b"\0\0", end + 1)
    return content[end + 2 :] if end >= 0 else b""


def _printable(declared_type: bytes) -> str:
    return declared_type[:40].decode("latin-1")
