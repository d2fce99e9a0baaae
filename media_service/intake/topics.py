"""Topics of the bus, with their payloads."""

from __future__ import annotations

from typing import Final

SUPERSEDE: Final = "supersede"
"""upload_id, start, stop, arrived, origin: a writer waits for these bytes; older ones should end.

`arrived`: when its request came, in UTC microseconds. `origin` names its process, which has ended its own older ones
itself; empty if all should end.
"""

INTERRUPT: Final = "interrupt"
"""upload_id, arrived, origin: a request waits for the running append, which should record what it received and end.

It need not end for a request that arrived before it; UTC microseconds.
"""

RECORDED: Final = "recorded"
"""upload_id, start, stop: a slice was recorded."""

CHANGED: Final = "changed"
"""upload_id, state: an upload changed its state, or its finishing failed."""

WAITING: Final = "waiting"
"""count: so many uploads wait to be finalized."""

ALL_BYTES = 2**62
"""Where a span ends that has all bytes of any upload."""
