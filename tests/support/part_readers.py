"""aiohttp's part reader beside ours: what each reads of the same body, which arrives in the same way."""

from __future__ import annotations

import asyncio
import warnings
from dataclasses import dataclass, field
from itertools import cycle
from typing import TYPE_CHECKING, Any, TypeAlias

from aiohttp import BodyPartReader, ClientPayloadError, MultipartReader, StreamReader
from aiohttp.base_protocol import BaseProtocol
from multidict import CIMultiDict

from media_service.http.part_reader import MAX_DELIMITER_BYTES, BlockPartReader

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from tests.support.multipart_bodies import Arrival

STREAM_LIMIT_BYTES = 4 * 1024 * 1024  # no body is as long, so aiohttp never pauses the connection
SETTLED_ITERATIONS = 8


class AiohttpReader(MultipartReader):
    """aiohttp's reader and part reader."""


class BlockReader(MultipartReader):
    """aiohttp's reader with our part reader."""

    part_reader_cls = BlockPartReader


@dataclass
class Result:
    """The parts read before the error, the error, and what is left of the body."""

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
