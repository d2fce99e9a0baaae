"""`BlockPartReader` reads what aiohttp's own reader reads, whatever the body is and however it arrives."""

from __future__ import annotations

import asyncio
import random
import warnings
from dataclasses import dataclass, field
from itertools import cycle
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from aiohttp import BodyPartReader, ClientPayloadError, MultipartReader, StreamReader
from aiohttp.base_protocol import BaseProtocol
from hypothesis import example, given, settings
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from media_service.http.multipart import StrictMultipartReader
from media_service.http.part_reader import MAX_DELIMITER_BYTES, WHOLE_BLOCK_BYTES, BlockPartReader
from tests.support.multipart_bodies import (
    CHARSET_HEADER,
    HEADERS,
    Arrival,
    boundaries,
    hostile_pieces,
    multipart_requests,
)

pytestmark = pytest.mark.once

pytestmark = pytest.mark.filterwarnings("ignore:unread_data:DeprecationWarning")

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

STREAM_LIMIT_BYTES = 1024 * 1024  # no body is as long, so aiohttp never pauses the connection
SETTLED_ITERATIONS = 8
FENCE = "fence"
FORM = f"multipart/form-data; boundary={FENCE}"


class AiohttpReader(MultipartReader):
    """aiohttp's reader and part reader."""


class BlockReader(MultipartReader):
    """aiohttp's reader with our part reader."""

    part_reader_cls = BlockPartReader


@dataclass
class Result:
    """Hold the parts read before the error, the error, and what is left of the body."""

    parts: list[Any] = field(default_factory=list)
    error: type[BaseException] | None = None
    rest: bytes = b""


Use: TypeAlias = "Callable[[MultipartReader, list[Any]], Awaitable[None]]"


def open_stream() -> StreamReader:
    """Return a stream of a connection that is open."""
    loop = asyncio.get_running_loop()
    protocol = BaseProtocol(loop)
    protocol.transport = asyncio.Transport()
    return StreamReader(protocol, STREAM_LIMIT_BYTES, loop=loop)


async def feed(stream: StreamReader, arrival: Arrival) -> None:
    """Feed the body as it arrives."""
    for block, iterations in zip(arrival.blocks, cycle(arrival.iterations), strict=False):
        stream.feed_data(block)
        for _ in range(iterations):
            await asyncio.sleep(0)
    if arrival.broken:
        # aiohttp's readline would not notice an exception in the same iteration as the last bytes.
        for _ in range(SETTLED_ITERATIONS):
            await asyncio.sleep(0)
        stream.set_exception(ClientPayloadError())
    else:
        stream.feed_eof()


def by_chunks(plans: Sequence[Sequence[int]]) -> Use:
    """Read parts in chunks. A plan has the sizes for one part, to be repeated."""
    each = cycle(plans)

    async def read(reader: MultipartReader, parts: list[Any]) -> None:
        while (part := await reader.next()) is not None:
            if isinstance(part, MultipartReader):
                parts.append((list(part.headers.items()), []))
                await read(part, parts[-1][-1])
            else:
                parts.append((list(part.headers.items()), part.get_charset("none"), bytearray()))
                await read_part(part, next(each), parts[-1][-1])

    return read


async def read_part(part: BodyPartReader, sizes: Sequence[int], content: bytearray) -> None:
    """Read a part to its end."""
    for size in cycle(sizes):
        if part.at_eof():
            break
        content += await part.read_chunk(size)
    assert await part.read_chunk(MAX_DELIMITER_BYTES) == b""


def by_calls(name: str) -> Use:
    """Read each part with one call."""

    async def read(reader: MultipartReader, parts: list[Any]) -> None:
        async for part in reader:
            if isinstance(part, BodyPartReader):
                parts.append(await CALLS[name](part))
            elif part is not None:
                await read(part, parts)

    return read


async def read_lines(part: BodyPartReader) -> list[bytes]:
    """Read until the first empty line."""
    lines = []
    while line := await part.readline():
        lines.append(line)
    return lines


async def read_one_chunk(part: BodyPartReader) -> None:
    """Leave the rest to the next part's reader."""
    await part.read_chunk(128)


