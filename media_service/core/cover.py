"""Covers: which picture may stand in front of a file. Only its own bytes count, not what a client says of it."""

from __future__ import annotations

from dataclasses import dataclass

from media_service.core.errors.covers import CoverInvalid, CoverNotImage, CoverTooLarge, CoverTooWide

EXTENSIONS = {"image/jpeg": "jpg", "image/png": "png", "image/webp": "webp", "image/gif": "gif"}
"""The media types that a cover may have, and how a file of each is called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverLimits:
    """What a cover may have: bytes, and pixels of its longer side."""

    size: int = 2 * 1024 * 1024
    pixels: int = 4096


@dataclass(frozen=True, slots=True)
class Cover:
    """A picture for the front of a file: its media type, its bytes, and its pixels."""

    media_type: str
    size: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Picture:
    """What a picture's bytes say of it. `fault` is why no player should be given it, None for nothing."""

    media_type: str
    width: int
    height: int
    fault: str | None = None


def accept_cover(size: int, seen: Picture | None, limits: CoverLimits) -> Cover:
    """The cover of so many bytes. Raises CoverTooLarge, CoverNotImage, CoverInvalid, CoverTooWide."""
    check_cover_size(size, limits)
    if seen is None:
        raise CoverNotImage
    if seen.fault is not None:
        raise CoverInvalid(seen.fault)
    if max(seen.width, seen.height) > limits.pixels:
        raise CoverTooWide(limits.pixels)
    return Cover(seen.media_type, size, seen.width, seen.height)


def check_cover_size(size: int, limits: CoverLimits) -> None:
    """Raises CoverTooLarge."""
    if size > limits.size:
        raise CoverTooLarge(limits.size)
