"""Read the parts of a multipart body in the blocks that came from the socket.

aiohttp's reader joins each block with the one before it, searches both, and cuts them apart again: three copies of
every byte. This one searches each block as it came, and holds back only an end that may begin a boundary. A slice of
4 MiB costs 0.21 s/GiB more than a raw one, where aiohttp's reader cost 0.39 (half of the rest is the search).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import BodyPartReader

from media_service.http.connections.protocol import MAX_READ_BYTES

if TYPE_CHECKING:
    from aiohttp import StreamReader
    from multidict import CIMultiDictProxy

MAX_DELIMITER_BYTES = 74  # CRLF, two hyphens and 70 characters (RFC 2046, section 5.1.1)


class BlockPartReader(BodyPartReader):
    """`BodyPartReader` with other blocks, none of them empty before the end of the part.

    Two names are private to aiohttp, for want of public ones (it has both from 3.9 to 3.14): `_at_eof`, and
    `_read_chunk_from_stream`, which `read_chunk` calls for a part without a length of its own. Without the second one,
    aiohttp's own would read. `unread_data` is public but deprecated: aiohttp too reads the boundary from there.
    """

    def __init__(self, boundary: bytes, headers: CIMultiDictProxy[str], content: StreamReader, **options: Any) -> None:
        super().__init__(boundary, headers, content, **options)
        self._stream = content
        self._delimiter = b"\r\n" + boundary
        self._held: bytes | None = None
        self._small_reads: bool | None = None

    async def _read_chunk_from_stream(self, size: int) -> bytes:
        """Return 1 to `size` bytes, b"" at the end of the part. Raise ValueError if the body ends before."""
        if self._small_reads is None:
            self._small_reads = size < MAX_DELIMITER_BYTES
        if self._small_reads:
            # aiohttp reads 32 bytes of a `_charset_` field; how far its own reader reads on decides what comes next.
            return await super()._read_chunk_from_stream(size)
        assert size >= len(self._delimiter)
        data = await self._read_start(size) if self._held is None else self._held
        while (end := data.find(self._delimiter)) < 0:
            cut = self._stream.at_eof()
            length = len(data) if cut else self._length_without_delimiter(data)
            if length:
                self._held = data[length:]
                return data[:length]
            if cut:
                raise ValueError("the body ends within a part")
            data += await self._read_block(size - len(data))
        self._at_eof = True
        self._stream.unread_data(data[end:])
        return data[:end]

    async def _read_start(self, size: int) -> bytes:
        """Return the first bytes, with the delimiter if it follows the headers at once."""
        boundary, data = self._delimiter[2:], b""
        while len(data) < len(boundary) and boundary.startswith(data) and not self._stream.at_eof():
            data += await self._read_block(size - len(data))
        # Then the line break that ended the headers is the delimiter's too.
        return b"\r\n" + data if data.startswith(boundary) else data

    async def _read_block(self, size: int) -> bytes:
        """Return up to `size` bytes as they came, possibly none before the end of the body."""
        if size < MAX_READ_BYTES:
            return await self._stream.read(size)
        # `read` would fill up `size` with the beginning of the next block: it copies both, and the next one again.
        block, _ = await self._stream.readchunk()
        if len(block) > size:
            self._stream.unread_data(block[size:])
        return block[:size]

    def _length_without_delimiter(self, data: bytes) -> int:
        """Return the length without an end that may be the beginning of the delimiter."""
        at = data.find(b"\r", max(0, len(data) - len(self._delimiter) + 1))
        while at >= 0 and not self._delimiter.startswith(data[at:]):
            at = data.find(b"\r", at + 1)
        return len(data) if at < 0 else at
