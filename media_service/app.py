"""The composition root: create every part, connect them, open and close them in order."""

from __future__ import annotations

import asyncio
import os
import secrets
import time
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from media_service.catalogue.sqlite_catalogue import SqliteCatalogue
from media_service.core.errors.service import MediaError
from media_service.heartbeat import Heartbeat
from media_service.http.api.covers import FileCoversApi, UploadCoversApi
from media_service.http.api.files import FilesApi
from media_service.http.api.quarantine import QuarantineApi
from media_service.http.api.serializer import Serializer
from media_service.http.api.uploads import UploadsApi
from media_service.http.body_timeouts import BODY_TIMEOUTS, BodyTimeouts
from media_service.http.dialects.form import FormDialect
from media_service.http.dialects.native import NativeDialect
from media_service.http.dialects.rufh import RufhDialect
from media_service.http.dialects.tus import TusDialect
from media_service.http.loop_budget import LoopBudget
from media_service.http.memory_budget import COVER_MEMORY_BYTES, MemoryBudget
from media_service.http.pages.assets import Assets
from media_service.http.pages.html_responses import HtmlResponses
from media_service.http.pages.page_markup import PageMarkup
from media_service.http.pages.pages import Pages
from media_service.http.pages.station import Station
from media_service.http.routes import RouteProvider, application
from media_service.http.security.cors import CorsPolicy
from media_service.http.security.headers import require_https
from media_service.http.security.sessions import Sessions
from media_service.intake.files import FileService
from media_service.intake.finalizing.finalizer import Finalizer
from media_service.intake.finalizing.loudness import LoudnessQueue
from media_service.intake.finalizing.retag import Retagger
from media_service.intake.receiving.append import Appends
from media_service.intake.receiving.concatenate import Concatenator
from media_service.intake.sweep import Sweeper
from media_service.intake.uploads import UploadService
from media_service.ipc.bus import SidecarBus
from media_service.ipc.links import SidecarLinks
from media_service.load import LoadMonitor
from media_service.media.inspection.inspector import MediaInspector
from media_service.media.inspection.loudness import LoudnessAnalyzer
from media_service.media.workers import spawn
from media_service.media.workers.pool import TagWorkerPool
from media_service.media.workers.sandbox import PROTECTIONS
from media_service.part_options import MICROSECONDS, authenticator_for, intake_options, media_options
from media_service.startup import resource_folder
from media_service.storage.data_folder import DataFolder
from media_service.storage.partials import DiskPartials
from media_service.storage.quarantine import DiskQuarantine
from media_service.storage.spool import DiskSpool

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from aiohttp import web

    from media_service.config.settings import Settings

MIN_FINALIZE_WORKERS, MAX_FINALIZE_WORKERS = 2, 8
"""Bounds of the number of uploads finalized concurrently, which is otherwise the number of processors."""

FINISHER = "finisher"
"""Name of the finisher in its heartbeat."""

log = structlog.get_logger()


def now() -> int:
    """Return the current time in UTC microseconds."""
    return time.time_ns() // 1000


def new_id() -> str:
    """Return 128 random bits as 22 characters: an id is also a capability, so it must not be guessable."""
    return secrets.token_urlsafe(16)


