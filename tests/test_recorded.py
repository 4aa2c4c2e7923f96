"""`explain` and `preview` say of the demo's recorded spans what the daemon would make of them, and why."""

from __future__ import annotations

import gzip
import io
import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from span2metrics import cli, names
from span2metrics.config import compile_plan, load
from span2metrics.engine.core import Engine
from span2metrics.engine.plan import Plan
from span2metrics.errors import DecodeError
from span2metrics.formats import recording
from span2metrics.recorded import explain_text, preview_text, spans
from span2metrics.recorded.explain import explain
from span2metrics.recorded.preview import preview
from tests.cases_recorded import as_json, delimited, requests
from tests.payloads import ERROR, NOW, Placed, request

DATA = Path(__file__).parent / "data" / "recorded"
#: Two payments and what comes with them; half a minute of the company's business.
FEW, MANY = 3, 300


def plan_of(file: Path | None) -> Plan:
    return compile_plan(load(file))


def recorded(bodies: Sequence[bytes]) -> list[spans.Recorded]:
    return [span for body in bodies for span in spans.parse(body, "test")]


# --- golden texts -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("golden", "config"), [("explain.txt", None), ("explain_rules.txt", "rules.yaml")])
def test_an_explanation_reads_as_it_did(golden: str, config: str | None) -> None:
    plan = plan_of(DATA / config if config else None)
    lines = explain_text.text(explain(plan, recorded(requests(FEW))))
    assert "\n".join(lines) + "\n" == (DATA / golden).read_text()


@pytest.mark.parametrize(("golden", "config"), [("preview.txt", None), ("preview_rules.txt", "rules.yaml")])
def test_a_preview_reads_as_it_did(golden: str, config: str | None) -> None:
    plan = plan_of(DATA / config if config else None)
    lines = preview_text.text(preview(plan, recorded(requests(MANY)), 10), 3)
    assert "\n".join(lines) + "\n" == (DATA / golden).read_text()


# --- what is said is so -----------------------------------------------------------------------------------------------


def test_a_preview_counts_what_an_engine_has() -> None:
    plan = plan_of(DATA / "rules.yaml")
    found = preview(plan, recorded(requests(MANY)), 10)
    engine = Engine(plan)
    for body in requests(MANY):
        engine.consume(body, NOW)
    while engine.conclude(NOW):
        pass
    stats = engine.stats()
    assert (found.spans, found.stats.dropped) == (stats.received, stats.dropped)
    assert found.stats.label_sets == stats.label_sets == found.cut["label_sets"][names.CALLS]
    assert found.report["label_sets"][names.CALLS] > stats.label_sets


def test_one_more_dimension_costs_what_a_preview_says(tmp_path: Path) -> None:
    before = preview(Plan(), recorded(requests(MANY)), 10)
    file = tmp_path / "more.yaml"
    file.write_text("metrics: {dimensions: [{name: payment.method}]}\n")
    after = preview(plan_of(file), recorded(requests(MANY)), 10)
    spans_with, sets = before.dimensions["payment.method"]
    assert sets == after.report["label_sets"][names.CALLS] > before.report["label_sets"][names.CALLS]
    assert 0 < spans_with < before.spans
    assert "payment.method" not in after.dimensions


def test_every_kind_of_fate_is_told() -> None:
    odd = [
        Placed(name="GET /users/8273645", trace_state="ot=th:8"),
        Placed(name="pay", attributes={"card": "4111 1111 1111 1111"}, status=ERROR, start=0),
        Placed(service=None, name="x" * 300, trace_id=b"", parent_id=b"\1"),
    ]
    file = DATA / "cards.yaml"
    told = ["\n".join(explain_text.text([found])) for found in explain(plan_of(file), recorded([request(odd)]))]
    for text, parts in zip(
        told,
        (
            ("GET /users/{number}", "its name had what is {number}", "stands for 2 spans", "has no parent"),
            ('card="****"', "a part of card is hidden (privacy)", "no_time: start or end is 0", "STATUS_CODE_ERROR"),
            ("unknown_service", "span_name is cut at limits.label_value_length", "invalid_id", "no part of it"),
        ),
        strict=True,
    ):
        assert [part for part in parts if part not in text] == []
    assert "4111" not in "".join(told)
    assert "8273645" not in "".join(told)


