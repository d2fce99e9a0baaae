"""Digests of the audio, compared with a CRC computed bit by bit."""

from __future__ import annotations

import hashlib
import random

import pytest
from fastcrc import crc16

from media_service.media.mpeg.audio_digest import AudioDigest
from tests.support.stream import music_crc

AUDIO = random.Random(7).randbytes(100_000)


def test_crc_parameters_are_those_of_the_standards() -> None:
    """The check values of the catalogue of parametrised CRC algorithms."""
    assert crc16.arc(b"123456789") == 0xBB3D
    assert crc16.cms(b"123456789") == 0xAEE7


@pytest.mark.parametrize("size", [1, 417, 32_767, 100_000])
def test_pieces_of_any_size_give_the_same_digests(size: int) -> None:
    audio = AudioDigest()
    audio.expect_music(90_001)
    for at in range(0, len(AUDIO), size):
        audio.update(memoryview(AUDIO)[at : at + size])
    audio.mark()
    assert audio.music_crc() == music_crc(AUDIO[:90_001])
    assert audio.sha256() == hashlib.sha256(AUDIO).digest()


def test_incomplete_music_has_no_crc() -> None:
    audio = AudioDigest()
    assert audio.music_crc() is None
    audio.expect_music(len(AUDIO) + 1)
    audio.update(memoryview(AUDIO))
    assert audio.music_crc() is None


def test_the_rest_counts_for_all_bytes_only() -> None:
    audio = AudioDigest()
    audio.expect_music(2000)
    audio.update(memoryview(AUDIO)[:1000])
    audio.mark()
    audio.update_rest(AUDIO[1000:])
    assert (audio.sha256(), audio.music_crc()) == (hashlib.sha256(AUDIO[:1000]).digest(), None)
    assert audio.sha256_of_all() == hashlib.sha256(AUDIO).digest()


def test_bytes_after_the_mark_are_left_out_of_the_sha256() -> None:
    audio = AudioDigest()
    audio.update(memoryview(AUDIO)[:1000])
    audio.mark()
    audio.update(memoryview(AUDIO)[1000:])
    assert audio.sha256() == hashlib.sha256(AUDIO[:1000]).digest()
