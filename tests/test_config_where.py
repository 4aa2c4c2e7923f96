"""The language of `where`: what the file says becomes which conditions, and is shown as it was meant."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from span2metrics.config import Config, compile_plan, dump, load
from span2metrics.engine.plan import Dimension
from span2metrics.engine.rewriting import Rewrite
from span2metrics.engine.where import Filters, Texts, Where

README = (Path(__file__).parent.parent / "README.md").read_text()
#: What the README shows of it.
SHOWN = re.findall(r"^```yaml\n((?:filters|metrics|measures):.*?)^```", README, re.DOTALL | re.MULTILINE)


def loaded(directory: Path, text: str) -> Config:
    file = directory / "config.yaml"
    file.write_text(text)
    return load(file)


def equal(*texts: str) -> Texts:
    return Texts(equal=texts)


#: What an entry says, what it means, and how it is shown where that differs.
WHERES: dict[str, Where] = {
    "kind: server": Where(kinds=(2,)),
    "kind: SPAN_KIND_SERVER": Where(kinds=(2,)),
    "kind: [consumer, client, client]": Where(kinds=(3, 5)),
    "kind: [unspecified, internal, producer]": Where(kinds=(0, 1, 4)),
    "status: [error, STATUS_CODE_OK, unset]": Where(statuses=(0, 1, 2)),
    "name: GET /": Where(name=equal("GET /")),
    "span_name: GET /": Where(name=equal("GET /")),
    "name: /health/": Where(name=equal("/health/")),
    "name: '^a.*$'": Where(name=equal("^a.*$")),
    "name: 'regex: a'": Where(name=equal("regex: a")),
    "name: {regex: 'a.*'}": Where(name=Texts(patterns=("a.*",))),
    "name: [a, {regex: b}, c, {regex: d}]": Where(name=Texts(("a", "c"), ("b", "d"))),
    "service: ''": Where(service=equal("")),
    "service: [shop, 'null']": Where(service=equal("shop", "null")),
    "span.http.response.status_code: 200": Where(span=(("http.response.status_code", equal("200")),)),
    "span.a: [-1, 0, true, False, '1.50']": Where(span=(("a", equal("-1", "0", "true", "false", "1.50")),)),
    "resource.a: b, span.a: c, resource.service.name: d": Where(
        resource=(("a", equal("b")), ("service.name", equal("d"))), span=(("a", equal("c")),)
    ),
    "span.span.a: b, span.resource.a: c": Where(span=(("span.a", equal("b")), ("resource.a", equal("c")))),
    "kind: client, status: error, name: a, service: b": Where((3,), (2,), equal("a"), equal("b")),
}


@pytest.mark.parametrize("text", WHERES)
def test_an_entry_means(text: str, tmp_path: Path) -> None:
    config = loaded(tmp_path, f"filters: {{include: [{{{text}}}], exclude: [{{kind: client}}, {{{text}}}]}}")
    where = WHERES[text]
    assert compile_plan(config).filters == Filters((where,), (Where(kinds=(3,)), where))
    assert compile_plan(loaded(tmp_path, dump(config))).filters == compile_plan(config).filters


def test_an_entry_is_shown_as_people_write_it(tmp_path: Path) -> None:
    text = "{exclude: [{kind: [SPAN_KIND_SERVER], span_name: [a], span.b: [{regex: c}, 1]}]}"
    shown = yaml.safe_load(dump(loaded(tmp_path, f"filters: {text}")))["filters"]["exclude"]
    assert shown == [{"kind": "server", "name": "a", "span.b": ["1", {"regex": "c"}]}]


def test_a_value_may_be_substituted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NAME", "true")
    monkeypatch.setenv("PATTERN", "a.*")
    text = "filters: {include: [{name: '${NAME}', service: {regex: '${PATTERN}'}, kind: '${KIND:-server}'}]}"
    assert loaded(tmp_path, text).filters.include == (Where((2,), (), equal("true"), Texts(patterns=("a.*",))),)


SECRETS = {
    "a value": "name: '${file:FILE}'",
    "by another name": "span_name: '${file:FILE}'",
    "one of a list": "service: [a, '${file:FILE}']",
    "one that is shown elsewhere": "span.a: [{regex: b}, '${file:FILE}']",
    "a list of one": "span.a: ['${file:FILE}']",
    "a pattern": "resource.a.b: {regex: '${file:FILE}'}",
    "a pattern in a list": "resource.a.b: [{regex: '${file:FILE}'}, c]",
}


@pytest.mark.parametrize("text", SECRETS.values(), ids=SECRETS)
def test_what_came_from_a_file_is_not_shown(text: str, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("hidden\n")
    text = text.replace("FILE", str(secret))
    config = loaded(tmp_path, f"filters: {{exclude: [{{kind: client}}, {{{text}}}, {{kind: server}}]}}")
    assert "hidden" in str(config.filters)
    shown = dump(config)
    assert "hidden" not in shown
    assert yaml.safe_load(shown)["filters"]["exclude"] == [{"kind": "client"}, "<secret>", {"kind": "server"}]


def test_rewrites_and_slack_reach_the_plan(tmp_path: Path) -> None:
    rewrite = "rewrite: [{match: '5..', replace: 5xx}, {match: '(4)..', replace: '$1xx'}]"
    entry = f"[{{name: a, {rewrite}}}]"
    text = f"metrics: {{dimensions: {entry}}}\nservice_graph: {{dimensions: {entry}}}\ntime: {{slack: 1h}}\n"
    plan = compile_plan(loaded(tmp_path, text))
    dimension = Dimension("a", ("a",), rewrites=(Rewrite("5..", "5xx"), Rewrite("(4)..", "$1xx")))
    assert plan.dimensions == (dimension,)
    assert plan.graph is not None and plan.graph.dimensions == (dimension,)
    assert plan.slack_ns == 3600 * 10**9


def test_a_mistake_does_not_quote_what_was_substituted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATTERN", "hidden(")
    with pytest.raises(Exception, match="is not a pattern of RE2") as caught:
        loaded(tmp_path, "filters: {exclude: [{name: {regex: '${PATTERN}'}}]}")
    assert "hidden" not in str(caught.value)


@pytest.mark.parametrize("text", SHOWN, ids=["filters", "rewrite", "measures", "slos"])
def test_what_the_readme_shows_can_be_used(text: str, tmp_path: Path) -> None:
    assert compile_plan(loaded(tmp_path, text)) != compile_plan(Config())
