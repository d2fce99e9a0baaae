"""Limits of open uploads per address."""

from __future__ import annotations

import pytest

from media_service.core.errors.limits import QuotaExceeded, TooManyUploads
from media_service.core.quota import Quota, Quotas


def test_one_upload_more_than_the_quota_is_refused() -> None:
    Quota(uploads=3).check_count(2)
    with pytest.raises(TooManyUploads):
        Quota(uploads=3).check_count(3)
    Quota().check_count(10**6)


def test_bytes_are_counted_with_those_of_the_other_uploads() -> None:
    Quota(bytes=10).check_bytes(4, 6)
    with pytest.raises(QuotaExceeded) as refused:
        Quota(bytes=10).check_bytes(4, 7)
    assert refused.value.details() == {"limit": 10, "used": 4, "needed": 7}
    Quota().check_bytes(10**18, 10**18)


@pytest.mark.parametrize(
    ("address", "here"),
    [("127.0.0.1", True), ("127.8.0.1", True), ("::1", True), ("192.0.2.1", False), ("2001:db8::/64", False)],
)
def test_this_machine_has_a_quota_of_its_own(address: str, here: bool) -> None:
    quotas = Quotas(Quota(uploads=1), Quota(uploads=2))
    assert quotas.of(address) == (quotas.loopback if here else quotas.remote)
