"""`config/kubernetes/`: what Kubernetes and the Operator accept, and what fits the daemon, its image and its rules."""

from __future__ import annotations

import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from span2metrics.cli import flags, main, settings
from span2metrics.config import Config, load
from tests.manifests import (
    FOLDER,
    Object,
    Pod,
    documents,
    faults,
    kustomized,
    of,
    only,
    operator_schemas,
    pod,
    privileges,
    selects,
    title,
)
from tests.processes import FREE_PORTS, PATIENCE, running
from tests.programs import built, there
from tests.prometheus import JOB
from tests.scrapers import BUILT, DEBIAN, promtool
from tests.test_dockerfile import PROGRAM, last_stage

ROOT = FOLDER.parent.parent
PROMETHEUS = ROOT / "config" / "prometheus"
README = (ROOT / "README.md").read_text()
#: With a daemon: as a service's sidecar, and centrally.
CENTRAL = ["single", "replicated"]
DAEMONS = ["sidecar", *CENTRAL]
ALL = [*DAEMONS, "rules"]
#: Of Kubernetes: the first that can do all of it by default, and the schemas' last.
VERSIONS = ["1.30", kubernetes_validate.latest_version()]
OPERATORS = "monitoring.coreos.com/v1"


@pytest.fixture(params=DAEMONS)
def objects(request: pytest.FixtureRequest) -> list[Object]:
    return kustomized(FOLDER / str(request.param))


def flag(options: Pod) -> Any:
    return flags.parse(options.daemon["args"])


def configuration(objects: list[Object], folder: Path) -> Config:
    """What the daemon reads in its pod."""
    path = folder / "span2metrics.yaml"
    path.write_text(pod(objects).mounted(objects)[flag(pod(objects)).config_file])
    assert main(["check", str(path)]) == 0
    return load(path)


# --- accepted ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", DAEMONS)
def test_kubernetes_knows_every_key(name: str, version: str) -> None:
    own = [each for each in kustomized(FOLDER / name) if each["apiVersion"] != OPERATORS]
    assert len(own) >= 4
    for each in own:
        kubernetes_validate.validate(each, version, strict=True)


def test_a_key_that_kubernetes_does_not_know_is_found() -> None:
    deployment = only(kustomized(FOLDER / "sidecar"), "Deployment")
    deployment["spec"]["template"]["spec"]["initContainers"][0]["restartPolicies"] = "Always"
    with pytest.raises(kubernetes_validate.ValidationError, match="restartPolicies"):
        kubernetes_validate.validate(deployment, VERSIONS[0], strict=True)


@pytest.fixture(scope="module")
def schemas() -> dict[str, Object]:
    return operator_schemas(there(shutil.which("go"), "no Go, by which the Operator's schemas are had"))


@pytest.mark.parametrize("name", ALL)
def test_the_operator_knows_every_key(name: str, schemas: dict[str, Object]) -> None:
    theirs = [each for each in kustomized(FOLDER / name) if each["apiVersion"] == OPERATORS]
    assert theirs
    assert [fault for each in theirs for fault in faults(schemas[each["kind"]], each)] == []


def test_a_key_that_the_operator_does_not_know_is_found(schemas: dict[str, Object]) -> None:
    monitor = only(kustomized(FOLDER / "single"), "PodMonitor")
    monitor["spec"]["podMetricsEndpoints"][0]["relabelings"][0]["targetLable"] = "job"
    (fault,) = faults(schemas["PodMonitor"], monitor)
    assert "targetLable" in fault


