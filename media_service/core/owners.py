"""Owner strings of uploads and files, and what they permit.

Each browser has its own. `LOCAL_OWNER` is shared by clients without a cookie (scripts, and all rows of version 0.1), so
it is not one person: there the id, which cannot be guessed, is the permission.
"""

from __future__ import annotations

LOCAL_OWNER = "local"


def may_change(owner: str, caller: str | None) -> bool:
    """Return whether a caller who knows the id may read and change what `owner` has. None may do everything."""
    return caller is None or owner in (caller, LOCAL_OWNER)


def is_same_person(owner: str, other: str) -> bool:
    """Return whether both are one person, who may see the names of their other files."""
    return owner == other != LOCAL_OWNER
