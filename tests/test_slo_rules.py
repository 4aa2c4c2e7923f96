"""Rules of objectives and apdex: what is written, and that what they ask for is on the page."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml

from span2metrics.cli import main
from span2metrics.config import compile_plan, load
from span2metrics.engine.core import Engine
from span2metrics.engine.plan import MS, Format
from span2metrics.generate import NAMES, rule_files, text
from span2metrics.generate.rule import Alert, Recording
from tests.payloads import CLIENT, CONSUMER, ERROR, NOW, OK, SERVER, UNSET, Placed, request
from tests.rule_cases import LINKS, Case, files_of, linted, outcome, rules_of, written
from tests.scrapers import BUILT, DEBIAN

DATA = Path(__file__).parent / "data" / "rules"
THREE = (DATA / "three.yaml").read_text()
#: Settings that change what the page's families are called, or their unit.
DIALECTS = {
    "otel": "{}",
    "in milliseconds": "{unit: ms}",
    "without prefix": "{namespace: ''}",
    "tempo": "{dialects: [tempo]}",
    "jaeger": "{dialects: [jaeger, otel]}",
    "both kinds of histograms": "{histograms: both}",
}


@pytest.mark.parametrize("name", ["slos", "apdex"])
def test_the_files_of_three_objectives_are_those_that_were_looked_at(name: str, tmp_path: Path) -> None:
    (file,) = (file for file in files_of(THREE, tmp_path) if file.name == name)
    assert text.rule_file(file) == (DATA / f"three.{name}.yml").read_text()


def test_names_and_labels_are_unique(tmp_path: Path) -> None:
    rules = rules_of(files_of(THREE, tmp_path))
    named = Counter(
        (rule.record if isinstance(rule, Recording) else rule.alert, tuple(sorted(rule.labels.items())))
        for rule in rules
    )
    assert len(rules) > 60
    assert [name for name, times in named.items() if times > 1] == []
    groups = [group.name for file in files_of(THREE, tmp_path) for group in file.groups]
    assert len(groups) == len(set(groups))


def test_every_alert_says_what_a_human_needs(tmp_path: Path) -> None:
    alerts = [rule for rule in rules_of(files_of(THREE, tmp_path)) if isinstance(rule, Alert)]
    assert len(alerts) == 3 * 6
    for alert in alerts:
        assert alert.labels["severity"] in {"page", "ticket"}
        assert set(alert.annotations) == {"summary", "description", "runbook_url", "dashboard_url"}
        assert alert.runbook.means
        assert alert.runbook.act
        assert len(alert.runbook.confirm) == 2


@pytest.mark.parametrize("metrics", DIALECTS.values(), ids=DIALECTS)
@pytest.mark.parametrize("version", [DEBIAN, BUILT])
def test_promtool_finds_no_fault(version: str, metrics: str, tmp_path: Path) -> None:
    assert linted(version, written(files_of(_with(metrics), tmp_path), tmp_path)) == ""


def _with(metrics: str, config: str = THREE) -> str:
    """The configuration with another setting of the metrics besides."""
    setting = metrics.strip("{}")
    return config.replace("metrics:\n", f"metrics:\n  {setting}\n") if setting else config


def test_a_file_says_what_the_rules_say(tmp_path: Path) -> None:
    for file in files_of(_with("{}"), tmp_path):
        read = [rule for group in yaml.safe_load(text.rule_file(file))["groups"] for rule in group["rules"]]
        rules = rules_of([file])
        assert [rule["expr"] for rule in read] == [rule.expr for rule in rules]
        assert [rule.get("labels", {}) for rule in read] == [dict(rule.labels) for rule in rules]
        told = [rule.annotations if isinstance(rule, Alert) else {} for rule in rules]
        assert [rule.get("annotations", {}) for rule in read] == told


def test_the_command_writes_a_file_a_subject(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["generate", "rules", f"--config.file={DATA / 'three.yaml'}"]
    assert main([*options, "-o", str(tmp_path / "rules")]) == 0
    paths = capsys.readouterr().out.splitlines()
    assert {Path(path).name for path in paths} >= {"slos.yml", "apdex.yml"}
    assert main(options) == 0
    whole = yaml.safe_load(capsys.readouterr().out)["groups"]
    parts = [group for path in paths for group in yaml.safe_load(Path(path).read_text())["groups"]]
    assert whole == parts


def test_files_of_objectives_that_are_no_more_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    options = ["generate", "rules", "-o", str(tmp_path)]
    assert main([*options, f"--config.file={DATA / 'three.yaml'}"]) == 0
    (tmp_path / "our own.yml").write_text("groups: []\n")
    assert capsys.readouterr().err == ""
    assert main(options) == 0
    assert capsys.readouterr().err.splitlines() == [
        f"{tmp_path / name}: is of another configuration, and Prometheus would load it; remove it"
        for name in ("slos.yml", "apdex.yml")
    ]
    assert main(["generate", "runbooks", "-o", str(tmp_path)]) == 0
    assert capsys.readouterr().err == ""


def test_every_file_is_one_of_those_that_are_known(tmp_path: Path) -> None:
    file = tmp_path / "every.yaml"
    file.write_text(f"{THREE}\nmeasures: [{{name: a, attribute: b}}]\n")
    assert [made.name for made in rule_files(load(file), LINKS)] == list(NAMES)


def test_without_objectives_there_are_no_rules_of_them(tmp_path: Path) -> None:
    assert {file.name for file in files_of("", tmp_path)} & {"slos", "apdex"} == set()


# --- the page ---------------------------------------------------------------------------------------------------------

ODD = 'POST "/pay"\\x{a|b}*\n(1.5)'


def spans() -> list[Placed]:
    """Of every service, name, kind, status, method and duration some; at a threshold, and a nanosecond off."""
    return [
        Placed(
            service=service,
            name=name,
            kind=kind,
            status=status,
            attributes={"payment.method": method} if method else {},
            resource={"deployment.environment.name": env},
            took=took,
        )
        for i, (service, env) in enumerate(
            (("checkout", "production"), ("checkout", "test"), ("edge-eu", "production"), ("edge-", "production"))
        )
        for j, name in enumerate(("POST /pay", "POST /payment", ODD))
        for kind in (SERVER, CLIENT, CONSUMER)
        for k, status in enumerate((UNSET, OK, ERROR))
        for method in ("card", "sepa-eu", "cash", "")
        for took in (MS, 250 * MS, 250 * MS + 1, 300 * MS, 1200 * MS, 1200 * MS + 1)
        for _ in range(1 + (i + j + k) % 3)
    ]


class Asked(NamedTuple):
    """An objective: its condition, and which spans are meant and bad, said in Python."""

    where: str
    sli: str
    meant: Callable[[Placed], bool]
    is_bad: Callable[[Placed], bool]


def is_error(span: Placed) -> bool:
    return span.status == ERROR


def is_slow(span: Placed) -> bool:
    return is_error(span) or span.took > 250 * MS


ASKED = {
    "all-of-a-kind": Asked("{kind: server}", "availability", lambda s: s.kind == SERVER, is_error),
    "one-call": Asked(
        '{service: checkout, name: "POST /pay", kind: server}',
        "availability",
        lambda s: (s.service, s.name, s.kind) == ("checkout", "POST /pay", SERVER),
        is_error,
    ),
    "odd-name": Asked(
        '{name: "POST \\"/pay\\"\\\\x{a|b}*\\n(1.5)"}', "{latency: 250ms}", lambda s: s.name == ODD, is_slow
    ),
    "odd-names": Asked(
        '{name: [POST /pay, "POST \\"/pay\\"\\\\x{a|b}*\\n(1.5)"]}',
        "availability",
        lambda s: s.name in {"POST /pay", ODD},
        is_error,
    ),
    "pattern": Asked(
        '{service: {regex: "edge-[a-z]+"}}', "{latency: 250ms}", lambda s: s.service == "edge-eu", is_slow
    ),
    "any-line": Asked('{name: {regex: ".*1.5."}}', "availability", lambda s: s.name == ODD, is_error),
    "flags": Asked(
        '{name: [{regex: "(?i)post /PAY"}, POST /PAYMENT]}', "availability", lambda s: s.name == "POST /pay", is_error
    ),
    "attributes": Asked(
        "{span.payment.method: [card, {regex: sepa.*}], resource.deployment.environment.name: production}",
        "{latency: 250ms}",
        lambda s: (
            s.attributes.get("payment.method") in {"card", "sepa-eu"}
            and s.resource["deployment.environment.name"] == "production"
        ),
        is_slow,
    ),
    "absent": Asked(
        '{span.payment.method: "", kind: [client, server]}',
        "availability",
        lambda s: not s.attributes and s.kind in {CLIENT, SERVER},
        is_error,
    ),
    "of-a-status": Asked("{status: [unset, error]}", "{latency: 250ms}", lambda s: s.status in {UNSET, ERROR}, is_slow),
}


def asking(metrics: str) -> str:
    slos = "".join(
        f"  - {{name: {name}, objective: 99, where: {asked.where}, sli: {asked.sli}}}\n"
        for name, asked in ASKED.items()
    )
    head = THREE.partition("slos:")[0]
    head = head.replace("metrics:\n", "metrics:\n  buckets: [100ms, 1s]\n")
    return _with(metrics, f"{head}slos:\n{slos}apdex:\n  - {{threshold: 300ms, where: {{kind: server}}}}\n")


def series_of(page: str) -> dict[str, str]:
    """Its samples as series for promtool: nothing first, and then what is on the page."""
    lines = [line for line in page.split("\n") if line and not line.startswith("#")]
    return {line.rpartition(" ")[0]: f"0 {line.rpartition(' ')[2]}x4" for line in lines}


@pytest.mark.parametrize("dialect", ["otel", "in milliseconds", "tempo", "jaeger"])
def test_the_share_of_bad_calls_is_that_of_the_spans(dialect: str, tmp_path: Path) -> None:
    """What the rules ask of the page, by Prometheus, is what the spans were, by their conditions in Python."""
    sent = spans()
    paths = written(files_of(asking(DIALECTS[dialect]), tmp_path), tmp_path)
    engine = Engine(compile_plan(load(tmp_path / "config.yaml")))
    engine.consume(request(sent), NOW)
    page = b"".join(engine.render(Format.TEXT, NOW)).decode()
    expected = {
        f'slo:sli_error:ratio_rate5m{{slo="{name}"}}': _share(sent, asked.meant, asked.is_bad)
        for name, asked in ASKED.items()
    }
    expected |= {
        f'service:apdex:ratio_rate5m{{service_name="{of}"}}': _apdex([s for s in sent if s.service == of])
        for of in ("checkout", "edge-eu", "edge-")
    }
    assert len(set(expected.values())) > 5
    assert outcome(DEBIAN, paths, [Case(series_of(page), values={4: expected})], tmp_path) == ""


def _share(sent: Sequence[Placed], meant: Callable[[Placed], bool], is_bad: Callable[[Placed], bool]) -> float:
    every = [span for span in sent if meant(span)]
    return sum(map(is_bad, every)) / len(every)


def _apdex(sent: Sequence[Placed]) -> float:
    """(good + (tolerable - good) / 2) / total, errors being frustrated."""
    servers = [span for span in sent if span.kind == SERVER]
    good = sum(not is_error(span) and span.took <= 300 * MS for span in servers)
    tolerable = sum(not is_error(span) and span.took <= 1200 * MS for span in servers)
    return (good + (tolerable - good) / 2) / len(servers)


@pytest.mark.parametrize("metrics", DIALECTS.values(), ids=DIALECTS)
@pytest.mark.parametrize("format", [Format.TEXT, Format.OPENMETRICS])
def test_bounds_are_written_as_the_page_has_them(metrics: str, format: Format, tmp_path: Path) -> None:
    rules = rules_of(files_of(asking(metrics), tmp_path))
    engine = Engine(compile_plan(load(tmp_path / "config.yaml")))
    engine.consume(request(spans()[:1]), NOW)
    shown = set(re.findall(r'le="([^"]*)"', b"".join(engine.render(format, NOW)).decode()))
    asked = {bound for rule in rules for bound in re.findall(r'\ble="([^"]*)"', rule.expr)}
    both = {pattern for rule in rules for pattern in re.findall(r'\ble=~"([^"]*)"', rule.expr)}
    asked |= {part.replace(r"\\.", ".") for pattern in both for part in pattern.split("|")}
    assert len(asked) == 3
    assert asked <= shown
