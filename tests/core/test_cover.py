"""Pictures that may be covers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from media_service.core.cover import Cover, CoverLimits, Picture, accept_cover
from media_service.core.errors.covers import CoverInvalid, CoverNotImage, CoverTooLarge, CoverTooWide

if TYPE_CHECKING:
    from media_service.core.errors.base import Refusal

LIMITS = CoverLimits(size=1000, pixels=50)
FIT = Picture("image/png", 50, 20)


def test_what_fits_is_a_cover() -> None:
    assert accept_cover(1000, FIT, LIMITS) == Cover("image/png", 1000, 50, 20)


@pytest.mark.parametrize(
    ("size", "seen", "error"),
    [
        (1001, FIT, CoverTooLarge),
        (10, None, CoverNotImage),
        (10, Picture("image/png", 20, 51), CoverTooWide),
        (10, Picture("image/png", 51, 20), CoverTooWide),
        (10, Picture("image/png", 5, 5, "it is animated"), CoverInvalid),
        (2000, None, CoverTooLarge),
    ],
)
def test_what_does_not_is_refused(size: int, seen: Picture | None, error: type[Refusal]) -> None:
    with pytest.raises(error):
        accept_cover(size, seen, LIMITS)
