"""How often people, guests and strangers may do what."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from media_service.access import recent_keys
from media_service.access.rates import RateLimits, Rates
from media_service.core.access import LOCAL_OWNER
from media_service.core.errors.limits import TooManyRequests
from media_service.core.rate_limit import RateLimit
from media_service.ipc.bus import LocalBus
from tests.access.processes import Clock, hints_arrived, two_buses

if TYPE_CHECKING:
    from collections.abc import Callable

REMOTE = RateLimits(
    creations=RateLimit(60, 4),
    guest_creations=RateLimit(30, 2),
    link_openings=RateLimit(30, 3),
    unknown_ids=RateLimit(10, 5),
)
HERE, THERE = "192.0.2.1", "2001:db8::/64"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def rates(clock: Clock) -> Rates:
    return Rates(REMOTE, RateLimits(), LocalBus(), clock)


def passed(request: Callable[[], None], tries: int = 20) -> int:
    """Return how many of these requests pass before one is refused."""
    for number in range(tries):
        try:
            request()
        except TooManyRequests:
            return number
    return tries


async def test_creations_of_a_person_are_counted_together(rates: Rates) -> None:
    rates.creation("person:kim", HERE)
    assert passed(lambda: rates.creation("person:kim", THERE)) == 3
    assert passed(lambda: rates.creation("person:lee", HERE)) == 4


async def test_creations_of_all_others_are_counted_by_address(rates: Rates) -> None:
    rates.creation("browser:a", HERE)
    rates.creation("link:x", HERE)
    for owner in ("browser:b", "link:x", LOCAL_OWNER):
        with pytest.raises(TooManyRequests):
            rates.creation(owner, HERE)
    assert passed(lambda: rates.creation("link:x", THERE)) == 2
    assert passed(lambda: rates.creation("person:kim", HERE)) == 4


async def test_each_kind_has_a_bucket_of_its_own(rates: Rates) -> None:
    assert passed(lambda: rates.link_opening(HERE)) == 3
    assert passed(lambda: rates.unknown_id(HERE)) == 5
    assert passed(lambda: rates.creation(LOCAL_OWNER, HERE)) == 2
    assert passed(lambda: rates.unknown_id(THERE)) == 5


async def test_a_token_comes_back_when_the_refusal_says(rates: Rates, clock: Clock) -> None:
    assert passed(lambda: rates.unknown_id(HERE)) == 5
    with pytest.raises(TooManyRequests) as refused:
        rates.unknown_id(HERE)
    assert refused.value.retry_after == 6
    clock.now += 6
    assert passed(lambda: rates.unknown_id(HERE)) == 1


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", None])
async def test_this_machine_has_no_limit_unless_one_is_set(clock: Clock, address: str | None) -> None:
    free = Rates(REMOTE, RateLimits(), LocalBus(), clock)
    assert passed(lambda: free.creation(LOCAL_OWNER, address)) == 20
    assert passed(lambda: free.creation("person:kim", address)) == 20
    limited = Rates(REMOTE, RateLimits(guest_creations=RateLimit(30, 2)), LocalBus(), clock)
    assert passed(lambda: limited.creation(LOCAL_OWNER, address)) == (20 if address is None else 2)
    assert passed(lambda: limited.unknown_id(address)) == 20


async def test_what_one_process_counts_the_others_hear_of(clock: Clock) -> None:
    async with two_buses() as (bus, other_bus):
        rates, other = (Rates(REMOTE, RateLimits(), each, clock) for each in (bus, other_bus))
        for _ in range(2):
            rates.unknown_id(HERE)
        await hints_arrived(bus, other_bus)
        assert passed(lambda: other.unknown_id(HERE)) == 3
        # The own hints count once only.
        assert passed(lambda: rates.link_opening(THERE)) == 3


async def test_the_oldest_clients_are_forgotten_rather_than_memory_filled(
    rates: Rates, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recent_keys, "MAX_KEYS", 100)
    for number in range(1_000):
        rates.unknown_id(f"192.0.{number >> 8}.{number & 255}")
    assert len(rates._full_at["unknown_ids"]) == 100
    assert passed(lambda: rates.unknown_id("192.0.3.231")) == 4
    assert passed(lambda: rates.unknown_id("192.0.0.0")) == 5
