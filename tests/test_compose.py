"""`config/compose.yaml`: Compose takes it, everything it names is there, nothing in it may do more than it must."""

from __future__ import annotations

import json
import re
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.compose import FILE, ROOT, Service, data_sources, services
from tests.programs import built, there
from tests.stack import in_order

VARIABLE = "SPAN2METRICS_COMPOSE"
REMEDY = (
    f"no compose-go at ${VARIABLE} or in ~/go/bin: in a module that has "
    "`go get github.com/compose-spec/compose-go/v2/cmd@v2.16.2`, "
    "go build -o ~/go/bin/compose-go github.com/compose-spec/compose-go/v2/cmd"
)
SERVICES = sorted(services().values(), key=lambda service: service.name)
PROMETHEUS = FILE.parent / "prometheus"
MADE = FILE.parent / "compose"
PROVIDERS = FILE.parent / "grafana" / "provisioning" / "dashboards" / "span2metrics.yaml"
#: What our dashboards and alerts know the data sources by.
UIDS = {kind: f"span2metrics-{kind}" for kind in ("prometheus", "jaeger", "alertmanager")}

every_service = pytest.mark.parametrize("service", SERVICES, ids=lambda service: service.name)


def read(path: Path, **led: str) -> Any:
    """A YAML document, other addresses in the place of some."""
    text = path.read_text()
    for theirs, ours in led.items():
        text = text.replace(f"localhost:{ours}", f"{theirs}:{ours}")
    return yaml.safe_load(text)


# --- the specification ------------------------------------------------------------------------------------------------


def loaded(path: Path) -> subprocess.CompletedProcess[str]:
    """What the loader that Compose itself has says: it checks by the specification's schema."""
    program = there(built("compose-go", VARIABLE), REMEDY)
    words = [program, "--format=json", str(path)]
    return subprocess.run(words, cwd=FILE.parent, check=False, capture_output=True, text=True)


def test_compose_takes_it_and_reads_what_is_read_here() -> None:
    done = loaded(FILE)
    assert (done.returncode, done.stderr) == (0, "")
    model = json.loads(done.stdout)["services"]
    assert {name: body.get("command") for name, body in model.items()} == {
        service.name: service.settings.get("command") for service in SERVICES
    }
    assert all(body["cap_drop"] == ["ALL"] and body["read_only"] for body in model.values())
    bound = {
        volume["source"] for body in model.values() for volume in body.get("volumes", ()) if volume["type"] == "bind"
    }
    assert bound == {str(mount.source) for service in SERVICES for mount in service.mounts if mount.source}


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("read_only:", "readonly:"),
        ("pids_limit: 200", "pids_limit: many"),
        ("condition: service_healthy", "condition: service_well"),
        ("cap_drop: [ALL]", "cap_drop: ALL"),
    ],
)
def test_compose_refuses_mistakes(right: str, wrong: str, tmp_path: Path) -> None:
    text = FILE.read_text()
    assert right in text
    (tmp_path / "compose.yaml").write_text(text.replace(right, wrong))
    assert loaded(tmp_path / "compose.yaml").returncode == 1


# --- what each service may ------------------------------------------------------------------------------------------


@every_service
def test_a_service_is_confined(service: Service) -> None:
    said = service.settings
    assert said["read_only"] is True
    assert said["cap_drop"] == ["ALL"]
    assert said["security_opt"] == ["no-new-privileges:true"]
    assert re.fullmatch(r"\d+[mg]", said["mem_limit"])
    assert said["pids_limit"] > 0
    assert int(said["user"].partition(":")[0]) > 0
    assert not {"privileged", "cap_add", "network_mode", "pid", "ipc", "devices", "userns_mode"} & set(said)


@every_service
def test_a_service_is_pinned_and_starts_again(service: Service) -> None:
    assert re.fullmatch(r"v?\d+\.\d+\.\d+", service.tag)
    assert service.settings["restart"] == "unless-stopped"


@every_service
def test_a_service_is_reached_from_this_machine_alone(service: Service) -> None:
    for published in service.settings.get("ports", ()):
        host, outside, inside = published.split(":")
        assert host == "127.0.0.1"
        assert outside == inside  # what it says of its own address is right outside too
        assert int(inside) in service.listens


@every_service
def test_a_service_tells_whether_it_is_well(service: Service) -> None:
    if service.name == "demo":  # it listens nowhere; who depends on it would wait for ever
        assert service.settings["healthcheck"] == {"disable": True}
        return
    assert service.probe
    assert {"interval", "timeout", "start_period"} <= set(service.settings["healthcheck"])


def test_our_services_run_as_the_image_does() -> None:
    (user,) = re.findall(r"(?m)^USER (.*)$", (ROOT / "Dockerfile").read_text())
    ours = [service for service in SERVICES if service.image == "span2metrics"]
    assert [service.settings["user"] for service in ours] == [user, user]
    assert {(FILE.parent / service.settings["build"]["context"]).resolve() for service in ours} == {ROOT}


