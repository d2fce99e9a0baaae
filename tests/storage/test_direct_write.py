"""Files written past the page cache: the bytes, their size and their SHA-256, for every size around a block."""

from __future__ import annotations

import errno
import hashlib
import os
import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from media_service.core.files import RewritePlan
from media_service.storage import spool
from media_service.storage.direct_write import ALIGNMENT_BYTES, BLOCK_BYTES, write_direct

if TYPE_CHECKING:
    from pathlib import Path

CONTENT = random.Random(4).randbytes(2 * BLOCK_BYTES + ALIGNMENT_BYTES + 7)


def fill(buffer: memoryview, offset: int) -> None:
    buffer[:] = CONTENT[offset : offset + len(buffer)]


@pytest.mark.parametrize(
    "size",
    [0, 1, ALIGNMENT_BYTES, ALIGNMENT_BYTES + 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, len(CONTENT)],
)
def test_file_has_the_bytes_and_the_digest(tmp_path: Path, size: int) -> None:
    path = tmp_path / "file"
    path.touch()
    assert write_direct(path, size, fill) == hashlib.sha256(CONTENT[:size]).digest()
    assert path.read_bytes() == CONTENT[:size]


def test_error_of_the_source_is_raised(tmp_path: Path) -> None:
    def fail(_buffer: memoryview, offset: int) -> None:
        if offset:
            raise OSError(errno.EIO, "unreadable")

    path = tmp_path / "file"
    path.touch()
    with pytest.raises(OSError, match="unreadable"):
        write_direct(path, len(CONTENT), fail)


SOURCE = CONTENT[: 3 * ALIGNMENT_BYTES + 5]


@settings(max_examples=60, deadline=None)
@given(
    head=st.binary(max_size=5000),
    tail=st.binary(max_size=300),
    cut=st.integers(0, 5000),
    length=st.integers(6000, len(SOURCE)),
    direct=st.booleans(),
)
@example(head=b"", tail=b"", cut=0, length=len(SOURCE), direct=True)
def test_every_plan_gives_the_same_file_by_direct_and_by_kernel_copy(
    tmp_path_factory: pytest.TempPathFactory, head: bytes, tail: bytes, cut: int, length: int, direct: bool
) -> None:
    folder = tmp_path_factory.mktemp("plan")
    source, target = folder / "source", folder / "target"
    source.write_bytes(SOURCE)
    plan, expected = RewritePlan(head, cut, tail), head + SOURCE[cut : length - len(tail)] + tail
    with pytest.MonkeyPatch.context() as patch:
        if not direct:
            patch.setattr(spool, "write_direct", unsupported)
        assert spool._write(target, source, plan, length) == hashlib.sha256(expected).digest()
    assert target.read_bytes() == expected


def test_source_that_ends_too_early_is_an_error(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.write_bytes(SOURCE)
    with pytest.raises(OSError, match="source ended"):
        spool._write(target, source, RewritePlan(b"head", 7), len(SOURCE) + 1)


def unsupported(path: Path, size: int, _read: object) -> bytes:
    """Fail as a file system without direct I/O does, after some bytes."""
    path.write_bytes(bytes(size))
    raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
