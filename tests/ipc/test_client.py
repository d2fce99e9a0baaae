"""A line to another process: every question gets its own answer, or hears that there will be none."""

from __future__ import annotations

import asyncio
import random
import socket
from typing import TYPE_CHECKING, Any

import pytest

from media_service.ipc.client import ConnectionLost, RpcClient
from media_service.ipc.framing import FrameDecoder, encode_frame
from media_service.ipc.server import receive_requests, respond
from tests.support.rpc import served

if TYPE_CHECKING:
    from collections.abc import Callable

MIB = 1024 * 1024


def echo(end: socket.socket) -> None:
    """Answers everything with itself."""
    for asked in receive_requests(end):
        respond(end, asked)


def answering(
    frames: list[list[Any]], order: Callable[[list[Any]], list[Any]] = list
) -> Callable[[socket.socket], None]:
    """Notes what came together, and answers it in this order, each in a frame of its own."""

    def serve(end: socket.socket) -> None:
        for asked in receive_requests(end):
            frames.append([what for _, what in asked])
            for number, what in order(asked):
                if number:
                    respond(end, [(number, what)])

    return serve


async def test_every_question_gets_its_own_answer_in_whatever_order_they_come() -> None:
    async with served(RpcClient(), answering([], lambda asked: random.Random(1).sample(asked, len(asked)))) as line:
        assert await asyncio.gather(*map(line.ask, range(500))) == list(range(500))


async def test_plain_values_arrive_as_they_were() -> None:
    value: Any = (None, 1, -(2**70), 1.5, "größe", b"\x00\xff", (), [], {"a": (1, b"")}, "\udc80")
    async with served(RpcClient(), echo) as line:
        assert await line.ask(value) == value


async def test_frames_of_several_mebibytes_arrive_whole_in_both_directions() -> None:
    sent = [random.Random(seed).randbytes(5 * MIB) for seed in range(4)]
    async with served(RpcClient(), echo) as line:
        assert await asyncio.gather(*map(line.ask, sent)) == sent


async def test_what_is_asked_and_told_in_one_turn_leaves_together_and_in_order() -> None:
    frames: list[list[Any]] = []
    async with served(RpcClient(), answering(frames)) as line:
        first = line.ask("first")
        line.tell("told")
        last = line.ask("last")
        await first
        await last
        await line.ask("later")
    assert frames == [["first", "told", "last"], ["later"]]


async def test_a_broken_line_fails_all_who_wait_and_all_who_come() -> None:
    ours, theirs = socket.socketpair()
    line = RpcClient()
    await line.open(ours)
    waiting = [asyncio.ensure_future(line.ask(number)) for number in range(3)]
    await asyncio.sleep(0.01)
    theirs.close()
    for asking in waiting:
        with pytest.raises(ConnectionLost):
            await asking
    await line.lost()
    with pytest.raises(ConnectionLost):
        await line.ask("more")
    line.tell("nobody hears it")


async def test_a_line_that_was_never_opened_is_broken() -> None:
    with pytest.raises(ConnectionLost):
        await RpcClient().ask("anything")


async def test_half_an_answer_before_the_break_is_none() -> None:
    ours, theirs = socket.socketpair()
    line = RpcClient()
    await line.open(ours)
    asking = line.ask("something")
    await asyncio.sleep(0.01)
    theirs.sendall(encode_frame([(1, b"an answer")])[:-1])
    theirs.close()
    with pytest.raises(ConnectionLost):
        await asking


async def test_a_line_works_again_when_it_is_opened_again() -> None:
    line = RpcClient()
    ours, theirs = socket.socketpair()
    await line.open(ours)
    theirs.sendall(encode_frame([(7, "the beginning of an answer")])[:5])
    theirs.close()
    await line.lost()
    async with served(line, echo):
        assert await line.ask("again") == "again"


async def test_closing_waits_for_what_was_asked_and_says_what_was_told() -> None:
    frames: list[list[Any]] = []
    async with served(RpcClient(), answering(frames)) as line:
        asking = line.ask("asked")
        line.tell("told")
    assert asking.result() == "asked"
    assert frames == [["asked", "told"]]


async def test_an_answer_that_nobody_waits_for_any_more_harms_nobody() -> None:
    async with served(RpcClient(), echo) as line:
        line.ask("given up").cancel()
        assert await line.ask("wanted") == "wanted"


def test_frames_come_whole_from_a_stream_of_single_bytes() -> None:
    values = [(1, "one"), None, [b"x" * 1000]]
    unpacker, found = FrameDecoder(), []
    for byte in b"".join(map(encode_frame, values)):
        found += list(unpacker.feed(bytes([byte])))
    assert found == values


async def test_what_is_no_plain_value_is_refused_at_once_and_harms_nobody() -> None:
    async with served(RpcClient(), echo) as line:
        wanted = line.ask("wanted")
        with pytest.raises(ValueError, match="unmarshallable"):
            line.ask(object())
        assert await wanted == "wanted"
