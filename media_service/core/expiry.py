"""When an upload expires."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from media_service.core.upload import Upload


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetime:
    """How long an upload waits for bytes: microseconds since the last came, and microseconds in all.

    `late_edits`: microseconds after its end for which its sender may change the details of a finished file.
    """

    idle: int
    whole: int
    late_edits: int = 0


def expires_at(upload: Upload, lifetime: Lifetime) -> int:
    """When an unfinished upload ends: every slice moves that on, but never beyond the end of its whole lifetime.

    Without that end an upload that trickles could hold its room on the disk for ever.
    """
    return min(upload.updated_at + lifetime.idle, deadline_at(upload, lifetime))


def deadline_at(upload: Upload, lifetime: Lifetime) -> int:
    """When an unfinished upload ends even if bytes are coming just then."""
    return upload.created_at + lifetime.whole