def test_what_spans_carry_is_told_of_each_and_in_all() -> None:
    plan = plan_of(DATA / "measures.yaml")
    paid = [Placed(name="pay", attributes={"amount": amount, "method": "card"}) for amount in ("12.50", -3, 0, "x")]
    told = ["\n".join(explain_text.text([found])) for found in explain(plan, recorded([request(paid)]))]
    own = 'status_code="STATUS_CODE_UNSET",method="card"'
    of, net = "_paid_eur{…," + own, "_paid_net_eur{…," + own + "}, "
    for text, parts in zip(
        told,
        (
            (
                f'_paid_eur{{…,{own},sign="positive"}}, bucket le="100.0"',
                f"_paid_net_eur{{…,{own}}}, 12.5",
                "_all{…}, 12.5",
            ),
            (
                f'_paid_eur{{…,{own},sign="negative"}}, bucket le="10.0"',
                f"_paid_net_eur{{…,{own}}}, -3",
                "measure_negative: ",
            ),
            (f'{of},sign="positive"}}, bucket le="10.0"', f"{net}0", "_all{…}, 0"),
            ("measure_not_numeric: a value that a measure asks for",),
        ),
        strict=True,
    ):
        shown = re.sub('service_name="shop".*?(?=,status_code="STATUS_CODE_UNSET",method)', "…", text)
        assert [part for part in parts if part not in shown] == []
    assert "_paid" not in told[3]
    whole = "\n".join(preview_text.text(preview(plan, recorded([request(paid)]), 10), 3))
    assert re.search("measure paid_eur +1\n +measure all +1\n", whole)
    assert re.search("method of measure paid_eur +1 values", whole)


# --- recordings -------------------------------------------------------------------------------------------------------

_BODIES = requests(4)
FORMS: dict[str, Callable[[], bytes]] = {
    "protobuf": lambda: b"".join(_BODIES),
    "protobuf with lengths": lambda: b"".join(delimited(_BODIES)),
    "JSON a line each": lambda: "\n".join(map(as_json, _BODIES)).encode(),
    "JSON a line each, with blank ones": lambda: "\n\n".join([*map(as_json, _BODIES), ""]).encode(),
    "one JSON of many lines": lambda: json.dumps(json.loads(as_json(b"".join(_BODIES))), indent=1).encode(),
    "gzip": lambda: gzip.compress("\n".join(map(as_json, _BODIES)).encode()),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_recording_is_read_in_any_form(form: str) -> None:
    found = [one.request() for one in spans.parse(FORMS[form](), "test")]
    expected = [one.request() for one in recorded(_BODIES)]
    assert [spans.parse(one, "test").__next__().span for one in found] == [
        spans.parse(one, "test").__next__().span for one in expected
    ]


BROKEN = {
    "gzip that ends early": (gzip.compress(b"{}" * 99)[:-9], "begins as gzip, but is broken or not whole"),
    "JSON that ends early": (as_json(_BODIES[0])[:-5].encode(), "line 1"),
    "a bad line": (as_json(_BODIES[0]).encode() + b'\n{"resourceSpans": 3}\n', "line 2: "),
    "protobuf that ends early": (_BODIES[0][:-3], "is no OTLP request, neither in JSON nor in protobuf"),
    "a text": (b"span 1\nspan 2\n", "is no OTLP request, neither in JSON nor in protobuf"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_no_recording_is_told_by_file_and_place(what: str) -> None:
    data, message = BROKEN[what]
    with pytest.raises(DecodeError) as caught:
        list(spans.parse(data, "some.file"))
    assert str(caught.value).startswith("some.file: ")
    assert message in str(caught.value) or message == "line 1"


def test_nothing_recorded_is_no_request() -> None:
    assert list(recording.requests(b"\n \n")) == []


# --- commands ---------------------------------------------------------------------------------------------------------


def test_explain_reads_standard_input(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    stdin = io.TextIOWrapper(io.BytesIO(as_json(_BODIES[0]).encode()))
    monkeypatch.setattr("sys.stdin", stdin)
    assert cli.main(["explain"]) == 0
    assert capsys.readouterr().out.startswith("span 1: id ")


def test_commands_read_files_and_the_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "spans.json"
    file.write_text("\n".join(map(as_json, requests(FEW))))
    config = ["--config.file", str(DATA / "rules.yaml")]
    assert cli.main(["explain", str(file), *config]) == 0
    assert capsys.readouterr().out == (DATA / "explain_rules.txt").read_text()
    assert cli.main(["preview", "--top", "2", "--values", "1", str(file), *config]) == 0
    assert "and 5 more" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["explain", "preview"])
def test_a_file_that_cannot_be_read_is_told_in_a_line(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([command, "no/such/file"]) == 1
    assert "no/such/file" in capsys.readouterr().err


def test_without_spans_there_is_nothing_to_tell() -> None:
    assert list(explain_text.text(explain(Plan(), []))) == ["There are no spans."]
    assert list(preview_text.text(preview(Plan(), [], 10), 3)) == ["There are no spans."]
