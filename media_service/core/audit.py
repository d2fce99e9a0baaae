"""The audit trail as values: who did what to what, from where, with which token, and what came of it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from media_service.core.access import LINK_PREFIX, PERSON_PREFIX

if TYPE_CHECKING:
    from collections.abc import Mapping

Detail: TypeAlias = "str | int | bool | list[str] | None"

DONE = "done"
"""Outcome of what succeeded; otherwise it is the code of the problem."""

ADMIN_TOKEN = "admin_token"  # noqa: S105  # a name
"""Id of the actor that has the admin token, which is no person."""

NAME_CHARACTERS = 200
LISTED_TEXTS = 20
"""Bounds of what an entry stores of names, and of texts in its details: clients send them."""

_SECRET = re.compile(r"ms_[A-Za-z0-9_-]{43}")
_HIDDEN = "ms_…"


class Action(StrEnum):
    """What was done."""

    SIGN_IN = "sign_in"
    SIGN_IN_FAILED = "sign_in_failed"
    SIGN_OUT = "sign_out"
    SESSION_ENDED = "session_ended"
    PERSON_ADDED = "person_added"
    PERSON_CHANGED = "person_changed"
    PERSON_ERASED = "person_erased"
    INVITATION_MADE = "invitation_made"
    TOKEN_MADE = "token_made"  # noqa: S105  # a name
    TOKEN_REVOKED = "token_revoked"  # noqa: S105  # a name
    LINK_MADE = "link_made"
    LINK_CHANGED = "link_changed"
    LINK_CLOSED = "link_closed"
    COLLECTION_MADE = "collection_made"
    COLLECTION_CHANGED = "collection_changed"
    FILE_EDITED = "file_edited"
    COVER_CHANGED = "cover_changed"
    FILE_TRASHED = "file_trashed"
    TRASH_REASON_CHANGED = "trash_reason_changed"
    FILE_RESTORED = "file_restored"
    FILE_PURGED = "file_purged"
    UPLOAD_CANCELLED = "upload_cancelled"
    QUARANTINE_RECHECKED = "quarantine_rechecked"
    QUARANTINE_FORCED = "quarantine_forced"
    QUARANTINE_DELETED = "quarantine_deleted"
    AUDIT_EXPORTED = "audit_exported"
    USAGE_REPAIRED = "usage_repaired"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts. `id`: an owner's, or ADMIN_TOKEN, None for the service itself. `token`: the id of token or session."""

    id: str | None
    name: str = ""
    token: str | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """What is acted on: the id of an owner, token, collection, upload or file, and its name then."""

    id: str | None = None
    name: str = ""


NO_SUBJECT = Subject()


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEntry:
    """One entry. `at`: UTC microseconds. `action`: an Action, or that of another version. `id`: None before it has one.

    Names and details are stored without secrets and without what is beyond their bounds.
    """

    at: int
    action: str
    actor: Actor
    subject: Subject = NO_SUBJECT
    outcome: str = DONE
    details: Mapping[str, Detail] = field(default_factory=dict)
    id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Which entries are listed; None and "" for all. `since` and `until`: UTC microseconds, the latter exclusive.

    `search`: words that each entry must have in its names, ids, address or details.
    """

    actor: str | None = None
    action: str | None = None
    subject: str | None = None
    since: int | None = None
    until: int | None = None
    search: str = ""


def make_entry(
    at: int,
    actor: Actor,
    action: Action,
    subject: Subject = NO_SUBJECT,
    *,
    outcome: str = DONE,
    details: Mapping[str, Detail] | None = None,
) -> AuditEntry:
    """Return an entry whose texts are bounded and have no secret."""
    return AuditEntry(
        at=at,
        action=action,
        actor=Actor(actor.id, safe_text(actor.name), actor.token, actor.address),
        subject=Subject(subject.id, safe_text(subject.name)),
        outcome=outcome,
        details={name: _safe_detail(value) for name, value in (details or {}).items()},
    )


def shown_id(actor_id: str) -> str | None:
    """Return an actor's id for people who are no admins: None for a browser, whose id is that of its cookie."""
    return actor_id if actor_id.startswith((PERSON_PREFIX, LINK_PREFIX)) or actor_id == ADMIN_TOKEN else None


def safe_text(text: str) -> str:
    """Return at most NAME_CHARACTERS of a text, without the secrets of tokens and links, and as valid UTF-8."""
    # Hidden before it is cut: a part of a secret is a secret, and no longer recognised.
    shown = _SECRET.sub(_HIDDEN, text).encode(errors="replace").decode().replace("\0", "")
    return shown if len(shown) <= NAME_CHARACTERS else f"{shown[: NAME_CHARACTERS - 1]}…"


def _safe_detail(value: Detail) -> Detail:
    if isinstance(value, str):
        return safe_text(value)
    return [safe_text(text) for text in value[:LISTED_TEXTS]] if isinstance(value, list) else value
