"""Durations, sizes and addresses: text to exact values and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from span2metrics.config.scalars import (
    Endpoint,
    format_duration,
    format_size,
    parse_duration,
    parse_endpoint,
    parse_size,
)

DURATIONS = {
    "0s": 0,
    "1ns": 1,
    "2us": 2_000,
    "2µs": 2_000,
    "2ms": 2_000_000,
    "1s": 1_000_000_000,
    "1.4s": 1_400_000_000,
    "0.1s": 100_000_000,
    "0.000000001s": 1,
    "15m": 900_000_000_000,
    "1h30m": 5_400_000_000_000,
    "30d": 2_592_000_000_000_000,
}
NO_DURATIONS = {
    "": "is not a duration",
    "1": "has no unit",
    "1.5": "has no unit",
    "-1s": "is negative",
    "+1s": "is not a duration",
    "1 s": "is not a duration",
    "1S": "is not a duration",
    "s": "is not a duration",
    "1w": "is not a duration",
    "1s\n": "is not a duration",
    "\u0661s": "is not a duration",
    "1e3s": "is not a duration",
    "inf": "is not finite",
    "-Inf": "is not finite",
    ".nan": "is not finite",
    "0.5ns": "is finer than a nanosecond",
    "1.0000000001s": "is finer than a nanosecond",
    "9" * 5000 + "s": "is not a duration",
}


@pytest.mark.parametrize(("text", "ns"), DURATIONS.items())
def test_a_duration_is_exact_nanoseconds(text: str, ns: int) -> None:
    assert ns == parse_duration(text)


@pytest.mark.parametrize(("text", "fault"), NO_DURATIONS.items())
def test_what_is_no_duration_is_refused_with_a_reason(text: str, fault: str) -> None:
    with pytest.raises(ValueError, match=f"^{fault}"):
        parse_duration(text)


@given(st.integers(0, 10**18 - 1))
def test_a_duration_that_is_shown_can_be_read_again(ns: int) -> None:
    assert ns == parse_duration(format_duration(ns))


@pytest.mark.parametrize(
    ("ns", "text"), [(0, "0s"), (1_400_000_000, "1400ms"), (7_200_000_000_000, "2h"), (1_500, "1500ns")]
)
def test_a_duration_is_shown_in_its_largest_whole_unit(ns: int, text: str) -> None:
    assert text == format_duration(ns)


SIZES = {
    "0": 0,
    "4096": 4096,
    "12B": 12,
    "1kB": 1000,
    "1KB": 1000,
    "1KiB": 1024,
    "64MiB": 64 << 20,
    "1.5GiB": 3 << 29,
    "1.5MB": 1_500_000,
    "2GB": 2 * 10**9,
    "1TB": 10**12,
    "1TiB": 1 << 40,
}


@pytest.mark.parametrize(("text", "size"), SIZES.items())
def test_a_size_is_bytes_in_binary_and_decimal_units(text: str, size: int) -> None:
    assert size == parse_size(text)


@pytest.mark.parametrize(
    "text", ["", "MiB", "64M", "64mib", "64 MiB", "-1", "1_000", "0x10", "64MiBB", "1e6", "1KiB\n"]
)
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"^is not a size"):
        parse_size(text)


@pytest.mark.parametrize("text", ["0.5", "1.0001KiB", "0.5B"])
def test_a_size_is_a_whole_number_of_bytes(text: str) -> None:
    with pytest.raises(ValueError, match=r"^is not a whole number of bytes"):
        parse_size(text)


@given(st.integers(0, 1 << 50))
def test_a_size_that_is_shown_can_be_read_again(size: int) -> None:
    assert size == parse_size(str(format_size(size)))


@pytest.mark.parametrize(
    ("size", "shown"), [(0, 0), (256, 256), (1024, "1KiB"), (64 << 20, "64MiB"), (1_000_000, 1_000_000)]
)
def test_a_size_is_shown_in_its_largest_whole_unit(size: int, shown: str | int) -> None:
    assert shown == format_size(size)


ENDPOINTS = {
    "localhost:4317": (Endpoint("localhost", 4317), "localhost:4317"),
    "LocalHost:4317": (Endpoint("localhost", 4317), "localhost:4317"),
    ":4317": (Endpoint("", 4317), ":4317"),
    "*:4317": (Endpoint("", 4317), ":4317"),
    "0.0.0.0:0": (Endpoint("0.0.0.0", 0), "0.0.0.0:0"),
    "[::1]:4317": (Endpoint("::1", 4317), "[::1]:4317"),
    "[0:0::1]:4317": (Endpoint("::1", 4317), "[::1]:4317"),
    "[fe80::1%eth0]:65535": (Endpoint("fe80::1%eth0", 65535), "[fe80::1%eth0]:65535"),
    "otel-gw_1.example.com:80": (Endpoint("otel-gw_1.example.com", 80), "otel-gw_1.example.com:80"),
}


@pytest.mark.parametrize(("text", "endpoint", "shown"), [(text, *of) for text, of in ENDPOINTS.items()])
def test_an_address_is_a_host_and_a_port(text: str, endpoint: Endpoint, shown: str) -> None:
    assert endpoint == parse_endpoint(text)
    assert shown == str(endpoint)
    assert endpoint == parse_endpoint(shown)


@pytest.mark.parametrize(
    ("text", "fault"),
    {
        "": "is not an address",
        "4317": "is not an address",
        "localhost": "is not an address",
        "localhost:": "is not an address",
        "localhost:http": "is not an address",
        "localhost:-1": "is not an address",
        "local host:1": "is not an address",
        "::1:4317": "is not an address",
        "host/path:1": "is not an address",
        "localhost:1\n": "is not an address",
        "http://localhost:4318": "has a scheme",
        "localhost:65536": "has a port above 65535",
        "1.2.3:80": "has an invalid IP address",
        "256.1.1.1:80": "has an invalid IP address",
        "[1.2.3.4]:80": "has an invalid IP address",
        "[x]:80": "has an invalid IP address",
        "-x:80": "has a host that is neither",
        "größe:80": "has a host that is neither",
    }.items(),
)
def test_what_is_no_address_is_refused_with_a_reason(text: str, fault: str) -> None:
    with pytest.raises(ValueError, match=f"^{fault}"):
        parse_endpoint(text)