def test_nobody_waits_for_one_that_tells_nothing() -> None:
    known = services()
    assert len(in_order()) == len(known)
    for service in SERVICES:
        for needed, condition in service.settings.get("depends_on", {}).items():
            assert condition == {"condition": "service_healthy"}
            assert known[needed].probe


# --- what fits together -----------------------------------------------------------------------------------------------


@every_service
def test_what_is_mounted_is_there_for_every_user_to_read_and_nobody_to_write(service: Service) -> None:
    for mount in service.mounts:
        if mount.source is None:
            assert mount.writable
            continue
        assert not mount.writable
        for path in [mount.source, *mount.files]:
            wanted = stat.S_IROTH | (stat.S_IXOTH if path.is_dir() else 0)
            assert path.stat().st_mode & wanted == wanted


def test_every_volume_is_used_and_declared() -> None:
    bound = [text.partition(":")[0] for service in SERVICES for text in service.settings.get("volumes", ())]
    named = [source for source in bound if not source.startswith(".")]
    assert sorted(named) == sorted(yaml.safe_load(FILE.read_text())["volumes"])


@every_service
def test_whom_a_service_asks_listens_there(service: Service) -> None:
    known = services()
    for host, port in service.asks:
        assert port in known[host].listens


def test_who_asks_whom() -> None:
    asks = {service.name: service.asks for service in SERVICES if service.asks}
    assert asks == {
        "demo": {("span2metrics", 4317), ("jaeger", 4317)},
        "prometheus": {("span2metrics", 10464), ("alertmanager", 9093)},
        "grafana": {("prometheus", 9090), ("jaeger", 16686), ("alertmanager", 9093)},
    }


def test_prometheus_is_told_what_it_is_told_elsewhere() -> None:
    elsewhere = read(PROMETHEUS / "prometheus.yml", span2metrics="10464", alertmanager="9093")
    assert read(MADE / "prometheus.yml") == elsewhere
    mounted = {mount.path: mount.source for mount in services()["prometheus"].mounts}
    for pattern in elsewhere["rule_files"]:
        folder = Path(pattern).parent
        assert mounted[f"/etc/prometheus/{folder}"] == PROMETHEUS / folder


def test_alertmanager_is_told_what_it_is_told_elsewhere_but_whom_to_tell() -> None:
    elsewhere = read(PROMETHEUS / "alertmanager.yml")
    elsewhere["receivers"] = [{"name": receiver["name"]} for receiver in elsewhere["receivers"]]
    assert read(MADE / "alertmanager.yml") == elsewhere


def test_links_in_alerts_lead_to_what_is_published() -> None:
    text = "".join(path.read_text() for path in PROMETHEUS.rglob("*.yml") if path.parent != PROMETHEUS)
    linked = set(re.findall(r"_url: \"http://localhost:(\d+)/", text))
    published = {ports.rpartition(":")[2] for service in SERVICES for ports in service.settings.get("ports", ())}
    assert linked
    assert linked <= published


# --- Grafana ----------------------------------------------------------------------------------------------------------


def test_data_sources_are_known_by_the_uids_that_others_count_on() -> None:
    found = data_sources()
    assert {kind: source["uid"] for kind, source in found.items()} == UIDS
    text = "".join(path.read_text() for path in (FILE.parent / "grafana").rglob("datasources/*.yaml"))
    assert set(re.findall(r"[uU]id: ([\w-]+)", text)) == set(UIDS.values())


def test_grafana_knows_of_prometheus_what_is_so() -> None:
    told = data_sources()["prometheus"]["jsonData"]
    assert told["timeInterval"] == read(MADE / "prometheus.yml")["global"]["scrape_interval"]
    assert f"v{told['prometheusVersion']}" == services()["prometheus"].tag


def test_grafana_replaces_nothing_in_a_query() -> None:
    text = "".join(path.read_text() for path in (FILE.parent / "grafana").rglob("*.yaml"))
    text = re.sub(r"(?m)(^|\s)#.*$", "", text)
    assert "$$" in text
    assert "$" not in text.replace("$$", "")


def test_dashboards_are_where_grafana_looks_for_them() -> None:
    (provider,) = read(PROVIDERS)["providers"]
    grafana = services()["grafana"]
    mounted = {mount.path: mount for mount in grafana.mounts}
    boards = mounted[provider["options"]["path"]].files
    home = Path(grafana.environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert str(home.parent) == provider["options"]["path"]
    assert home.name in [path.name for path in boards]
    uids = [json.loads(path.read_text())["uid"] for path in boards]
    assert len(uids) == len(set(uids)) > 0


# --- README -----------------------------------------------------------------------------------------------------------


def test_the_readme_starts_it_as_the_file_says() -> None:
    (command,) = re.findall(r"(?m)^#   (docker compose .*)$", FILE.read_text())
    assert f"```sh\n{command}\n```" in (ROOT / "README.md").read_text()
