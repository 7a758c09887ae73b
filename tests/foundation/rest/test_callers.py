"""Who a stranger is: by the address that connects, or by what the outermost of our own proxies saw."""

from __future__ import annotations

import pytest

from foundation.rest.throttles import caller

CONNECTED = "10.0.0.9"


@pytest.mark.parametrize(
    ("proxies", "header", "expected"),
    [
        (0, "", CONNECTED),
        (0, "198.51.100.7", CONNECTED),
        (1, "198.51.100.7", "198.51.100.7"),
        (1, "203.0.113.1, 198.51.100.7", "198.51.100.7"),
        (2, "203.0.113.1, 198.51.100.7, 10.0.0.2", "198.51.100.7"),
        (2, "198.51.100.7", CONNECTED),
        (1, "", CONNECTED),
        (1, "nonsense", "unknown"),
        (1, "2001:db8:1:2:3::4", "2001:db8:1:2::/64"),
    ],
)
def test_a_caller_is_told_by_what_our_own_proxies_saw(settings, proxies, header, expected):
    settings.PROXIES = proxies
    assert caller({"REMOTE_ADDR": CONNECTED, "HTTP_X_FORWARDED_FOR": header}) == expected
