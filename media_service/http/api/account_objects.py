"""Serialize sessions and ids of owners."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from media_service.http.api.serializer import format_optional_time, format_time

if TYPE_CHECKING:
    from media_service.core.accounts import Token


def public_id(owner_id: str) -> str:
    """Return the id of an owner without its kind, as it is in URLs."""
    return owner_id.partition(":")[2]


def session_object(session: Token, current: str | None = None) -> dict[str, Any]:
    """Return a session; `current` is the id of the caller's own."""
    return {
        "id": session.id,
        "created_at": format_time(session.created_at),
        "used_at": format_optional_time(session.used_at),
        "expires_at": format_optional_time(session.expires_at),
        "agent": session.agent,
        "address": session.address,
        "current": session.id == current,
    }
