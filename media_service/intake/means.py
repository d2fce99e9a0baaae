"""What receiving an upload takes: where its bytes and rows go, who reads along, how it behaves, what time it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from media_service.core.ports.catalogue import Catalogue
    from media_service.core.ports.media import Media
    from media_service.core.ports.partials import Partials
    from media_service.intake.conduct import Conduct
    from media_service.intake.register import Register
    from media_service.intake.space import Space
    from media_service.intake.usage import AddressUsage


@dataclass(frozen=True, slots=True)
class Means:
    """The parts that every step of receiving shares. `clock` gives UTC microseconds."""

    register: Register
    catalogue: Catalogue
    partials: Partials
    media: Media
    conduct: Conduct
    clock: Callable[[], int]
    usage: AddressUsage
    space: Space
