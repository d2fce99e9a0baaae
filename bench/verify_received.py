"""Check that the received files are what was sent."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from bench.payload import audio_digest

if TYPE_CHECKING:
    from pathlib import Path

READ_BYTES = 1 << 20


class SentPayload:
    """A payload with its size and digests."""

    def __init__(self, payload: Path) -> None:
        self.payload = payload
        self._size = payload.stat().st_size
        self._whole = _digest([payload])
        self._audio = audio_digest(payload)

    def mismatch(self, received: dict[str, list[Path]], expected: int) -> str:
        """Return what is wrong with the received files; empty if there are as many as expected, each as it was sent.

        A file whose tag was replaced or changed is compared from the end of the tag.
        """
        if len(received) != expected:
            return f"{len(received)} files were received instead of {expected}"
        for name, paths in received.items():
            if not self._is_equal(paths):
                return f"{name} is not what was sent"
        return ""

    def _is_equal(self, paths: list[Path]) -> bool:
        same_size = sum(path.stat().st_size for path in paths) == self._size
        if same_size and _digest(paths) == self._whole:
            return True
        return len(paths) == 1 and audio_digest(paths[0]) == self._audio


def _digest(paths: list[Path]) -> bytes:
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb", buffering=0) as file:
            while block := file.read(READ_BYTES):
                digest.update(block)
    return digest.digest()
