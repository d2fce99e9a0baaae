"""The composition root of a receiver: create every part, connect them, open and close them in order."""

from __future__ import annotations

import asyncio
from functools import cache
from typing import TYPE_CHECKING

from media_service.access.assembly import AccessAdapters, ReceiverAccess
from media_service.access.collection_covers import CollectionCovers
from media_service.access.erasing import PersonEraser
from media_service.access.rates import Rates
from media_service.adapters import ProcessAdapters, new_id
from media_service.core.audit import Action
from media_service.core.times import MICROSECONDS
from media_service.heartbeat import RECEIVER, Heartbeat
from media_service.http.api.audit import AuditApi
from media_service.http.api.collections import CollectionsApi
from media_service.http.api.covers import FileCoversApi, UploadCoversApi
from media_service.http.api.files import FilesApi
from media_service.http.api.guests import GuestsApi
from media_service.http.api.links import LinksApi
from media_service.http.api.me import MeApi
from media_service.http.api.overview import OverviewApi
from media_service.http.api.people import PeopleApi
from media_service.http.api.quarantine import QuarantineApi
from media_service.http.api.serializer import Serializer
from media_service.http.api.session import SessionApi
from media_service.http.api.tokens import TokensApi
from media_service.http.api.trash import TrashApi
from media_service.http.api.uploads import UploadsApi
from media_service.http.body_timeouts import BODY_TIMEOUTS, BodyTimeouts
from media_service.http.connections.rate_limited_log import RateLimitedLog
from media_service.http.dialects.form import FormDialect
from media_service.http.dialects.native import NativeDialect
from media_service.http.dialects.rufh import RufhDialect
from media_service.http.dialects.tus import TusDialect
from media_service.http.loop_budget import LoopBudget
from media_service.http.memory_budget import COVER_MEMORY_BYTES, MemoryBudget
from media_service.http.pages.assets import Assets
from media_service.http.pages.guest_page import GuestPage
from media_service.http.pages.html_responses import HtmlResponses
from media_service.http.pages.page_markup import PageMarkup
from media_service.http.pages.pages import Pages
from media_service.http.pages.station import Station
from media_service.http.routes import RouteProvider, application
from media_service.http.security.cors import CorsPolicy
from media_service.http.security.guests import GuestGate
from media_service.http.security.headers import require_https
from media_service.http.security.proxies import TRUSTED_PROXIES, TrustedProxies
from media_service.http.security.sessions import Sessions
from media_service.http.unknown_ids import unknown_ids_middleware
from media_service.intake.assembly import ReceiverParts
from media_service.intake.erasing import UploadEraser
from media_service.part_options import (
    authenticator_for,
    cookies_for,
    intake_options,
    proxy_identity,
    rate_limits,
)
from media_service.startup import resource_folder
from media_service.storage.data_folder import DataFolder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from aiohttp import web
    from aiohttp.typedefs import Middleware

    from media_service.config.settings import Settings


