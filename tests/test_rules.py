"""The rules as they are: valid for every version, whole, told in words, and made of what a page has."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from span2metrics import names
from span2metrics.cli import main
from span2metrics.config import Config, load
from span2metrics.demo import CONFIG
from span2metrics.demo.encode import encode
from span2metrics.generate import rule_files, runbooks, text
from span2metrics.generate.daemon_upkeep import LATER
from span2metrics.generate.rule import Alert, Recording, RuleFile
from span2metrics.generate.thresholds import PREFIX, THRESHOLDS
from tests import promql
from tests.cases_alerts_measures import CONFIG as MEASURES
from tests.processes import FREE_PORTS, PATIENCE, running
from tests.promtool import Question, Series, labelled, run, unit_test
from tests.scrapers import BUILT, DEBIAN, promtool
from tests.sent import SPANS
from tests.test_alerts import LINKS, config, written

FOLDER = Path(__file__).parent.parent / "config" / "prometheus"
DIALECTS, HISTOGRAMS = ("otel", "jaeger", "tempo"), ("classic", "native", "both")
#: What Prometheus makes itself.
ITS_OWN = {"up": set(), "scrape_samples_scraped": set(), "ALERTS": {"alertname", "alertstate"}}
SEVERITIES = {"page", "ticket", "none"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Config:
    """A configuration that has every file."""
    return config(tmp_path_factory.mktemp("config"))


@pytest.fixture(scope="module")
def files(whole: Config) -> tuple[RuleFile, ...]:
    return rule_files(whole, LINKS)


def rules(files: tuple[RuleFile, ...]) -> Iterator[Recording | Alert]:
    return (rule for file in files for group in file.groups for rule in group.rules)


# --- valid ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [DEBIAN, BUILT])
@pytest.mark.parametrize("histograms", HISTOGRAMS)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_promtool_takes_the_rules_of_every_variant(dialect: str, histograms: str, version: str, tmp_path: Path) -> None:
    made = rule_files(config(tmp_path, dialect, histograms), LINKS)
    check(version, "rules", *written(made, tmp_path))


def check(version: str, what: str, *files: Path) -> None:
    done = subprocess.run(
        [promtool(version), "check", what, *files], check=False, capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("version", [DEBIAN, BUILT])
def test_prometheus_takes_its_configuration(version: str) -> None:
    check(version, "config", FOLDER / "prometheus.yml")


@pytest.mark.parametrize("version", [DEBIAN, BUILT])
def test_what_runbooks_ask_can_be_asked(version: str, files: tuple[RuleFile, ...], tmp_path: Path) -> None:
    asked = [query for alert in runbooks.alerts(files).values() for _, query in alert.runbook.confirm]
    assert len(asked) > 50
    rules = [{"record": f"query_{number}", "expr": query} for number, query in enumerate(asked)]
    file = tmp_path / "queries.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
    check(version, "rules", file)


# --- what is in the repository is what is made ------------------------------------------------------------------------


def test_the_rules_that_are_shipped_are_those_of_the_defaults(tmp_path: Path) -> None:
    assert main(["generate", "rules", "-o", str(tmp_path)]) == 0
    assert contents(tmp_path) == contents(FOLDER / "rules")


def test_what_is_shipped_for_the_demo_is_what_its_configuration_adds(tmp_path: Path) -> None:
    assert main(["generate", "rules", "-o", str(tmp_path), f"--config.file={CONFIG}"]) == 0
    made, defaults = contents(tmp_path), contents(FOLDER / "rules")
    added = {name: text for name, text in made.items() if name not in defaults}
    assert set(added) == {"slos.yml", "apdex.yml", "measures.yml"}
    assert added == contents(FOLDER / "payments")
    assert {name: made[name] for name in defaults} == defaults


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in folder.iterdir()}


def test_the_runbooks_that_are_shipped_are_those_of_all_these_rules(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    of_demo = f"--config.file={CONFIG}"
    assert main(["generate", "runbooks", of_demo]) == 0
    assert capsys.readouterr().out == (FOLDER / "runbooks.md").read_text()
    assert main(["generate", "runbooks", "-o", str(tmp_path), of_demo]) == 0
    assert (tmp_path / "runbooks.md").read_text() == (FOLDER / "runbooks.md").read_text()


def test_a_written_file_is_what_was_meant(files: tuple[RuleFile, ...]) -> None:
    for file in files:
        read = yaml.safe_load(text.rule_file(file))["groups"]
        shown = [(rule.get("record") or rule["alert"], str(rule["expr"])) for group in read for rule in group["rules"]]
        assert shown == [(name(rule), rule.expr) for group in file.groups for rule in group.rules]


def name(rule: Recording | Alert) -> str:
    return rule.record if isinstance(rule, Recording) else rule.alert


# --- whole ------------------------------------------------------------------------------------------------------------


def test_names_are_unique(files: tuple[RuleFile, ...]) -> None:
    groups = Counter(group.name for file in files for group in file.groups)
    alerts = Counter((rule.alert, *sorted(rule.labels.items())) for rule in rules(files) if isinstance(rule, Alert))
    series = Counter(
        (rule.record, *sorted(rule.labels.items())) for rule in rules(files) if isinstance(rule, Recording)
    )
    assert {name for counter in (groups, alerts, series) for name, n in counter.items() if n > 1} == set()


def test_every_alert_tells_whom_what_where_and_what_to_do(files: tuple[RuleFile, ...]) -> None:
    document, shown = runbooks.markdown(files), runbooks.alerts(files)
    for alert in shown.values():
        assert {"severity"} <= set(alert.labels) <= {"severity", "window"} and alert.labels["severity"] in SEVERITIES
        assert {"summary", "description", "runbook_url", "dashboard_url"} == set(alert.annotations)
        assert alert.annotations["summary"].endswith(".") and len(alert.annotations["summary"]) < 160
        assert alert.annotations["description"] != alert.annotations["summary"]
        assert alert.annotations["runbook_url"] == f"http://runbooks.example#{alert.alert.lower()}"
        assert alert.annotations["dashboard_url"].startswith("http://grafana.example/d/span2metrics-")
        assert f"\n## {alert.alert}\n" in document
        assert alert.runbook.act and alert.runbook.means and alert.runbook.silence
        if alert.labels["severity"] == "page":
            assert alert.lasting


def test_alerts_on_services_look_at_recordings_only_and_are_the_same_in_all_variants(tmp_path: Path) -> None:
    found = {
        text.rule_file(file)
        for dialect in DIALECTS
        for histograms in ("classic", "both")
        for file in rule_files(config(tmp_path, dialect, histograms), LINKS)
        if file.name in ("alerts", "usual", "causes")
    }
    assert len(found) == 3
    assert not any("traces_" in each for each in found)


def test_a_native_configuration_has_the_same_rules_and_alerts(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("metrics: {histograms: native}")
    native, classic = rule_files(load(tmp_path / "config.yaml"), LINKS), rule_files(Config(), LINKS)
    assert [name(rule) for rule in rules(native)] == [name(rule) for rule in rules(classic)]
    assert not any("_bucket{" in rule.expr for rule in rules(native) if name(rule).startswith(("service", "edge")))


@pytest.mark.parametrize(
    ("settings", "files"),
    [
        ("{}", "thresholds red usual graph causes alerts daemon"),
        ("service_graph: {enabled: false}", "thresholds red usual alerts daemon"),
        ("metrics: {exclude: [status_code]}", "thresholds graph daemon"),
        ("metrics: {exclude: [span_name]}", "thresholds red usual graph causes alerts daemon"),
        (MEASURES, "thresholds red usual graph causes alerts daemon measures"),
    ],
)
def test_a_configuration_has_the_files_that_it_can_have(settings: str, files: str, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(settings)
    made = rule_files(load(tmp_path / "config.yaml"), LINKS)
    assert [file.name for file in made] == files.split()
    without_names = "span_name" in settings
    assert any(name(rule).startswith("service_span:") for rule in rules(made)) == ("red" in files and not without_names)


def test_every_threshold_is_used_and_has_a_reason(files: tuple[RuleFile, ...]) -> None:
    used = {word for rule in rules(files) for word in re.findall(rf"{PREFIX}(\w+)", rule.expr)}
    # Those of objectives are asked for where there are some.
    assert {t.name for t in THRESHOLDS if not t.name.startswith("slo_")} == used
    comments = {rule.record: rule.comment for rule in rules(files[:1]) if isinstance(rule, Recording)}
    assert all(threshold.reason in comments[threshold.series] for threshold in THRESHOLDS)
    with_own = {t.name for t in THRESHOLDS if t.own}
    assert with_own == {word for rule in rules(files) for word in re.findall(r"^service:threshold:(\w+)", name(rule))}


# --- made of what a page has ------------------------------------------------------------------------------------------

Page = tuple[Config, dict[str, set[str]]]


@pytest.fixture(scope="module", params=["otel", "tempo"])
def page(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Page:
    """A configuration, and the metrics of a daemon with the demo's spans: the name of each sample → its labels."""
    folder = tmp_path_factory.mktemp("daemon")
    (folder / "config.yaml").write_text(f"metrics: {{dialects: [{request.param}]}}")
    with running("serve", f"--config.file={folder / 'config.yaml'}", *FREE_PORTS) as daemon:
        assert daemon.ready().send(encode(SPANS)) == 200
        shown = daemon.get("/metrics")[1]
    metrics: dict[str, set[str]] = {}
    for line in shown.splitlines():
        if not line.startswith("#"):
            sample = re.match(r"[a-zA-Z_:][a-zA-Z0-9_:]*", line)
            assert sample
            labels = re.findall(r'([a-zA-Z_][a-zA-Z0-9_]*)="(?:\\.|[^"\\])*"', line)
            metrics.setdefault(sample[0], set()).update(labels)
    return load(folder / "config.yaml"), metrics


