"""Decide which pictures may be covers, by their bytes and not by what the client declares."""

from __future__ import annotations

from dataclasses import dataclass

from media_service.core.errors.covers import CoverInvalid, CoverNotImage, CoverTooLarge, CoverTooWide

EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "image/gif": "gif"}
"""Accepted media types, and the file extension of each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverLimits:
    """Maximum bytes of a cover, and maximum pixels of its longer side."""

    size: int = 2 * 1024 * 1024
    pixels: int = 4096


@dataclass(frozen=True, slots=True)
class Cover:
    """An accepted cover: media type, bytes, pixels."""

    media_type: str
    size: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Picture:
    """What a picture's bytes say. `fault`: why it cannot be a cover (damaged, animated), or None."""

    media_type: str
    width: int
    height: int
    fault: str | None = None


def accept_cover(size: int, seen: Picture | None, limits: CoverLimits) -> Cover:
    """Return the cover of `size` bytes. Raise CoverTooLarge, CoverNotImage, CoverInvalid, CoverTooWide."""
    check_cover_size(size, limits)
    if seen is None:
        raise CoverNotImage
    if seen.fault is not None:
        raise CoverInvalid(seen.fault)
    if max(seen.width, seen.height) > limits.pixels:
        raise CoverTooWide(limits.pixels)
    return Cover(seen.media_type, size, seen.width, seen.height)


def check_cover_size(size: int, limits: CoverLimits) -> None:
    """Raise CoverTooLarge."""
    if size > limits.size:
        raise CoverTooLarge(limits.size)
