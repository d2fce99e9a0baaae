"""Refusals of covers."""

from __future__ import annotations

from dataclasses import dataclass

from media_service.core.errors.base import Refusal


@dataclass(eq=False)
class UnknownCover(Refusal):
    code = "unknown_cover"
    template = "The upload, file or collection has no cover."


@dataclass(eq=False)
class CoverNotImage(Refusal):
    code = "cover_not_image"
    template = "A cover must be a JPEG, PNG, WebP or GIF picture."


@dataclass(eq=False)
class CoverTooLarge(Refusal):
    code = "cover_too_large"
    template = "The cover exceeds the limit of {limit} bytes."
    limit: int


@dataclass(eq=False)
class CoverTooWide(Refusal):
    code = "cover_too_wide"
    template = "The cover exceeds the limit of {limit} pixels a side."
    limit: int


@dataclass(eq=False)
class CoverInvalid(Refusal):
    code = "cover_invalid"
    template = "The picture cannot be a cover: {reason}."
    reason: str
