"""Guessing passwords becomes slow, for those who guess."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from configparser import ConfigParser

import pytest

from media_service.access.sign_in_throttle import FREE_FAILURES_OF_A_NAME, MAX_OPEN_ATTEMPTS, SignInThrottle
from media_service.core.errors.limits import TooManyRequests
from media_service.core.people import name_key
from media_service.ipc.bus import LocalBus
from tests.access.processes import Clock, hints_arrived, two_buses
from tests.support.server import ROOT

HERE, THERE, HOME = "192.0.2.1", "198.51.100.7", "127.0.0.1"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def throttle(clock: Clock) -> SignInThrottle:
    return SignInThrottle(LocalBus(), clock)


def sign_in(throttle: SignInThrottle, name: str, ip: str | None = HERE, *, right: bool = False) -> None:
    with throttle.attempt(name, ip) as attempt:
        attempt.end(succeeded=right)


def tried(throttle: SignInThrottle, name: str, ip: str | None = HERE) -> int:
    """Return how many wrong passwords are looked at before one is refused."""
    for number in range(1_000):
        try:
            sign_in(throttle, name, ip)
        except TooManyRequests:
            return number
    return 1_000


def wait_of(throttle: SignInThrottle, name: str, ip: str = HERE) -> int:
    with pytest.raises(TooManyRequests) as refused:
        sign_in(throttle, name, ip)
    return refused.value.retry_after


async def test_five_failures_are_free_and_each_further_wait_doubles(throttle: SignInThrottle, clock: Clock) -> None:
    waits = []
    assert tried(throttle, "kim") == 5
    for _ in range(8):
        waits.append(wait_of(throttle, "kim"))
        clock.now += waits[-1]
        sign_in(throttle, "kim")
    assert waits == [30, 60, 120, 240, 480, 900, 900, 900]


async def test_others_are_not_locked_out(throttle: SignInThrottle) -> None:
    assert tried(throttle, "kim") == 5
    sign_in(throttle, "kim", THERE, right=True)
    sign_in(throttle, "lee", HERE, right=True)


async def test_even_the_right_password_waits(throttle: SignInThrottle, clock: Clock) -> None:
    assert tried(throttle, "kim") == 5
    with pytest.raises(TooManyRequests):
        sign_in(throttle, "kim", right=True)
    clock.now += 30
    sign_in(throttle, "kim", right=True)
    assert tried(throttle, "kim") == 5


async def test_failures_are_forgotten_after_a_quarter_of_an_hour(throttle: SignInThrottle, clock: Clock) -> None:
    for _ in range(4):
        sign_in(throttle, "kim")
    clock.now += 15 * 60
    assert tried(throttle, "kim") == 5


async def test_a_name_is_the_same_however_it_is_written(throttle: SignInThrottle) -> None:
    for name in ("Kim", "kim", " KIM ", "\uff2bim"):
        sign_in(throttle, name)
    assert tried(throttle, "kIm") == 1


async def test_blanks_within_a_name_give_no_more_guesses(throttle: SignInThrottle) -> None:
    # On this machine, where a proxy may send for many, only the name counts.
    names = [f"Kim{' ' * blanks}\u00a0Lee" for blanks in range(1, FREE_FAILURES_OF_A_NAME + 1)]
    assert {name_key(name) for name in names} == {"kim lee"}
    for name in names:
        sign_in(throttle, name, HOME)
    assert tried(throttle, "kim lee", HOME) == 0


async def test_one_password_for_many_names_is_slow_too(throttle: SignInThrottle, clock: Clock) -> None:
    looked_at = 0
    for number in range(100):
        try:
            sign_in(throttle, f"name {number}")
        except TooManyRequests:
            continue
        looked_at += 1
    assert looked_at == 10
    sign_in(throttle, "name 1", THERE, right=True)
    clock.now += 30
    sign_in(throttle, "own account", right=True)
    sign_in(throttle, "another")
    assert wait_of(throttle, "own account") == 60


async def test_an_ipv6_client_counts_as_its_network(throttle: SignInThrottle) -> None:
    for number in range(4):
        sign_in(throttle, "kim", f"2001:db8::{number}")
    assert tried(throttle, "kim", "2001:db8::99") == 1
    assert tried(throttle, "kim", "2001:db8:0:1::1") == 5


@pytest.mark.parametrize("ip", [HOME, "::1", None])
async def test_names_from_this_machine_are_slowed_one_by_one(throttle: SignInThrottle, ip: str | None) -> None:
    assert [tried(throttle, f"name {number}", ip) for number in range(10)] == [5] * 10


async def test_attempts_that_are_open_count(throttle: SignInThrottle) -> None:
    for _ in range(3):
        sign_in(throttle, "kim")
    with throttle.attempt("kim", HERE), throttle.attempt("kim", HERE):
        assert wait_of(throttle, "kim") == 1
        sign_in(throttle, "kim", THERE, right=True)
    assert tried(throttle, "kim") == 2


async def test_one_address_cannot_fill_the_queue(throttle: SignInThrottle) -> None:
    attempts = [throttle.attempt(f"name {number}", HERE) for number in range(MAX_OPEN_ATTEMPTS)]
    for attempt in attempts:
        attempt.__enter__()
    assert wait_of(throttle, "kim") == 1
    for attempt in attempts:
        attempt.__exit__(None, None, None)
    sign_in(throttle, "kim", right=True)
    assert not throttle._open


async def test_an_attempt_without_an_end_counts_for_nothing(throttle: SignInThrottle) -> None:
    for _ in range(20):
        with pytest.raises(ConnectionError), throttle.attempt("kim", HERE):
            raise ConnectionError
    sign_in(throttle, "kim", right=True)


async def test_the_other_process_counts_the_same(clock: Clock) -> None:
    async with two_buses() as (bus, other_bus):
        throttle, other = SignInThrottle(bus, clock), SignInThrottle(other_bus, clock)
        for _ in range(FREE_FAILURES_OF_A_NAME):
            sign_in(throttle, "kim")
        sign_in(throttle, "lee")
        sign_in(throttle, "lee", right=True)
        await hints_arrived(bus, other_bus)
        assert wait_of(other, "kim") == 30
        assert tried(other, "lee", THERE) == 5


LOG_FAILURES = """
import asyncio, json, sys
from media_service.core.audit import Action
from media_service.http.connections.rate_limited_log import RateLimitedLog
from media_service.logs import log_to_stderr

async def fail():
    log = RateLimitedLog(Action.SIGN_IN_FAILED)
    for name, ip in json.load(sys.stdin):
        log.write(ip or "", account=name, address=ip)

log_to_stderr()
asyncio.run(fail())
"""


def test_fail2ban_finds_the_address_in_a_line_of_the_log() -> None:
    imitated = 'x", "address": "203.0.113.9", "event": "sign_in_failed", "level": "warning", }'
    failures = [("kim", HERE), (imitated, THERE), ("\n{}\u202e", "2001:db8::7"), (f"kim address={HERE}", None)]
    logged = subprocess.run(
        [sys.executable, "-c", LOG_FAILURES],
        input=json.dumps(failures),
        cwd=ROOT,
        stderr=subprocess.PIPE,
        text=True,
        check=True,
    )
    filter_file = ConfigParser()
    filter_file.read(ROOT / "docs" / "fail2ban" / "media-service.conf")
    definition = filter_file["Definition"]
    failregex = re.compile(definition["failregex"].replace("<ADDR>", "([0-9A-Fa-f:.]+)"))
    found = [failregex.findall(line) for line in logged.stderr.splitlines()]
    assert found == [[HERE], [THERE], ["2001:db8::7"], []]
