"""What the README tells to write can be written: its keys exist, its YAML is YAML, its span is a span."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from span2metrics.config import models
from span2metrics.engine.core import Engine
from span2metrics.engine.plan import Now, Plan
from span2metrics.formats import otlp_json
from tests.test_config_reference import keys

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