def declared() -> dict[str, set[str]]:
    """Those that have no samples before something goes wrong."""
    families = {f"{spec.name}_total": set(spec.labels) for spec in (names.OVERFLOWED_SPANS, names.DROPPED_SPANS)}
    halves = {names.SERVICE, names.SIDE, names.REASON}
    return families | {f"{family.name}_total": halves for family in (names.UNPAIRED_SPANS, names.GRAPH_DROPPED)}


def test_rules_and_runbooks_ask_for_metrics_and_labels_that_there_are(
    page: Page,
) -> None:
    settings, shown = page
    files = rule_files(settings, LINKS)
    recorded = {rule.record for rule in rules(files) if isinstance(rule, Recording)}
    scraped = declared() | shown
    asked = [(name(rule), rule.expr) for rule in rules(files)]
    asked += [(alert.alert, query) for alert in runbooks.alerts(files).values() for _, query in alert.runbook.confirm]
    missing = set()
    for who, expr in asked:
        for selector in promql.read(expr).selectors:
            if selector.metric in recorded or selector.metric in LATER or not selector.metric:
                continue
            known = scraped.get(selector.metric, ITS_OWN.get(selector.metric))
            if known is None:
                missing.add((who, selector.metric, ""))
            else:
                missing |= {(who, selector.metric, label) for label in selector.labels - known - {"job", "instance"}}
    assert missing == set()


