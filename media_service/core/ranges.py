"""Half-open spans of bytes, and the merged set of them that an upload has received."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """The bytes `[start, stop)`, which may be empty."""

    start: int
    stop: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.stop:
            raise ValueError(f"no span: [{self.start}, {self.stop})")

    def __len__(self) -> int:
        return self.stop - self.start

    def overlaps(self, other: Span) -> bool:
        """Return whether both share at least one byte."""
        return max(self.start, other.start) < min(self.stop, other.stop)


class Ranges:
    """An immutable set of bytes, as sorted spans that neither touch nor overlap."""

    __slots__ = ("_starts", "_stops")

    def __init__(self, spans: Iterable[Span] = ()) -> None:
        starts: list[int] = []
        stops: list[int] = []
        for span in sorted(spans):
            if not len(span):
                continue
            if stops and span.start <= stops[-1]:
                stops[-1] = max(stops[-1], span.stop)
            else:
                starts.append(span.start)
                stops.append(span.stop)
        self._starts, self._stops = tuple(starts), tuple(stops)

    def __iter__(self) -> Iterator[Span]:
        return map(Span, self._starts, self._stops)

    def __len__(self) -> int:
        return len(self._starts)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ranges) and (self._starts, self._stops) == (other._starts, other._stops)

    def __hash__(self) -> int:
        return hash((self._starts, self._stops))

    def __repr__(self) -> str:
        return f"Ranges({list(self)})"

    @property
    def size(self) -> int:
        """Return the number of bytes."""
        return sum(self._stops) - sum(self._starts)

    @property
    def offset(self) -> int:
        """Return the end of the contiguous bytes from 0."""
        return self._stops[0] if self._starts and self._starts[0] == 0 else 0

    def add(self, span: Span) -> Ranges:
        """Return the set with the span's bytes added."""
        if not len(span):
            return self
        first = bisect_left(self._stops, span.start)
        last = bisect_right(self._starts, span.stop)
        start, stop = span.start, span.stop
        if first < last:
            start, stop = min(start, self._starts[first]), max(stop, self._stops[last - 1])
        merged = Ranges()
        merged._starts = (*self._starts[:first], start, *self._starts[last:])
        merged._stops = (*self._stops[:first], stop, *self._stops[last:])
        return merged

    def touches(self, span: Span) -> bool:
        """Return whether the span begins or ends at a run, so that adding it adds no separate run."""
        ends_here = self.next_start(span.start, -1) == span.stop
        return ends_here or (span.start > 0 and self.run_from(span.start - 1) >= span.start)

    def covers(self, span: Span) -> bool:
        """Return whether every byte of the span is in the set."""
        return not len(span) or self.run_from(span.start) >= span.stop

    def overlaps(self, span: Span) -> bool:
        """Return whether at least one byte of the span is in the set."""
        return bool(len(span)) and (
            self.run_from(span.start) > span.start or self.next_start(span.start, span.stop) < span.stop
        )

    def run_from(self, offset: int) -> int:
        """Return the end of the contiguous bytes from `offset`; `offset` itself if its byte is not in the set."""
        at = bisect_right(self._starts, offset) - 1
        return max(offset, self._stops[at]) if at >= 0 else offset

    def next_start(self, offset: int, otherwise: int) -> int:
        """Return the start of the first run at or after `offset`, else `otherwise`."""
        at = bisect_left(self._starts, offset)
        return self._starts[at] if at < len(self._starts) else otherwise

    def missing(self, length: int) -> Iterator[Span]:
        """Yield the spans of `[0, length)` that are not in the set, in order."""
        at = 0
        for span in self:
            if at < span.start:
                yield Span(at, min(span.start, length))
            at = span.stop
            if at >= length:
                return
        if at < length:
            yield Span(at, length)
