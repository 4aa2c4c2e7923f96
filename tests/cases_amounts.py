"""Values that spans carry for a measure, and what each comes to."""

from __future__ import annotations

import math
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import AnyValue

MOST = 10**18
TOO_MUCH = "measure_not_numeric"
#: What a value comes to, as the page writes it; None: no observation; `TOO_MUCH`: counted, and no observation.
VALUES: list[tuple[Any, str | None]] = [
    # integers
    (0, "0"),
    (7, "7"),
    (-7, "-7"),
    (MOST, "1000000000000000000"),
    (-MOST, "-1000000000000000000"),
    (MOST + 1, TOO_MUCH),
    (-MOST - 1, TOO_MUCH),
    (2**63 - 1, TOO_MUCH),
    (-(2**63), TOO_MUCH),
    # doubles
    (0.0, "0"),
    (-0.0, "0"),
    (0.1, "0.1"),
    (19.99, "19.99"),
    (-19.99, "-19.99"),
    (0.1 + 0.2, "0.3"),
    (1e18, "1000000000000000000"),
    (math.nextafter(1e18, 0), "999999999999999872"),
    (math.nextafter(1e18, math.inf), TOO_MUCH),
    (2.0**53, "9007199254740992"),
    (123456789.123456789, "123456789.123457"),
    (5e-324, "0"),
    (1e-7, "0"),
    (-1e-7, "0"),
    (0.0000005, "0"),  # a little less than half of a millionth
    (0.0000015, "0.000002"),  # a little more than a millionth and a half
    (0.00000050000001, "0.000001"),
    (2.0**-21, "0"),  # 0.000000476837158203125
    (0.5 + 2.0**-7, "0.507812"),  # 0.5078125, a tie: to the even one
    (0.5 + 3 * 2.0**-7, "0.523438"),  # 0.5234375, a tie
    (math.nan, TOO_MUCH),
    (math.inf, TOO_MUCH),
    (-math.inf, TOO_MUCH),
    (1e300, TOO_MUCH),
    # texts
    ("0", "0"),
    ("-0", "0"),
    ("-0.00", "0"),
    ("7", "7"),
    ("+7", "7"),
    ("007", "7"),
    ("-12.50", "-12.5"),
    ("19.99", "19.99"),
    (".5", "0.5"),
    ("5.", "5"),
    ("1e3", "1000"),
    ("1E-2", "0.01"),
    ("1.5e+1", "15"),
    ("0.0000005", "0"),  # a tie: to the even one
    ("0.0000015", "0.000002"),
    ("0.0000025", "0.000002"),
    ("0.00000050", "0"),
    ("0.000000500000000000000000000000000000001", "0.000001"),
    ("0.00000049999999999999999999999999999999", "0"),
    ("9.9999995", "10"),
    ("0.00000004", "0"),
    ("1000000000000000000", "1000000000000000000"),
    ("1e18", "1000000000000000000"),
    ("1000000000000000000.0", "1000000000000000000"),
    ("999999999999999999.9999999", "1000000000000000000"),
    ("999999999999999999.999999", "999999999999999999.999999"),
    ("1000000000000000000.0000001", TOO_MUCH),
    ("1000000000000000000.000001", TOO_MUCH),
    ("1e19", TOO_MUCH),
    ("-1e19", TOO_MUCH),
    ("1e99999999999999999999", TOO_MUCH),
    ("1e-99999999999999999999", "0"),
    ("0e99999999999999999999", "0"),
    ("0." + "0" * 99 + "1e100", "1"),
    ("1" + "0" * 90 + "e-90", "1"),
    ("0" * 127 + "1", "1"),
    ("-" + "0" * 127 + "1", "-1"),
    ("0" * 128 + "1", TOO_MUCH),  # no number is written with more than 128 characters
    ("", None),
    (" 1", TOO_MUCH),
    ("1 ", TOO_MUCH),
    ("+-1", TOO_MUCH),
    ("--1", TOO_MUCH),
    ("-", TOO_MUCH),
    ("+", TOO_MUCH),
    (".", TOO_MUCH),
    ("e5", TOO_MUCH),
    ("1e", TOO_MUCH),
    ("1e+", TOO_MUCH),
    ("1,50", TOO_MUCH),
    ("1_000", TOO_MUCH),
    ("0x10", TOO_MUCH),
    ("1.2.3", TOO_MUCH),
    ("12 EUR", TOO_MUCH),
    ("NaN", TOO_MUCH),
    ("Infinity", TOO_MUCH),
    ("-inf", TOO_MUCH),
    ("٣", TOO_MUCH),
    # what is no number, whatever it holds
    (True, TOO_MUCH),
    (b"1", TOO_MUCH),
    (b"", None),
    ([1], TOO_MUCH),
    ([], TOO_MUCH),
    ({"a": 1}, TOO_MUCH),
    (None, None),
    (AnyValue(string_value_strindex=1), None),
]
