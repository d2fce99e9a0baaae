"""Suite of `core.ports.catalogue.Catalogue`: what counts for the service, collections and owners, and their limits."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from media_service.core.accounts import OwnerLimits
from media_service.core.errors.limits import FileTooLarge, QuotaExceeded
from media_service.core.errors.service import ChangedMeanwhile
from media_service.core.files import SpoolEntry
from media_service.core.quota import FIRST_CHARGE_BYTES, Quota, StorageLimits
from media_service.core.upload import Slice
from media_service.core.upload_states import GONE, State
from media_service.core.usage import Usage
from tests.catalogue.samples import make_file, spooled
from tests.core.samples import make_upload

if TYPE_CHECKING:
    from media_service.core.ports.catalogue import Catalogue
    from media_service.core.upload import Upload
    from tests.contracts.catalogues import Subject

KIM, LINK, SHOW = "person:kim", "link:show", "show"
SHARED = ("service", f"collection:{SHOW}")
ALL = (*SHARED, KIM)
MIB = 1024 * 1024


def kims(upload_id: str = "u", length: int | None = 300, **changes: Any) -> Upload:
    """Return an upload that counts for all kinds of rows."""
    return make_upload(**{"id": upload_id, "length": length, "account": KIM, "collection": SHOW} | changes)


async def usage(catalogue: Catalogue, *ids: str) -> list[Usage]:
    """Return what counts for these."""
    found = await catalogue.usage_of(ids)
    return [found[usage_id] for usage_id in ids]


def add_owner(subject: Subject, owner: str, files: int | None = None, size: int | None = None) -> None:
    """Insert an owner with these limits."""
    values = ", ".join("NULL" if limit is None else str(limit) for limit in (files, size))
    subject.write(
        "INSERT INTO owners (id, kind, role, name, created_at, files_max, bytes_max)"
        f" VALUES ('{owner}', '{owner.partition(':')[0]}', 'sender', 'Kim', 1, {values})"
    )


async def test_an_upload_counts_for_service_collection_and_account_until_it_ends(catalogue: Catalogue) -> None:
    assert await usage(catalogue, *ALL, "link:unknown") == [Usage()] * 4
    assert await catalogue.create(kims()) == 300
    await catalogue.create(make_upload(id="v", length=50))
    assert await usage(catalogue, *ALL) == [Usage(0, 0, 2, 350), Usage(0, 0, 1, 300), Usage(0, 0, 1, 300)]
    await catalogue.record("u", Slice(0, 300), 2)
    assert await usage(catalogue, KIM) == [Usage(0, 0, 1, 300)]


@pytest.mark.parametrize("state", [*sorted(GONE), State.SPOOLED])
async def test_what_ends_without_a_file_counts_no_more(catalogue: Catalogue, state: State) -> None:
    await catalogue.create(kims())
    saved = await catalogue.save(kims(state=state))
    assert await usage(catalogue, *ALL) == [Usage()] * 3
    await catalogue.save(saved)
    assert await usage(catalogue, *ALL) == [Usage()] * 3


async def test_a_delivered_file_counts_with_its_size_in_the_spool(catalogue: Catalogue) -> None:
    await catalogue.create(kims("u1"))
    file = make_file(account=KIM, collection=SHOW, spool_entry=SpoolEntry("a.mp3", 310, bytes(32)))
    await catalogue.deliver(spooled(file, account=KIM, collection=SHOW), file)
    assert await usage(catalogue, *ALL) == [Usage(1, 310)] * 3
    longer = replace(file, spool_entry=SpoolEntry("a.mp3", 400, bytes(32)))
    await catalogue.retag(longer)
    assert await usage(catalogue, *ALL) == [Usage(1, 400)] * 3
    upload, _ = await catalogue.load("u1") or (None, None)
    assert upload is not None
    await catalogue.retag(file, upload)
    assert await usage(catalogue, *ALL) == [Usage(1, 310)] * 3


async def test_a_refused_delivery_counts_nothing(catalogue: Catalogue) -> None:
    await catalogue.create(kims("u1"))
    file = make_file(account=KIM, collection=SHOW)
    with pytest.raises(ChangedMeanwhile):
        await catalogue.deliver(spooled(file, account=KIM, collection=SHOW, version=5), file)
    assert await usage(catalogue, *ALL) == [Usage(0, 0, 1, 300)] * 3


async def test_what_is_rejected_counts_for_all_but_its_owner_until_it_is_deleted(catalogue: Catalogue) -> None:
    await catalogue.create(kims(state=State.VERIFIED))
    await catalogue.save(kims(state=State.REJECTED))
    assert await usage(catalogue, *ALL) == [Usage(0, 0, 1, 300), Usage(0, 0, 1, 300), Usage()]
    assert await catalogue.charged_in_quarantine() == ["u"]
    await catalogue.forget_rejected("u")
    await catalogue.forget_rejected("u")
    assert await usage(catalogue, *ALL) == [Usage()] * 3
    assert await catalogue.charged_in_quarantine() == []


async def test_what_is_checked_again_counts_for_its_owner_again_whatever_the_limits_are(catalogue: Catalogue) -> None:
    await catalogue.create(kims(state=State.VERIFIED))
    rejected = await catalogue.save(kims(state=State.REJECTED))
    again = await catalogue.save(replace(rejected, state=State.RECEIVED))
    await catalogue.forget_rejected("u")
    assert await usage(catalogue, *ALL) == [Usage(0, 0, 1, 300)] * 3
    await catalogue.save(replace(again, state=State.REJECTED))
    assert await usage(catalogue, *ALL) == [Usage(0, 0, 1, 300), Usage(0, 0, 1, 300), Usage()]


async def test_what_is_rejected_early_counts_with_the_bytes_that_came(catalogue: Catalogue) -> None:
    await catalogue.create(kims(length=10**12))
    await catalogue.record("u", Slice(0, 10), 2)
    await catalogue.record("u", Slice(10**11, 10**11 + 20), 2)
    await catalogue.save(kims(length=10**12, state=State.REJECTED))
    assert await usage(catalogue, *ALL) == [Usage(0, 0, 1, 30), Usage(0, 0, 1, 30), Usage()]


async def test_three_creations_at_once_within_a_limit_of_two_files(subject: Subject, catalogue: Catalogue) -> None:
    add_owner(subject, LINK, files=2)
    creations = [catalogue.create(kims(f"u{number}", account=LINK)) for number in range(3)]
    outcomes = await asyncio.gather(*creations, return_exceptions=True)
    (refusal,) = [outcome for outcome in outcomes if isinstance(outcome, QuotaExceeded)]
    full = {"of": "link", "limit": 2, "used": 0, "reserved": 2, "needed": 1, "unit": "files"}
    assert refusal.details() == full
    assert await usage(catalogue, LINK, "service") == [Usage(0, 0, 2, 600)] * 2
    assert await catalogue.load(f"u{outcomes.index(refusal)}") is None


NEW_COLLECTION = "INSERT INTO collections (id, slug, title, created_at, bytes_max) VALUES ('show', 's', 'S', 1, 420)"
SETTINGS = StorageLimits(service=1000, person=OwnerLimits(bytes=500, files=9, file_bytes=450))


@pytest.mark.parametrize(
    ("own", "most", "of"),
    [
        (NEW_COLLECTION, 120, "collection"),
        ("UPDATE owners SET bytes_max = 410", 110, "owner"),
        ("UPDATE usage SET bytes = 590 WHERE id = 'service'", 110, "service"),
        ("UPDATE owners SET name = 'Kim'", 200, "owner"),
    ],
)
async def test_the_smallest_limit_decides(subject: Subject, catalogue: Catalogue, own: str, most: int, of: str) -> None:
    add_owner(subject, KIM)
    await catalogue.create(kims("u1"), None, SETTINGS)
    subject.write(own)
    allowances = await catalogue.allowances(KIM, SHOW, SETTINGS)
    assert min(each.largest for each in allowances if each.largest is not None) == most
    with pytest.raises(QuotaExceeded) as refusal:
        await catalogue.create(kims("u2", most + 1), Quota(uploads=9), SETTINGS)
    assert (refusal.value.of, refusal.value.needed) == (of, most + 1)
    await catalogue.create(kims("u2", most), Quota(uploads=9), SETTINGS)
    assert await usage(catalogue, KIM) == [Usage(0, 0, 2, 300 + most)]


async def test_one_file_of_an_owner_may_be_limited(subject: Subject, catalogue: Catalogue) -> None:
    add_owner(subject, KIM)
    for upload in (kims(length=451), kims(length=None)):
        if upload.length is None:
            assert await catalogue.create(upload, None, SETTINGS) == 450
            with pytest.raises(FileTooLarge):
                await catalogue.charge(upload, 451, SETTINGS)
        else:
            with pytest.raises(FileTooLarge) as refusal:
                await catalogue.create(upload, None, SETTINGS)
            assert refusal.value.limit == 450


async def test_an_account_without_a_row_has_the_limits_of_the_settings(catalogue: Catalogue) -> None:
    limits = StorageLimits(link=OwnerLimits(files=1))
    assert [each.largest for each in await catalogue.allowances(LINK, None, limits)] == [None, None]
    await catalogue.create(kims("u1", account=LINK), None, limits)
    assert [each.largest for each in await catalogue.allowances(LINK, None, limits)] == [None, 0]
    with pytest.raises(QuotaExceeded):
        await catalogue.create(kims("u2", account=LINK), None, limits)


async def test_bytes_of_unknown_length_are_reserved_in_doubling_steps(catalogue: Catalogue) -> None:
    upload = kims(length=None)
    assert await catalogue.create(upload) == FIRST_CHARGE_BYTES
    assert await catalogue.charge(upload, FIRST_CHARGE_BYTES) == FIRST_CHARGE_BYTES
    assert await catalogue.charge(upload, FIRST_CHARGE_BYTES + 1) == 2 * FIRST_CHARGE_BYTES
    assert await catalogue.charge(upload, 5 * FIRST_CHARGE_BYTES) == 8 * FIRST_CHARGE_BYTES
    assert await catalogue.charge(upload, 1) == 8 * FIRST_CHARGE_BYTES
    assert await usage(catalogue, *ALL) == [Usage(0, 0, 1, 8 * FIRST_CHARGE_BYTES)] * 3
    saved = await catalogue.save(kims(length=70))
    assert await usage(catalogue, *ALL) == [Usage(0, 0, 1, 70)] * 3
    assert await catalogue.charge(saved, 10**9) == 70
    await catalogue.save(replace(saved, state=State.CANCELLED))
    with pytest.raises(ChangedMeanwhile):
        await catalogue.charge(saved, 10**9)
    assert await usage(catalogue, *ALL) == [Usage()] * 3


async def test_the_last_slice_sets_what_is_reserved(catalogue: Catalogue) -> None:
    await catalogue.create(kims(length=None))
    await catalogue.record("u", Slice(0, 10), 2)
    await catalogue.record("u", Slice(10, 30), 3, last=True)
    assert await usage(catalogue, *ALL) == [Usage(0, 0, 1, 30)] * 3


async def test_what_is_left_is_reserved_if_a_step_is_more(subject: Subject, catalogue: Catalogue) -> None:
    add_owner(subject, KIM, size=100 * MIB)
    first, second, third = (kims(f"u{number}", None) for number in range(3))
    assert await catalogue.create(first) == 64 * MIB
    assert await catalogue.create(second) == 36 * MIB
    with pytest.raises(QuotaExceeded) as refusal:
        await catalogue.create(third)
    assert refusal.value.needed == 1
    with pytest.raises(QuotaExceeded) as refusal:
        await catalogue.charge(first, 64 * MIB + 3)
    assert (refusal.value.needed, refusal.value.reserved) == (3, 100 * MIB)
    await catalogue.save(replace(second, state=State.CANCELLED))
    assert await catalogue.charge(first, 64 * MIB + 3) == 100 * MIB
    with pytest.raises(QuotaExceeded):
        await catalogue.charge(first, 100 * MIB + 1)
    subject.write(f"UPDATE owners SET bytes_max = {200 * MIB}")
    assert await catalogue.charge(first, 100 * MIB + 1) == 128 * MIB


async def test_a_limit_that_is_lowered_cuts_no_upload(subject: Subject, catalogue: Catalogue) -> None:
    add_owner(subject, KIM)
    unknown = kims("v", None)
    await catalogue.create(kims())
    await catalogue.create(unknown)
    subject.write("UPDATE owners SET bytes_max = 1, files_max = 0, file_bytes_max = 1")
    await catalogue.record("u", Slice(0, 300), 2)
    assert await catalogue.charge(unknown, 5 * MIB) == FIRST_CHARGE_BYTES
    await catalogue.save(replace(unknown, length=5))
    assert await usage(catalogue, KIM) == [Usage(0, 0, 2, 305)]


async def test_an_upload_that_moves_is_counted_where_it_is(catalogue: Catalogue) -> None:
    await catalogue.create(kims())
    await catalogue.save(kims(collection="other", account=LINK))
    ids = ("service", "collection:other", LINK)
    assert await usage(catalogue, *ids) == [Usage(0, 0, 1, 300)] * 3
    assert await usage(catalogue, f"collection:{SHOW}", KIM) == [Usage()] * 2
