"""`BlockPartReader` reads what aiohttp's own reader reads, whatever the body is and however it arrives."""

from __future__ import annotations

import asyncio
import random
from typing import TYPE_CHECKING

import pytest
from aiohttp import BodyPartReader
from hypothesis import example, given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from media_service.http.connections.protocol import MAX_READ_BYTES
from media_service.http.multipart import StrictMultipartReader
from media_service.http.part_reader import MAX_DELIMITER_BYTES, BlockPartReader
from tests.support.multipart_bodies import (
    CHARSET_HEADER,
    HEADERS,
    Arrival,
    boundaries,
    hostile_pieces,
    multipart_requests,
)
from tests.support.part_readers import CALLS, BlockReader, by_calls, by_chunks, compare, open_stream, result_of

if TYPE_CHECKING:
    from aiohttp import StreamReader

pytestmark = [pytest.mark.once, pytest.mark.filterwarnings("ignore:unread_data:DeprecationWarning")]

FENCE = "fence"
FORM = f"multipart/form-data; boundary={FENCE}"


def test_parts_are_compared() -> None:
    # If all bodies were refused, the other tests would compare only errors.
    body = b"--fence\r\n" + HEADERS[0] + b"\r\n\r\nabc\r\n--fence\r\n" + HEADERS[1] + b"\r\n\r\n\r\n--fence--\r\n"
    ours = compare(FORM, Arrival(tuple(bytes([byte]) for byte in body)), lambda: by_chunks([[8192]]))
    assert (ours.error, [content for *_, content in ours.parts]) == (None, [b"abc", b""])


sizes = st.one_of(st.integers(MAX_DELIMITER_BYTES, 200), st.sampled_from([8192, MAX_READ_BYTES]))
plans = st.one_of(st.integers(1, MAX_DELIMITER_BYTES - 1).map(lambda size: [size]), st.lists(sizes, min_size=1))


@settings(deadline=None)
@given(multipart_requests(), st.lists(plans, min_size=1, max_size=4))
@example((FORM, Arrival((b"--fence\r\n\r\n", b"--fence--\r\n"))), [[8192]])
@example((FORM, Arrival((b"--fence\r\n\r\na\r\n--fe", b"nce--\r\n"))), [[8192]])
def test_parts_equal_those_of_aiohttp(body: tuple[str, Arrival], plan: list[list[int]]) -> None:
    compare(*body, lambda: by_chunks(plan))


@settings(deadline=None)
@given(multipart_requests(), st.sampled_from(sorted(CALLS)))
@example((FORM, Arrival((b"--fence\r\n",))), "one chunk")
def test_every_call_returns_what_that_of_aiohttp_returns(body: tuple[str, Arrival], name: str) -> None:
    compare(*body, lambda: by_calls(name))


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_parts_do_not_depend_on_where_the_body_is_cut(data: st.DataObject) -> None:
    boundary = data.draw(boundaries)
    fence = b"--" + boundary.encode()
    body = fence + b"\r\n\r\n" + data.draw(hostile_pieces(boundary)) + b"\r\n" + fence + b"--\r\n"
    content_type = f'multipart/form-data; boundary="{boundary}"'
    whole = compare(content_type, Arrival((body,)), lambda: by_chunks([[8192]]))
    for at in range(1, len(body)):
        assert result_of(BlockReader, content_type, Arrival((body[:at], body[at:])), by_chunks([[8192]])) == whole, at


def part_of(stream: StreamReader) -> BodyPartReader:
    """Return the reader of a part whose headers were read."""
    return BlockPartReader(f"--{FENCE}".encode(), CIMultiDictProxy(CIMultiDict()), stream, subtype="form-data")


async def test_blocks_are_passed_on_as_they_came() -> None:
    # This also fails if aiohttp no longer calls what BlockPartReader replaces.
    stream = open_stream()
    part = part_of(stream)
    blocks = [random.Random(seed).randbytes(MAX_READ_BYTES).replace(b"\r", b"\n") for seed in range(3)]
    for block in blocks:
        stream.feed_data(block)
    for block in blocks:
        assert await part.read_chunk(MAX_READ_BYTES) is block


@given(st.lists(st.one_of(st.binary(max_size=300), hostile_pieces(FENCE)), max_size=6).map(b"".join))
def test_no_more_than_a_boundary_is_held_back(sent: bytes) -> None:
    delimiter = f"\r\n--{FENCE}".encode()

    async def run() -> None:
        stream, received = open_stream(), bytearray()
        part = part_of(stream)
        stream.feed_data(sent)
        while len(received) <= len(sent) - len(delimiter):
            async with asyncio.timeout(5):
                received += await part.read_chunk(8192)
        assert sent.startswith(received)

    if delimiter not in b"\r\n" + sent:
        asyncio.run(run())


async def test_truncated_part_is_read_to_its_last_byte() -> None:
    stream = open_stream()
    part = part_of(stream)
    stream.feed_data(b"abc\r\n--fen")
    stream.feed_eof()
    assert await part.read_chunk(8192) == b"abc\r\n--fen"
    with pytest.raises(ValueError, match="ends within a part"):
        await part.read_chunk(8192)


async def test_block_above_the_size_is_cut() -> None:
    # A chunk of a chunked body may be as large as the connection's buffer.
    stream = open_stream()
    part = part_of(stream)
    stream.feed_data(b"a" * MAX_READ_BYTES + b"b\r\n--fence--\r\n")
    assert await part.read_chunk(MAX_READ_BYTES) == b"a" * MAX_READ_BYTES
    assert await part.read_chunk(MAX_READ_BYTES) == b"b"
    assert part.at_eof()


async def test_default_charset_is_a_part_as_any_other() -> None:
    # This also fails if aiohttp no longer asks `_last_part` whether to look for it.
    stream = open_stream()
    stream.feed_data(b"--fence\r\n" + CHARSET_HEADER + b"\r\n\r\nutf-8\r\n--fence--\r\n")
    part = await StrictMultipartReader(CIMultiDict({"Content-Type": FORM}), stream).next()
    assert isinstance(part, BodyPartReader)
    assert (part.name, bytes(await part.read())) == ("_charset_", b"utf-8")
