"""Promise that a host counts as this machine alone exactly where no other machine reaches it."""

from __future__ import annotations

import pytest

from cambist.values.loopback import is_loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.2", "::1", "localhost"])
def test_this_machine_alone(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["::", "", "10.0.0.7", "127.0.0.1.example", "[::1]"])
def test_what_other_machines_may_reach_or_what_is_no_address(host: str) -> None:
    assert not is_loopback(host)
