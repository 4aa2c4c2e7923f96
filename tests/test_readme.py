"""What the README tells to write can be written: its keys exist, its YAML is YAML, its span is a span.

What it says of the service graph is what the demo shows and what others understand.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from span2metrics import demo, names
from span2metrics.config import compile_plan, load, models
from span2metrics.engine.core import Engine
from span2metrics.engine.measures import measure_views
from span2metrics.engine.plan import Format, Now, Plan
from span2metrics.formats import otlp_json
from tests.cases_service_graph import OTHERS
from tests.payloads import Placed, request
from tests.sent_graph import INCIDENT
from tests.test_config_reference import keys

CONFIG = Path(__file__).parent.parent / "config"
README = (Path(__file__).parent.parent / "README.md").read_text()
SECTIONS = "|".join(models.ROOT.settings)


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def test_every_key_that_is_named_exists() -> None:
    named = set(re.findall(rf"`((?:{SECTIONS})\.[a-z_.]+)[`:]", README))
    assert len(named) > 10
    assert named - {path for path, _ in keys(models.ROOT)} == set()


@pytest.mark.parametrize("block", blocks("yaml"))
def test_what_is_shown_as_yaml_is_a_document_with_keys(block: str) -> None:
    document = yaml.safe_load(block)
    assert isinstance(document[0] if isinstance(document, list) else document, dict)


def test_the_patterns_that_it_shows_are_taken(tmp_path: Path) -> None:
    (block,) = (block for block in blocks("yaml") if "privacy:" in block)
    (tmp_path / "config.yaml").write_text(block)
    engine = Engine(compile_plan(load(tmp_path / "config.yaml")))
    engine.consume(request([Placed(name="GET /mail/jo.doe+x@mail.example/tok_1a")]), Now(2_000_000_000, 0))
    assert b'span_name="GET /mail/{email}/****"' in b"".join(engine.render(Format.TEXT, Now(2_000_000_000, 0)))


def test_the_span_that_is_sent_by_hand_is_counted() -> None:
    (block,) = (block for block in blocks("sh") if "/v1/traces -H" in block)
    body = block[block.index("{") : block.rindex("}") + 1]
    counted = Engine(Plan()).consume(otlp_json.to_request(body.encode()), Now(2_000_000_000, 0))
    assert (counted.received, counted.aggregated) == (1, 1)


def test_a_link_inside_the_page_leads_to_a_heading() -> None:
    headings = {title.lower().replace(" ", "-") for title in re.findall(r"^#+ (.*)$", README, re.MULTILINE)}
    targets = set(re.findall(r"\]\(#([^)]*)\)", README))
    assert targets
    assert targets <= headings


def test_the_measures_that_it_shows_are_the_demos_configuration() -> None:
    (block,) = (block for block in blocks("yaml") if "measures:" in block)
    assert yaml.safe_load(block)["measures"] == yaml.safe_load(demo.CONFIG.read_text())["measures"]
    plan = compile_plan(load(demo.CONFIG))
    families = {view.family.name for measure in plan.measures for view in measure_views(plan, measure)}
    asked = set(re.findall(r"traces_span_metrics_payment_[a-z_]*?(?=_(?:sum|count)\{|\{)", README))
    assert asked == families


# --- the service graph ------------------------------------------------------------------------------------------------

#: Keys of the Collector's load-balancing exporter, by open-telemetry/opentelemetry-collector-contrib,
#: `exporter/loadbalancingexporter/config.schema.yaml` at 97b5b3ee91; of `otlp` those of the OTLP exporter, of which the
#: endpoint is the resolver's to say.
LOAD_BALANCING = {
    "routing_key": None,
    "routing_attributes": None,
    "protocol": {"otlp": {"tls": {"insecure": None, "ca_file": None}, "timeout": None, "compression": None}},
    "resolver": {
        "dns": {"hostname": None, "port": None, "interval": None, "timeout": None},
        "k8s": {"service": None, "ports": None, "timeout": None, "return_hostnames": None},
        "static": {"hostnames": None},
    },
}


def unknown(given: Any, known: Any) -> list[str]:
    """Keys that are not known."""
    if not isinstance(given, dict):
        return [] if known is None else [repr(given)]
    found = [key for key in given if key not in known]
    return found + [more for key in given if key in known for more in unknown(given[key], known[key])]


def test_the_collector_knows_how_it_is_told_to_route_by_trace() -> None:
    (told,) = (yaml.safe_load(block) for block in blocks("yaml") if "load_balancing" in block)
    exporter = told["exporters"]["load_balancing"]
    assert unknown(exporter, LOAD_BALANCING) == []
    assert exporter["routing_key"] == "traceID"
    assert told["service"]["pipelines"]["traces"]["exporters"] == ["load_balancing"]


def test_each_family_of_the_graph_is_told() -> None:
    (table,) = re.findall(r"^\| `traces_service_graph_…`.*\n(?:\|.*\n)+", README, re.MULTILINE)
    told = [name for line in table.splitlines()[2:] for name in re.findall(r"`([a-z_]+)`", line.split("|")[1])]
    families = {family.name.removeprefix(f"{names.GRAPH_PREFIX}_") for family in names.GRAPH_FAMILIES}
    assert {name.removesuffix("_total") for name in told} == families


def test_the_edges_that_it_shows_are_the_demos() -> None:
    shown = re.findall(
        r'^traces_service_graph_request\S*\{client="(.*?)",server="(.*?)"(?:,.*?="(.*?)")?\} \S+$', README, re.M
    )
    assert len(shown) > 8
    assert set(shown) <= set(map(tuple, INCIDENT.graph))


def test_what_it_asks_of_the_graph_is_asked_of_prometheus() -> None:
    assert f"\n{OTHERS['README: share of failures'].promql}\n" in README
