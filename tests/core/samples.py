"""Values that tests of several folders start from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from media_service.core import admission
from media_service.core.limits import Limits
from media_service.core.ranges import Ranges, Span
from media_service.core.upload import Facts, Upload
from media_service.core.upload_states import State

if TYPE_CHECKING:
    from media_service.core.admission import WriteWindow

LIMITS = Limits(file=1000, slice=100, slice_size=40)

RECORDED = Ranges([Span(50, 60), Span(100, 120)])

spans = st.builds(lambda a, b: Span(min(a, b), max(a, b)), st.integers(0, 320), st.integers(0, 320))

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
    """Return an upload of 300 bytes, none of which has come, with these changes."""
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


def admit(start: int, size: int | None, recorded: Ranges = RECORDED, upload: Upload | None = None) -> WriteWindow:
    return admission.admit(upload or make_upload(), recorded, start, size, limits=LIMITS, dialect="native")
