"""Token buckets: never more than the burst and what came back, and never less."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media_service.core.errors.limits import TooManyRequests
from media_service.core.rate_limit import RateLimit

LIMITS = st.builds(RateLimit, st.integers(1, 600), st.integers(1, 200))
PAUSES = st.lists(st.floats(0, 100, allow_nan=False), max_size=200)


class Bucket:
    """A bucket as people imagine one: a number of tokens, in fractions."""

    def __init__(self, limit: RateLimit, now: float) -> None:
        self.limit, self.tokens, self.at = limit, float(limit.burst), now

    def take(self, now: float) -> bool:
        self.tokens = min(self.limit.burst, self.tokens + (now - self.at) * self.limit.per_minute / 60)
        self.at = now
        if self.tokens < 1 - 1e-4:
            return False
        self.tokens -= 1
        return True


def times(pauses: list[float]) -> list[float]:
    now, result = 1_000_000.0, []
    for pause in pauses:
        now += pause
        result.append(now)
    return result


@given(LIMITS, PAUSES)
def test_no_more_requests_pass_than_tokens_there_were(limit: RateLimit, pauses: list[float]) -> None:
    full_at, passed = 0.0, list[float]()
    for now in times(pauses):
        with suppress(TooManyRequests):
            full_at = limit.take(full_at, now)
            passed.append(now)
    for first in range(len(passed)):
        for last in range(first, len(passed)):
            tokens = limit.burst + (passed[last] - passed[first]) * limit.per_minute / 60
            assert last - first + 1 <= tokens + 1e-3


@given(LIMITS, PAUSES)
def test_a_request_passes_whenever_there_is_a_token(limit: RateLimit, pauses: list[float]) -> None:
    full_at, bucket = 0.0, Bucket(limit, 1_000_000.0)
    for now in times(pauses):
        if bucket.take(now):
            full_at = limit.take(full_at, now)


@given(LIMITS, PAUSES)
def test_after_the_time_told_the_request_passes(limit: RateLimit, pauses: list[float]) -> None:
    full_at = 0.0
    for now in times(pauses):
        with suppress(TooManyRequests):
            full_at = limit.take(full_at, now)
            continue
        with pytest.raises(TooManyRequests) as refused:
            limit.take(full_at, now)
        assert 1 <= refused.value.retry_after <= 60 / limit.per_minute + 1
        limit.take(full_at, now + refused.value.retry_after)


@given(LIMITS)
def test_a_full_bucket_has_the_burst(limit: RateLimit) -> None:
    full_at = 0.0
    for _ in range(limit.burst):
        full_at = limit.take(full_at, 5.0)
    with pytest.raises(TooManyRequests):
        limit.take(full_at, 5.0)


@given(LIMITS, st.integers(1, 300))
def test_the_rate_itself_is_never_refused(limit: RateLimit, count: int) -> None:
    full_at = 0.0
    for number in range(count):
        full_at = limit.take(full_at, 7.0 + number * 60 / limit.per_minute)


def test_tokens_that_were_taken_elsewhere_are_missing_here() -> None:
    limit, full_at = RateLimit(60, 3), 0.0
    for _ in range(4):
        full_at = limit.spend(full_at, 10.0)
    with pytest.raises(TooManyRequests) as refused:
        limit.take(full_at, 10.0)
    assert refused.value.retry_after == 2
