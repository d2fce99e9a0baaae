"""RPC client and framing: every call gets its own result, or ConnectionLost."""

from __future__ import annotations

import asyncio
import random
import socket
from typing import TYPE_CHECKING, Any

import pytest

from media_service.ipc.client import ConnectionLost, RpcClient
from media_service.ipc.framing import NOTIFICATION_ID, FrameDecoder, encode_frame
from media_service.ipc.server import receive_requests, respond
from tests.support.rpc import served

if TYPE_CHECKING:
    from collections.abc import Callable

MIB = 1024 * 1024


def echo(connection: socket.socket) -> None:
    """Respond to every request with itself."""
    for requests in receive_requests(connection):
        respond(connection, requests)


def recording(
    batches: list[list[Any]], order: Callable[[list[Any]], list[Any]] = list
) -> Callable[[socket.socket], None]:
    """Return an echo service that records each batch and responds in this order, each in a frame of its own."""

    def serve(connection: socket.socket) -> None:
        for requests in receive_requests(connection):
            batches.append([message for _, message in requests])
            for request_id, message in order(requests):
                if request_id != NOTIFICATION_ID:
                    respond(connection, [(request_id, message)])

    return serve


async def test_every_call_gets_its_own_result_in_any_order_of_responses() -> None:
    async with served(RpcClient(), recording([], lambda batch: random.Random(1).sample(batch, len(batch)))) as client:
        assert await asyncio.gather(*map(client.call, range(500))) == list(range(500))


async def test_plain_values_arrive_unchanged() -> None:
    value: Any = (None, 1, -(2**70), 1.5, "größe", b"\x00\xff", (), [], {"a": (1, b"")}, "\udc80")
    async with served(RpcClient(), echo) as client:
        assert await client.call(value) == value


async def test_frames_of_several_mebibytes_arrive_complete_in_both_directions() -> None:
    sent = [random.Random(seed).randbytes(5 * MIB) for seed in range(4)]
    async with served(RpcClient(), echo) as client:
        assert await asyncio.gather(*map(client.call, sent)) == sent


async def test_messages_of_one_iteration_are_sent_together_and_in_order() -> None:
    batches: list[list[Any]] = []
    async with served(RpcClient(), recording(batches)) as client:
        first = client.call("first")
        client.notify("notification")
        last = client.call("last")
        await first
        await last
        await client.call("later")
    assert batches == [["first", "notification", "last"], ["later"]]


async def test_lost_connection_fails_pending_and_later_calls() -> None:
    near, far = socket.socketpair()
    client = RpcClient()
    await client.connect(near)
    calls = [asyncio.ensure_future(client.call(number)) for number in range(3)]
    await asyncio.sleep(0.01)
    far.close()
    for call in calls:
        with pytest.raises(ConnectionLost):
            await call
    await client.wait_closed()
    with pytest.raises(ConnectionLost):
        await client.call("more")
    client.notify("is not sent")


async def test_call_before_connect_fails() -> None:
    with pytest.raises(ConnectionLost):
        await RpcClient().call("anything")


async def test_incomplete_response_before_the_end_is_no_result() -> None:
    near, far = socket.socketpair()
    client = RpcClient()
    await client.connect(near)
    call = client.call("something")
    await asyncio.sleep(0.01)
    far.sendall(encode_frame([(1, b"a result")])[:-1])
    far.close()
    with pytest.raises(ConnectionLost):
        await call


async def test_client_works_after_it_is_connected_again() -> None:
    client = RpcClient()
    near, far = socket.socketpair()
    await client.connect(near)
    far.sendall(encode_frame([(7, "the beginning of a response")])[:5])
    far.close()
    await client.wait_closed()
    async with served(client, echo):
        assert await client.call("again") == "again"


async def test_close_waits_for_pending_calls_and_sends_notifications() -> None:
    batches: list[list[Any]] = []
    async with served(RpcClient(), recording(batches)) as client:
        call = client.call("called")
        client.notify("notification")
    assert call.result() == "called"
    assert batches == [["called", "notification"]]


async def test_response_to_a_cancelled_call_is_ignored() -> None:
    async with served(RpcClient(), echo) as client:
        client.call("cancelled").cancel()
        assert await client.call("wanted") == "wanted"


def test_frames_are_decoded_from_single_bytes() -> None:
    values = [(1, "one"), None, [b"x" * 1000]]
    decoder, decoded = FrameDecoder(), []
    for byte in b"".join(map(encode_frame, values)):
        decoded += list(decoder.feed(bytes([byte])))
    assert decoded == values


async def test_value_that_cannot_be_encoded_is_refused_and_other_calls_continue() -> None:
    async with served(RpcClient(), echo) as client:
        wanted = client.call("wanted")
        with pytest.raises(ValueError, match="unmarshallable"):
            client.call(object())
        assert await wanted == "wanted"
