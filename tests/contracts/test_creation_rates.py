"""Suite of `core.ports.rates.CreationRates`: whoever creates too many uploads waits, and nobody else does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from media_service.access.rates import RateLimits, Rates
from media_service.core.errors.limits import TooManyRequests
from media_service.core.rate_limit import RateLimit
from media_service.ipc.bus import LocalBus

if TYPE_CHECKING:
    from media_service.core.ports.rates import CreationRates

KIM, LEE, GUEST = "person:kim", "person:lee", "browser:x"
HERE, THERE = "192.0.2.1", "192.0.2.2"


@pytest.fixture
def rates() -> CreationRates:
    limits = RateLimits(creations=RateLimit(60, 4), guest_creations=RateLimit(60, 2))
    return Rates(limits, RateLimits(), LocalBus(), clock=lambda: 0.0)


def use_up(rates: CreationRates, owner: str, address: str | None) -> int:
    """Create until one is refused; return how many were not."""
    for number in range(100):
        try:
            rates.creation(owner, address)
        except TooManyRequests:
            return number
    return 100


async def test_each_person_has_a_rate_wherever_they_are(rates: CreationRates) -> None:
    assert use_up(rates, KIM, HERE) == 4
    assert use_up(rates, KIM, THERE) == 0
    assert use_up(rates, LEE, HERE) == 4


async def test_all_others_have_one_for_each_address(rates: CreationRates) -> None:
    assert use_up(rates, GUEST, HERE) == 2
    assert use_up(rates, "link:y", HERE) == 0
    assert use_up(rates, GUEST, THERE) == 2
    assert use_up(rates, KIM, HERE) == 4


async def test_client_without_an_address_is_on_this_machine(rates: CreationRates) -> None:
    assert use_up(rates, GUEST, None) == 100
