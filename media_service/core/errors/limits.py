"""Refusals of what is too large, too small or too many."""

from __future__ import annotations

from dataclasses import dataclass

from media_service.core.errors.base import Refusal


@dataclass(eq=False)
class FileTooLarge(Refusal):
    code = "file_too_large"
    template = "The file exceeds the limit of {limit} bytes."
    limit: int


@dataclass(eq=False)
class SliceTooLarge(Refusal):
    code = "slice_too_large"
    template = "The slice exceeds the limit of {limit} bytes."
    limit: int


@dataclass(eq=False)
class DetailsTooLarge(Refusal):
    code = "details_too_large"
    template = "Tags, chapters and metadata of the upload exceed the limit of {limit} bytes of text together."
    limit: int


@dataclass(eq=False)
class SliceTooSmall(Refusal):
    code = "slice_too_small"
    template = "A slice has at least {limit} bytes, unless it fills a gap or ends the file."
    limit: int


@dataclass(eq=False)
class TooManySlices(Refusal):
    code = "too_many_slices"
    template = "The upload exceeds the limit of {limit} {counted}. Send larger slices, and in order."
    limit: int
    counted: str


@dataclass(eq=False)
class TooManyUploads(Refusal):
    code = "too_many_uploads"
    template = "Your address has {limit} open uploads. Finish or cancel some of them first."
    limit: int


@dataclass(eq=False)
class QuotaExceeded(Refusal):
    code = "quota_exceeded"
    template = "The quota of this {of} is {limit} {unit}: {used} used, {reserved} reserved, and this needs {needed}."
    of: str
    limit: int
    used: int
    reserved: int
    needed: int
    unit: str = "bytes"


@dataclass(eq=False)
class TooManyRequests(Refusal):
    code = "too_many_requests"
    template = "There were too many requests of this kind. Try again in {retry_after} seconds."
    retry_after: int
