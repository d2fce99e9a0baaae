"""Verification of whole files, with a real tag worker."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from media_service.core.digest import BLOCK_BYTES
from media_service.core.upload import Slice
from media_service.core.upload_states import State
from media_service.media.inspection.inspector import MediaInspector, MediaOptions, TagOptions
from media_service.media.workers.pool import TagWorker
from tests.core.samples import FACTS, make_upload
from tests.media.raw_id3 import frame, tag
from tests.support.mp3 import make_mp3, make_mp3_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

CONTENT = make_mp3_of(BLOCK_BYTES + 100_000)
SHA256 = hashlib.sha256(CONTENT).digest()


@pytest_asyncio.fixture
async def inspector() -> AsyncIterator[MediaInspector]:
    worker = TagWorker()
    inspector = MediaInspector(worker, MediaOptions(tagging=TagOptions()))
    yield inspector
    inspector.close()
    await worker.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.partial"
    path.write_bytes(CONTENT)
    return path


def received(**changes: Any) -> Any:
    return make_upload(**{"state": State.RECEIVED, "length": len(CONTENT)} | changes)


async def test_proven_blocks_are_not_hashed_again(inspector: MediaInspector, path: Path) -> None:
    """A wrong digest, on purpose, shows that the block was not hashed."""
    slices = [
        Slice(0, BLOCK_BYTES, bytes(32)),
        Slice(BLOCK_BYTES, len(CONTENT), hashlib.sha256(CONTENT[BLOCK_BYTES:]).digest()),
    ]
    facts = await inspector.verify(path, received(), slices)
    assert facts.sha256 == SHA256
    assert facts.content_hash == hashlib.sha256(bytes(32) + hashlib.sha256(CONTENT[BLOCK_BYTES:]).digest()).digest()


async def test_stated_length_of_another_file_is_a_warning(inspector: MediaInspector, path: Path) -> None:
    path.write_bytes(content := tag(frame("TLEN", b"\x0060000")) + make_mp3(30))
    facts = await inspector.verify(path, received(length=len(content)), [])
    assert [(found.code, found.expected) for found in facts.findings] == [("duration_mismatch", 60.0)]


async def test_plan_without_tags_changes_nothing(path: Path) -> None:
    worker = TagWorker()
    inspector = MediaInspector(worker, MediaOptions(tagging=TagOptions("none")))
    plan, carried = await inspector.plan_tags(path, received(facts=FACTS, tags={"title": "x"}), None)
    assert (plan.head, plan.cut, plan.tail, carried.tags) == (b"", 0, b"", {})
    inspector.close()
    await worker.close()


async def test_mislabelled_text_is_suggested_but_not_changed(inspector: MediaInspector, tmp_path: Path) -> None:
    path, title = tmp_path / "a", "일요일 밤의 음악 이야기"
    body = frame("TIT2", b"\x00" + title.encode("cp949"))
    path.write_bytes(content := tag(body) + make_mp3(1))
    upload = received(length=len(content), filename="a.mp3", tags={})
    facts = await inspector.verify(path, upload, [])
    assert [(found.code, found.expected) for found in facts.findings] == [("text_mislabelled", "cp949")]
    assert facts.audio is not None
    assert (facts.audio["text_encoding"], facts.audio["suggested_tags"]) == ("cp949", {"title": title})
    plan, _ = await inspector.plan_tags(path, received(length=len(content), facts=facts, tags={}), None)
    assert body in plan.head
