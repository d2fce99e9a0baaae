"""Of uploads with the same sound one is delivered at a time, so that the next one finds it when it looks for its like.

Whoever is verified first has the claim until it ends, through all troubles; those behind it are told when that is.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from media_service.core.upload import Facts, Upload


class AudioLocks:
    """Who may be delivered, by sound."""

    def __init__(self) -> None:
        self._holders: dict[bytes, str] = {}
        self._waiting_by_audio: defaultdict[bytes, list[Upload]] = defaultdict(list)

    def acquire(self, upload: Upload) -> bool:
        """Whether the verified upload has the claim to its sound now; otherwise it stands behind the one that has."""
        assert upload.facts is not None
        sound = _sound_of(upload.facts)
        if self._holders.setdefault(sound, upload.id) == upload.id:
            return True
        self._waiting_by_audio[sound].append(upload)
        return False

    def release(self, upload_id: str) -> list[Upload]:
        """The upload has ended, or is left alone: who stood behind it, to be looked at again."""
        sounds = [sound for sound, holder in self._holders.items() if holder == upload_id]
        for sound in sounds:
            del self._holders[sound]
        return [upload for sound in sounds for upload in self._waiting_by_audio.pop(sound, [])]


def _sound_of(facts: Facts) -> bytes:
    """What two files have in common that are the same to a listener; without any sound, the same bytes."""
    return facts.audio_sha256 or facts.content_hash
