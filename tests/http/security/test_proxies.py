"""What a trusted proxy says of its clients counts, and what anyone else says does not."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from media_service.config.loading import InvalidSettings, load
from media_service.core.errors.requests import IdentityRefused
from media_service.core.quota import is_loopback
from media_service.http.security.proxies import TRUSTED_PROXIES, ProxyIdentity, TrustedProxies, client_address

pytestmark = pytest.mark.once

TRUSTED = TrustedProxies(["127.0.0.1", "10.0.0.0/8", "2001:db8:aaaa::/48"])
PROXY = "10.0.0.1"
CLIENT, SPOOFED = "192.0.2.1", "203.0.113.66"

ADDRESSES = st.ip_addresses().map(str)
STRANGERS = ADDRESSES.filter(lambda address: not TRUSTED.trusts(address) and not address.startswith(("127.", "::")))
PROXIES = st.integers(0, 2**24 - 1).map(lambda number: f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}")
JUNK = st.text(st.characters(codec="latin-1", exclude_characters=","), max_size=30)


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        (PROXY, [CLIENT], CLIENT),
        (PROXY, [f"{SPOOFED}, {CLIENT}"], CLIENT),
        (PROXY, [SPOOFED, CLIENT], CLIENT),
        (PROXY, [f"{SPOOFED},{CLIENT} , 10.2.3.4,127.0.0.1"], CLIENT),
        (PROXY, [f"unknown, {CLIENT}"], CLIENT),
        ("127.0.0.1", [CLIENT], CLIENT),
        ("::ffff:10.0.0.1", [CLIENT], CLIENT),
        ("2001:db8:aaaa::1", ["2001:db8::7"], "2001:db8::7"),
        (PROXY, ["[2001:db8::7]:443"], "2001:db8::7"),
        (PROXY, ["[2001:db8::7]"], "2001:db8::7"),
        (PROXY, [f"{CLIENT}:55012"], CLIENT),
        (PROXY, [f"::ffff:{CLIENT}"], CLIENT),
        # All of them are proxies: the first one sent the request itself.
        (PROXY, ["10.9.9.9, 10.2.3.4"], "10.9.9.9"),
        # A loopback address is that of the machine which wrote it, not always of this one.
        ("127.0.0.1", ["127.0.0.1, 10.9.9.9"], "10.9.9.9"),
        ("127.0.0.1", ["::1, 10.9.9.9"], "10.9.9.9"),
        ("127.0.0.1", ["::1"], "::1"),
        # Only the peer is known.
        (PROXY, [], PROXY),
        (PROXY, [""], PROXY),
        (PROXY, [f"{CLIENT}, unknown"], PROXY),
        (PROXY, [f"{CLIENT},"], PROXY),
        (PROXY, [f"{CLIENT}, _hidden"], PROXY),
        (PROXY, ["[2001:db8::7"], PROXY),
        (PROXY, ["192.0.2.1.5"], PROXY),
        (PROXY, ["127.0.0.1"], PROXY),
        (PROXY, ["::1"], PROXY),
        # The peer is not trusted.
        (CLIENT, [SPOOFED], CLIENT),
        (f"::ffff:{CLIENT}", [SPOOFED], CLIENT),
        ("127.0.0.2", [SPOOFED], "127.0.0.2"),
    ],
)
def test_client_of_a_request(peer: str, forwarded: list[str], client: str) -> None:
    assert TRUSTED.client_of(peer, forwarded) == client


def test_nobody_is_trusted_by_default() -> None:
    assert TrustedProxies().client_of("127.0.0.1", [CLIENT]) == "127.0.0.1"


@given(st.lists(STRANGERS | PROXIES | JUNK, max_size=40), STRANGERS, st.lists(PROXIES, max_size=10))
def test_what_stands_left_of_the_client_changes_nothing(sent: list[str], client: str, proxies: list[str]) -> None:
    assert TRUSTED.client_of(PROXY, [",".join([*sent, client, *proxies])]) == client
    assert TRUSTED.client_of(PROXY, [*sent, client, *proxies]) == client


@given(st.lists(PROXIES | st.sampled_from(["127.0.0.1", "::1"]), max_size=10), PROXIES)
def test_another_machine_is_never_this_one(sent: list[str], proxy: str) -> None:
    for peer, forwarded in (("127.0.0.1", [*sent, proxy]), (proxy, sent)):
        assert not is_loopback(TRUSTED.client_of(peer, forwarded))


@given(STRANGERS, st.lists(STRANGERS | PROXIES | JUNK, max_size=40))
def test_a_stranger_is_who_it_is_whatever_it_sends(peer: str, sent: list[str]) -> None:
    assert TRUSTED.client_of(peer, sent) == peer


@given(st.lists(ADDRESSES | JUNK, max_size=40), JUNK.filter(lambda text: not text.strip().replace(".", "").isdigit()))
def test_junk_from_a_proxy_never_becomes_an_address(sent: list[str], junk: str) -> None:
    client = TRUSTED.client_of(PROXY, [",".join([*sent, junk])])
    assert client == PROXY or ":" in junk


@given(st.lists(PROXIES, min_size=17, max_size=2_000))
def test_a_long_row_of_proxies_ends_at_one_of_them(proxies: list[str]) -> None:
    assert TRUSTED.client_of(PROXY, proxies) in proxies


NETWORK = "2001:db8:1:2::/64"


def from_peer(peer: str, *headers: tuple[str, str]) -> web.Request:
    app = web.Application()
    app[TRUSTED_PROXIES] = TRUSTED
    return make_mocked_request("GET", "/", CIMultiDict(headers), app=app).clone(remote=peer)


@pytest.mark.parametrize(("peer", "key"), [(PROXY, NETWORK), (CLIENT, CLIENT), ("2001:db8:1:2::9", NETWORK)])
def test_key_of_a_client_is_that_of_its_network(peer: str, key: str) -> None:
    assert client_address(from_peer(peer, ("X-Forwarded-For", "2001:db8:1:2:3::4"))) == key


def test_only_x_forwarded_for_is_read() -> None:
    fields = (("Forwarded", f"for={SPOOFED}"), ("X-Real-IP", SPOOFED), ("X-Forwarded", SPOOFED), ("Via", SPOOFED))
    assert client_address(from_peer(PROXY, *fields)) == PROXY


IDENTITY = ProxyIdentity("Remote-User", TRUSTED)


@pytest.mark.parametrize("name", ["kim", "Kim Min", "김민", "kim@radio.example"])
def test_a_trusted_proxy_names_the_person(name: str) -> None:
    assert IDENTITY.name(from_peer(PROXY, ("remote-user", f" {name} "))) == name


@pytest.mark.parametrize("headers", [(), (("Remote-User", ""),), (("Remote-User", "  "),), (("Remote-Users", "kim"),)])
def test_a_request_without_a_name_is_nobodys(headers: tuple[tuple[str, str], ...]) -> None:
    assert IDENTITY.name(from_peer(PROXY, *headers)) is None
    assert IDENTITY.name(from_peer(CLIENT, *headers[:0])) is None


@pytest.mark.parametrize(
    ("peer", "headers"),
    [
        (CLIENT, [("Remote-User", "admin")]),
        (CLIENT, [("Remote-User", "")]),
        (CLIENT, [("Remote-User", "admin"), ("X-Forwarded-For", PROXY)]),
        (CLIENT, [("remote_user", "admin")]),
        (PROXY, [("Remote_User", "admin")]),
        (PROXY, [("REMOTE_USER", "")]),
        (PROXY, [("Remote-User", "kim"), ("Remote_User", "admin")]),
        (PROXY, [("Remote-User", "kim"), ("Remote-User", "kim")]),
        (PROXY, [("Remote-User", "kim"), ("remote-user", "")]),
        (PROXY, [("Remote-User", "kim, admin")]),
        (PROXY, [("Remote-User", "k\u202eim")]),
        (PROXY, [("Remote-User", "k" * 201)]),
    ],
)
def test_a_name_that_may_be_the_clients_own_is_refused(peer: str, headers: list[tuple[str, str]]) -> None:
    with pytest.raises(IdentityRefused):
        IDENTITY.name(from_peer(peer, *headers))


def test_without_a_field_nobody_is_named() -> None:
    assert ProxyIdentity("", TRUSTED).name(from_peer(PROXY, ("Remote-User", "kim"))) is None


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"identity_header": "Remote-User"}, "set trusted_proxies to the proxy that adds it"),
        ({"identity_header": "Remote_User", "trusted_proxies": [PROXY]}, "without underscores"),
        ({"identity_header": "Remote User", "trusted_proxies": [PROXY]}, "without underscores"),
        ({"trusted_proxies": ["10.0.0.1/8"]}, "has host bits set"),
        ({"trusted_proxies": ["proxy.example"]}, "a network such as 10.0.0.0/8 is needed"),
    ],
)
def test_settings_that_would_trust_anyone_end_the_start(settings: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidSettings, match=reason):
        load(**settings)
