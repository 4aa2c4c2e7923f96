"""Cases: what becomes of a span's own fields, and which families and siblings show it."""

from __future__ import annotations

from span2metrics.engine.plan import MS, Dimension, Plan, Source
from tests.cases import ROUTE, SPAN, Case, labels, plan
from tests.payloads import ERROR, OK, START

FAMILIES = [
    Case("a span counts once under its four labels", [SPAN], {labels(): 1}, sums={labels(): (1, 3 * MS)}),
    Case("the same span sent twice counts twice", [SPAN, SPAN], {labels(): 2}, sums={labels(): (2, 6 * MS)}),
    *(
        Case(f"kind {number} is {name}", [SPAN.but(kind=number)], {labels(kind=name): 1})
        for number, name in enumerate(["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"])
    ),
    *(
        Case(f"status {number} is {name}", [SPAN.but(status=number)], {labels(status=name): 1})
        for number, name in enumerate(["UNSET", "OK", "ERROR"])
    ),
    *(
        Case(
            f"the unknown kind {number} is unspecified and counted",
            [SPAN.but(kind=number)],
            {labels(kind="UNSPECIFIED"): 1},
            anomalies={"unknown_enum": 1},
        )
        for number in (6, -1, 2**31 - 1)
    ),
    Case("an unknown status is unset and counted", [SPAN.but(status=3)], {labels(): 1}, anomalies={"unknown_enum": 1}),
    Case(
        "an unknown kind and status count once a span",
        [SPAN.but(kind=9, status=9), SPAN.but(kind=9, status=9)],
        {labels(kind="UNSPECIFIED"): 2},
        anomalies={"unknown_enum": 2},
    ),
    Case(
        "two pods of a service are one series",
        [SPAN.but(resource={"host.name": "a"}), SPAN.but(resource={"host.name": "b"})],
        {labels(): 2},
        sums={labels(): (2, 6 * MS)},
    ),
    Case(
        "a dimension tells two pods apart",
        [SPAN.but(resource={"host.name": "a"}), SPAN.but(resource={"host.name": "b"})],
        {labels(host="a"): 1, labels(host="b"): 1},
        plan(Dimension("host", ("host.name",))),
    ),
    Case(
        "a resource label is read from the resource alone",
        [SPAN.but(resource={"team": "red"}, attributes={"team": "blue"}), SPAN.but(attributes={"team": "blue"})],
        {labels(team="red"): 1, labels(): 1},
        plan(resource_labels=(Dimension("team", ("team",), (Source.RESOURCE,)),)),
        sums={labels(team="red"): (1, 3 * MS), labels(): (1, 3 * MS)},
    ),
]

ERRORS_ZERO = [
    Case("errors are shown at 0 before the first", [SPAN], {labels(): 1, labels(status="ERROR"): 0}, Plan()),
    Case(
        "only calls have errors at 0",
        [SPAN],
        {labels(): 1, labels(status="ERROR"): 0},
        Plan(),
        sums={labels(): (1, 3 * MS)},
    ),
    Case(
        "the first error takes the place of the 0",
        [SPAN, SPAN.but(status=ERROR), SPAN.but(status=OK)],
        {labels(): 1, labels(status="ERROR"): 1, labels(status="OK"): 1},
        Plan(),
    ),
    Case("an error alone has no sibling", [SPAN.but(status=ERROR)], {labels(status="ERROR"): 1}, Plan()),
    Case(
        "the sibling leaves out labels that errors do not share",
        [
            SPAN.but(attributes={"http.route": "/a", "code": 200}),
            SPAN.but(attributes={"http.route": "/a", "code": 404}),
        ],
        {
            labels(http_route="/a", code="200"): 1,
            labels(http_route="/a", code="404"): 1,
            labels(http_route="/a", status="ERROR"): 0,
        },
        Plan(dimensions=(ROUTE, Dimension("code", ("code",))), errors_zero_drop=frozenset({"code"})),
    ),
    Case(
        "an error with a label that siblings drop is a series of its own",
        [SPAN, SPAN.but(status=ERROR, attributes={"code": 500}), SPAN.but(status=ERROR)],
        {labels(): 1, labels(status="ERROR", code="500"): 1, labels(status="ERROR"): 1},
        Plan(dimensions=(Dimension("code", ("code",)),), errors_zero_drop=frozenset({"code"})),
    ),
    Case(
        "without a status label there are no siblings",
        [SPAN, SPAN.but(status=ERROR)],
        {labels(status=None): 2},
        Plan(exclude=frozenset({"status_code"})),
    ),
]

READING = [
    *(
        Case(
            f"a service that is {what} is unknown_service",
            [SPAN.but(service=service, resource=resource)],
            {labels("unknown_service"): 1},
            anomalies={"unknown_service": 1},
        )
        for what, service, resource in (
            ("absent", None, {}),
            ("empty", "", {}),
            ("empty bytes", None, {"service.name": b""}),
            ("without a value", None, {"service.name": None}),
            ("empty and given again", "", {"service.name": "late"}),
        )
    ),
    Case("of two services the first counts", [SPAN.but(resource={"service.name": "late"})], {labels(): 1}),
    Case("a service may be a number", [SPAN.but(service=None, resource={"service.name": 7})], {labels("7"): 1}),
    Case(
        "each span without a service is counted",
        [SPAN.but(service=None), SPAN.but(service="")],
        {labels("unknown_service"): 2},
        anomalies={"unknown_service": 2},
    ),
    Case("an empty span name is unknown", [SPAN.but(name="")], {labels(name="unknown"): 1}),
    *(
        Case(
            f"a {which} that is {what} is counted",
            [SPAN.but(**{which: raw})],
            {labels(): 1},
            anomalies={"invalid_id": 1},
        )
        for which, length in (("trace_id", 16), ("span_id", 8))
        for what, raw in (
            ("absent", b""),
            ("all zero", bytes(length)),
            ("short", b"\1" * (length - 1)),
            ("long", b"\1" * (length + 1)),
        )
    ),
    Case("two bad ids count once", [SPAN.but(trace_id=b"", span_id=b"")], {labels(): 1}, anomalies={"invalid_id": 1}),
    Case("an id may begin with zeros", [SPAN.but(trace_id=bytes(15) + b"\1", span_id=bytes(7) + b"\1")], {labels(): 1}),
    *(
        Case(f"{what}: calls count, duration does not", [span], {labels(): 1}, sums={}, anomalies={"no_time": 1})
        for what, span in (
            ("no start", SPAN.but(start=0, end=START)),
            ("no end", SPAN.but(end=0)),
            ("no time at all", SPAN.but(start=0, end=0)),
        )
    ),
    Case(
        "an end before the start is a duration of 0",
        [SPAN.but(end=START - 1), SPAN],
        {labels(): 2},
        sums={labels(): (2, 3 * MS)},
        anomalies={"negative_duration": 1},
    ),
    Case(
        "sums of nanoseconds have no end",
        [SPAN.but(start=1, end=2**64 - 1)] * 3,
        {labels(): 3},
        sums={labels(): (3, 3 * (2**64 - 2))},
    ),
    Case(
        "the number 200 and the text 200 are one series",
        [SPAN.but(attributes={"http.route": value}) for value in (200, "200", 200.0)],
        {labels(http_route="200"): 3},
        plan(ROUTE),
    ),
]
