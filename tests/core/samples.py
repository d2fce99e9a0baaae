"""Values that several rooms' tests begin with."""

from __future__ import annotations

from typing import Any

from media_service.core.limits import Limits
from media_service.core.upload import Facts, Upload
from media_service.core.upload_states import State

LIMITS = Limits(file=1000, slice=100, slice_size=40)

FACTS = Facts(
    size=1000,
    sha256=bytes(32),
    content_hash=bytes(range(32)),
    duration=12.5,
    bitrate=128_000,
    sample_rate=44_100,
    channels=2,
)


def make_upload(**changes: Any) -> Upload:
    """An upload of 300 bytes of which none has come, with these changes."""
    plain: dict[str, Any] = {
        "id": "u",
        "owner": "local",
        "dialect": "native",
        "state": State.RECEIVING,
        "filename": "show.mp3",
        "length": 300,
        "created_at": 1,
        "updated_at": 1,
        "tags": {},
    }
    return Upload(**plain | changes)
