"""Suite of `core.ports.catalogue.Catalogue`: which uploads are found."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from media_service.core.chapters import Chapter
from media_service.core.upload import Slice
from media_service.core.upload_states import FINISHING, State
from tests.catalogue.samples import keep, make_file
from tests.core.samples import FACTS, make_upload

if TYPE_CHECKING:
    from media_service.core.ports.catalogue import Catalogue


async def test_uploads_in_a_state_come_oldest_first(catalogue: Catalogue) -> None:
    for number, state in enumerate([State.VERIFIED, State.RECEIVING, State.RECEIVED]):
        await catalogue.create(make_upload(id=f"u{number}", state=state, created_at=9 - number))
    assert [upload.id for upload in await catalogue.in_state(FINISHING)] == ["u2", "u0"]
    assert await catalogue.in_state(set()) == []
    assert await catalogue.ids_in_state(FINISHING) == {"u0", "u2"}
    assert await catalogue.ids_in_state(set()) == set()


async def test_reads_of_many_uploads_leave_out_their_texts(catalogue: Catalogue) -> None:
    upload = make_upload(tags={"title": "x"}, chapters=(Chapter(0, "one"),), protocol_fields={"metadata": "a b"})
    await catalogue.create(upload)
    assert await catalogue.in_state({State.RECEIVING}) == [replace(upload, tags={}, chapters=())]
    assert await catalogue.expiring(10, 10) == [replace(upload, tags={}, chapters=())]


async def test_idle_uploads_and_old_uploads_are_expiring(catalogue: Catalogue) -> None:
    await catalogue.create(make_upload(id="old", updated_at=5))
    await catalogue.create(make_upload(id="touched", updated_at=20))
    await catalogue.create(make_upload(id="receives", updated_at=5))
    await catalogue.create(make_upload(id="ended", updated_at=5, state=State.CANCELLED))
    await catalogue.record("receives", Slice(0, 1), 5)
    await catalogue.record("receives", Slice(1, 2), 20)
    await catalogue.create(make_upload(id="trickles", created_at=-9, updated_at=20))
    assert [upload.id for upload in await catalogue.expiring(10, -9)] == ["old"]
    assert [upload.id for upload in await catalogue.expiring(5, -8)] == ["trickles"]


async def test_uploads_whose_every_byte_is_recorded_are_found(catalogue: Catalogue) -> None:
    for upload_id, length in (("whole", 300), ("gap", 300), ("unknown", None), ("further", 300), ("empty", 300)):
        await catalogue.create(make_upload(id=upload_id, length=length))
    for upload_id in ("whole", "unknown", "further"):
        await catalogue.record(upload_id, Slice(100, 300), 2)
        await catalogue.record(upload_id, Slice(0, 100), 2, complete=upload_id == "further")
    await catalogue.record("gap", Slice(0, 100), 2)
    await catalogue.record("gap", Slice(101, 300), 2)
    assert await catalogue.receiving_whole() == ["whole"]


async def test_the_duplicate_of_bytes_is_the_owners_newest(catalogue: Catalogue) -> None:
    await keep(catalogue, make_file(1), make_file(2), make_file(3, owner="else"))
    twin = await catalogue.duplicate_of_bytes("local", FACTS.content_hash, FACTS.size)
    assert twin is not None
    assert (twin.id, twin.file_id) == ("u2", "f2")
    assert await catalogue.duplicate_of_bytes("local", FACTS.content_hash, FACTS.size + 1) is None
    assert await catalogue.duplicate_of_bytes("local", bytes(32), FACTS.size) is None
    assert await catalogue.duplicate_of_bytes("nobody", FACTS.content_hash, FACTS.size) is None
