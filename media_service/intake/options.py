"""How uploads are taken in, as the settings say."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from media_service.core.quota import Quotas

if TYPE_CHECKING:
    from media_service.core.expiry import Lifetime
    from media_service.core.limits import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeOptions:
    """How the intake behaves: limits of an upload, seconds a body may stand still, seconds the last slice waits for
    the verdict, how long an upload waits for its bytes, bytes of disk that stay free, and what an address may have.
    `body_rate`: bytes a second that a body must bring at least, on the average of each `idle_timeout`.
    `quarantine_lifetime`: seconds for which a rejected file is kept.

    `writes_tags`: what a sender types is written into the file.
    `sync_slices`: a slice is durable before it is acknowledged; otherwise an upload is once it is whole."""

    limits: Limits
    idle_timeout: float
    verdict_wait_slice: float
    lifetime: Lifetime
    disk_reserve: int
    sync_slices: bool
    body_rate: int = 0
    quotas: Quotas = field(default_factory=Quotas)
    quarantine_lifetime: float = 0.0
    writes_tags: bool = True
