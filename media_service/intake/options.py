"""Options of the intake, from the settings."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from media_service.core.quota import NO_STORAGE_LIMITS, Quotas, StorageLimits

if TYPE_CHECKING:
    from media_service.core.expiry import Lifetime
    from media_service.core.limits import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class IntakeOptions:
    """Times are in seconds (`lifetime`: microseconds), sizes in bytes.

    `idle_timeout`: maximum time without a byte of a body, and window of its minimum rate `body_rate` (bytes/s).
    `verdict_wait_slice`: how long the last slice's response waits for the verdict. `disk_reserve`: space that stays
    free. `writes_tags`: write the sender's details into the file. `sync_slices`: sync each slice before its response;
    otherwise sync an upload once, before it is complete. `quarantine_lifetime`: how long rejected files are kept;
    `audit_lifetime`: entries of the audit trail.
    """

    limits: Limits
    idle_timeout: float
    verdict_wait_slice: float
    lifetime: Lifetime
    disk_reserve: int
    sync_slices: bool
    body_rate: int = 0
    quotas: Quotas = field(default_factory=Quotas)
    storage_limits: StorageLimits = NO_STORAGE_LIMITS
    quarantine_lifetime: float = 0.0
    audit_lifetime: float = 0.0
    writes_tags: bool = True
