"""Which format and encoding a request gets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from span2metrics.engine.plan import Format
from span2metrics.web.negotiate import Encoding, choose_encoding, choose_format

TEXT, OPENMETRICS = Format.TEXT, Format.OPENMETRICS

PROMETHEUS_2_42 = (
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited,"
    "application/openmetrics-text;version=1.0.0;q=0.8,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3_16 = (
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;q=0.7,"
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.5,text/plain;version=0.0.4;q=0.4,*/*;q=0.3"
)
FIREFOX = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
CHROMIUM = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"

FORMATS = {
    # who asks
    "Prometheus 2.42": (PROMETHEUS_2_42, OPENMETRICS),
    "Prometheus 3.16": (PROMETHEUS_3_16, OPENMETRICS),
    "curl": ("*/*", TEXT),
    "Firefox": (FIREFOX, TEXT),
    "Chromium": (CHROMIUM, TEXT),
    "no header": ("", TEXT),
    # q
    "the greater q wins": ("application/openmetrics-text;q=0.4,text/plain;q=0.5", TEXT),
    "no q is 1": ("text/plain;q=0.9,application/openmetrics-text", OPENMETRICS),
    "q=0 refuses": ("application/openmetrics-text;q=0,text/plain;q=0.1", TEXT),
    "q=0.000 refuses": ("application/openmetrics-text;q=0.000,*/*;q=0.001", TEXT),
    "equal q: the first, OpenMetrics": ("application/openmetrics-text,text/plain", OPENMETRICS),
    "equal q: the first, text": ("text/plain,application/openmetrics-text", TEXT),
    "q in capitals": ("text/plain;Q=0.2,application/openmetrics-text;Q=0.1", TEXT),
    # versions and other parameters
    "OpenMetrics without version": ("application/openmetrics-text", OPENMETRICS),
    "OpenMetrics 0.0.1 is not ours": ("application/openmetrics-text;version=0.0.1", TEXT),
    "0.0.1, then any": ("application/openmetrics-text;version=0.0.1,*/*;q=0.1", TEXT),
    "0.0.1, then 1.0.0": (
        "application/openmetrics-text;version=0.0.1,application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1",
        OPENMETRICS,
    ),
    "text 1.0.0 is not ours": ("text/plain;version=1.0.0,application/openmetrics-text;q=0.1", OPENMETRICS),
    "quoted version": ('application/openmetrics-text; version="1.0.0"; q=0.5, text/plain;q=0.4', OPENMETRICS),
    "escaped quotes": ('text/plain;x="a\\",b;q=0";q=0.5,application/openmetrics-text;q=0.4', TEXT),
    "other parameters do not matter": ("application/openmetrics-text;charset=utf-8;escaping=dots,*/*;q=0", OPENMETRICS),
    "capitals and spaces": (" Application/OpenMetrics-Text ; Version=1.0.0 ; q=0.5 , text/plain ; q=0.4", OPENMETRICS),
    # specificity
    "a type beats a wildcard": ("*/*;q=1,application/openmetrics-text;q=0.5", TEXT),
    "a version beats its type": (
        "application/openmetrics-text;q=0.9,application/openmetrics-text;version=1.0.0;q=0.1,text/plain;q=0.5",
        TEXT,
    ),
    "text refused, the rest taken": ("text/plain;q=0,*/*;q=0.5", OPENMETRICS),
    "a main type": ("application/*", OPENMETRICS),
    "a main type against another": ("application/*;q=0.5,text/*;q=0.6", TEXT),
    "a wildcard of equal q does not displace": ("application/openmetrics-text,*/*", OPENMETRICS),
    "a wildcard that comes first does": ("*/*,application/openmetrics-text", TEXT),
    # nothing acceptable is never a refusal
    "an unknown type": ("image/png", TEXT),
    "everything refused": ("*/*;q=0", TEXT),
    # malformed
    "a q that is no number": ("application/openmetrics-text;q=high,text/plain;q=0.1", TEXT),
    "a q above 1": ("application/openmetrics-text;q=1.5,text/plain;q=0.1", TEXT),
    "a negative q": ("application/openmetrics-text;q=-1,text/plain;q=0.1", TEXT),
    "q=NaN": ("application/openmetrics-text;q=NaN,text/plain;q=0.1", TEXT),
    "no subtype": ("application,text/;q=0.9,application/openmetrics-text;q=0.5", OPENMETRICS),
    "a wildcard of types alone": ("*/openmetrics-text,application/openmetrics-text;q=0", TEXT),
    "empty parts": (",, ;,;q=1,application/openmetrics-text;;q=0.5,", OPENMETRICS),
    "a parameter without value": ("application/openmetrics-text;loud;q=0.5", OPENMETRICS),
    "a quote that never ends": ('text/plain;q=0.5,application/openmetrics-text;version="1.0.0', OPENMETRICS),
}


@pytest.mark.parametrize(("accept", "expected"), FORMATS.values(), ids=FORMATS)
def test_the_format_is_the_one_that_the_client_likes_best(accept: str, expected: Format) -> None:
    assert choose_format(accept) is expected


GZIP, IDENTITY = Encoding.GZIP, Encoding.IDENTITY
ENCODINGS = {
    "Prometheus": ("gzip", GZIP),
    "a browser": ("gzip, deflate, br, zstd", GZIP),
    "no header": ("", IDENTITY),
    "others only": ("br, zstd", IDENTITY),
    "refused": ("gzip;q=0", IDENTITY),
    "refused, any other taken": ("gzip;q=0, *", IDENTITY),
    "anything": ("*", GZIP),
    "anything refused": ("*;q=0", IDENTITY),
    "gzip, nothing else": ("gzip;q=0.1, *;q=0", GZIP),
    "identity liked better": ("gzip;q=0.5, identity", IDENTITY),
    "identity liked less": ("identity;q=0.5, gzip;q=0.6", GZIP),
    "identity liked as much": ("identity, gzip", GZIP),
    "identity refused, nothing of ours": ("identity;q=0", IDENTITY),
    "the old name": ("x-gzip", GZIP),
    "capitals and spaces": (" GZip ; Q=0.3 ", GZIP),
    "a q that is no number": ("gzip;q=yes", IDENTITY),
    "part of another word": ("gzipped", IDENTITY),
}


@pytest.mark.parametrize(("header", "expected"), ENCODINGS.values(), ids=ENCODINGS)
def test_gzip_is_for_those_who_take_it(header: str, expected: Encoding) -> None:
    assert choose_encoding(header) is expected


@given(st.text(alphabet=st.sampled_from('ab/*+.;,="\\ q01tex-'), max_size=200))
def test_any_header_gets_an_answer(header: str) -> None:
    assert choose_format(header) in Format
    assert choose_encoding(header) in Encoding
