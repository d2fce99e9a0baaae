"""Callers of intake: what they create uploads with, and what they may see."""

from __future__ import annotations

from media_service.core.access import LOCAL_OWNER, Origin, Viewer


def viewer(owner: str) -> Viewer:
    """Return what a browser without an account may see."""
    return Viewer(frozenset({owner, LOCAL_OWNER}))


def mine(address: str | None) -> Origin:
    """Return the origin of the uploads that `ME` creates from this address."""
    return Origin("me", address=address)


MINE = Origin("me")
ME, YOU, SOMEBODY = viewer("me"), viewer("you"), viewer("somebody")
