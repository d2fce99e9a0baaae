"""Contract for the rates at which clients may create uploads."""

from __future__ import annotations

from typing import Protocol


class CreationRates(Protocol):
    """Counts creations."""

    def creation(self, owner: str, address: str | None) -> None:
        """Count the creation of an upload for this owner, from this address. Raise TooManyRequests."""
