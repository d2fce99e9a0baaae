"""Build the options of the parts from the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from media_service.access.rates import RateLimits
from media_service.core.accounts import OwnerLimits
from media_service.core.cover import CoverLimits
from media_service.core.expiry import Lifetime
from media_service.core.limits import MIN_SLICE_BYTES, Limits
from media_service.core.quota import Quota, Quotas, StorageLimits
from media_service.core.rate_limit import RateLimit
from media_service.core.times import MICROSECONDS
from media_service.http.security.auth import AdminToken, Authenticator
from media_service.http.security.cookies import Cookies
from media_service.http.security.proxies import ProxyIdentity
from media_service.http.security.same_origin import ServiceOrigin
from media_service.intake.options import IntakeOptions
from media_service.media.inspection.inspector import MediaOptions, TagOptions, parse_policy

if TYPE_CHECKING:
    from media_service.access.credentials import Credentials
    from media_service.access.identities import Identities
    from media_service.config.settings import Settings
    from media_service.http.security.cors import CorsPolicy
    from media_service.http.security.proxies import TrustedProxies
    from media_service.http.security.sessions import Sessions

CREATION_BURST, LINK_BURST, ID_BURST = 5, 2, 10
"""Minutes' worth of requests that may come at once: 300 files dropped on the page, 100 files that were taken away."""

OBJECT_SLICE_BYTES = 8 * 1024 * 1024
"""Size of a slice as proposed to clients of an S3 store. Objects of less than 5 MiB are not copied inside of the store
when the file is tagged, but pass through this machine."""

LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})


def intake_options(settings: Settings) -> IntakeOptions:
    """Return the options of intake."""
    cover = CoverLimits(size=settings.cover_limit, pixels=settings.cover_pixels)
    return IntakeOptions(
        limits=Limits(
            file=settings.file_limit,
            slice=settings.slice_limit,
            slice_size=max(settings.slice_size, OBJECT_SLICE_BYTES) if settings.store else settings.slice_size,
            cover=cover,
            min_slice=MIN_SLICE_BYTES,
        ),
        idle_timeout=settings.idle_timeout,
        verdict_wait_slice=settings.verdict_wait_slice,
        lifetime=Lifetime(
            idle=int(settings.upload_lifetime * MICROSECONDS),
            whole=int(settings.upload_deadline * MICROSECONDS),
            late_edits=int(settings.late_edits * MICROSECONDS),
            trash=int(settings.trash_lifetime * MICROSECONDS),
            take_back=int(settings.take_back * MICROSECONDS),
        ),
        disk_reserve=settings.disk_reserve,
        sync_slices=settings.sync == "slice",
        body_rate=settings.body_rate,
        quotas=_quotas(settings),
        storage_limits=StorageLimits(
            service=int(settings.bytes_max) or None,
            person=OwnerLimits(bytes=int(settings.person_bytes_max) or None),
            link=OwnerLimits(bytes=int(settings.link_bytes_max) or None, files=settings.link_files_max or None),
        ),
        quarantine_lifetime=settings.quarantine_lifetime,
        audit_lifetime=settings.audit_lifetime,
        writes_tags=settings.tag_mode == "full",
    )


def _quotas(settings: Settings) -> Quotas:
    """Return the quotas of an address. Local ones apply only if they were set, because a proxy may run here."""
    set_fields = settings.model_fields_set
    uploads, size = settings.uploads_per_address, int(settings.bytes_per_address)
    here = Quota(
        uploads=uploads if "uploads_per_address" in set_fields else None,
        bytes=size if "bytes_per_address" in set_fields else None,
    )
    return Quotas(Quota(uploads=uploads, bytes=size), here)


def rate_limits(settings: Settings) -> tuple[RateLimits, RateLimits]:
    """Return the rates of remote clients, and of those on this machine: only what was set, as for `_quotas`."""
    set_fields = settings.model_fields_set
    rates = {
        "creations": _rate(settings.creations_per_minute, CREATION_BURST),
        "guest_creations": _rate(settings.guest_creations_per_minute, CREATION_BURST),
        "link_openings": _rate(settings.link_openings_per_minute, LINK_BURST),
        "unknown_ids": _rate(settings.unknown_ids_per_minute, ID_BURST),
    }
    local = {name: rate for name, rate in rates.items() if f"{name}_per_minute" in set_fields}
    return RateLimits(**rates), RateLimits(**local)


def _rate(per_minute: int, minutes: int) -> RateLimit | None:
    return RateLimit(per_minute, per_minute * minutes) if per_minute else None


def proxy_identity(settings: Settings, trusted: TrustedProxies) -> ProxyIdentity:
    """Return how trusted proxies name people."""
    return ProxyIdentity(settings.identity_header, trusted)


def media_options(settings: Settings) -> MediaOptions:
    """Return the options of inspection and tagging."""
    version = {"keep": None, "2.3": 3, "2.4": 4}[settings.tag_version]
    tagging = TagOptions(settings.tag_mode, version, settings.cover_limit, settings.cover_pixels)
    # Inspect while bytes arrive only if slices are synced.
    return MediaOptions(settings.sync == "slice", parse_policy(settings.severities), tagging)


def cookies_for(settings: Settings) -> Cookies:
    """Return the cookies of the service."""
    return Cookies(settings.base_path or "/", https=settings.public_url.startswith("https:"))


def authenticator_for(
    settings: Settings,
    token: str,
    credentials: Credentials,
    sessions: Sessions,
    *,
    identities: Identities,
    proxy: ProxyIdentity,
    cors: CorsPolicy,
) -> Authenticator:
    """Return the authenticator: callers on loopback need no account, unless `anonymous` says otherwise."""
    hosts = settings.allowed_hosts
    if settings.on_loopback:
        # Against DNS rebinding: a foreign page whose host name resolves to 127.0.0.1 would count as ours.
        hosts |= LOOPBACK_NAMES | {settings.host}
    service_origin = ServiceOrigin(hosts, settings.public_url)
    allow_anonymous = settings.on_loopback if settings.anonymous == "auto" else settings.anonymous == "on"
    return Authenticator(
        AdminToken(token),
        credentials,
        sessions,
        cookies_for(settings),
        identities=identities,
        proxy=proxy,
        allow_anonymous=allow_anonymous,
        service_origin=service_origin,
        cors=cors,
    )
