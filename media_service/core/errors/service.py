"""Errors of the service: the same request may succeed later."""

from __future__ import annotations

from dataclasses import dataclass

from media_service.core.errors.base import ServiceError


@dataclass(eq=False)
class StorageFull(ServiceError):
    code = "storage_full"
    template = "The disk is full. Recorded bytes are safe; continue when there is space."


@dataclass(eq=False)
class StorageError(ServiceError):
    code = "storage_error"
    template = "The disk failed to write the bytes. Recorded bytes are safe."


@dataclass(eq=False)
class CatalogueError(ServiceError):
    code = "catalogue_error"
    template = "The database failed to record the bytes. Bytes recorded before are safe."


@dataclass(eq=False)
class ChangedMeanwhile(ServiceError):
    """The upload's row is not the one from which the change was made, or the slice no longer fits what is recorded."""

    code = "changed_meanwhile"
    template = "Another request changed this at the same time. Try again."


@dataclass(eq=False)
class MediaError(ServiceError):
    code = "media_error"
    template = "The media worker failed; the file is not the cause."


@dataclass(eq=False)
class FinalizeFailed(ServiceError):
    """Finishing failed repeatedly by a fault of the service."""

    code = "finalize_failed"
    template = "The service failed to finish the file. The file is kept and is tried again at the next start."


@dataclass(eq=False)
class BeingFinished(ServiceError):
    code = "being_finished"
    template = "The file is being finished; nothing was changed. Try again in a moment."


@dataclass(eq=False)
class CoversBusy(ServiceError):
    code = "covers_busy"
    template = "Too many covers are being received at the moment; send this one again."


@dataclass(eq=False)
class ShuttingDown(ServiceError):
    code = "shutting_down"
    template = "The service is shutting down; continue in a moment."
