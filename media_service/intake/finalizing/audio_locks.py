"""Deliver uploads with the same audio one at a time, so that each finds the ones before it as duplicates.

The first verified upload has the lock until it ends, through all retries; then those that wait are returned.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from media_service.core.upload import Facts, Upload


class AudioLocks:
    """Locks by audio, each with one upload and those that wait for it."""

    def __init__(self) -> None:
        self._holders: dict[bytes, str] = {}
        self._waiting_by_audio: defaultdict[bytes, list[Upload]] = defaultdict(list)

    @property
    def holders(self) -> set[str]:
        """Return the uploads that have a lock."""
        return set(self._holders.values())

    def acquire(self, upload: Upload) -> bool:
        """Return whether the verified upload has its audio's lock; otherwise it waits for it."""
        assert upload.facts is not None
        audio = _audio_of(upload.facts)
        if self._holders.setdefault(audio, upload.id) == upload.id:
            return True
        self._waiting_by_audio[audio].append(upload)
        return False

    def release(self, upload_id: str) -> list[Upload]:
        """Release the locks of an upload that ended or is given up; return those that waited."""
        released = [audio for audio, holder in self._holders.items() if holder == upload_id]
        for audio in released:
            del self._holders[audio]
        return [upload for audio in released for upload in self._waiting_by_audio.pop(audio, [])]


def _audio_of(facts: Facts) -> bytes:
    return facts.audio_sha256 or facts.content_hash
