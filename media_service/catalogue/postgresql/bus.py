"""Hints between processes of all nodes, by LISTEN and NOTIFY."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
from typing import TYPE_CHECKING, Any

import structlog

from media_service.ipc.bus import LocalBus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from media_service.catalogue.postgresql.session import Session

BATCH_SECONDS = 0.01
"""Minimum seconds between two statements. Each takes a lock of the whole server, so it should carry many hints."""

MAX_PAYLOAD_BYTES = 7900
"""PostgreSQL allows less than 8000."""

MAX_WAITING_BYTES = 1024 * 1024
"""Hints that wait while the server does not respond; more are dropped."""

_NOTIFY = "SELECT pg_notify('media_service', payload) FROM unnest(%s::text[]) AS payload"

log = structlog.get_logger()


class PostgresBus:
    """`core.ports.bus.Bus`: deliver hints within this process, and by the session to all others, also of other nodes.

    A payload is a JSON array: the sender, a number, and hints. PostgreSQL would drop a payload that is equal to another
    one of the same statement, so each has a number.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._local = LocalBus()
        self._origin = secrets.token_urlsafe(6)
        self._number = 0
        self._waiting: list[str] = []
        self._waiting_bytes = 0
        self._is_sending = False
        self._next = 0.0
        session.listen(self._receive)

    def publish(self, topic: str, *payload: Any) -> None:
        """See `core.ports.bus`."""
        self._local.publish(topic, *payload)
        if not self._session.is_connected or self._waiting_bytes > MAX_WAITING_BYTES:
            return
        hint = json.dumps((topic, *payload), default=_encode, separators=(",", ":"))
        self._waiting.append(hint)
        self._waiting_bytes += len(hint)
        if not self._is_sending:
            self._is_sending = True
            loop = asyncio.get_running_loop()
            loop.call_at(max(self._next, loop.time()), self._send)

    def subscribe(self, topic: str, handler: Callable[..., None]) -> None:
        """See `core.ports.bus`."""
        self._local.subscribe(topic, handler)

    def _send(self) -> None:
        hints, self._waiting, self._waiting_bytes = self._waiting, [], 0
        loop = asyncio.get_running_loop()
        self._next = loop.time() + BATCH_SECONDS
        self._session.execute(_NOTIFY, list(self._payloads(hints))).add_done_callback(self._note_sent)

    def _note_sent(self, _sent: asyncio.Future[Any]) -> None:
        """Send what came meanwhile. If it was not sent, it is lost."""
        self._is_sending = bool(self._waiting)
        if self._is_sending:
            loop = asyncio.get_running_loop()
            loop.call_at(max(self._next, loop.time()), self._send)

    def _payloads(self, hints: Iterable[str]) -> Iterator[str]:
        """Yield the hints as payloads; leave out a hint that is too long for one."""
        batch: list[str] = []
        size = 0
        for hint in hints:
            if size + len(hint) > MAX_PAYLOAD_BYTES and batch:
                yield self._payload(batch)
                batch, size = [], 0
            if len(hint) <= MAX_PAYLOAD_BYTES:
                batch.append(hint)
                size += len(hint) + 1
        if batch:
            yield self._payload(batch)

    def _payload(self, hints: Iterable[str]) -> str:
        self._number += 1
        return f'["{self._origin}",{self._number},{",".join(hints)}]'

    def _receive(self, payload: str) -> None:
        try:
            origin, _, *hints = json.loads(payload, object_hook=_decode)
            if origin != self._origin:
                for topic, *values in hints:
                    self._local.deliver(topic, values)
        except (ValueError, TypeError, KeyError) as error:
            # Of another version, or of another program that uses this database.
            log.warning("a hint was not understood", error=str(error))


def _encode(value: object) -> dict[str, str]:
    assert isinstance(value, bytes)
    return {"base64": base64.b64encode(value).decode()}


def _decode(value: dict[str, str]) -> bytes:
    return base64.b64decode(value["base64"])
