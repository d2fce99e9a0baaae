"""Quotas: what the service, a collection or an owner may have, and what one address may have open.

An upload reserves its bytes of the first three when it is created, and gives them back or turns them into those of its
file when it ends. Of an upload without a length, FIRST_CHARGE_BYTES are reserved, and twice as many whenever its bytes
exceed that. So what is admitted together never exceeds a limit.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING

from media_service.core.access import LINK_PREFIX
from media_service.core.accounts import NO_LIMITS, OwnerLimits
from media_service.core.errors.limits import FileTooLarge, QuotaExceeded, TooManyUploads

if TYPE_CHECKING:
    from media_service.core.usage import Usage

CACHED_ADDRESSES = 4096

FIRST_CHARGE_BYTES = 64 * 1024 * 1024
"""Reserved for an upload without a length when it is created, or what is left if that is less."""

SERVICE_USAGE = "service"
COLLECTION_USAGE_PREFIX = "collection:"


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
            raise QuotaExceeded("address", self.bytes, used=used, reserved=0, needed=needed)


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


@dataclass(frozen=True, slots=True, kw_only=True)
class StorageLimits:
    """The service's maximum of bytes, None for none, and the limits of owners that have none of their own."""

    service: int | None = None
    person: OwnerLimits = NO_LIMITS
    link: OwnerLimits = NO_LIMITS

    def of_account(self, account: str | None) -> OwnerLimits:
        """Return the limits of an owner that has none of its own; without limits for None."""
        if account is None:
            return NO_LIMITS
        return self.link if account.startswith(LINK_PREFIX) else self.person


NO_STORAGE_LIMITS = StorageLimits()


@dataclass(frozen=True, slots=True)
class Allowance:
    """What the service, a collection, an owner or a link (`of`) may have, and has."""

    of: str
    limits: OwnerLimits
    usage: Usage

    @property
    def largest(self) -> int | None:
        """Return the maximum bytes of a new upload; None for no limit."""
        limits, usage = self.limits, self.usage
        if limits.files is not None and usage.files + usage.reserved_files >= limits.files:
            return 0
        left = None if limits.bytes is None else max(0, limits.bytes - usage.bytes - usage.reserved_bytes)
        return min((size for size in (left, limits.file_bytes) if size is not None), default=None)

    def check_file(self) -> None:
        """Raise QuotaExceeded if one more file exceeds the limit."""
        limit, usage = self.limits.files, self.usage
        if limit is not None and usage.files + usage.reserved_files >= limit:
            raise QuotaExceeded(self.of, limit, used=usage.files, reserved=usage.reserved_files, needed=1, unit="files")

    def check_bytes(self, needed: int, size: int) -> None:
        """Check that an upload of `size` bytes may reserve `needed` more. Raise FileTooLarge, QuotaExceeded."""
        limits, usage = self.limits, self.usage
        if limits.file_bytes is not None and size > limits.file_bytes:
            raise FileTooLarge(limits.file_bytes)
        if limits.bytes is not None and usage.bytes + usage.reserved_bytes + needed > limits.bytes:
            raise QuotaExceeded(self.of, limits.bytes, used=usage.bytes, reserved=usage.reserved_bytes, needed=needed)


def next_charge(stop: int) -> int:
    """Return how many bytes to reserve for an upload of unknown length that gets bytes before `stop`."""
    charge = FIRST_CHARGE_BYTES
    while charge < stop:
        charge *= 2
    return charge


def holder_of(usage_id: str) -> str:
    """Return what a row of usage is of: `service`, `collection`, `link`, or `owner` for a person."""
    kind = usage_id.partition(":")[0]
    return "owner" if kind == "person" else kind


def collection_usage(collection: str | None) -> str | None:
    """Return the id of a collection's row of usage."""
    return None if collection is None else COLLECTION_USAGE_PREFIX + collection