class Receiver:
    """All parts of a receiver, created and connected as the settings say, but not yet opened."""

    def __init__(self, settings: Settings, folder: DataFolder, token: str) -> None:
        self._settings = settings
        self._ready = False
        self._adapters = ProcessAdapters(settings, folder)
        self._rates = Rates(*rate_limits(settings), self._adapters.all.bus)
        self._trusted_proxies = TrustedProxies(settings.trusted_proxies)
        self._identity = proxy_identity(settings, self._trusted_proxies)
        self._parts = parts = ReceiverParts(self._adapters.all, intake_options(settings), self._rates)
        self._intake, self._appends = parts.uploads, parts.appends
        self._access = access = self._receiver_access()
        self._gate = GuestGate(access.guests, cookies_for(settings))
        self._cors = CorsPolicy(settings.allowed_origins, access.guests, settings.base_path)
        sessions = Sessions(
            self._adapters.accounts,
            access.credentials,
            token,
            lifetime=settings.session_lifetime,
            clock=self._adapters.all.clock,
            new_id=new_id,
        )
        self._heartbeat = Heartbeat(self._adapters.all.bus, RECEIVER)
        self._authenticator = authenticator_for(
            settings,
            token,
            access.credentials,
            sessions,
            identities=access.identities,
            proxy=self._identity,
            cors=self._cors,
        )
        self._serializer = Serializer(
            settings.base_path,
            parts.options.limits,
            settings.public_url,
            access.collections,
            access.guests,
            trash_lifetime=parts.options.lifetime.trash,
        )

    def _receiver_access(self) -> ReceiverAccess:
        adapters, settings = self._adapters.all, self._settings
        stores = AccessAdapters(
            accounts=self._adapters.accounts,
            audit=adapters.audit,
            collections=adapters.collections,
            guest_links=self._adapters.catalogue.guest_links,
            locks=adapters.locks,
            clock=adapters.clock,
            new_id=new_id,
        )
        return ReceiverAccess(
            stores,
            adapters.bus,
            # Lines without a bound would let anybody fill the disk.
            log_failure=RateLimitedLog(Action.SIGN_IN_FAILED).write,
            link_lifetime=int(settings.link_lifetime * MICROSECONDS),
            creates_senders=settings.identity_unknown == "sender",
        )

    def application(self) -> web.Application:
        """Return the application, which opens the parts on startup and closes them on cleanup."""
        intake, base = self._intake, self._settings.base_path
        assets = load_assets()
        station = Station(self._settings.station_name, self._settings.contact, intake.options.limits.file)
        markup = PageMarkup(assets, station, base)
        html = HtmlResponses(markup, base)
        pages = Pages(assets, markup, html, self._authenticator, self._accepts_uploads)
        providers, guards = self._route_providers(pages, markup, html), self._guards()
        app = application(base, self._authenticator, self._cors, providers, error_pages=html, guards=guards)
        app[TRUSTED_PROXIES] = self._trusted_proxies
        if self._settings.public_url.startswith("https:"):
            app.on_response_prepare.append(require_https)
        app[BODY_TIMEOUTS] = BodyTimeouts(self._settings.request_timeout, self._settings.body_rate)
        app.cleanup_ctx.append(self._lifespan)
        app.on_shutdown.append(self._stop_accepting)
        return app

    def _route_providers(self, pages: Pages, markup: PageMarkup, html: HtmlResponses) -> list[RouteProvider]:
        """Return the parts that have routes, the most frequent ones first: aiohttp tries them in this order."""
        intake, authenticator, serializer = self._intake, self._authenticator, self._serializer
        access, defaults = self._access, intake.options.storage_limits.link
        audit, collections = access.audit, access.collections
        loop_budget = LoopBudget()
        covers = MemoryBudget(max(COVER_MEMORY_BYTES, intake.options.limits.cover.size))
        files = self._parts.files
        files_api = FilesApi(files, authenticator, serializer, audit, collections)
        return [
            NativeDialect(intake, serializer, loop_budget),
            pages,
            GuestPage(access.guests, self._gate, authenticator, markup, self._rates),
            SessionApi(authenticator, access.sign_in, audit),
            UploadsApi(intake, authenticator, serializer, collections=collections, gate=self._gate, audit=audit),
            UploadCoversApi(intake, authenticator, serializer, loop_budget, covers),
            FormDialect(
                intake,
                authenticator,
                serializer,
                loop_budget,
                html,
                collections=collections,
                gate=self._gate,
                verdict_wait_seconds=self._settings.verdict_wait_form,
                cover_budget=covers,
            ),
            *self._append_dialects(loop_budget),
            files_api,
            TrashApi(files, self._parts.trash, files_api, authenticator, audit),
            FileCoversApi(
                files, files_api, authenticator, intake.options, audit=audit, loop_budget=loop_budget, budget=covers
            ),
            QuarantineApi(intake, self._parts.rejected, authenticator, serializer, audit, collections=collections),
            self._collections_api(loop_budget, covers),
            MeApi(intake, collections, authenticator),
            OverviewApi(self._parts.overview, intake, collections, authenticator),
            AuditApi(audit, authenticator),
            LinksApi(access.links, collections, authenticator, serializer, defaults=defaults),
            GuestsApi(intake, access.guests, self._gate, authenticator, serializer, defaults=defaults),
            PeopleApi(access, self._person_eraser(), self._adapters.catalogue.usage_of, authenticator, serializer),
            TokensApi(access, authenticator),
        ]

    def _guards(self) -> list[Middleware]:
        """Return what refuses requests by who sends them."""
        # Without the field there is nothing to look for in each request, such as a slice.
        identity = [self._identity.middleware()] if self._settings.identity_header else []
        return [*identity, unknown_ids_middleware(self._rates)]

    def _person_eraser(self) -> PersonEraser:
        adapters, rows = self._adapters.all, self._adapters.erasing
        uploads = UploadEraser(
            adapters.catalogue,
            rows,
            adapters.spool,
            adapters.quarantine,
            ender=self._parts.ender,
            moves=self._parts.moves,
            locks=adapters.locks,
        )
        return PersonEraser(self._access.people, uploads, rows, self._access.audit)

    def _collections_api(self, loop_budget: LoopBudget, budget: MemoryBudget) -> CollectionsApi:
        adapters, options = self._adapters.all, self._intake.options
        covers = CollectionCovers(
            self._access.collections, adapters.collections, adapters.media, options.limits.cover, self._access.audit
        )
        return CollectionsApi(
            self._access.collections,
            covers,
            self._authenticator,
            self._serializer,
            options=options,
            loop_budget=loop_budget,
            budget=budget,
        )

    def _append_dialects(self, loop_budget: LoopBudget) -> list[RouteProvider]:
        return [
            TusDialect(
                self._intake,
                self._appends,
                self._parts.concatenator,
                self._authenticator,
                self._serializer,
                collections=self._access.collections,
                gate=self._gate,
                audit=self._access.audit,
                loop_budget=loop_budget,
                verdict_wait_seconds=self._settings.verdict_wait_append,
            ),
            RufhDialect(
                self._intake,
                self._appends,
                self._authenticator,
                self._serializer,
                collections=self._access.collections,
                gate=self._gate,
                audit=self._access.audit,
                loop_budget=loop_budget,
                verdict_wait_seconds=self._settings.verdict_wait_append,
                interim_responses=self._settings.interim_responses,
            ),
        ]

    def _accepts_uploads(self) -> bool:
        """Return whether an upload could be created now."""
        others = self._adapters.are_connected() and self._heartbeat.finisher_is_alive()
        return self._ready and others and self._adapters.free_bytes() > self._settings.disk_reserve

    async def _lifespan(self, _app: web.Application) -> AsyncIterator[None]:
        await self._adapters.open()
        runs = self._heartbeat.run(), self._access.credentials.run(), self._access.audit.run()
        tasks = [asyncio.create_task(run) for run in runs]
        self._ready = True
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._access.close()
        await self._adapters.close()

    async def _stop_accepting(self, _app: web.Application) -> None:
        self._ready = False
        await self._appends.close()
        await self._intake.close()


@cache
def load_assets() -> Assets:
    """Return the pages' files."""
    # `serve` loads them before it forks: to pack them takes 70 ms of processor time, once instead of in each receiver.
    return Assets(resource_folder("static"))


def make_receiver(settings: Settings) -> web.Application:
    """Return the application of a receiver. Raise OSError."""
    folder = DataFolder(settings.data_dir.resolve())
    return Receiver(settings, folder, folder.admin_token()).application()
