"""`PostgresBus`: what is lost and what is not, and the payloads of PostgreSQL."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from media_service.catalogue.postgresql.bus import MAX_WAITING_BYTES, PostgresBus
from media_service.catalogue.postgresql.session import Session
from tests.support.postgresql import execute, terminate_others

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

WITHIN_SECONDS = 20.0


@pytest_asyncio.fixture
async def heard(database: str) -> AsyncIterator[list[tuple[Any, ...]]]:
    """Yield what another node hears."""
    session, heard = Session(database), list[tuple[Any, ...]]()
    PostgresBus(session).subscribe("topic", lambda *payload: heard.append(payload))
    await session.open()
    yield heard
    await session.close()


@pytest_asyncio.fixture
async def here(database: str) -> AsyncIterator[tuple[PostgresBus, Session]]:
    session = Session(database)
    bus = PostgresBus(session)
    await session.open()
    yield bus, session
    await session.close()


async def until(heard: list[tuple[Any, ...]], wanted: list[tuple[Any, ...]]) -> None:
    async with asyncio.timeout(WITHIN_SECONDS):
        while heard != wanted:
            assert len(heard) <= len(wanted)
            await asyncio.sleep(0.005)


async def test_hints_arrive_again_after_the_connections_broke(
    here: tuple[PostgresBus, Session], heard: list[tuple[Any, ...]], database: str
) -> None:
    bus, session = here
    broken = session.broken
    assert terminate_others(database) == 2
    await broken.wait()
    bus.publish("topic", "lost")
    async with asyncio.timeout(WITHIN_SECONDS):
        while not heard:
            bus.publish("topic", "again")
            await asyncio.sleep(0.02)
    assert set(heard) == {("again",)}


async def test_too_long_a_hint_is_lost_alone(here: tuple[PostgresBus, Session], heard: list[tuple[Any, ...]]) -> None:
    bus, _ = here
    for text in ("a", "밤" * 8000, "\0\ud800", "b" * 7000, "c" * 7000, "d"):
        bus.publish("topic", text)
    await until(heard, [("a",), ("\0\ud800",), ("b" * 7000,), ("c" * 7000,), ("d",)])


async def test_equal_hints_all_arrive(here: tuple[PostgresBus, Session], heard: list[tuple[Any, ...]]) -> None:
    bus, _ = here
    for _ in range(1000):
        bus.publish("topic", "the same", b"\xff\x00", None)
    await until(heard, [("the same", b"\xff\x00", None)] * 1000)


async def test_what_others_send_to_the_channel_is_logged_and_stops_nothing(
    here: tuple[PostgresBus, Session], heard: list[tuple[Any, ...]], database: str
) -> None:
    bus, _ = here
    with capture_logs() as logged:
        for payload in (
            "",
            "no JSON",
            "[]",
            '"text"',
            "{}",
            "[1]",
            '["a", 1, 5]',
            '["a", 1, {"x": 1}]',
            '["a", 1, []]',
        ):
            execute(database, "SELECT pg_notify('media_service', %s)", payload)
        bus.publish("topic")
        await until(heard, [()])
    assert {line["event"] for line in logged} == {"a hint was not understood"}


async def test_hints_do_not_fill_the_memory_while_the_server_does_not_respond(
    here: tuple[PostgresBus, Session], heard: list[tuple[Any, ...]]
) -> None:
    bus, session = here
    session.execute("SELECT pg_sleep(0.5)")
    for _ in range(2000):
        bus.publish("topic", "x" * 4000)
    assert bus._waiting_bytes < MAX_WAITING_BYTES + 8000
    async with asyncio.timeout(WITHIN_SECONDS):
        while heard[-1:] != [("last",)]:
            bus.publish("topic", "last")
            await asyncio.sleep(0.02)


texts = st.builds(str.__mul__, st.text(max_size=3), st.integers(0, 3000))


@given(st.lists(texts))
def test_payloads_have_every_hint_in_order_and_are_short_enough(texts: list[str]) -> None:
    bus = PostgresBus(Session("postgresql://"))
    payloads = list(bus._payloads(json.dumps(text) for text in texts))
    assert all(len(payload.encode()) < 8000 for payload in payloads)
    assert len(set(payloads)) == len(payloads)
    arrived = [hint for payload in payloads for hint in json.loads(payload)[2:]]
    assert arrived == [text for text in texts if len(json.dumps(text)) <= 7900]
