"""Half-open spans of bytes, and the merged set of them that an upload has received."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """The bytes `[start, stop)`. An empty span (start == stop) is allowed; a negative one is not."""

    start: int
    stop: int

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.stop:
            raise ValueError(f"no span: [{self.start}, {self.stop})")

    def __len__(self) -> int:
        return self.stop - self.start

    def overlaps(self, other: Span) -> bool:
        """Whether the two share at least one byte."""
        return max(self.start, other.start) < min(self.stop, other.stop)


class Ranges:
    """A set of bytes as sorted spans that neither touch nor overlap. A value: `add` returns a new one."""

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
        """How many bytes the set holds."""
        return sum(self._stops) - sum(self._starts)

    @property
    def offset(self) -> int:
        """The end of the unbroken run from zero."""
        return self._stops[0] if self._starts and self._starts[0] == 0 else 0

    def add(self, span: Span) -> Ranges:
        """The set with the span's bytes in it as well."""
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
        """Return whether the span begins or ends at a run, so that adding it makes no run of its own."""
        ends_here = self.next_start(span.start, -1) == span.stop
        return ends_here or (span.start > 0 and self.run_from(span.start - 1) >= span.start)

    def covers(self, span: Span) -> bool:
        """Whether every byte of the span is in the set."""
        return not len(span) or self.run_from(span.start) >= span.stop

    def overlaps(self, span: Span) -> bool:
        """Whether at least one byte of the span is in the set."""
        return bool(len(span)) and (
            self.run_from(span.start) > span.start or self.next_start(span.start, span.stop) < span.stop
        )

    def run_from(self, offset: int) -> int:
        """Where the unbroken run that holds the byte at `offset` ends; `offset` itself when it is not held."""
        at = bisect_right(self._starts, offset) - 1
        return max(offset, self._stops[at]) if at >= 0 else offset

    def next_start(self, offset: int, otherwise: int) -> int:
        """The first held run's start at or behind `offset`; `otherwise` where none follows."""
        at = bisect_left(self._starts, offset)
        return self._starts[at] if at < len(self._starts) else otherwise

    def missing(self, length: int) -> Iterator[Span]:
        """The spans of `[0, length)` that are not held, in order."""
        at = 0
        for span in self:
            if at < span.start:
                yield Span(at, min(span.start, length))
            at = span.stop
            if at >= length:
                return
        if at < length:
            yield Span(at, length)