class Service:
    """All parts, created and connected as the settings say, but not yet opened."""

    def __init__(self, settings: Settings, folder: DataFolder, token: str) -> None:
        options = intake_options(settings)
        self._settings = settings
        self._ready = False
        self._links = SidecarLinks(folder.sidecar_socket, ("catalogue", "storage", "bus"))
        self._bus = SidecarBus(self._links.clients["bus"])
        self._heartbeat = Heartbeat(self._bus, "receiver")
        self._database = SqliteCatalogue(folder.catalogue, self._links.clients["catalogue"])
        self._partials = DiskPartials(folder.partials, self._links.clients["storage"])
        self._spool = DiskSpool(folder.spool)
        self._quarantine = DiskQuarantine(folder.quarantine)
        self._worker = TagWorkerPool(settings.tag_workers)
        load = LoadMonitor()
        self._inspector = MediaInspector(self._worker, media_options(settings), load=load)
        self._finalizer = Finalizer(
            self._database,
            self._partials,
            self._spool,
            self._quarantine,
            self._inspector,
            load=load,
            clock=now,
            new_id=new_id,
            duplicates=settings.duplicates,
            workers=max(MIN_FINALIZE_WORKERS, min(os.cpu_count() or 1, MAX_FINALIZE_WORKERS)),
        )
        self._retagger = Retagger(self._database, self._spool, self._inspector, options.limits.cover)
        self._intake = UploadService(
            self._database,
            self._partials,
            self._inspector,
            self._finalizer,
            options,
            retagger=self._retagger,
            load=load,
            clock=now,
            new_id=new_id,
        )
        self._make_background_parts(settings, load)
        self._appends = Appends(self._intake)
        self._concatenator = Concatenator(self._intake, self._partials)
        self._cors = CorsPolicy(settings.allowed_origins, settings.base_path)
        self._sessions = Sessions(self._database, token, now, self._bus)
        self._authenticator = authenticator_for(settings, token, self._sessions, self._cors)
        self._serializer = Serializer(settings.base_path, options.limits, settings.public_url)

    def _make_background_parts(self, settings: Settings, load: LoadMonitor) -> None:
        self._loudness_queue = LoudnessQueue(
            self._database,
            self._spool,
            LoudnessAnalyzer(spawn.run_limited),
            queue=self._finalizer.queue,
            load=load,
            clock=now,
            delivered=self._finalizer.delivered,
        )
        self._sweeper = Sweeper(
            self._intake,
            self._database,
            self._partials,
            self._spool,
            self._quarantine,
            clock=now,
            quarantine_lifetime=int(settings.quarantine_lifetime * MICROSECONDS),
            every=settings.sweep_interval,
        )

    def application(self) -> web.Application:
        """Return the application, which opens the parts on startup and closes them on cleanup."""
        intake, base = self._intake, self._settings.base_path
        assets = Assets(resource_folder("static"))
        station = Station(self._settings.station_name, self._settings.contact, intake.options.limits.file)
        markup = PageMarkup(assets, station, base)
        html = HtmlResponses(markup, base)
        pages = Pages(assets, markup, html, self._authenticator, self._accepts_uploads)
        app = application(base, self._authenticator, self._cors, self._route_providers(pages, html), html)
        if self._settings.public_url.startswith("https:"):
            app.on_response_prepare.append(require_https)
        app[BODY_TIMEOUTS] = BodyTimeouts(self._settings.request_timeout, self._settings.body_rate)
        app.cleanup_ctx.append(self._lifespan)
        app.on_shutdown.append(self._stop_accepting)
        return app

    def _route_providers(self, pages: Pages, html: HtmlResponses) -> list[RouteProvider]:
        """Return the parts that have routes, the most frequent ones first: aiohttp tries them in this order."""
        intake, authenticator, serializer = self._intake, self._authenticator, self._serializer
        loop_budget = LoopBudget()
        covers = MemoryBudget(max(COVER_MEMORY_BYTES, intake.options.limits.cover.size))
        files = FileService(self._database, self._spool, self._retagger)
        files_api = FilesApi(files, authenticator, serializer)
        return [
            NativeDialect(intake, serializer, loop_budget),
            pages,
            UploadsApi(intake, authenticator, serializer),
            UploadCoversApi(intake, authenticator, serializer, loop_budget, covers),
            FormDialect(
                intake,
                authenticator,
                serializer,
                loop_budget,
                html,
                verdict_wait_seconds=self._settings.verdict_wait_form,
                cover_budget=covers,
            ),
            *self._append_dialects(loop_budget),
            files_api,
            FileCoversApi(files, files_api, authenticator, intake.options, loop_budget=loop_budget, budget=covers),
            QuarantineApi(intake, self._finalizer.rejected, authenticator, serializer),
        ]

    def _append_dialects(self, loop_budget: LoopBudget) -> list[RouteProvider]:
        return [
            TusDialect(
                self._intake,
                self._appends,
                self._concatenator,
                self._authenticator,
                self._serializer,
                loop_budget=loop_budget,
                verdict_wait_seconds=self._settings.verdict_wait_append,
            ),
            RufhDialect(
                self._intake,
                self._appends,
                self._authenticator,
                self._serializer,
                loop_budget=loop_budget,
                verdict_wait_seconds=self._settings.verdict_wait_append,
                interim_responses=self._settings.interim_responses,
            ),
        ]

    def _accepts_uploads(self) -> bool:
        """Return whether an upload could be created now."""
        others = self._links.is_connected() and self._heartbeat.is_alive(FINISHER)
        return self._ready and others and self._partials.free_bytes() > self._settings.disk_reserve

    async def _lifespan(self, _app: web.Application) -> AsyncIterator[None]:
        await self._links.start()
        await self._database.open()
        await self._sessions.load()
        for store in (self._partials, self._spool, self._quarantine):
            await store.prepare()
        await self._sweeper.discard_orphans()
        await self._retagger.recover()
        await self._intake.recover()
        runs = [
            self._heartbeat.run(),
            self._sessions.run(),
            self._finalizer.run(),
            self._sweeper.run(),
            self._intake.reject_early(),
            *([self._loudness_queue.run()] if self._settings.measure_loudness else []),
            _report_protections(),
        ]
        tasks = [asyncio.create_task(run) for run in runs]
        self._ready = True
        yield
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await self._worker.close()
        self._inspector.close()
        self._partials.close_idle()
        await self._links.stop()
        await self._database.close()

    async def _stop_accepting(self, _app: web.Application) -> None:
        self._ready = False
        await self._appends.close()
        await self._intake.close()


def make_receiver(settings: Settings) -> web.Application:
    """Return the application of a receiver. Raise OSError."""
    folder = DataFolder(settings.data_dir.resolve())
    return Service(settings, folder, folder.admin_token()).application()


async def run_finisher(settings: Settings, report_ready: Callable[[], None], stop: asyncio.Event) -> None:
    """Run the finisher until `stop`. It says that it is alive; the receiver still does its work."""
    links = SidecarLinks(DataFolder(settings.data_dir.resolve()).sidecar_socket, ("bus",))
    await links.start()
    beating = asyncio.create_task(Heartbeat(SidecarBus(links.clients["bus"]), FINISHER).run())
    report_ready()
    await stop.wait()
    beating.cancel()
    await links.stop()


async def _report_protections() -> None:
    """Log which protections the kernel gives the processes that parse what clients send."""
    try:
        held = await spawn.probe_protections()
    except MediaError:
        held = []
    missing = [name for name in PROTECTIONS if name not in held]
    if missing:
        log.warning("children are not fully confined", held=held, missing=missing)
    else:
        log.info("children are confined", held=held)
