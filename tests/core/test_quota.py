"""Limits of open uploads per address, and of what the service, collections and owners have."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_service.core.accounts import OwnerLimits
from media_service.core.errors.limits import FileTooLarge, QuotaExceeded, TooManyUploads
from media_service.core.quota import FIRST_CHARGE_BYTES, Allowance, Quota, Quotas, StorageLimits, next_charge
from media_service.core.usage import Usage


def test_one_upload_more_than_the_quota_is_refused() -> None:
    Quota(uploads=3).check_count(2)
    with pytest.raises(TooManyUploads):
        Quota(uploads=3).check_count(3)
    Quota().check_count(10**6)


def test_bytes_are_counted_with_those_of_the_other_uploads() -> None:
    Quota(bytes=10).check_bytes(4, 6)
    with pytest.raises(QuotaExceeded) as refused:
        Quota(bytes=10).check_bytes(4, 7)
    assert refused.value.details() == {
        "of": "address",
        "limit": 10,
        "used": 4,
        "reserved": 0,
        "needed": 7,
        "unit": "bytes",
    }
    Quota().check_bytes(10**18, 10**18)


@pytest.mark.parametrize(
    ("address", "here"),
    [("127.0.0.1", True), ("127.8.0.1", True), ("::1", True), ("192.0.2.1", False), ("2001:db8::/64", False)],
)
def test_this_machine_has_a_quota_of_its_own(address: str, here: bool) -> None:
    quotas = Quotas(Quota(uploads=1), Quota(uploads=2))
    assert quotas.of(address) == (quotas.loopback if here else quotas.remote)


@given(st.integers(1, 2**45))
def test_what_is_reserved_doubles_and_has_room_for_the_bytes(stop: int) -> None:
    charge = next_charge(stop)
    assert charge >= stop
    assert charge == FIRST_CHARGE_BYTES or charge < 2 * stop
    assert charge % FIRST_CHARGE_BYTES == 0


def test_settings_are_those_of_the_kind_of_account() -> None:
    limits = StorageLimits(person=OwnerLimits(bytes=1), link=OwnerLimits(bytes=2))
    assert limits.of_account("person:p").bytes == 1
    assert limits.of_account("link:l").bytes == 2
    assert limits.of_account(None).bytes is None


@given(
    files=st.none() | st.integers(0, 3),
    most=st.none() | st.integers(0, 20),
    file_bytes=st.none() | st.integers(1, 9),
    usage=st.builds(Usage, *[st.integers(0, 2), st.integers(0, 12)] * 2),
    length=st.integers(1, 25),
)
def test_the_largest_upload_is_the_last_that_is_admitted(
    files: int | None, most: int | None, file_bytes: int | None, usage: Usage, length: int
) -> None:
    allowance = Allowance("link", OwnerLimits(files=files, bytes=most, file_bytes=file_bytes), usage)
    try:
        allowance.check_file()
        allowance.check_bytes(length, length)
        admitted = True
    except (QuotaExceeded, FileTooLarge):
        admitted = False
    assert admitted == (allowance.largest is None or length <= allowance.largest)


def test_a_refusal_says_what_is_full() -> None:
    allowance = Allowance("link", OwnerLimits(files=3, bytes=100, file_bytes=90), Usage(1, 20, 2, 30))
    with pytest.raises(QuotaExceeded) as files:
        allowance.check_file()
    full = {"of": "link", "limit": 3, "used": 1, "reserved": 2, "needed": 1, "unit": "files"}
    assert files.value.details() == full
    assert files.value.message == "The quota of this link is 3 files: 1 used, 2 reserved, and this needs 1."
    with pytest.raises(QuotaExceeded) as size:
        allowance.check_bytes(51, 51)
    assert size.value.details() == full | {"limit": 100, "used": 20, "reserved": 30, "needed": 51, "unit": "bytes"}
    with pytest.raises(FileTooLarge):
        allowance.check_bytes(91, 91)
