"""Which format and encoding a request gets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from span2metrics.engine.plan import Escaping, Format
from span2metrics.web.negotiate import Encoding, Negotiated, choose_encoding, choose_format

TEXT, TEXT_1, OPENMETRICS, OPENMETRICS_0, PROTOBUF = Format
ALL = tuple(Format)
LINES = (TEXT, TEXT_1, OPENMETRICS, OPENMETRICS_0)

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
DELIMITED = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"
FIREFOX = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"
CHROMIUM = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"

FORMATS = {
    # who asks
    "Prometheus 2.42": (PROMETHEUS_2_42, PROTOBUF),
    "Prometheus 3.16": (PROMETHEUS_3_16, PROTOBUF),
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
    "OpenMetrics 0.0.1": ("application/openmetrics-text;version=0.0.1", OPENMETRICS_0),
    "0.0.1, then any": ("application/openmetrics-text;version=0.0.1,*/*;q=0.1", OPENMETRICS_0),
    "0.0.1, then 1.0.0": (
        "application/openmetrics-text;version=0.0.1,application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1",
        OPENMETRICS_0,
    ),
    "OpenMetrics 2.0.0 is not ours": ("application/openmetrics-text;version=2.0.0,*/*;q=0.1", TEXT),
    "text without version": ("text/plain", TEXT),
    "text 1.0.0": ("text/plain;version=1.0.0,application/openmetrics-text;q=0.1", TEXT_1),
    "text 0.0.3 is not ours": ("text/plain;version=0.0.3,application/openmetrics-text;q=0.1", OPENMETRICS),
    "the newer text before the older": ("text/plain;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.4", TEXT_1),
    "protobuf": (DELIMITED, PROTOBUF),
    "protobuf without parameters": ("application/vnd.google.protobuf", PROTOBUF),
    "protobuf as text is not ours": (DELIMITED.replace("delimited", "text") + ",*/*;q=0.1", TEXT),
    "another message is not ours": (DELIMITED.replace("MetricFamily", "Metric") + ",text/plain;q=0.1", TEXT),
    "protobuf, quoted, in capitals": (
        'Application/Vnd.Google.Protobuf; Encoding="Delimited"; Proto="io.prometheus.client.MetricFamily",*/*;Q=1',
        PROTOBUF,
    ),
    "protobuf liked less": (f"{DELIMITED};q=0.4,text/plain;q=0.5", TEXT),
    "protobuf refused": (f"{DELIMITED};q=0,application/openmetrics-text;q=0.1", OPENMETRICS),
    "another's version does not tell": ("application/vnd.google.protobuf;version=0.0.4", PROTOBUF),
    "quoted version": ('application/openmetrics-text; version="1.0.0"; q=0.5, text/plain;q=0.4', OPENMETRICS),
    "escaped quotes": ('text/plain;x="a\\",b;q=0";q=0.5,application/openmetrics-text;q=0.4', TEXT),
    "other parameters do not matter": ("application/openmetrics-text;charset=utf-8;escaping=dots,*/*;q=0", OPENMETRICS),
    "capitals and spaces": (" Application/OpenMetrics-Text ; Version=1.0.0 ; q=0.5 , text/plain ; q=0.4", OPENMETRICS),
    # specificity
    "a type beats a wildcard": ("*/*;q=1,application/openmetrics-text;q=0.5", TEXT),
    "a version beats its type": (
        "application/openmetrics-text;q=0.9,application/openmetrics-text;version=1.0.0;q=0.1,text/plain;q=0.5",
        OPENMETRICS_0,
    ),
    "text refused, the rest taken": ("text/plain;q=0,*/*;q=0.5", OPENMETRICS),
    "a version refused, its type taken": ("text/plain;version=0.0.4;q=0,text/plain", TEXT_1),
    "only protobuf not refused": ("text/*;q=0,application/openmetrics-text;q=0,*/*;q=0.5", PROTOBUF),
    "a main type": ("application/*", OPENMETRICS),
    "a main type against another": ("application/*;q=0.5,text/*;q=0.6", TEXT),
    "a wildcard of equal q does not displace": ("application/openmetrics-text,*/*", OPENMETRICS),
    "nor if it comes first": ("*/*,application/openmetrics-text", OPENMETRICS),
    "a main type names more exactly than any": ("*/*,application/*", OPENMETRICS),
    "a version names more exactly than a type": (
        "text/plain,application/openmetrics-text;version=0.0.1",
        OPENMETRICS_0,
    ),
    "equally exact: the first, protobuf": (f"{DELIMITED},application/openmetrics-text;version=1.0.0", PROTOBUF),
    "equally exact: the first, 1.0.0": (f"application/openmetrics-text;version=1.0.0,{DELIMITED}", OPENMETRICS),
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
    assert choose_format(accept, ALL).format is expected


SERVED = {
    "Prometheus 2.42, without protobuf": (PROMETHEUS_2_42, LINES, OPENMETRICS),
    "Prometheus 3.16, without protobuf": (PROMETHEUS_3_16, LINES, OPENMETRICS),
    "Prometheus 2.42, with text alone": (PROMETHEUS_2_42, (TEXT,), TEXT),
    "Prometheus 3.16, with both texts": (PROMETHEUS_3_16, (TEXT, TEXT_1), TEXT_1),
    "Prometheus 2.42, with OpenMetrics 0.0.1": (PROMETHEUS_2_42, (TEXT, OPENMETRICS_0), OPENMETRICS_0),
    "the server's first where the client has no say": ("*/*", (PROTOBUF, TEXT), PROTOBUF),
    "nothing served is accepted": (DELIMITED, (OPENMETRICS,), TEXT),
    "nothing served": ("*/*", (), TEXT),
}


@pytest.mark.parametrize(("accept", "formats", "expected"), SERVED.values(), ids=SERVED)
def test_only_what_is_served_is_chosen(accept: str, formats: tuple[Format, ...], expected: Format) -> None:
    assert choose_format(accept, formats).format is expected


UNDERSCORES, ALLOW_UTF8 = Escaping
ESCAPINGS = {
    "Prometheus 2.42": (PROMETHEUS_2_42, LINES, OPENMETRICS, UNDERSCORES),
    "Prometheus 3.16": (PROMETHEUS_3_16, LINES, OPENMETRICS, ALLOW_UTF8),
    "Prometheus 3.16, with protobuf, for which it states no wish": (PROMETHEUS_3_16, ALL, PROTOBUF, UNDERSCORES),
    "Prometheus 3.16, with the newer text": (PROMETHEUS_3_16, (TEXT, TEXT_1), TEXT_1, ALLOW_UTF8),
    "protobuf": (f"{DELIMITED};escaping=allow-utf-8", ALL, PROTOBUF, ALLOW_UTF8),
    "quoted, in capitals": ('text/plain;version=1.0.0;Escaping="Allow-UTF-8"', ALL, TEXT_1, ALLOW_UTF8),
    "underscores": ("application/openmetrics-text;escaping=underscores", ALL, OPENMETRICS, UNDERSCORES),
    "dots are not ours": ("application/openmetrics-text;escaping=dots", ALL, OPENMETRICS, UNDERSCORES),
    "values are not ours": ("application/openmetrics-text;escaping=values", ALL, OPENMETRICS, UNDERSCORES),
    "unheard of": ("application/openmetrics-text;escaping=loud", ALL, OPENMETRICS, UNDERSCORES),
    "the older text knows none": ("text/plain;version=0.0.4;escaping=allow-utf-8", ALL, TEXT, UNDERSCORES),
    "OpenMetrics 0.0.1 knows none": (
        "application/openmetrics-text;version=0.0.1;escaping=allow-utf-8",
        ALL,
        OPENMETRICS_0,
        UNDERSCORES,
    ),
    "the wish of a range that lost": (
        "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.5,application/openmetrics-text;version=1.0.0",
        ALL,
        OPENMETRICS,
        UNDERSCORES,
    ),
    "the wish of the range that counts": (
        "application/openmetrics-text,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.9",
        (TEXT, OPENMETRICS),
        OPENMETRICS,
        ALLOW_UTF8,
    ),
    "any format, wished": ("*/*;escaping=allow-utf-8", (TEXT_1,), TEXT_1, ALLOW_UTF8),
    "no header": ("", ALL, TEXT, UNDERSCORES),
}


@pytest.mark.parametrize(("accept", "formats", "format", "escaping"), ESCAPINGS.values(), ids=ESCAPINGS)
def test_utf8_names_are_for_those_who_ask_and_where_they_are_enabled(
    accept: str, formats: tuple[Format, ...], format: Format, escaping: Escaping
) -> None:
    assert choose_format(accept, formats, utf8_names=True) == Negotiated(format, escaping)
    assert choose_format(accept, formats) == Negotiated(format, UNDERSCORES)


CONTENT_TYPES = {
    TEXT: "text/plain; version=0.0.4; charset=utf-8",
    TEXT_1: "text/plain; version=1.0.0; charset=utf-8; escaping=SCHEME",
    OPENMETRICS: "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=SCHEME",
    OPENMETRICS_0: "application/openmetrics-text; version=0.0.1; charset=utf-8",
    PROTOBUF: "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited; "
    "escaping=SCHEME",
}


@pytest.mark.parametrize("escaping", Escaping)
@pytest.mark.parametrize("format", Format)
def test_the_answer_states_its_version_and_how_names_are_escaped(format: Format, escaping: Escaping) -> None:
    expected = CONTENT_TYPES[format].replace("SCHEME", escaping.value)
    assert Negotiated(format, escaping).content_type == expected
    assert Negotiated(format).content_type == format.content_type


@pytest.mark.parametrize("format", Format)
def test_who_asks_for_a_content_type_gets_it(format: Format) -> None:
    assert choose_format(format.content_type, ALL).content_type == format.content_type


BODIES = {TEXT: TEXT, TEXT_1: TEXT, OPENMETRICS: OPENMETRICS, OPENMETRICS_0: OPENMETRICS, PROTOBUF: PROTOBUF}


@pytest.mark.parametrize(("format", "body"), BODIES.items())
def test_versions_share_a_body_and_its_end(format: Format, body: Format) -> None:
    assert (format.body, format.trailer) == (body, body.trailer)


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
    assert choose_format(header, ALL).format in Format
    assert choose_encoding(header) in Encoding


@given(st.permutations(ALL), st.lists(st.integers(0, 1000), min_size=5, max_size=5, unique=True))
def test_the_greatest_q_wins_in_any_order(formats: list[Format], weights: list[int]) -> None:
    weighed = dict(zip(formats, weights, strict=True))
    accept = ",".join(f"{format.content_type};q={weight / 1000:.3f}" for format, weight in weighed.items())
    assert choose_format(accept, ALL).format is max(formats, key=weighed.__getitem__)
