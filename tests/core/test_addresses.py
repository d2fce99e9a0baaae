"""Keys by which quotas and connection limits count client addresses."""

from __future__ import annotations

import pytest

from media_service.core.addresses import address_key


@pytest.mark.parametrize(
    ("remote", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::1"),
        ("127.0.0.1", "127.0.0.1"),
        ("/run/some.sock", None),
    ],
)
def test_key_of_an_address(remote: str, counted: str | None) -> None:
    assert address_key(remote) == counted
