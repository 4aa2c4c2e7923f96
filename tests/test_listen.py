"""Where receivers listen, and what is said when they cannot."""

from __future__ import annotations

import socket

import pytest

from span2metrics.config.models import Endpoint
from span2metrics.errors import StartupError
from span2metrics.receivers import listen


@pytest.mark.parametrize(
    ("host", "addresses"),
    [("127.0.0.1", {"127.0.0.1"}), ("", {"::", "0.0.0.0"}), ("localhost", {"127.0.0.1", "::1"}), ("::1", {"::1"})],
)
def test_all_sockets_of_a_host_share_one_port(host: str, addresses: set[str]) -> None:
    if host == "::1" and not socket.has_dualstack_ipv6():
        pytest.skip("the machine has no IPv6")
    sockets = listen.bind(Endpoint(host, 0), "test")
    try:
        assert {sock.getsockname()[0] for sock in sockets} <= addresses
        assert len({sock.getsockname()[1] for sock in sockets}) == 1
        assert listen.address(sockets[0]).endswith(f":{sockets[0].getsockname()[1]}")
    finally:
        for sock in sockets:
            sock.close()


@pytest.mark.parametrize(
    ("endpoint", "reason"),
    [
        (Endpoint("no-such-host.invalid", 1), ""),
        (Endpoint("192.0.2.77", 0), "cannot assign requested address"),
    ],
)
def test_an_address_that_cannot_be_had_is_one_line(endpoint: Endpoint, reason: str) -> None:
    with pytest.raises(StartupError) as caught:
        listen.bind(endpoint, "receivers.x")
    assert str(caught.value).startswith(f"receivers.x: cannot listen on {endpoint}: {reason}")
    assert "\n" not in str(caught.value)


def test_a_port_taken_on_one_of_two_addresses_leaves_nothing_open() -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    try:
        other = socket.create_server(("::1", port), family=socket.AF_INET6)
    except OSError:
        pytest.skip("the machine has no IPv6")
    with other:
        with pytest.raises(StartupError):
            listen.bind(Endpoint("localhost", port), "test")
        socket.create_server(("127.0.0.1", port)).close()