def test_metrics_of_later_versions_are_not_there_yet(page: Page) -> None:
    assert set(LATER) & set(page[1]) == set()


def test_numbers_in_the_texts_of_alerts_are_asked_of_what_is_recorded_or_shown(
    page: Page,
) -> None:
    settings, shown = page
    files = rule_files(settings, LINKS)
    recorded = {rule.record for rule in rules(files) if isinstance(rule, Recording)}
    texts = [alert.annotations["description"] for alert in runbooks.alerts(files).values()]
    asked = [query.replace("%q", '"x"') for each in texts for query in re.findall(r"with (?:printf )?`([^`]*)`", each)]
    metrics = {selector.metric for query in asked for selector in promql.read(query).selectors}
    assert len(metrics) > 30
    assert metrics - recorded - set(shown) - set(declared()) == set()


def test_the_scanner_sees_what_a_query_names() -> None:
    read = promql.read('sum by (a, le) (rate(x_total{b="1",c!~"{y}"}[5m] offset 1d)) / on (d) group_left (e) 1e3 * y:z')
    assert set(read.selectors) == {promql.Selector("x_total", frozenset("bc")), promql.Selector("y:z", frozenset())}
    assert read.grouping == {"a", "le", "d", "e"}
    assert promql.read('label_replace(max(up), "new", "$1", "old", "(.+)")').made == {"new"}


