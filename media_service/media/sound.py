"""The digests of the sound between the tags: SHA-256, and the CRC that LAME keeps of its music."""

from __future__ import annotations

import hashlib

from media_service.media.mpeg import crc16

FOLD = 32767
"""Bytes after which LAME's CRC repeats: x^32767 is 1 modulo its polynomial, so blocks of this size may be XORed."""


class AudioDigest:
    """SHA-256 of the audio, and LAME's CRC of the music, with a mark to go back to: the end of the last whole frame."""

    def __init__(self) -> None:
        self._sha = hashlib.sha256()
        self._marked = self._sha.copy()
        self._music_left: int | None = None
        self._fold = 0
        self._over = b""

    def expect_music(self, size: int) -> None:
        """From here on LAME's CRC counts, for so many bytes."""
        self._music_left = size

    def update(self, piece: memoryview) -> None:
        """Takes the next bytes of the audio."""
        self._sha.update(piece)
        if self._music_left:
            taken = piece[: self._music_left]
            self._music_left -= len(taken)
            self._fold_in(taken)

    def mark(self) -> None:
        """A frame ended here."""
        self._marked = self._sha.copy()

    def sha256(self) -> bytes:
        """Of the bytes up to the mark."""
        return self._marked.digest()

    def music_crc(self) -> int | None:
        """LAME's CRC; None where it was not asked for, or not all of its bytes came."""
        if self._music_left is None or self._music_left > 0:
            return None
        return crc16(self._over, crc16(self._fold.to_bytes(FOLD)))

    def _fold_in(self, piece: memoryview) -> None:
        if len(self._over) + len(piece) < FOLD:
            self._over += bytes(piece)
            return
        at = 0
        fold = self._fold
        if self._over:
            at = FOLD - len(self._over)
            fold ^= int.from_bytes(self._over + bytes(piece[:at]))
        last = len(piece) - FOLD
        while at <= last:
            fold ^= int.from_bytes(piece[at : at + FOLD])
            at += FOLD
        self._fold, self._over = fold, bytes(piece[at:])
