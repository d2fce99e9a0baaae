"""Finish a step even if the client disconnects, and wait for the verdict on a complete upload."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

from media_service.core.errors.registry import restore_error
from media_service.core.upload_states import FINISHING, State
from media_service.intake.tasks import TaskTracker

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from contextlib import AsyncExitStack

    from media_service.intake.receiving.active_uploads import UploadView
    from media_service.intake.uploads import UploadService

T = TypeVar("T")

_tasks = TaskTracker()


async def shielded(step: Coroutine[Any, Any, T]) -> T:
    """Return the step's result. If the client disconnects, aiohttp cancels the handler, but the step continues."""
    return await asyncio.shield(_tasks.begin(step))


async def shielded_with(resources: AsyncExitStack, step: Coroutine[Any, Any, T]) -> T:
    """Return the step's result; close the resources when the step has ended."""
    return await shielded(_closing_after(resources.pop_all(), step))


async def _closing_after(resources: AsyncExitStack, step: Coroutine[Any, Any, T]) -> T:
    async with resources:
        return await step


async def with_verdict(intake: UploadService, view: UploadView, seconds: float) -> UploadView:
    """Return the upload; if complete, wait up to `seconds` for its verdict. Raise the refusal of a rejected file."""
    if view.upload.state in FINISHING:
        view = await intake.wait_for_verdict(view.upload.id, seconds)
    if view.upload.state is State.REJECTED and view.upload.verdict is not None:
        raise restore_error(view.upload.verdict.code, view.upload.verdict.details)
    return view
