"""A part that fails on demand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


class Failing:
    """Wrap a part: the first calls of one method raise these errors, one each. All else is the part's own.

    Without errors it keeps the part's contract: `tests/contracts` checks that.
    """

    def __init__(self, part: Any, method: str, errors: Iterable[BaseException]) -> None:
        self._part = part
        self._method = method
        self._errors = iter(errors)
        self.calls = 0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._part, name)
        if name != self._method:
            return found

        async def failing(*given: Any, **named: Any) -> Any:
            self.calls += 1
            error = next(self._errors, None)
            if error is not None:
                raise error
            return await found(*given, **named)

        return failing
