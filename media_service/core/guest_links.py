"""Guest links: what one asks and permits, when it takes uploads, and how it changes.

Everybody who knows a link's secret may send files, without an account, until its deadline.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from media_service.core.accounts import NO_LIMITS, OwnerLimits
from media_service.core.errors.access import Asked
from media_service.core.errors.requests import Malformed
from media_service.core.text import clean_line, clean_lines

if TYPE_CHECKING:
    from collections.abc import Iterable

    from media_service.core.lifecycle import UploadRequest

TITLE_CHARACTERS, NOTE_CHARACTERS, REFERENCE_CHARACTERS = 200, 2000, 255
PASSPHRASE_CHARACTERS = 200
MAX_ORIGINS = 16

GRACE = 14 * 24 * 3600 * 1_000_000
"""Microseconds after a link's end in which its guests still see what they sent."""

_EMAIL = re.compile(r"[^\s@]+@[^\s@]+")


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


def check_asked(asks: Asks, request: UploadRequest) -> None:
    """Raise Asked with every detail that is required and missing, Malformed for an impossible e-mail address."""
    given = {"name": request.sender, "email": request.email, "title": (request.tags or {}).get("title")}
    required = [name for name in given if getattr(asks, name) is Ask.REQUIRED]
    missing = [name for name in required if not clean_line(given[name] or "", name)]
    if missing:
        raise Asked(missing)
    if (email := clean_line(request.email or "", "email")) and not _EMAIL.fullmatch(email):
        raise Malformed("email", "it must be an address such as kim@radio.example")


def clean_asks(given: dict[str, str]) -> Asks:
    """Return what is asked. Raise Malformed for an unknown detail or another word than those of `Ask`."""
    known = [field.name for field in fields(Asks)]
    for name, value in given.items():
        if name not in known:
            raise Malformed(f"asks.{name}", f"known details are {', '.join(known)}")
        if value not in list(Ask):
            raise Malformed(f"asks.{name}", f"it must be {', '.join(Ask)}")
    return Asks(**{name: Ask(value) for name, value in given.items()})


def clean_title(title: str) -> str:
    """Return the title, which guests read, on one line. Raise Malformed."""
    cleaned = clean_line(title, "title", TITLE_CHARACTERS)
    if not cleaned:
        raise Malformed("title", "it must not be empty")
    return cleaned


def clean_note(note: str) -> str:
    """Return the note to the guests. Raise Malformed."""
    return clean_lines(note, "note", NOTE_CHARACTERS)


def clean_reference(reference: str | None) -> str | None:
    """Return the reference, None if it is empty. Raise Malformed."""
    return clean_line(reference or "", "reference", REFERENCE_CHARACTERS) or None


def clean_origins(origins: Iterable[str]) -> frozenset[str]:
    """Return origins as browsers send them, such as `https://radio.example`. Raise Malformed."""
    cleaned = frozenset(map(_clean_origin, origins))
    if len(cleaned) > MAX_ORIGINS:
        raise Malformed("allowed_origins", f"more than {MAX_ORIGINS}")
    return cleaned


def _clean_origin(text: str) -> str:
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        parts, port = urlsplit(""), None
    host = parts.hostname or ""
    written = f"{parts.scheme}://{f'[{host}]' if ':' in host else host}{'' if port is None else f':{port}'}"
    if parts.scheme not in ("http", "https") or not host.isascii() or written != text.lower():
        raise Malformed("allowed_origins", "each must be an origin such as https://radio.example, without a path")
    default = {"http": 80, "https": 443}[parts.scheme]
    return written.removesuffix(f":{default}")


def check_times(opens_at: int | None, expires_at: int | None) -> None:
    """Raise Malformed for a link that would expire before it opens."""
    if opens_at is not None and expires_at is not None and expires_at <= opens_at:
        raise Malformed("opens_at", "it must be before the deadline")


def check_limits(limits: OwnerLimits) -> OwnerLimits:
    """Return the limits of a link. Raise Malformed for one that permits nothing."""
    for field in fields(limits):
        value = getattr(limits, field.name)
        if value is not None and not 1 <= value < 2**63:
            raise Malformed(f"{field.name}_max", "it must be at least 1")
    return limits
