"""Guest links: what one asks and permits, when it takes uploads, and how it changes.

Everybody who knows a link's secret may send files, without an account, until its deadline.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TypedDict
from urllib.parse import urlsplit

from media_service.core.accounts import NO_LIMITS, OwnerLimits
from media_service.core.errors.links import Asked
from media_service.core.errors.requests import Malformed
from media_service.core.text import clean_line, clean_lines
from media_service.core.times import MICROSECONDS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from media_service.core.lifecycle import UploadRequest
    from media_service.core.usage import Usage

TITLE_CHARACTERS, NOTE_CHARACTERS, REFERENCE_CHARACTERS = 200, 2000, 255
PASSPHRASE_CHARACTERS = 200
MAX_ORIGINS = 16
LIMIT_MAX = 2**62
"""Of files and bytes: more than any disk, and two of them can be added in 64 bits."""

DEFAULT_PORTS = {"http": ":80", "https": ":443"}

GRACE = 14 * 24 * 3600 * MICROSECONDS
"""Microseconds after a link's end in which its guests still see what they sent."""


class Ask(StrEnum):
    """Whether a detail is asked of guests."""

    REQUIRED = "required"
    OPTIONAL = "optional"
    NO = "no"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asks:
    """What is asked of guests: their name, their e-mail address, and the title of the recording."""

    name: Ask = Ask.NO
    email: Ask = Ask.NO
    title: Ask = Ask.NO


ASKS_NOTHING = Asks()


class LinkState(StrEnum):
    """Whether a link takes uploads: not yet, now, or no longer."""

    EARLY = "early"
    OPEN = "open"
    EXPIRED = "expired"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class GuestLink:
    """A link without its secret. `id` is `link:ID`; times are UTC microseconds.

    `expires_at` None: it does not expire. `passphrase`: its Argon2 hash, None if none is needed. `allowed_origins`: the
    sites whose pages may upload with the secret as bearer token. `reference` is given back with each upload.
    `collection`: the id of the show that its uploads are for, None for the general one.
    """

    id: str
    title: str
    created_at: int
    note: str = ""
    asks: Asks = ASKS_NOTHING
    opens_at: int | None = None
    expires_at: int | None = None
    limits: OwnerLimits = NO_LIMITS
    passphrase: str | None = None
    allowed_origins: frozenset[str] = frozenset()
    reference: str | None = None
    collection: str | None = None
    created_by: str | None = None
    closed_at: int | None = None

    def state(self, now: int) -> LinkState:
        """Return the state at this time. One that was closed stays so after its deadline."""
        if self.closed_at is not None:
            return LinkState.CLOSED
        if self.expires_at is not None and now >= self.expires_at:
            return LinkState.EXPIRED
        if self.opens_at is not None and now < self.opens_at:
            return LinkState.EARLY
        return LinkState.OPEN

    def ended_at(self, now: int) -> int | None:
        """Return when it ended; None if it takes uploads now or later."""
        ends = [end for end in (self.closed_at, self.expires_at) if end is not None and end <= now]
        return min(ends, default=None)

    def shows_uploads(self, now: int) -> bool:
        """Return whether guests may see what they sent: until GRACE after the end."""
        ended_at = self.ended_at(now)
        return ended_at is None or now < ended_at + GRACE


@dataclass(frozen=True, slots=True)
class LinkLabel:
    """What uploads and files say of the link by which they came."""

    id: str
    title: str
    reference: str | None


@dataclass(frozen=True, slots=True)
class Left:
    """Files and bytes that a link still takes; None for no limit."""

    files: int | None
    bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedLink:
    """A link with what has been sent by it, and the names of what it refers to."""

    link: GuestLink
    usage: Usage
    collection_slug: str | None = None
    creator_name: str | None = None

    def left(self, defaults: OwnerLimits) -> Left:
        """Return what the link still takes. `defaults`: the limits of links that have none of their own."""
        limits, usage = self.link.limits, self.usage
        files = defaults.files if limits.files is None else limits.files
        size = defaults.bytes if limits.bytes is None else limits.bytes
        return Left(
            None if files is None else max(0, files - usage.files - usage.reserved_files),
            None if size is None else max(0, size - usage.bytes - usage.reserved_bytes),
        )


