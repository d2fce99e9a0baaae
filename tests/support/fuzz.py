"""Fuzzer over raw sockets: concurrent conversations of malformed requests, all from one seed."""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
from dataclasses import dataclass, field
from itertools import pairwise
from typing import TYPE_CHECKING

from tests.support.fuzz_contents import World
from tests.support.fuzz_requests import Message, make

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CONNECTIONS = 16
"""Concurrent conversations."""

MOST_PIPELINED = 12
ANSWERED_WITHIN = 60.0
"""Seconds within which a complete request must get a response; far more than a busy machine takes."""

QUIET_SECONDS = 0.3
"""Seconds to wait for a response if the framing is broken, because the server may wait for more of a request."""

FINAL = re.compile(rb"HTTP/1\.[01] ([2-9]\d\d) ")
CODE = re.compile(rb'"code": ?"(\w+)"')
LINE_ENDS = (b"\n", b"\r", b"\r\n\r\n", b"\n\n", b"\r\n ", b"\0\r\n")
BROKEN = (
    *(b"\0", b"\xff", b"\r", b"\n", b"\r\n", b":", b" ", b"\t", b"Content-Length: 5\r\n", b"Content-Length: -1\r\n"),
    *(b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip, chunked\r\n", b"Transfer-Encoding: xchunked\r\n"),
    *(
        b"Host: evil.example\r\n",
        b" Folded: x\r\n",
        b"No colon\r\n",
        b"Space : x\r\n",
        b": empty\r\n",
        b"X: \xff\xfe\r\n",
    ),
    *(
        b"X-Many: y\r\n" * 200,
        b"X-Long: " + b"z" * 9000 + b"\r\n",
        b"Expect: 100-continue\r\n",
        b"0\r\n\r\n",
        b"ffffffffffffffff\r\n",
    ),
    *(b"Content-Type: a/b" + b";" * 8000 + b"\r\n", b"Cookie: " + b"a=b; " * 1500 + b"\r\n", b"Upgrade: h2c\r\n"),
)


@dataclass(slots=True)
class Conversation:
    """List what one connection sends: `pieces`, with a pause after each, and a disconnect after the last if `cut`."""

    number: int
    messages: list[Message]
    pieces: list[bytes]
    pause: float
    broken: bool
    cut: bool

    def __repr__(self) -> str:
        sent = b"".join(self.pieces)
        shown = sent if len(sent) < 6000 else sent[:3000] + b" ... " + sent[-3000:]
        return f"conversation {self.number} (broken={self.broken}, cut={self.cut}): {shown!r}"


@dataclass(slots=True)
class Failure:
    """An unexpected response, and its conversation."""

    status: int
    code: str
    nth: int
    response: bytes
    conversation: Conversation

    def __repr__(self) -> str:
        said = self.conversation.messages
        asked = f"{said[self.nth].method} {said[self.nth].target[:200]}" if self.nth < len(said) else "?"
        return f"{self.status} {self.code} to request {self.nth} ({asked})\n  {self.response!r}\n  {self.conversation}"


@dataclass(slots=True)
class Tally:
    """Counts and failures of a run."""

    requests: int = 0
    statuses: dict[int, int] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)


