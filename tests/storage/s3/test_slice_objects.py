"""Which objects are the bytes of an upload: those before the first gap, each byte once, wherever reading begins."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from media_service.core.upload import Slice
from media_service.storage.s3.keys import slice_key
from media_service.storage.s3.slice_objects import objects_after, objects_before

BOUNDS = st.lists(st.integers(1, 200), min_size=1, max_size=12, unique=True).map(lambda bounds: [0, *sorted(bounds)])


def bytes_of(key: str, start: int, stop: int) -> list[int]:
    """Return the offsets in the upload of some bytes of an object."""
    first = int(key.split("/")[2].split("-", maxsplit=1)[0])
    return list(range(first + start, first + stop))


@given(BOUNDS, st.sets(st.integers(0, 11)), st.integers(0, 250), st.integers(0, 250))
def test_objects_are_the_bytes_before_the_first_gap(bounds: list[int], lost: set[int], stop: int, copied: int) -> None:
    slices = [
        Slice(start, end, None, f"attempt{index}")
        for index, (start, end) in enumerate(pairwise(bounds))
        if index not in lost
    ]
    if not slices:
        return
    covered = 0
    for piece in slices:
        if piece.start != covered:
            break
        covered = piece.stop
    objects = objects_before("a", slices, stop)
    found = [byte for part in objects for byte in bytes_of(part.key, part.start, part.stop)]
    assert found == list(range(min(covered, stop)))
    assert {part.key for part in objects} <= {
        slice_key("a", piece.start, piece.stop, piece.object or "") for piece in slices
    }
    rest = list(objects_after(objects, copied))
    for offset, part in rest:
        assert bytes_of(part.key, part.start, part.stop)[0] == offset
    left = [byte for _, part in rest for byte in bytes_of(part.key, part.start, part.stop)]
    assert left == found[copied:]


def test_without_slices_it_is_what_the_quarantine_restored() -> None:
    (part,) = objects_before("a", [], 7)
    assert (part.key, part.start, part.stop) == ("uploads/a/whole-restored", 0, 7)
