"""Suite of `core.ports.media.Media`: what the bytes of a file mean, and how to tag it."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING, Any

import pytest
import pytest_asyncio

from media_service.core.digest import BLOCK_BYTES
from media_service.core.errors.files import ContentHashMismatch, LengthMismatch, NotMp3
from media_service.core.errors.uploads import DigestMismatch
from media_service.core.files import CoverAndChapters
from media_service.core.findings import refusal_of
from media_service.core.upload import Slice
from media_service.core.upload_states import State
from media_service.media.inspection.inspector import MediaInspector, MediaOptions
from media_service.media.workers.pool import TagWorker
from tests.contracts.wrappers import plain, wrapped
from tests.core.samples import FACTS, make_upload
from tests.support.mp3 import make_mp3, make_mp3_of
from tests.support.pictures import JPEG, png

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence
    from pathlib import Path

    from media_service.core.files import RewritePlan
    from media_service.core.findings import Finding
    from media_service.core.ports.media import Media

CONTENT = make_mp3_of(BLOCK_BYTES + 100_000)
SHA256 = hashlib.sha256(CONTENT).digest()
CONTENT_HASH = hashlib.sha256(
    hashlib.sha256(CONTENT[:BLOCK_BYTES]).digest() + hashlib.sha256(CONTENT[BLOCK_BYTES:]).digest()
).digest()
ADAPTERS: dict[str, Callable[[Any], Any]] = {"inspector": plain, "wrapped": lambda media: wrapped(media, "verify")}


@pytest_asyncio.fixture(params=list(ADAPTERS))
async def media(request: pytest.FixtureRequest) -> AsyncIterator[Any]:
    worker = TagWorker()
    inspector = MediaInspector(worker, MediaOptions())
    yield ADAPTERS[request.param](inspector)
    inspector.close()
    await worker.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "a.partial"
    path.write_bytes(CONTENT)
    return path


def received(**changes: Any) -> Any:
    return make_upload(**{"state": State.RECEIVED, "length": len(CONTENT)} | changes)


def rewritten(path: Path, plan: RewritePlan) -> bytes:
    """Return the file as the plan rewrites it."""
    content = path.read_bytes()[: plan.length]
    return plan.head + content[plan.cut : len(content) - len(plan.tail)] + plan.tail


async def rewrite(media: Media, path: Path, picture: bytes | None = None, **changes: Any) -> None:
    """Tag the file as an upload is tagged."""
    plan, _ = await media.plan_tags(path, received(facts=FACTS, **changes), picture)
    path.write_bytes(rewritten(path, plan))


async def test_facts_of_a_complete_mp3(media: Media, path: Path) -> None:
    facts = await media.verify(path, received(digest=SHA256, content_hash=CONTENT_HASH), [])
    assert (facts.size, facts.sha256, facts.content_hash) == (len(CONTENT), SHA256, CONTENT_HASH)
    assert (facts.bitrate, facts.sample_rate, facts.channels) == (128_000, 44_100, 2)
    assert facts.duration == pytest.approx(len(CONTENT) / 16_000, rel=0.01)


async def test_file_without_announced_digest_is_accepted(media: Media, path: Path) -> None:
    assert (await media.verify(path, received(), [])).sha256 == SHA256


async def test_read_ahead_gives_the_same_digests(media: Media, tmp_path: Path) -> None:
    path, upload = tmp_path / "growing", received(digest=SHA256, content_hash=CONTENT_HASH)
    for start in range(0, len(CONTENT), 1_500_000):
        piece = CONTENT[start : start + 1_500_000]
        with path.open("ab") as file:
            file.write(piece)
        media.follow(upload, path, start + len(piece), [Slice(start, start + len(piece))])
    facts = await media.verify(path, upload, [])
    assert (facts.sha256, facts.content_hash) == (SHA256, CONTENT_HASH)


async def test_forgotten_file_is_read_again(media: Media, tmp_path: Path) -> None:
    path, upload = tmp_path / "changed", received()
    path.write_bytes(bytes(len(CONTENT)))
    media.follow(upload, path, len(CONTENT), [Slice(0, len(CONTENT))])
    await asyncio.sleep(0.2)
    path.write_bytes(CONTENT)
    media.forget(upload.id)
    assert (await media.verify(path, upload, [])).sha256 == SHA256


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
    media: Media, path: Path, announced: dict[str, Any], refusal: type[Exception]
) -> None:
    with pytest.raises(refusal):
        await media.verify(path, received(**announced), [])


async def test_one_changed_byte_is_detected(media: Media, path: Path) -> None:
    changed = bytearray(CONTENT)
    changed[BLOCK_BYTES] ^= 1
    path.write_bytes(changed)
    with pytest.raises(DigestMismatch) as refused:
        await media.verify(path, received(digest=SHA256), [])
    assert refused.value.expected != refused.value.actual


async def test_file_of_another_format_is_refused(media: Media, path: Path) -> None:
    path.write_bytes(b"words " * 1000)
    facts = await media.verify(path, received(length=6000), [])
    assert isinstance(refusal_of(facts.findings), NotMp3)


async def test_missing_file_raises(media: Media, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        await media.verify(tmp_path / "missing", received(), [])
    with pytest.raises(FileNotFoundError):
        await media.plan_tags(tmp_path / "missing", received(facts=FACTS, tags={"title": "x"}), None)
    with pytest.raises(FileNotFoundError):
        await media.plan_edit(tmp_path / "missing", {"title": "x"}, [], CoverAndChapters())
    with pytest.raises(FileNotFoundError):
        await media.front_cover(tmp_path / "missing")


async def test_plan_returns_the_resulting_values(media: Media, path: Path) -> None:
    content = make_mp3(1, {"artist": "김", "title": "old"})
    path.write_bytes(content)
    plan, carried = await media.plan_tags(path, received(facts=FACTS, tags={"title": "밤"}), None)
    assert carried.tags == {"artist": "김", "title": "밤"}
    assert (plan.head + content[plan.cut :]).endswith(content[-1000:])
    assert len(plan.head) % 4096 == plan.cut % 4096


async def test_upload_that_will_be_rejected_is_reported_early(media: Media, tmp_path: Path) -> None:
    content = b"words " * 1_000_000
    path, upload = tmp_path / "growing", received(length=len(content))
    path.write_bytes(content[: 2**21])
    media.follow(upload, path, 2**21, [Slice(0, 2**21)])
    async with asyncio.timeout(20):
        upload_id, findings = await first_early_rejection(media)
    assert upload_id == upload.id
    assert isinstance(refusal_of(findings), NotMp3)


async def first_early_rejection(media: Media) -> tuple[str, Sequence[Finding]]:
    async for rejection in media.early_rejections():
        return rejection
    raise AssertionError("the rejections have an end")


async def test_forgetting_an_unknown_upload_is_no_error(media: Media) -> None:
    media.forget("nobody")


async def test_picture_is_described_by_its_own_bytes(media: Media) -> None:
    picture = await media.inspect_picture(png(30, 20))
    assert picture is not None
    assert (picture.media_type, picture.width, picture.height, picture.fault) == ("image/png", 30, 20, None)
    assert await media.inspect_picture(b"<svg></svg>") is None


async def test_front_cover_is_the_picture_that_was_planned(media: Media, path: Path) -> None:
    path.write_bytes(make_mp3(1))
    assert await media.front_cover(path) is None
    await rewrite(media, path, JPEG)
    assert await media.front_cover(path) == JPEG
    await rewrite(media, path)
    assert await media.front_cover(path) == JPEG


async def test_edit_writes_and_removes_tags_and_keeps_the_audio(media: Media, path: Path) -> None:
    audio = make_mp3(1)
    path.write_bytes(make_mp3(1, {"artist": "Kim", "title": "Old", "album": "Kept"}))
    plan, planned = await media.plan_edit(path, {"title": "New"}, ["artist"], CoverAndChapters())
    path.write_bytes(rewritten(path, plan))
    _, values = await media.plan_tags(path, received(facts=FACTS, tags={}, filename=""), None)
    assert values.tags == planned.tags == {"title": "New", "album": "Kept"}
    assert audio in path.read_bytes()


async def test_plan_says_whether_the_file_will_have_a_cover(media: Media, path: Path) -> None:
    path.write_bytes(make_mp3(1))
    upload = received(facts=FACTS, tags={"title": "x"})
    assert [(await media.plan_tags(path, upload, picture))[1].has_cover for picture in (None, JPEG)] == [False, True]
    await rewrite(media, path, JPEG)
    for tags, enclosed, expected in (
        ({"title": "New"}, CoverAndChapters(), True),
        ({}, CoverAndChapters(chapters=()), True),
        ({}, CoverAndChapters(b""), False),
    ):
        _, planned = await media.plan_edit(path, tags, [], enclosed)
        assert planned.has_cover is expected
