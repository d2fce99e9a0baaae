"""When an upload expires, and a file in the trash."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from media_service.core.upload import Upload


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifetime:
    """Microseconds until an upload expires: `idle` since its last slice, `whole` since its creation.

    `late_edits`: microseconds after its end during which its sender may edit the finished file's details. `trash`:
    microseconds that a finished file stays in the trash. `take_back`: microseconds after its delivery during which its
    sender may put it there, and restore it.
    """

    idle: int
    whole: int
    late_edits: int = 0
    trash: int = 0
    take_back: int = 0


def expires_at(upload: Upload, lifetime: Lifetime) -> int:
    """Return when an unfinished upload expires. `whole` ends one that trickles to keep its disk space."""
    return min(upload.updated_at + lifetime.idle, deadline_at(upload, lifetime))


def deadline_at(upload: Upload, lifetime: Lifetime) -> int:
    """Return when an unfinished upload ends even while bytes arrive."""
    return upload.created_at + lifetime.whole
