"""Measure each pass over a file, run alone: processor seconds for one GiB, as the service makes the pass."""

from __future__ import annotations

import hashlib
import os
import time
from statistics import median
from typing import TYPE_CHECKING

from media_service.core.digest import ContentHash
from media_service.media.mpeg.audio_digest import AudioDigest
from media_service.media.mpeg.parser import FrameParser
from media_service.storage.copy_range import CHUNK_BYTES, copy_range
from media_service.storage.direct_write import write_direct
from media_service.storage.read_back import ReadBackDigest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

MIB = 1 << 20


class Unhashed(AudioDigest):
    """Computes no digest: the frame parser alone is measured."""

    def update(self, piece: memoryview) -> None:
        """Do nothing."""

    def update_rest(self, piece: object) -> None:
        """Do nothing."""


def blocks(path: Path) -> Iterator[bytes]:
    """Yield the file in pieces of 1 MiB."""
    with path.open("rb", buffering=0) as file:
        while block := file.read(MIB):
            yield block


def read(path: Path) -> None:
    """Read the file."""
    for _ in blocks(path):
        pass


def sha256(path: Path) -> None:
    """Compute the file's SHA-256."""
    digest = hashlib.sha256()
    for block in blocks(path):
        digest.update(block)


def content_hash(path: Path) -> None:
    """Compute the content hash without proven blocks."""
    digest = ContentHash()
    for block in blocks(path):
        digest.update(block)


def parse(path: Path, audio: AudioDigest | None = None) -> int:
    """Return the number of frames."""
    parser = FrameParser(audio)
    for block in blocks(path):
        parser.feed(block)
    report = parser.finish()
    assert not report.gaps, "the payload is damaged"
    return report.frames


def copy_durably(source: Path, target: Path) -> None:
    """Make a synced copy of a synced file, as the kernel makes it, and delete it."""
    size = source.stat().st_size
    with source.open("rb") as reader, target.open("wb") as writer:
        at = 0
        while at < size:
            at += copy_range(reader.fileno(), writer.fileno(), at, min(CHUNK_BYTES, size - at))
        os.fsync(writer.fileno())
    target.unlink()


def read_back(path: Path) -> None:
    """Hash a file as it is read back from the spool."""
    with ReadBackDigest(path) as digest:
        digest.extend(path.stat().st_size)
        digest.digest()


def write_past_cache(source: Path, target: Path) -> None:
    """Make a synced copy of a file as the spool does on ext4, and delete it."""
    target.touch()
    with source.open("rb", buffering=0) as reader:
        write_direct(target, source.stat().st_size, lambda buffer, at: _read_at(reader.fileno(), buffer, at))
    target.unlink()


def _read_at(descriptor: int, buffer: memoryview, at: int) -> None:
    assert os.preadv(descriptor, [buffer], at) == len(buffer)


def pass_costs(path: Path, place: Path, runs: int) -> dict[str, float]:
    """Return the processor seconds of each pass for one GiB. `path` is on the disk that is measured."""
    gib = path.stat().st_size / (1 << 30)
    passes: dict[str, Callable[[], object]] = {
        "read": lambda: read(path),
        "SHA-256": lambda: sha256(path),
        "content hash, no block proven": lambda: content_hash(path),
        "frame parser": lambda: parse(path, Unhashed()),
        "frame parser with digests": lambda: parse(path),
        "copy in the kernel and sync": lambda: copy_durably(path, place / "copy"),
        "read back with SHA-256": lambda: read_back(path),
        "write past the page cache with SHA-256": lambda: write_past_cache(path, place / "copy"),
    }
    return {name: median(_cpu_of(act) for _ in range(runs)) / gib for name, act in passes.items()}


def _cpu_of(act: Callable[[], object]) -> float:
    began = time.process_time()
    act()
    return time.process_time() - began