class Fuzzer:
    """Send conversations to a server on `port`. `allowed`: codes of 5xx responses that are not failures."""

    def __init__(
        self, port: int, token: str, routes: list[tuple[str, str]], seed: int, allowed: frozenset[str]
    ) -> None:
        self.world = World(token)
        self.tally = Tally()
        self._port = port
        self._routes = routes
        self._seed = seed
        self._allowed = allowed
        self._number = 0

    async def run(self, requests: int, stop: Callable[[], bool] = lambda: False) -> None:
        """Send this number of requests."""
        until = self.tally.requests + requests

        async def talk() -> None:
            while self.tally.requests < until and not stop():
                self._number += 1
                chance = random.Random(f"{self._seed}/{self._number}")
                conversation = converse(chance, self._number, self._routes, self.world)
                self.tally.requests += len(conversation.messages)
                self._judge(conversation, await self._exchange(conversation))

        await asyncio.gather(*(talk() for _ in range(CONNECTIONS)))

    async def _exchange(self, conversation: Conversation) -> bytes:
        """Send the conversation; return all bytes received."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port)
        responses = bytearray()
        patience = QUIET_SECONDS if conversation.broken else ANSWERED_WITHIN
        reading = asyncio.create_task(_read(reader, responses, len(conversation.messages), patience))
        try:
            with contextlib.suppress(ConnectionError):
                for piece in conversation.pieces:
                    writer.write(piece)
                    await writer.drain()
                    await asyncio.sleep(conversation.pause)
            if not conversation.cut and not await reading and not conversation.broken:
                self._note(conversation, 0, "unanswered", len(FINAL.findall(responses)), bytes(responses[-600:]))
        finally:
            reading.cancel()
            writer.transport.abort()
        return bytes(responses)

    def _judge(self, conversation: Conversation, responses: bytes) -> None:
        for nth, match in enumerate(FINAL.finditer(responses)):
            status, shown = int(match[1]), responses[match.start() : match.start() + 1500]
            self.tally.statuses[status] = self.tally.statuses.get(status, 0) + 1
            if status >= 500:
                code = CODE.search(shown)
                name = code[1].decode() if code else ""
                if name not in self._allowed:
                    self._note(conversation, status, name, nth, shown[:600])
        self.world.learn(responses.decode("latin-1"))

    def _note(self, conversation: Conversation, status: int, code: str, nth: int, response: bytes) -> None:
        self.tally.failures.append(Failure(status, code, nth, response, conversation))


async def _read(reader: asyncio.StreamReader, responses: bytearray, count: int, patience: float) -> bool:
    """Read until `count` final responses or the end; return False on a timeout."""
    try:
        while block := await asyncio.wait_for(reader.read(256 * 1024), patience):
            responses += block
            if len(FINAL.findall(responses)) >= count:
                break
    except TimeoutError:
        return False
    except ConnectionError:
        pass
    return True


def converse(chance: random.Random, number: int, routes: list[tuple[str, str]], world: World) -> Conversation:
    """Return a conversation: pipelined requests, valid or malformed, in one piece or many."""
    messages = [make(chance, routes, world) for _ in range(chance.randint(1, MOST_PIPELINED))]
    sent = [message.encode() for message in messages]
    # Bytes after a protocol switch are not HTTP.
    broken = any(_leaves_http(message) for message in messages)
    for _ in range(chance.choices((0, 1, 4), (70, 20, 10))[0]):
        # Mostly the last one: requests after a malformed one are usually lost.
        at = len(sent) - 1 if chance.random() < 0.7 else chance.randrange(len(sent))
        sent[at] = spoil(chance, sent[at])
        broken = True
    whole = b"".join(sent)
    cut = chance.random() < 0.1
    if cut:
        whole = whole[: chance.randint(1, len(whole))]
    pieces = list(_pieces(chance, whole))
    return Conversation(number, messages, pieces, 0.3 / len(pieces) if chance.random() < 0.1 else 0.0, broken, cut)


def _leaves_http(message: Message) -> bool:
    names = {name.lower() for name, _ in message.fields}
    return "upgrade" in names or message.method in ("CONNECT", "PRI") or not message.method.isupper()


def _pieces(chance: random.Random, whole: bytes) -> Iterator[bytes]:
    """Yield the bytes at once, byte by byte if they are few, or in random pieces."""
    how = chance.random()
    if how < 0.5:
        yield whole
    elif how < 0.6 and len(whole) < 1500:
        yield from (whole[at : at + 1] for at in range(len(whole)))
    else:
        cuts = sorted({0, len(whole), *(chance.randint(0, len(whole)) for _ in range(chance.randint(1, 8)))})
        yield from (whole[start:stop] for start, stop in pairwise(cuts))


def spoil(chance: random.Random, message: bytes) -> bytes:
    """Return the request with one to three mutations, most of them in its head."""
    head = message.find(b"\r\n\r\n") + 4
    for _ in range(chance.randint(1, 3)):
        limit = head if chance.random() < 0.8 else len(message)
        at = chance.randint(0, max(0, min(limit, len(message)) - 1))
        line = message.find(b"\r\n", at) + 2
        act = chance.randrange(8)
        if act == 0:
            message = message[:at] + bytes([chance.randrange(256)]) + message[at + 1 :]
        elif act == 1:
            message = message[:at] + chance.randbytes(chance.choice((1, 2, 40))) + message[at:]
        elif act == 2:
            message = message[:at] + message[at + chance.choice((1, 2, 10, 100)) :]
        elif act == 3:
            message = message[:at] + message[at : at + 60] * chance.choice((2, 3, 50)) + message[at + 60 :]
        elif act == 4:
            message = message[:line] + chance.choice(BROKEN) + message[line:]
        elif act == 5:
            message = message.replace(b"\r\n", chance.choice(LINE_ENDS), chance.choice((1, 2, -1)))
        elif act == 6:
            message = message.replace(
                b"HTTP/1.1", chance.choice((b"HTTP/1.0", b"HTTP/2.0", b"HTTP/0.9", b"", b"HTTP/1.")), 1
            )
        else:
            message = message.replace(b" /", chance.choice((b" http://evil.example/", b" //", b" ", b" /\0", b" *")), 1)
    return message or b"\r\n"
