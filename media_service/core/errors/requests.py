"""Refusals of a request: its body, headers, origin and authorization."""

from __future__ import annotations

from dataclasses import dataclass

from media_service.core.errors.base import Refusal


@dataclass(eq=False)
class Malformed(Refusal):
    code = "malformed"
    template = 'The field "{field}" cannot be used: {reason}.'
    field: str
    reason: str


@dataclass(eq=False)
class BodyCut(Refusal):
    code = "body_cut"
    template = "The request's body ended early; nothing of it was kept."


@dataclass(eq=False)
class IdleTimeout(Refusal):
    code = "idle_timeout"
    template = "No byte of the body arrived for {seconds} seconds; send it again."
    seconds: float


@dataclass(eq=False)
class BodyTooSlow(Refusal):
    code = "body_too_slow"
    template = "The body brought fewer than {rate} bytes a second over {seconds} seconds; send what is missing again."
    rate: int
    seconds: float


@dataclass(eq=False)
class RequestTimeout(Refusal):
    code = "request_timeout"
    template = "The request was not complete within {seconds} seconds; send it again."
    seconds: float


@dataclass(eq=False)
class LengthRequired(Refusal):
    code = "length_required"
    template = "This request requires a body, with a Content-Length or in chunks."


@dataclass(eq=False)
class UnsupportedMediaType(Refusal):
    code = "unsupported_media_type"
    template = "The body must be {expected}."
    expected: str


@dataclass(eq=False)
class UnsupportedVersion(Refusal):
    code = "unsupported_version"
    template = "The supported versions are {versions}."
    versions: str


@dataclass(eq=False)
class ForbiddenOrigin(Refusal):
    code = "forbidden_origin"
    template = "The request comes from a page of another site, or names a host that this service does not serve."


@dataclass(eq=False)
class IdentityRefused(Refusal):
    code = "identity_refused"
    template = "The header field {field} cannot be used: {reason}."
    field: str
    reason: str
