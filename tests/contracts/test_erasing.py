"""Suite of `core.ports.erasing.ErasableRows`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from media_service.core import audit
from media_service.core.access import Role
from media_service.core.accounts import Owner, OwnerKind, Token, TokenKind
from media_service.core.files import LoudnessReport, Trashed
from media_service.core.people import ERASED_OWNER
from media_service.core.places import trashed
from media_service.core.upload import Slice
from tests.catalogue.samples import make_file, spooled
from tests.core.samples import make_upload

if TYPE_CHECKING:
    from media_service.core.ports.erasing import ErasableRows
    from tests.contracts.catalogues import Subject

KIM, LEE = (
    Owner(id=f"person:{name}", kind=OwnerKind.PERSON, role=Role.SENDER, name=name, created_at=1)
    for name in ("kim", "lee")
)
OF_KIM: dict[str, Any] = {"owner": KIM.id, "account": KIM.id, "sender": "Kim", "email": "kim@radio.example"}
ENTRY = audit.AuditEntry(at=9, action="x", actor=audit.Actor("person:lee", "Lee"), subject=audit.Subject(KIM.id))
TABLES = ("uploads", "files", "listed_files", "trashed_files", "loudness", "covers", "slices")


@pytest.fixture
def rows(subject: Subject) -> ErasableRows:
    rows: ErasableRows = subject.catalogue.erasing
    return rows


async def deliver(catalogue: Any, number: int, **changes: Any) -> None:
    file = make_file(number, **changes)
    names = {name: value for name, value in changes.items() if name != "id"}
    await catalogue.create(make_upload(id=file.upload_id, created_at=1, **names))
    await catalogue.deliver(spooled(file, **names), file)


async def put_into_trash(catalogue: Any, number: int, by: str = "person:kim") -> None:
    file = await catalogue.file(f"f{number}")
    await catalogue.places.move(trashed(file, Trashed(5, by, "Kim", "too old")), file.place)


async def test_uploads_of_an_owner_are_its_own_and_those_of_its_quota(catalogue: Any, rows: ErasableRows) -> None:
    await catalogue.create(make_upload(id="own", owner=KIM.id))
    await catalogue.create(make_upload(id="counted", owner="browser:x", account=KIM.id))
    await catalogue.create(make_upload(id="other", owner=LEE.id, account=LEE.id))
    assert sorted(await rows.uploads_of(KIM.id, 9)) == ["counted", "own"]
    assert len(await rows.uploads_of(KIM.id, 1)) == 1


async def test_anonymous_upload_and_file_name_nobody(catalogue: Any, rows: ErasableRows) -> None:
    await deliver(catalogue, 1, **OF_KIM)
    await rows.anonymize("u1")
    await rows.anonymize("u1")
    file, (upload, _) = await catalogue.file("f1"), await catalogue.load("u1")
    for left in (file, upload):
        assert (left.owner, left.account, left.sender, left.email) == (ERASED_OWNER, None, None, None)
    assert file.tags == make_file().tags
    assert await rows.uploads_of(KIM.id, 9) == []


async def test_fields_of_the_dialect_are_removed(catalogue: Any, rows: ErasableRows) -> None:
    fields = {"Upload-Metadata": "sender S2lt"}
    await catalogue.create(make_upload(id="u", protocol_fields=fields))
    await rows.anonymize("u")
    assert (await catalogue.load("u"))[0].protocol_fields is None


async def test_what_was_read_before_is_not_saved_after(catalogue: Any, rows: ErasableRows) -> None:
    upload = make_upload(id="u", **OF_KIM)
    await catalogue.create(upload)
    await rows.anonymize("u")
    assert (await catalogue.load("u"))[0].version == upload.version + 1


async def test_anonymous_file_is_found_by_its_tags_and_not_by_its_sender(catalogue: Any, rows: ErasableRows) -> None:
    await deliver(catalogue, 1, **OF_KIM | {"sender": "Zacharias"})
    assert len((await catalogue.list_files("zacharias", "-uploaded_at", None, 9))[0]) == 1
    await rows.anonymize("u1")
    assert (await catalogue.list_files("zacharias", "-uploaded_at", None, 9))[0] == []
    assert [file.id for file in (await catalogue.list_files("night", "-uploaded_at", None, 9))[0]] == ["f1"]
    listed = await catalogue.list_files("", "-uploaded_at", None, 9, owner=OF_KIM["account"])
    assert listed[0] == []


async def test_anonymous_file_in_the_trash_is_not_found_by_its_sender(catalogue: Any, rows: ErasableRows) -> None:
    await deliver(catalogue, 1, **OF_KIM | {"sender": "Zacharias"})
    await put_into_trash(catalogue, 1)
    await rows.anonymize("u1")
    found = [await catalogue.places.list_trash(search, None, 9) for search in ("zacharias", "night")]
    assert [[file.id for file in page] for page, _ in found] == [[], ["f1"]]
    assert (await catalogue.places.list_trash("", None, 9, owner=OF_KIM["account"]))[0] == []


async def test_who_put_a_file_into_the_trash_is_erased(catalogue: Any, rows: ErasableRows) -> None:
    await catalogue.accounts.add_owner(KIM, "kim")
    for number, by in ((1, KIM.id), (2, LEE.id)):
        await deliver(catalogue, number, owner=LEE.id)
        await put_into_trash(catalogue, number, by)
    assert await rows.erase_owner(KIM.id, ENTRY)
    files = [await catalogue.file(f"f{number}") for number in (1, 2)]
    assert [file.trashed for file in files] == [
        Trashed(5, None, "", "too old"),
        Trashed(5, LEE.id, "Kim", "too old"),
    ]


async def test_deleted_upload_leaves_no_row(subject: Subject, catalogue: Any, rows: ErasableRows) -> None:
    await deliver(catalogue, 1, **OF_KIM)
    await catalogue.save_loudness("f1", LoudnessReport(), 1)
    await catalogue.create(make_upload(id="open", **OF_KIM))
    await catalogue.record("open", Slice(0, 5), 1)
    await catalogue.save_cover((await catalogue.load("open"))[0], b"picture")
    await deliver(catalogue, 2, owner=LEE.id)
    await deliver(catalogue, 3, **OF_KIM)
    await put_into_trash(catalogue, 3)
    for upload_id in ("u1", "open", "u1", "u3"):
        await rows.delete_upload(upload_id)
    counts = {table: subject.rows(f"SELECT count(*) FROM {table}")[0][0] for table in TABLES}
    left = {"uploads": 1, "files": 1, "listed_files": 1}
    assert counts == dict.fromkeys(TABLES, 0) | left
    assert [file.id for file in (await catalogue.list_files("", "title", None, 9))[0]] == ["f2"]


async def test_owner_is_erased_with_all_that_names_it(subject: Subject, rows: ErasableRows) -> None:
    accounts = subject.catalogue.accounts
    for owner in (KIM, LEE):
        await accounts.add_owner(owner, owner.name)
    await accounts.add_token(Token(id="t", kind=TokenKind.API, owner=KIM.id, name="Kim's", created_at=1), bytes(32))
    for statement in (
        "INSERT INTO collections (id, slug, title, created_at) VALUES ('c', 'c', 'C', 1)",
        "INSERT INTO grants VALUES ('person:kim', 'c')",
        "UPDATE owners SET created_by = 'person:kim' WHERE id = 'person:lee'",
        *(
            "INSERT INTO audit (at, actor, actor_name, address, action, subject, subject_name, outcome, details)"
            f" VALUES (1, '{actor}', '{actor} N', '192.0.2.1', 'x', '{of}', '{of} N', 'done', '{{\"a\": 1}}')"
            for actor, of in (("person:kim", "f"), ("person:lee", "person:kim"), ("person:lee", "t"))
        ),
    ):
        subject.write(statement)
    assert await rows.erase_owner(KIM.id, ENTRY)
    assert not await rows.erase_owner(KIM.id, ENTRY)
    for table in ("tokens", "grants", "usage WHERE id LIKE 'person:kim'", "owners WHERE id = 'person:kim'"):
        assert subject.rows(f"SELECT * FROM {table}") == []
    assert subject.rows("SELECT id, created_by FROM owners") == [("person:lee", None)]
    assert subject.rows("SELECT actor_name, address, subject_name, details FROM audit ORDER BY id") == [
        ("", None, "f N", '{"a": 1}'),
        ("person:lee N", "192.0.2.1", "", "{}"),
        ("person:lee N", "192.0.2.1", "", "{}"),
        ("Lee", None, "", "{}"),
    ]


@pytest.mark.parametrize("names", [{"owner": KIM.id}, {"owner": "browser:x", "account": KIM.id}])
async def test_owner_of_an_upload_is_not_erased(
    subject: Subject, catalogue: Any, rows: ErasableRows, names: dict[str, str]
) -> None:
    await subject.catalogue.accounts.add_owner(KIM, "kim")
    await catalogue.create(make_upload(id="u", **names))
    assert not await rows.erase_owner(KIM.id, ENTRY)
    assert await subject.catalogue.accounts.owner(KIM.id) == KIM
    await rows.anonymize("u")
    assert await rows.erase_owner(KIM.id, ENTRY)
    assert await subject.catalogue.accounts.owner(KIM.id) is None


async def test_usage_is_what_the_rows_that_are_left_add_up_to(
    subject: Subject, catalogue: Any, rows: ErasableRows
) -> None:
    await deliver(catalogue, 1, **OF_KIM, collection="c")
    await deliver(catalogue, 2, **OF_KIM, collection="c")
    await catalogue.create(make_upload(id="open", length=50, **OF_KIM))
    await rows.anonymize("u1")
    for upload_id in ("u2", "open"):
        await rows.delete_upload(upload_id)
    assert all(row.is_right for row in subject.check_usage())
    size = make_file(1).spool_entry.size
    assert subject.rows("SELECT * FROM usage ORDER BY id") == [
        ("collection:c", 1, size, 0, 0),
        ("person:kim", 0, 0, 0, 0),
        ("service", 1, size, 0, 0),
    ]