def check_asked(asks: Asks, request: UploadRequest) -> None:
    """Raise Asked with every detail that is required and missing."""
    given = {"name": request.sender, "email": request.email, "title": (request.tags or {}).get("title")}
    required = [name for name in given if getattr(asks, name) is Ask.REQUIRED]
    missing = [name for name in required if not clean_line(given[name] or "", name)]
    if missing:
        raise Asked(missing)


class LinkTerms(TypedDict, total=False):
    """What a link is made of, or what changes. Times are UTC microseconds, limits files and bytes, None for no limit.

    `passphrase`: its hash. `closed`: whether it takes no more uploads from now on.
    """

    title: str
    note: str
    asks: Mapping[str, str]
    opens_at: int | None
    expires_at: int | None
    files_max: int | None
    bytes_max: int | None
    file_bytes_max: int | None
    passphrase: str | None
    allowed_origins: Sequence[str]
    reference: str | None
    collection: str | None
    closed: bool


def with_terms(link: GuestLink, terms: LinkTerms, now: int) -> GuestLink:
    """Return the link with these terms, cleaned. One that was closed before keeps that time. Raise Malformed."""
    given: dict[str, Any] = {**terms}
    limits = {name: given[f"{name}_max"] for name in ("files", "bytes", "file_bytes") if f"{name}_max" in given}
    changes = {name: clean(given[name]) for name, clean in _CLEANERS.items() if name in given}
    if "closed" in given:
        closed_at = now if link.closed_at is None else link.closed_at
        changes["closed_at"] = closed_at if given["closed"] else None
    changed = replace(link, limits=_check_limits(replace(link.limits, **limits)), **changes)
    if not changed.title:
        raise Malformed("title", "it must not be empty")
    opens_at, expires_at = changed.opens_at, changed.expires_at
    if opens_at is not None and expires_at is not None and expires_at <= opens_at:
        raise Malformed("opens_at", "it must be before the deadline")
    return changed


def _check_limits(limits: OwnerLimits) -> OwnerLimits:
    for field in fields(limits):
        value = getattr(limits, field.name)
        if value is not None and not 1 <= value <= LIMIT_MAX:
            raise Malformed(f"{field.name}_max", f"it must be from 1 to {LIMIT_MAX}")
    return limits


def _clean_asks(given: Mapping[str, str]) -> Asks:
    known = [field.name for field in fields(Asks)]
    for name, value in given.items():
        if name not in known:
            raise Malformed(f"asks.{name}", f"known details are {', '.join(known)}")
        if value not in list(Ask):
            raise Malformed(f"asks.{name}", f"it must be {', '.join(Ask)}")
    return Asks(**{name: Ask(value) for name, value in given.items()})


def _clean_origins(origins: Iterable[str]) -> frozenset[str]:
    cleaned = frozenset(map(_clean_origin, origins))
    if len(cleaned) > MAX_ORIGINS:
        raise Malformed("allowed_origins", f"more than {MAX_ORIGINS}")
    return cleaned


def _clean_origin(text: str) -> str:
    """Return the origin as browsers send it, without the default port. Raise Malformed."""
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    host = parts.hostname or ""
    written = f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{'' if port is None else f':{port}'}"
    if parts.scheme not in DEFAULT_PORTS or not (host.isascii() and host.isprintable()) or written != text.lower():
        raise Malformed("allowed_origins", "each must be an origin such as https://radio.example, without a path")
    return written.removesuffix(DEFAULT_PORTS[parts.scheme])


_CLEANERS: dict[str, Callable[[Any], Any]] = {
    "title": lambda text: clean_line(text, "title", TITLE_CHARACTERS),
    "note": lambda text: clean_lines(text, "note", NOTE_CHARACTERS),
    "asks": _clean_asks,
    "opens_at": lambda time: time,
    "expires_at": lambda time: time,
    "passphrase": lambda hashed: hashed,
    "allowed_origins": _clean_origins,
    "reference": lambda text: clean_line(text or "", "reference", REFERENCE_CHARACTERS) or None,
    "collection": lambda collection: collection,
}