CALLS: dict[str, Callable[[BodyPartReader], Awaitable[Any]]] = {
    "read": lambda part: part.read(),
    "decode": lambda part: part.read(decode=True),
    "next": lambda part: part.next(),
    "text": lambda part: part.text(),
    "form": lambda part: part.form(),
    "json": lambda part: part.json(),
    "release": lambda part: part.release(),
    "readline": read_lines,
    "one chunk": read_one_chunk,
}


def result_of(kind: type[MultipartReader], content_type: str, arrival: Arrival, use: Use) -> Result:
    """Return what a reader of this kind reads."""

    async def run() -> Result:
        stream, result = open_stream(), Result()
        feeding = asyncio.create_task(feed(stream, arrival))
        try:
            await use(kind(CIMultiDict({"Content-Type": content_type}), stream), result.parts)
        except Exception as error:
            result.error = type(error)
        await feeding
        result.rest = b"" if arrival.broken else await stream.read()
        return result

    with warnings.catch_warnings():
        # aiohttp warns of malformed headers and of its own unread_data.
        warnings.simplefilter("ignore")
        return asyncio.run(run())


def compare(content_type: str, arrival: Arrival, use: Callable[[], Use]) -> Result:
    """Compare both readers; return what ours read.

    Before an error, the last part may have more or fewer bytes. After a lost connection ours may get further: aiohttp's
    reader waits for the bytes after a boundary. Of a part without any byte, aiohttp's reader returns an empty chunk and
    raises at the next one, where ours raises at once.
    """
    theirs = result_of(AiohttpReader, content_type, arrival, use())
    ours = result_of(BlockReader, content_type, arrival, use())
    lost = theirs.error is ClientPayloadError
    assert lost or (ours.error, ours.rest) == (theirs.error, theirs.rest)
    if theirs.error is None:
        assert ours.parts == theirs.parts
    else:
        whole = len(theirs.parts) - (not lost and bool(theirs.parts) and not theirs.parts[-1])
        assert whole <= len(ours.parts)
        assert lost or len(ours.parts) <= len(theirs.parts)
        compare_until_error(ours.parts, theirs.parts)
    return ours


def compare_until_error(ours: Any, theirs: Any) -> None:
    """Compare values of which the last ones may have been cut."""
    if isinstance(ours, bytearray):
        assert ours.startswith(theirs) or theirs.startswith(ours)
    elif isinstance(ours, list | tuple) and ours and theirs:
        last = min(len(ours), len(theirs)) - 1
        assert ours[:last] == theirs[:last]
        compare_until_error(ours[last], theirs[last])
    else:
        assert ours == theirs or not ours or not theirs


def test_parts_are_compared() -> None:
    # If all bodies were refused, the other tests would compare only errors.
    body = b"--fence\r\n" + HEADERS[0] + b"\r\n\r\nabc\r\n--fence\r\n" + HEADERS[1] + b"\r\n\r\n\r\n--fence--\r\n"
    ours = compare(FORM, Arrival(tuple(bytes([byte]) for byte in body)), lambda: by_chunks([[8192]]))
    assert (ours.error, [content for *_, content in ours.parts]) == (None, [b"abc", b""])


sizes = st.one_of(st.integers(MAX_DELIMITER_BYTES, 200), st.sampled_from([8192, WHOLE_BLOCK_BYTES]))
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
    blocks = [random.Random(seed).randbytes(WHOLE_BLOCK_BYTES).replace(b"\r", b"\n") for seed in range(3)]
    for block in blocks:
        stream.feed_data(block)
    for block in blocks:
        assert await part.read_chunk(WHOLE_BLOCK_BYTES) is block


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
    stream.feed_data(b"a" * WHOLE_BLOCK_BYTES + b"b\r\n--fence--\r\n")
    assert await part.read_chunk(WHOLE_BLOCK_BYTES) == b"a" * WHOLE_BLOCK_BYTES
    assert await part.read_chunk(WHOLE_BLOCK_BYTES) == b"b"
    assert part.at_eof()


async def test_default_charset_is_a_part_as_any_other() -> None:
    # This also fails if aiohttp no longer asks `_last_part` whether to look for it.
    stream = open_stream()
    stream.feed_data(b"--fence\r\n" + CHARSET_HEADER + b"\r\n\r\nutf-8\r\n--fence--\r\n")
    part = await StrictMultipartReader(CIMultiDict({"Content-Type": FORM}), stream).next()
    assert isinstance(part, BodyPartReader)
    assert (part.name, bytes(await part.read())) == ("_charset_", b"utf-8")