# --- what is usual ----------------------------------------------------------------------------------------------------

#: Half an hour around these times ago is asked, in hours; 15 days are enough.
DAY, NOW_H = 24, 15 * 24
HISTORIES = {
    "the middle one of three": ({1: 10, 7: 30, 14: 20}, 20),
    "an incident a week ago": ({1: 10, 7: 0, 14: 12}, 10),
    "the lower one of two": ({1: 10, 7: 30}, 10),
    "a peak of a quarter of an hour does not count": ({1: 10, 7: 10, 14: 10, "peak": 40}, 10),
    "not after a day": ({1: 10}, None),
    "nothing of a new service": ({}, None),
}


@pytest.mark.parametrize("version", [DEBIAN, BUILT])
def test_what_is_usual_is_that_of_this_time_of_day_and_week(
    version: str, files: tuple[RuleFile, ...], tmp_path: Path
) -> None:
    usual = written((file for file in files if file.name == "usual"), tmp_path)
    tests = []
    for promise, (days, expected) in HISTORIES.items():
        values = ["_"] * (NOW_H * 12 + 1)
        for ago, rate in days.items():
            if isinstance(ago, int):
                around = (NOW_H - ago * DAY) * 12
                values[around - 12 : around + 13] = [str(rate)] * 25
            else:
                around = (NOW_H - DAY) * 12
                values[around - 8 : around - 4] = [str(rate)] * 4
        shop = '{service_name="shop"}'
        answer = {} if expected is None else {f"service:requests:usual_rate30m{shop}": float(expected)}
        question = Question(f"{NOW_H}h", "service:requests:usual_rate30m", answer)
        inputs = [Series(f"service:requests:rate5m{shop}", " ".join(values))]
        tests.append(unit_test(promise, inputs, [question], "5m"))
    run(promtool(version), tmp_path, usual, tests, "30m")


def test_what_is_usual_of_a_day_needs_two_hours(files: tuple[RuleFile, ...], tmp_path: Path) -> None:
    graph = written((file for file in files if file.name == "graph"), tmp_path)
    edge = {"client": "shop", "server": "network"}
    recorded = labelled("edge:requests_per_request:usual_ratio1d", edge)
    inputs = [Series(labelled("edge:requests_per_request:ratio_rate5m", edge), "2x30 9x30 2x200")]
    questions = [Question("110m", "edge:requests_per_request:usual_ratio1d", {})]
    questions.append(Question("1000m", "edge:requests_per_request:usual_ratio1d", {recorded: 2}))
    run(promtool(DEBIAN), tmp_path, graph, [unit_test("", inputs, questions, "5m")], "10m")


# --- native histograms ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("slow", "expected"), [(2, True), (0, False)])
def test_durations_are_asked_of_native_histograms(slow: int, expected: bool, tmp_path: Path) -> None:
    """Only 3.16's promtool can write them: 20 requests in 15 s, some of them of 2 to 4 s, the rest below a second."""
    (tmp_path / "config.yaml").write_text("metrics: {histograms: native}")
    made = rule_files(load(tmp_path / "config.yaml"), LINKS)
    spans = {"service_name": "shop", "span_kind": "SPAN_KIND_SERVER", "status_code": "STATUS_CODE_UNSET"}
    histogram = f"{{{{schema:0 sum:{20 - slow + 3 * slow} count:20 offset:0 buckets:[{20 - slow} 0 {slow}]}}}}"
    inputs = [
        Series(labelled("traces_span_metrics_duration_seconds", spans), f"{histogram}x1 {histogram}+{histogram}x60"),
        Series(labelled("traces_span_metrics_calls_total", spans), "0+20x60"),
    ]
    slowest = {labelled("service:slow:p95_rate5m", {"service_name": "shop"})} if expected else set()
    firing = {"alertname": "ServiceSlow", "alertstate": "firing", "service_name": "shop", "severity": "ticket"}
    answer = {labelled("ALERTS", firing): 1.0} if slowest else {}
    question = Question("12m", 'ALERTS{alertname="ServiceSlow",alertstate="firing"}', answer)
    needed = written((file for file in made if file.name in ("thresholds", "red", "alerts")), tmp_path)
    run(promtool(BUILT), tmp_path, needed, [unit_test("native", inputs, [question], "15s")], "15s")
