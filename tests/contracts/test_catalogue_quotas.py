"""Suite of `core.ports.catalogue.Catalogue`: what an address has open, whichever process created it."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from media_service.core.errors.limits import QuotaExceeded, TooManyUploads
from media_service.core.errors.service import CatalogueError
from media_service.core.quota import Quota
from media_service.core.upload import Slice
from media_service.core.upload_states import State
from tests.contracts.catalogues import RECEIVING_ADAPTERS, subject_fixture
from tests.core.samples import make_upload

if TYPE_CHECKING:
    from media_service.core.ports.catalogue import Catalogue
    from media_service.core.upload import Upload

ADDRESS, OTHER = "192.0.2.1", "192.0.2.2"


subject = subject_fixture(RECEIVING_ADAPTERS)


def upload_of(address: str | None, number: int, length: int | None = 100) -> Upload:
    return make_upload(id=f"u{number}", address=address, length=length)


async def test_usage_is_that_of_receiving_uploads(catalogue: Catalogue) -> None:
    assert await catalogue.address_usage(ADDRESS) == (0, 0)
    for number, address in enumerate([ADDRESS, ADDRESS, OTHER, None, ADDRESS]):
        await catalogue.create(upload_of(address, number))
    await catalogue.create(upload_of(ADDRESS, 5, length=None))
    assert (await catalogue.address_usage(ADDRESS), await catalogue.address_usage(OTHER)) == ((4, 300), (1, 100))
    await catalogue.record("u0", Slice(0, 10), 2)
    await catalogue.record("u5", Slice(5, 10), 2)
    assert await catalogue.address_usage(ADDRESS) == (4, 310)
    await catalogue.record("u1", Slice(0, 100), 2)
    await catalogue.save(make_upload(id="u4", state=State.CANCELLED, address=ADDRESS))
    assert await catalogue.address_usage(ADDRESS) == (2, 110)


async def test_an_address_has_no_more_uploads_than_its_quota(catalogue: Catalogue) -> None:
    quota = Quota(uploads=2)
    for number in range(2):
        await catalogue.create(upload_of(ADDRESS, number), quota)
    with pytest.raises(TooManyUploads) as refusal:
        await catalogue.create(upload_of(ADDRESS, 2), quota)
    assert refusal.value.limit == 2
    assert await catalogue.load("u2") is None
    await catalogue.create(upload_of(OTHER, 3), quota)
    await catalogue.create(upload_of(None, 4), quota)
    await catalogue.record("u0", Slice(0, 100), 2)
    await catalogue.create(upload_of(ADDRESS, 2), quota)


async def test_an_address_has_no_more_bytes_than_its_quota(catalogue: Catalogue) -> None:
    quota = Quota(bytes=250)
    for number in range(2):
        await catalogue.create(upload_of(ADDRESS, number), quota)
    with pytest.raises(QuotaExceeded) as refusal:
        await catalogue.create(upload_of(ADDRESS, 2, length=51), quota)
    assert (refusal.value.limit, refusal.value.used, refusal.value.needed) == (250, 200, 51)
    await catalogue.create(upload_of(ADDRESS, 2, length=50), quota)
    await catalogue.create(upload_of(ADDRESS, 3, length=None), quota)
    with pytest.raises(QuotaExceeded):
        await catalogue.create(upload_of(ADDRESS, 4, length=1), quota)


async def test_creations_at_once_do_not_exceed_the_quota_together(catalogue: Catalogue) -> None:
    quota = Quota(uploads=5, bytes=300)
    outcomes = await asyncio.gather(
        *(catalogue.create(upload_of(ADDRESS, number), quota) for number in range(20)), return_exceptions=True
    )
    assert Counter(map(type, outcomes)) == {int: 3, QuotaExceeded: 17}
    assert await catalogue.address_usage(ADDRESS) == (3, 300)


async def test_an_id_is_used_once_with_a_quota_too(catalogue: Catalogue) -> None:
    await catalogue.create(upload_of(ADDRESS, 0), Quota(uploads=9))
    with pytest.raises(CatalogueError):
        await catalogue.create(upload_of(ADDRESS, 0), Quota(uploads=9))
    assert await catalogue.address_usage(ADDRESS) == (1, 100)
