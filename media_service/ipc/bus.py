"""Hints between processes: over the sidecar, and within one process.

`core.ports.bus` is the contract. A hint to the own process never leaves it, so it arrives also without a sidecar.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING, Any

import structlog

from media_service.ipc.framing import encode_frame

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from media_service.ipc.client import RpcClient

log = structlog.get_logger()


class LocalBus:
    """Deliver hints within one process."""

    def __init__(self) -> None:
        self._handlers: defaultdict[str, list[Callable[..., None]]] = defaultdict(list)

    def publish(self, topic: str, *payload: Any) -> None:
        """See `core.ports.bus`."""
        # Refuse what could not be sent to another process, so that one process behaves like many.
        encode_frame(payload)
        asyncio.get_running_loop().call_soon(self.deliver, topic, payload)

    def subscribe(self, topic: str, handler: Callable[..., None]) -> None:
        """See `core.ports.bus`."""
        self._handlers[topic].append(handler)

    def deliver(self, topic: str, payload: Sequence[Any]) -> None:
        """Call the handlers of this topic at once."""
        for handler in self._handlers.get(topic, ()):
            try:
                handler(*payload)
            except Exception:
                log.exception("hint failed", topic=topic)


class SidecarBus:
    """Deliver hints within this process, and to the others through the relay in the sidecar."""

    def __init__(self, rpc: RpcClient) -> None:
        self._rpc = rpc
        self._local = LocalBus()
        rpc.listen(self._receive)

    def publish(self, topic: str, *payload: Any) -> None:
        """See `core.ports.bus`."""
        self._local.publish(topic, *payload)
        # Drop the hint rather than let unsent ones fill the memory while the sidecar does not read.
        if not self._rpc.is_congested:
            self._rpc.notify((topic, payload))

    def subscribe(self, topic: str, handler: Callable[..., None]) -> None:
        """See `core.ports.bus`."""
        self._local.subscribe(topic, handler)

    def _receive(self, hint: tuple[str, Sequence[Any]]) -> None:
        self._local.deliver(*hint)
