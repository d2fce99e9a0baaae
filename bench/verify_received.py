"""What arrived is what was sent: a fast server that loses bytes is no server."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from bench.payload import audio_digest

if TYPE_CHECKING:
    from pathlib import Path

READ = 1 << 20


class Sent:
    """The payload, and what is known of it."""

    def __init__(self, payload: Path) -> None:
        self.payload = payload
        self._size = payload.stat().st_size
        self._whole = _digest([payload])
        self._audio = audio_digest(payload)

    def wrong(self, landed: dict[str, list[Path]], expected: int) -> str:
        """What is wrong with the files that landed; empty when there are as many as expected, each as it was sent.

        A file whose tag was replaced or marked is compared from the tag's end on.
        """
        if len(landed) != expected:
            return f"{len(landed)} files landed instead of {expected}"
        for name, paths in landed.items():
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
            while block := file.read(READ):
                digest.update(block)
    return digest.digest()