@pytest.mark.parametrize("name", ALL)
def test_kustomize_makes_of_it_what_is_looked_at_here(name: str) -> None:
    remedy = "no kustomize in ~/go/bin: go install sigs.k8s.io/kustomize/kustomize/v5@v5.7.1"
    kustomize = there(built("kustomize", "SPAN2METRICS_KUSTOMIZE"), remedy)
    done = subprocess.run(
        [kustomize, "build", FOLDER / name], check=False, capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stderr
    for each in of(documents(done.stdout), "ConfigMap"):  # names with a hash, also where they are named
        hashed = each["metadata"]["name"]
        assert done.stdout.count(hashed) == 2
        done.stdout = done.stdout.replace(hashed, hashed.rpartition("-")[0])
    made, ours = documents(done.stdout), kustomized(FOLDER / name)
    assert sorted(made, key=title) == sorted(ours, key=title)


def test_pods_are_restricted(objects: list[Object]) -> None:
    assert list(privileges(pod(objects).spec)) == []
    assert only(objects, "ServiceAccount")["automountServiceAccountToken"] is False
    assert only(objects, "ServiceAccount")["metadata"]["name"] == pod(objects).spec["serviceAccountName"]


def test_a_privilege_is_found() -> None:
    spec = pod(kustomized(FOLDER / "sidecar")).spec
    del spec["securityContext"]["seccompProfile"]
    spec["initContainers"][0]["securityContext"]["capabilities"]["add"] = ["NET_RAW"]
    found = ["span2metrics: seccomp", "span2metrics: capabilities", "checkout: seccomp"]
    assert list(privileges(spec)) == found


# --- joined -----------------------------------------------------------------------------------------------------------


def test_what_selects_pods_selects_these(objects: list[Object]) -> None:
    labels = pod(objects).labels
    spec = only(objects, "Deployment")["spec"]
    selectors = [spec["selector"], only(objects, "PodMonitor")["spec"]["selector"]]
    selectors += [each["spec"]["podSelector"] for each in of(objects, "NetworkPolicy")]
    selectors += [each["spec"]["selector"] for each in of(objects, "PodDisruptionBudget")]
    selectors += [{"matchLabels": each["spec"]["selector"]} for each in of(objects, "Service")]
    selectors += [each["labelSelector"] for each in pod(objects).spec.get("topologySpreadConstraints", [])]
    assert all(selector.get("matchLabels") and selects(selector, labels) for selector in selectors), selectors


def test_ports_that_are_named_exist(objects: list[Object]) -> None:
    ports = pod(objects).ports
    named = [endpoint["port"] for endpoint in only(objects, "PodMonitor")["spec"]["podMetricsEndpoints"]]
    named += [port["targetPort"] for each in of(objects, "Service") for port in each["spec"]["ports"]]
    rules = [rule for each in of(objects, "NetworkPolicy") for rule in each["spec"]["ingress"]]
    named += [port["port"] for rule in rules for port in rule["ports"]]
    containers = [pod(objects).daemon, *pod(objects).others]
    probes = [each[key] for each in containers for key in each if key.endswith("Probe")]
    named += [probe["httpGet"]["port"] for probe in probes if "httpGet" in probe]
    assert set(named) == set(ports)


def test_services_have_the_ports_of_the_defaults_under_their_names() -> None:
    defaults = Config()
    assert defaults.receivers.otlp.grpc
    assert defaults.receivers.otlp.http
    endpoints = [defaults.receivers.otlp.grpc.endpoint, defaults.receivers.otlp.http.endpoint]
    expected = dict(zip(("otlp-grpc", "otlp-http"), (each.port for each in endpoints), strict=True))
    expected["metrics"] = defaults.web.listen_address.port
    for name in CENTRAL:
        objects = kustomized(FOLDER / name)
        assert pod(objects).ports == expected
        for each in of(objects, "Service"):
            shown = {port["targetPort"]: port["port"] for port in each["spec"]["ports"]}
            assert shown.items() <= expected.items()
            assert [port["name"] for port in each["spec"]["ports"]] == list(shown)


# --- the daemon in its pod --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", CENTRAL)
def test_a_central_daemon_listens_where_its_ports_are_and_has_the_graph(name: str, tmp_path: Path) -> None:
    objects = kustomized(FOLDER / name)
    config = configuration(objects, tmp_path)
    assert config.receivers.otlp.grpc
    assert config.receivers.otlp.http
    endpoints = [config.receivers.otlp.grpc.endpoint, config.receivers.otlp.http.endpoint, config.web.listen_address]
    assert [("", port) for port in pod(objects).ports.values()] == [(each.host, each.port) for each in endpoints]
    assert config.service_graph.enabled


def test_a_sidecar_takes_the_spans_of_its_pod_alone_and_has_no_graph(tmp_path: Path) -> None:
    objects = kustomized(FOLDER / "sidecar")
    config = configuration(objects, tmp_path)
    assert config.receivers.otlp.grpc
    assert config.receivers.otlp.http
    assert {each.endpoint.host for each in (config.receivers.otlp.grpc, config.receivers.otlp.http)} == {"localhost"}
    shown = pod(objects).daemon["ports"]
    assert [port["containerPort"] for port in shown] == [config.web.listen_address.port]
    assert config.web.listen_address.host == ""
    assert not config.service_graph.enabled
    (service,) = pod(objects).others
    (sent,) = (each["value"] for each in service["env"] if each["name"] == "OTEL_EXPORTER_OTLP_ENDPOINT")
    assert sent == f"http://localhost:{config.receivers.otlp.grpc.endpoint.port}"


def test_a_sidecar_starts_before_its_service_and_never_makes_it_unready() -> None:
    spec = pod(kustomized(FOLDER / "sidecar")).spec
    (sidecar,) = spec["initContainers"]
    assert sidecar["name"] == "span2metrics"
    assert sidecar["restartPolicy"] == "Always"
    assert {key for key in sidecar if key.endswith("Probe")} == {"startupProbe", "livenessProbe"}


def test_its_probes_are_answered(objects: list[Object], tmp_path: Path) -> None:
    """By a daemon with these flags and this configuration, but on ports that are free here."""
    configuration(objects, tmp_path)
    daemon = pod(objects).daemon
    file = f"--config.file={tmp_path / 'span2metrics.yaml'}"
    with running("serve", *daemon["args"], file, *FREE_PORTS) as process:
        process.ready()
        probes = [daemon[key] for key in daemon if key.endswith("Probe")]
        pages = [process.get(probe["httpGet"]["path"]) for probe in probes if "httpGet" in probe]
        assert [status for status, _ in pages] == [200] * (len(probes) - 1)
        program, *words = daemon["startupProbe"]["exec"]["command"]
        assert main([*words, f"--web.listen-address={process.web}"]) == 0
    assert main([*words, f"--web.listen-address={process.web}"]) == 1
    assert program == PROGRAM


def test_it_is_the_image_of_this_version_as_its_user(objects: list[Object]) -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert pod(objects).daemon["image"] == f"span2metrics:{version}"
    context = pod(objects).spec["securityContext"]
    assert f"{context['runAsUser']}:{context['runAsGroup']}" == last_stage()["USER"]
    # The entry point runs, and what it finds by itself is what the flag says.
    assert "command" not in pod(objects).daemon
    assert f"SPAN2METRICS_CONFIG_FILE={flag(pod(objects)).config_file} " in last_stage()["ENV"]


def test_a_last_scrape_fits_into_the_grace(objects: list[Object]) -> None:
    grace = settings.seconds(flag(pod(objects)).shutdown_grace, "--shutdown.grace")
    (endpoint,) = only(objects, "PodMonitor")["spec"]["podMetricsEndpoints"]
    assert grace > settings.seconds(endpoint["interval"], "interval")
    before = pod(objects).daemon.get("lifecycle", {}).get("preStop", {}).get("sleep", {}).get("seconds", 0)
    assert pod(objects).spec["terminationGracePeriodSeconds"] >= before + grace + 5


# --- Prometheus -------------------------------------------------------------------------------------------------------


def test_it_is_scraped_as_prometheus_yml_does(objects: list[Object]) -> None:
    (endpoint,) = only(objects, "PodMonitor")["spec"]["podMetricsEndpoints"]
    told = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    (job,) = told["scrape_configs"]
    assert endpoint["interval"] == job.get("scrape_interval", told["global"]["scrape_interval"])
    assert endpoint["scrapeTimeout"] == job.get("scrape_timeout", "10s")  # Prometheus' own default
    assert endpoint["honorLabels"] is job.get("honor_labels", False)
    assert endpoint.get("path", "/metrics") == Config().web.telemetry_path
    assert endpoint["relabelings"] == [{"action": "replace", "targetLabel": "job", "replacement": job["job_name"]}]
    assert job["job_name"] == JOB


def test_the_prometheusrule_that_is_shipped_is_that_of_the_defaults(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shipped = (FOLDER / "rules" / "prometheusrule.yaml").read_text()
    words = ["generate", "rules", "--format=prometheusrule"]
    assert main([*words, "-o", str(tmp_path)]) == 0
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"prometheusrule.yaml": shipped}
    capsys.readouterr()
    assert main(words) == 0
    assert capsys.readouterr().out == shipped


def test_it_has_the_rules_of_the_files_in_groups_of_different_names() -> None:
    groups = only(kustomized(FOLDER / "rules"), "PrometheusRule")["spec"]["groups"]
    files = [yaml.safe_load(path.read_text())["groups"] for path in (PROMETHEUS / "rules").iterdir()]
    expected = {group["name"]: group for file in files for group in file}
    assert {group["name"]: group for group in groups} == expected
    assert len(groups) == len(expected) == sum(map(len, files))  # the Operator refuses a name that is there twice


@pytest.mark.parametrize("version", [DEBIAN, BUILT])
def test_promtool_takes_what_the_operator_makes_of_it(version: str, tmp_path: Path) -> None:
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump(only(kustomized(FOLDER / "rules"), "PrometheusRule")["spec"], allow_unicode=True))
    done = subprocess.run(
        [promtool(version), "check", "rules", file], check=False, capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stdout + done.stderr


# --- who may ----------------------------------------------------------------------------------------------------------


def allowed(objects: list[Object]) -> dict[str, list[Object]]:
    """Port → who may connect to it, [] for anybody."""
    policy = only(objects, "NetworkPolicy")["spec"]
    assert "Ingress" in policy["policyTypes"]
    return {port["port"]: rule.get("from", []) for rule in policy["ingress"] for port in rule["ports"]}


def test_prometheus_alone_reaches_the_pages(objects: list[Object]) -> None:
    (peer,) = allowed(objects)["metrics"]
    assert selects(peer["podSelector"], {"app.kubernetes.io/name": "prometheus"})
    assert not selects(peer["podSelector"], {"app.kubernetes.io/name": "shop"})
    # Without a namespace a peer is of the policy's own.
    own = only(objects, "NetworkPolicy")["metadata"].get("namespace")
    assert peer.get("namespaceSelector", {}).get("matchLabels", {}).get("kubernetes.io/metadata.name", own) == (
        "monitoring"
    )


def test_who_may_send_is_labelled_or_a_collector() -> None:
    single, replicated = (allowed(kustomized(FOLDER / name)) for name in CENTRAL)
    assert single["otlp-grpc"] == single["otlp-http"] == [{"namespaceSelector": {"matchLabels": {JOB: "sender"}}}]
    (peer,) = replicated["otlp-grpc"]
    assert replicated["otlp-http"] == [peer]
    assert peer["namespaceSelector"] == {}
    assert not selects(peer["podSelector"], {"app.kubernetes.io/name": "shop"})


@pytest.mark.parametrize("name", CENTRAL)
def test_a_central_daemon_asks_nobody(name: str) -> None:
    policy = only(kustomized(FOLDER / name), "NetworkPolicy")["spec"]
    assert "Egress" in policy["policyTypes"]
    assert policy["egress"] == []


# --- how many ---------------------------------------------------------------------------------------------------------


def test_without_collectors_that_route_by_trace_there_is_one() -> None:
    objects = kustomized(FOLDER / "single")
    assert only(objects, "Deployment")["spec"]["replicas"] == 1
    assert of(objects, "PodDisruptionBudget") == []  # it would keep nodes from being drained, or nothing


def test_replicas_are_found_where_the_readme_sends_collectors() -> None:
    objects = kustomized(FOLDER / "replicated")
    (headless,) = (each for each in of(objects, "Service") if each["spec"].get("clusterIP") == "None")
    (hostname,) = re.findall(r"dns: \{hostname: (\S+)\.svc\.cluster\.local\}", README)
    assert hostname == f"{headless['metadata']['name']}.{headless['metadata']['namespace']}"
    replicas = only(objects, "Deployment")["spec"]["replicas"]
    assert replicas > only(objects, "PodDisruptionBudget")["spec"]["maxUnavailable"] > 0


def test_the_readme_names_every_kustomization_that_is_to_be_applied() -> None:
    applied = set(re.findall(r"config/kubernetes/(\w+)", README))
    assert applied == set(ALL)
    assert {path.parent.name for path in FOLDER.glob("*/kustomization.yaml")} == {*ALL, "base"}
