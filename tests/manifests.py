"""What `kubectl apply -k` would send, read without it, and the schemas to hold it against.

Of Kustomize only what our files ask for is done here; any other word is refused, and a real one has to agree.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from tests.processes import PATIENCE

FOLDER = Path(__file__).parent.parent / "config" / "kubernetes"
#: The one that has the objects of the Operator as Kubernetes is told of them.
OPERATOR = "github.com/prometheus-operator/prometheus-operator@v0.85.0"

Object = dict[str, Any]


def kustomized(folder: Path) -> list[Object]:
    """All objects of a kustomization; generated ConfigMaps without the hash in their names."""
    told = yaml.safe_load((folder / "kustomization.yaml").read_text())
    assert (told.pop("apiVersion"), told.pop("kind")) == ("kustomize.config.k8s.io/v1beta1", "Kustomization")
    found: list[Object] = []
    for name in told.pop("resources"):
        path = folder / name
        found += kustomized(path) if path.is_dir() else documents(path.read_text())
    for made in told.pop("configMapGenerator", []):
        data = {name: (folder / name).read_text() for name in made["files"]}
        found.append({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": made["name"]}, "data": data})
    if namespace := told.pop("namespace", None):
        for each in found:
            each["metadata"]["namespace"] = namespace
    for scaled in told.pop("replicas", []):
        (deployment,) = (each for each in of(found, "Deployment") if each["metadata"]["name"] == scaled["name"])
        deployment["spec"]["replicas"] = scaled["count"]
    assert told == {}
    return found


def documents(text: str) -> list[Object]:
    return [document for document in yaml.safe_load_all(text) if document]


def of(objects: list[Object], kind: str) -> list[Object]:
    return [each for each in objects if each["kind"] == kind]


def only(objects: list[Object], kind: str) -> Object:
    (found,) = of(objects, kind)
    return found


def title(each: Object) -> str:
    return f"{each['kind']} {each['metadata']['name']}"


@dataclass(frozen=True)
class Pod:
    """A Deployment's pod; `daemon` is our container in it, `others` are the rest."""

    labels: dict[str, str]
    spec: Object
    daemon: Object
    others: list[Object]

    @property
    def ports(self) -> dict[str, int]:
        """Name → number, of all its containers."""
        containers = [self.daemon, *self.others]
        return {port["name"]: port["containerPort"] for each in containers for port in each.get("ports", [])}

    def mounted(self, objects: list[Object]) -> dict[str, str]:
        """Path → content, of the files that its ConfigMaps put before the daemon."""
        maps = {each["metadata"]["name"]: each["data"] for each in of(objects, "ConfigMap")}
        volumes = {each["name"]: maps[each["configMap"]["name"]] for each in self.spec["volumes"]}
        mounts = {each["mountPath"]: volumes[each["name"]] for each in self.daemon["volumeMounts"]}
        return {f"{path}/{name}": text for path, files in mounts.items() for name, text in files.items()}


def pod(objects: list[Object]) -> Pod:
    template = only(objects, "Deployment")["spec"]["template"]
    spec = template["spec"]
    containers = [*spec.get("initContainers", []), *spec["containers"]]
    (daemon,) = (each for each in containers if each["name"] == "span2metrics")
    return Pod(template["metadata"]["labels"], spec, daemon, [each for each in containers if each is not daemon])


def selects(selector: Object, labels: dict[str, str]) -> bool:
    """Whether a label selector holds; one without labels holds for all."""
    assert set(selector) <= {"matchLabels"}
    return selector.get("matchLabels", {}).items() <= labels.items()


def privileges(spec: Object) -> Iterator[str]:
    """What the Pod Security Standard `restricted` does not allow of a pod, and what we allow no pod either."""
    of_pod = spec.get("securityContext", {})
    yield from (key for key in ("hostNetwork", "hostPID", "hostIPC") if spec.get(key))
    yield from (f"volume {each['name']}" for each in spec.get("volumes", []) if not set(each) <= {"name", "configMap"})
    if spec.get("automountServiceAccountToken") is not False:
        yield "token"
    for container in [*spec.get("initContainers", []), *spec["containers"]]:
        holds = of_pod | container.get("securityContext", {})
        wanted = {
            "root": holds.get("runAsNonRoot") is True and holds.get("runAsUser") != 0,
            "seccomp": holds.get("seccompProfile", {}).get("type") in ("RuntimeDefault", "Localhost"),
            "escalation": holds.get("allowPrivilegeEscalation") is False,
            "privileged": not holds.get("privileged"),
            "capabilities": holds.get("capabilities") == {"drop": ["ALL"]},
            "writable": holds.get("readOnlyRootFilesystem") is True,
            "host port": not any("hostPort" in port for port in container.get("ports", [])),
            "memory": "memory" in container.get("resources", {}).get("limits", {}),
        }
        yield from (f"{container['name']}: {what}" for what, held in wanted.items() if not held)


# --- the Operator's objects -------------------------------------------------------------------------------------------


def operator_schemas(go: str) -> dict[str, Object]:
    """Kind → schema, from the Operator's module; a word that they do not have is a fault."""
    done = subprocess.run(
        [go, "mod", "download", "-json", OPERATOR], check=True, capture_output=True, text=True, timeout=4 * PATIENCE
    )
    folder = Path(json.loads(done.stdout)["Dir"]) / "example" / "prometheus-operator-crd"
    schemas = {}
    for name in ("podmonitors", "prometheusrules"):
        read = yaml.safe_load((folder / f"monitoring.coreos.com_{name}.yaml").read_text())["spec"]
        (version,) = read["versions"]
        schema = version["schema"]["openAPIV3Schema"]
        for key in ("spec", "status"):
            close(schema["properties"].get(key, {}))
        schemas[read["names"]["kind"]] = schema
    return schemas


def close(schema: Any) -> None:
    """No further keys, wherever a schema names keys: as the API server prunes what it does not know."""
    if isinstance(schema, dict):
        if "properties" in schema and not schema.get("x-kubernetes-preserve-unknown-fields"):
            schema.setdefault("additionalProperties", False)
        for value in schema.values():
            close(value)
    elif isinstance(schema, list):
        for value in schema:
            close(value)


def faults(schema: Object, each: Object) -> list[str]:
    found = jsonschema.Draft202012Validator(schema).iter_errors(each)
    return [f"{error.json_path}: {error.message}" for error in found]
