"""Alertmanager with our file: who is told what, and what is muted by what."""

from __future__ import annotations

import json
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from span2metrics.config import load
from span2metrics.generate import rule_files
from span2metrics.generate.runbooks import alerts
from tests.bench.servers import free_ports
from tests.processes import PATIENCE
from tests.programs import program
from tests.prometheus import eventually
from tests.test_alerts import LINKS

FILE = Path(__file__).parent.parent / "config" / "prometheus" / "alertmanager.yml"
REMEDY = "apt-get install prometheus-alertmanager"
SLOS = "slos: [{name: pay, objective: 99, where: {service: checkout}, sli: availability}]"
Labels = dict[str, str]


def of(alert: str, **labels: str) -> Labels:
    return {"alertname": alert, **labels}


def burn(alert: str, service: str, window: str, **labels: str) -> Labels:
    return of(alert, service_name=service, window=window, **labels)


#: What fires, and which of it is muted.
FIRING: dict[str, tuple[list[Labels], list[Labels]]] = {
    "a chain of callers by its cause": (
        [
            of("DependencyFailing", service_name="network", client="shop", server="network"),
            of("FailureExplained", service_name="shop", cause="network"),
            of("FailureExplained", service_name="gateway", cause="network"),
        ],
        [
            of("DependencySlow", service_name="network", client="shop", server="network"),
            of("ServiceErrors", service_name="shop"),
            of("ServiceErrors", service_name="gateway"),
            of("ServiceSlow", service_name="gateway"),
            of("DependencySlow", service_name="gateway", client="web", server="gateway"),
            of("FailedAmount", service_name="shop", measure="eur"),
        ],
    ),
    "no other service": (
        [of("FailureExplained", service_name="a", cause="b"), of("ServiceErrors", service_name="b")],
        [of("ServiceErrors", service_name="a")],
    ),
    "slowness by slowness alone": (
        [of("SlownessExplained", service_name="c", cause="d"), of("ServiceErrors", service_name="c")],
        [of("ServiceSlow", service_name="c"), of("DependencySlow", service_name="c", client="b", server="c")],
    ),
    "the page of an objective by what explains its window": (
        [
            burn("BurnExplained", "n", "1h", cause="o"),
            burn("SLOErrorBudgetBurnsFast", "n", "6h"),
            burn("SLOErrorBudgetBurnsFast", "o", "1h"),
            of("SLOErrorBudgetBurnsFast", window="1h", slo="of several services"),
            burn("SLOErrorBudgetBurnsSlowly", "n", "1h", slo="of tickets alone"),
            of("SLOErrorBudgetExhaustedSoon", service_name="n", slo="n"),
        ],
        [burn("SLOErrorBudgetBurnsFast", "n", "1h"), burn("SLOErrorBudgetBurnsFast", "n", "1h", slo="another")],
    ),
    "no edge to another node": (
        [
            of("DependencyFailing", service_name="f", client="e", server="f"),
            of("DependencySlow", service_name="h", client="e", server="h"),
            of("SlownessExplained", service_name="e", cause="h"),
        ],
        [
            of("DependencySlow", service_name="f", client="e", server="f"),
            of("RetriesMultiply", service_name="f", client="e", server="f"),
        ],
    ),
    "an instance without spans by its absence": (
        [of("Span2metricsDown", instance="i"), of("Span2metricsNoSpans", instance="j")],
        [of("Span2metricsNoSpans", instance="i"), of("ServiceTrafficDrop", service_name="k")],
    ),
    "an objective by itself alone": (
        [of("SLOErrorBudgetBurnsFast", slo="o", window="1h"), of("SLOErrorBudgetBurnsSlowly", slo="p", window="3d")],
        [of("SLOErrorBudgetBurnsSlowly", slo="o", window="3d")],
    ),
    "a ticket by the page that says the same": (
        [of("Span2metricsCertificateEndsNow", instance="l"), of("Span2metricsCertificateEnds", instance="m")],
        [of("Span2metricsCertificateEnds", instance="l")],
    ),
}


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("alertmanager")
    address = f"127.0.0.1:{free_ports(1)[0]}"
    command = [program("prometheus-alertmanager", REMEDY), f"--config.file={FILE}", f"--storage.path={folder}"]
    command += [f"--web.listen-address={address}", "--cluster.listen-address="]
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        eventually(lambda: urllib.request.urlopen(f"http://{address}/-/ready", timeout=PATIENCE).close() is None)
        yield address
    finally:
        process.terminate()
        process.wait(PATIENCE)


def tell(address: str, labels: list[Labels]) -> None:
    body = json.dumps([{"labels": each} for each in labels]).encode()
    request = urllib.request.Request(f"http://{address}/api/v2/alerts", body, {"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=PATIENCE).close()


def muted(address: str) -> dict[tuple[tuple[str, str], ...], bool]:
    with urllib.request.urlopen(f"http://{address}/api/v2/alerts", timeout=PATIENCE) as response:
        found = json.load(response)
    return {tuple(sorted(alert["labels"].items())): bool(alert["status"]["inhibitedBy"]) for alert in found}


def test_a_cause_mutes_what_it_explains_and_nothing_else(address: str) -> None:
    expected = {
        tuple(sorted(labels.items())): mute
        for told, silent in FIRING.values()
        for mute, alerts in ((False, told), (True, silent))
        for labels in alerts
    }
    tell(address, [dict(labels) for labels in expected])
    eventually(lambda: muted(address), lambda seen: seen == expected)


def test_what_an_inhibition_names_is_an_alert(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(SLOS)
    known = {*alerts(rule_files(load(tmp_path / "config.yaml"), LINKS)), "FailedAmount"}
    rules = yaml.safe_load(FILE.read_text())["inhibit_rules"]
    matchers = [matcher for rule in rules for key in ("source_matchers", "target_matchers") for matcher in rule[key]]
    named = {name for matcher in matchers for name in matcher.partition("=")[2].strip('~"').split("|")}
    assert len(named) > 10
    assert named <= known


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        (("alertname=ServiceErrors", "severity=page"), "page"),
        (("alertname=ServiceSlow", "severity=ticket"), "ticket"),
        (("alertname=ServiceTrafficDrop", "severity=page"), "page"),
        (("alertname=FailureExplained", "severity=none"), "nobody"),
        (("alertname=BurnExplained", "severity=none"), "nobody"),
        (("alertname=SLOErrorBudgetBurnsFast", "severity=page"), "page"),
        (("alertname=SLOErrorBudgetBurnsSlowly", "severity=ticket"), "ticket"),
        (("alertname=Span2metricsDown", "severity=page"), "page"),
        (("alertname=Span2metricsPageSlow", "severity=ticket"), "ticket"),
        (("alertname=SomebodysOwn",), "ticket"),
    ],
)
def test_each_severity_goes_to_its_receiver(labels: tuple[str, ...], receiver: str) -> None:
    command = [program("amtool", REMEDY), "config", "routes", "test", f"--config.file={FILE}", *labels]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=PATIENCE)
    assert done.stdout.strip() == receiver


def test_amtool_has_no_complaint() -> None:
    command = [program("amtool", REMEDY), "check-config", FILE]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=PATIENCE)
    assert (done.returncode, done.stderr) == (0, "")
