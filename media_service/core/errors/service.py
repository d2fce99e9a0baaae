"""Errors of the service: the same request may succeed later."""

from __future__ import annotations

from dataclasses import dataclass

from media_service.core.errors.base import ServiceError


@dataclass(eq=False)
class StorageFull(ServiceError):
    """The disk is full."""

    code = "storage_full"
    template = "The disk is full; what is recorded is safe, and the upload goes on when there is room."


@dataclass(eq=False)
class StorageError(ServiceError):
    """The disk failed."""

    code = "storage_error"
    template = "The disk did not take the bytes; what is recorded is safe."


@dataclass(eq=False)
class CatalogueError(ServiceError):
    """The catalogue failed."""

    code = "catalogue_error"
    template = "The catalogue did not take the record; what was recorded before is safe."


@dataclass(eq=False)
class MediaError(ServiceError):
    """The media worker failed."""

    code = "media_error"
    template = "The media worker failed for a reason that is not the file's."


@dataclass(eq=False)
class FinalizeFailed(ServiceError):
    """Finishing the upload failed repeatedly by a fault of the service."""

    code = "finalize_failed"
    template = (
        "The service failed at this file by a fault of its own; the file is kept, and is tried again at the next start."
    )


@dataclass(eq=False)
class BeingFinished(ServiceError):
    """The change has to wait until the file is finished."""

    code = "being_finished"
    template = "The file is being finished just now; nothing was changed. Try again in a moment."


@dataclass(eq=False)
class CoversBusy(ServiceError):
    """Too many covers are received at the same time."""

    code = "covers_busy"
    template = "Too many covers are being received at this moment; send this one again."


@dataclass(eq=False)
class ShuttingDown(ServiceError):
    """The service is shutting down."""

    code = "shutting_down"
    template = "The service is shutting down; go on in a moment."
