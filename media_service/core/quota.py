"""How much one address may have open: receiving uploads, and their bytes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address

from media_service.core.errors.limits import QuotaExceeded, TooManyUploads

CACHED_ADDRESSES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """Maximum open uploads and bytes; None for no limit."""

    uploads: int | None = None
    bytes: int | None = None

    def check_count(self, others: int) -> None:
        """Raise TooManyUploads if the address has `others` open uploads and one more exceeds the limit."""
        if self.uploads is not None and others >= self.uploads:
            raise TooManyUploads(self.uploads)

    def check_bytes(self, used: int, needed: int) -> None:
        """Raise QuotaExceeded if `needed` bytes beside `used` ones exceed the limit."""
        if self.bytes is not None and used + needed > self.bytes:
            raise QuotaExceeded(self.bytes, used, needed)


@dataclass(frozen=True, slots=True)
class Quotas:
    """Quotas of remote and of loopback addresses, because a proxy on this machine sends for many clients."""

    remote: Quota = Quota()
    loopback: Quota = Quota()

    def of(self, address: str) -> Quota:
        """Return the quota of this address."""
        return self.loopback if is_loopback(address) else self.remote


@lru_cache(CACHED_ADDRESSES)
def is_loopback(address: str) -> bool:
    """Return whether the address, or the network of an IPv6 client, is of this machine."""
    return ip_address(address.partition("/")[0]).is_loopback
