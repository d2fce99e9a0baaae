"""Keys of objects: what is where below the prefix."""

from __future__ import annotations

UPLOADS = "uploads/"
INCOMING = "incoming/"
SPOOL = "spool/"
TRASH = "trash/"
QUARANTINE = "quarantine/"
REPORT_SUFFIX = ".json"

RESTORED = "restored"
"""Name of the attempt at all bytes of an upload that came back from the quarantine."""


def upload_prefix(upload_id: str) -> str:
    """Return what the keys of all bytes of an upload begin with."""
    return f"{UPLOADS}{upload_id}/"


def slice_key(upload_id: str, start: int, stop: int, attempt: str) -> str:
    """Return the key of an attempt at a slice."""
    return f"{UPLOADS}{upload_id}/{start}-{stop}-{attempt}"


def whole_key(upload_id: str, attempt: str) -> str:
    """Return the key of all bytes of an upload as one object."""
    return f"{UPLOADS}{upload_id}/whole-{attempt}"


def incoming_key(key: str) -> str:
    """Return the key of an assembled file that has no name yet."""
    return INCOMING + key


def spool_key(name: str) -> str:
    """Return the key of a finished file."""
    return SPOOL + name


def trash_key(file_id: str) -> str:
    """Return the key of a finished file in the trash."""
    return TRASH + file_id


def quarantine_key(upload_id: str) -> str:
    """Return the key of a rejected file; its report has REPORT_SUFFIX in addition."""
    return QUARANTINE + upload_id
