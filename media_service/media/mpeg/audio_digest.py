"""The digests of the sound between the tags: SHA-256, and the CRC that LAME keeps of its music."""

from __future__ import annotations

import hashlib

from media_service.media.mpeg.header import crc16

FOLD = 32767
"""Bytes after which LAME's CRC repeats: x^32767 is 1 modulo its polynomial, so blocks of this size may be XORed."""


class MusicCrc:
    """LAME's CRC of bytes that come in order, in pieces of any size."""

    def __init__(self) -> None:
        self._fold = 0
        self._over = b""

    def update(self, piece: bytes | memoryview) -> None:
        """Takes the next bytes."""
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

    def value(self) -> int:
        """The CRC of all bytes so far."""
        return crc16(self._over, crc16(self._fold.to_bytes(FOLD)))


class AudioDigest:
    """SHA-256 of the audio, and LAME's CRC of the music, with a mark to go back to: the end of the last whole frame."""

    def __init__(self) -> None:
        self._sha = hashlib.sha256()
        self._marked = self._sha.copy()
        self._music = MusicCrc()
        self._music_left: int | None = None
        self._lent = False

    def expect_music(self, size: int) -> None:
        """From here on LAME's CRC counts, for so many bytes."""
        self._music_left = size

    def lend_music(self) -> tuple[MusicCrc, int] | None:
        """The CRC for somebody else to give it the bytes still to come, and how many; None where there are none.

        It is lent once.
        """
        if self._lent or not self._music_left:
            return None
        self._lent = True
        return self._music, self._music_left

    def update(self, piece: memoryview) -> None:
        """Takes the next bytes of the audio."""
        self._sha.update(piece)
        if self._music_left:
            taken = piece[: self._music_left]
            self._music_left -= len(taken)
            if not self._lent:
                self._music.update(taken)

    def mark(self) -> None:
        """A frame ended here."""
        self._marked = self._sha.copy()

    def sha256(self) -> bytes:
        """Of the bytes up to the mark."""
        return self._marked.digest()

    def music_crc(self) -> int | None:
        """LAME's CRC; None where it was not asked for, or not all of its bytes came."""
        return None if self._music_left is None or self._music_left > 0 else self._music.value()
