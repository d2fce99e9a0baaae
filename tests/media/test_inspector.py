"""Verification of whole files, with a real tag worker."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from media_service.core.digest import BLOCK_BYTES
from media_service.core.errors.files import ContentHashMismatch, LengthMismatch, NotMp3
from media_service.core.errors.uploads import DigestMismatch
from media_service.core.findings import refusal_of
from media_service.core.upload import Slice
from media_service.core.upload_states import State
from media_service.load import LoadMonitor
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
CONTENT_HASH = hashlib.sha256(
    hashlib.sha256(CONTENT[:BLOCK_BYTES]).digest() + hashlib.sha256(CONTENT[BLOCK_BYTES:]).digest()
).digest()


@pytest_asyncio.fixture
async def inspector() -> AsyncIterator[MediaInspector]:
    worker = TagWorker()
    inspector = MediaInspector(worker, MediaOptions(tagging=TagOptions()), load=LoadMonitor())
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


async def test_facts_of_a_complete_mp3(inspector: MediaInspector, path: Path) -> None:
    facts = await inspector.verify(path, received(digest=SHA256, content_hash=CONTENT_HASH), [])
    assert (facts.size, facts.sha256, facts.content_hash) == (len(CONTENT), SHA256, CONTENT_HASH)
    assert (facts.bitrate, facts.sample_rate, facts.channels) == (128_000, 44_100, 2)
    assert facts.duration == pytest.approx(len(CONTENT) / 16_000, rel=0.01)


async def test_file_without_announced_digest_is_accepted(inspector: MediaInspector, path: Path) -> None:
    assert (await inspector.verify(path, received(), [])).sha256 == SHA256


async def test_read_ahead_gives_the_same_digests(inspector: MediaInspector, tmp_path: Path) -> None:
    path, upload = tmp_path / "growing", received(digest=SHA256, content_hash=CONTENT_HASH)
    for start in range(0, len(CONTENT), 1_500_000):
        piece = CONTENT[start : start + 1_500_000]
        with path.open("ab") as file:
            file.write(piece)
        inspector.follow(upload, path, start + len(piece), Slice(start, start + len(piece)))
    facts = await inspector.verify(path, upload, [])
    assert (facts.sha256, facts.content_hash) == (SHA256, CONTENT_HASH)


async def test_proven_blocks_are_not_hashed_again(inspector: MediaInspector, path: Path) -> None:
    """A wrong digest, on purpose, shows that the block was not hashed."""
    slices = [
        Slice(0, BLOCK_BYTES, bytes(32)),
        Slice(BLOCK_BYTES, len(CONTENT), hashlib.sha256(CONTENT[BLOCK_BYTES:]).digest()),
    ]
    facts = await inspector.verify(path, received(), slices)
    assert facts.sha256 == SHA256
    assert facts.content_hash == hashlib.sha256(bytes(32) + hashlib.sha256(CONTENT[BLOCK_BYTES:]).digest()).digest()


async def test_forgotten_file_is_read_again(inspector: MediaInspector, tmp_path: Path) -> None:
    path, upload = tmp_path / "changed", received()
    path.write_bytes(bytes(len(CONTENT)))
    inspector.follow(upload, path, len(CONTENT), Slice(0, len(CONTENT)))
    await asyncio.sleep(0.2)
    path.write_bytes(CONTENT)
    inspector.forget(upload.id)
    assert (await inspector.verify(path, upload, [])).sha256 == SHA256


@pytest.mark.parametrize(
    ("announced", "refusal"),
    [
        ({"length": len(CONTENT) + 1}, LengthMismatch),
        ({"length": len(CONTENT) - 1}, LengthMismatch),
        ({"digest": bytes(32)}, DigestMismatch),
        ({"content_hash": SHA256}, ContentHashMismatch),
    ],
)
async def test_content_other_than_announced_is_refused(
    inspector: MediaInspector, path: Path, announced: dict[str, Any], refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        await inspector.verify(path, received(**announced), [])


async def test_one_changed_byte_is_detected(inspector: MediaInspector, path: Path) -> None:
    changed = bytearray(CONTENT)
    changed[BLOCK_BYTES] ^= 1
    path.write_bytes(changed)
    with pytest.raises(DigestMismatch) as refused:
        await inspector.verify(path, received(digest=SHA256), [])
    assert refused.value.expected != refused.value.actual


async def test_file_of_another_format_is_refused(inspector: MediaInspector, path: Path) -> None:
    path.write_bytes(b"words " * 1000)
    facts = await inspector.verify(path, received(length=6000), [])
    assert isinstance(refusal_of(facts.findings), NotMp3)


async def test_missing_file_raises(inspector: MediaInspector, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await inspector.verify(tmp_path / "missing", received(), [])
    with pytest.raises(FileNotFoundError):
        await inspector.plan_tags(tmp_path / "missing", received(facts=FACTS, tags={"title": "x"}), None)


async def test_stated_length_of_another_file_is_a_warning(inspector: MediaInspector, path: Path) -> None:
    path.write_bytes(content := tag(frame("TLEN", b"\x0060000")) + make_mp3(30))
    facts = await inspector.verify(path, received(length=len(content)), [])
    assert [(found.code, found.expected) for found in facts.findings] == [("duration_mismatch", 60.0)]


async def test_plan_returns_the_resulting_values(inspector: MediaInspector, path: Path) -> None:
    content = make_mp3(1, {"artist": "김", "title": "old"})
    path.write_bytes(content)
    plan, carried = await inspector.plan_tags(path, received(facts=FACTS, tags={"title": "밤"}), None)
    assert carried.tags == {"artist": "김", "title": "밤"}
    assert (plan.head + content[plan.cut :]).endswith(content[-1000:])
    assert len(plan.head) % 4096 == plan.cut % 4096


async def test_plan_without_tags_changes_nothing(path: Path) -> None:
    worker = TagWorker()
    inspector = MediaInspector(worker, MediaOptions(tagging=TagOptions("none")), load=LoadMonitor())
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
