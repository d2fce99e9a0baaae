"""Who owns uploads and files, as the owner string that their rows carry.

A browser has an owner string of its own. Everything that callers without one create (scripts, and all rows of version
0.1) belongs to `LOCAL_OWNER`, which is not one person: there the id, which cannot be guessed, is the permission.
"""

from __future__ import annotations

LOCAL_OWNER = "local"


def may_change(owner: str, caller: str | None) -> bool:
    """Return whether the caller, who knows the id, may change and read what `owner` has. None may do everything."""
    return caller is None or owner in (caller, LOCAL_OWNER)


def is_same_person(owner: str, other: str) -> bool:
    """Return whether both are one person, who may be told about their other files."""
    return owner == other != LOCAL_OWNER
