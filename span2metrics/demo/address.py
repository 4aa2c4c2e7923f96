"""Addresses as bound to addresses that can be dialled."""

from __future__ import annotations

_ANY = ("", "*", "0.0.0.0", "[::]", "::")


def reachable(address: str) -> str:
    """`host:port` to connect to where `address` is what a listener is bound to: all interfaces mean localhost."""
    host, _, port = address.rpartition(":")
    return f"localhost:{port}" if host in _ANY else address
