"""Rules between settings: what no single value can be blamed for.

Each rule sees the finished models and the reading they came from, which knows the lines.  A part that could not be
read is left alone, so that one mistake is one problem.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from span2metrics import names
from span2metrics.config.labels import ambiguous, label_of, reserved
from span2metrics.config.measure_rules import measures_are_apart, measures_fit
from span2metrics.config.models import Config, Dimension, ResourceLabel, Rule
from span2metrics.config.pattern_rules import conditions_can_hold, rewrites_fit
from span2metrics.config.reading import Reading
from span2metrics.config.scalars import Endpoint
from span2metrics.config.slo_rules import objectives_can_be_kept
from span2metrics.engine.dialects import views_of
from span2metrics.engine.patterns import compiled
from span2metrics.engine.plan import Action, Dialect
from span2metrics.engine.rewriting import last_group, replacement

COMMON, RESOURCE = "metrics.dimensions", "metrics.resource_labels"
_RESERVED = ", ".join(sorted(names.RESERVED_LABELS)) + " and all that begins with __"
OF_FAMILY = ("metrics.calls.dimensions", "metrics.duration.dimensions")
OF_EDGES = "service_graph.dimensions"


class Listed(NamedTuple):
    """An entry of one of the lists that make labels."""

    path: str
    entry: Dimension | ResourceLabel


def check(config: Config, reading: Reading) -> None:
    """Reports everything that is wrong between settings."""
    for rule in (
        something_is_received,
        listeners_are_apart,
        families_are_not_the_daemons,
        families_are_apart,
        dialects_have_their_labels,
        dimensions_have_attributes,
        name_rules_are_of_one_kind,
        name_rules_have_their_groups,
        scope_attributes_are_clear,
        defaults_fit,
        values_are_rewritten,
        conditions_can_hold,
        edges_have_a_limit_of_their_own,
        labels_are_free,
        labels_are_unique,
        hashes_have_a_key,
        measures_fit,
        measures_are_apart,
        objectives_can_be_kept,
    ):
        rule(config, reading)


def something_is_received(config: Config, reading: Reading) -> None:
    otlp = config.receivers.otlp
    if otlp.grpc is None and otlp.http is None:
        reading.add("receivers.otlp", "both receivers are off, so no span could come in; leave one of them on")


def listeners_are_apart(config: Config, reading: Reading) -> None:
    otlp = config.receivers.otlp
    every = {
        "receivers.otlp.grpc.endpoint": otlp.grpc.endpoint if otlp.grpc else None,
        "receivers.otlp.http.endpoint": otlp.http.endpoint if otlp.http else None,
        "web.listen_address": config.web.listen_address,
    }
    listening = [(path, endpoint) for path, endpoint in every.items() if endpoint and reading.sound(path)]
    listening.sort(key=lambda item: (item[0] in reading.places, reading.place(item[0]).line))  # defaults came first
    for i, (path, endpoint) in enumerate(listening):
        taken = next((other for other, at in listening[:i] if _overlap(at, endpoint)), None)
        if taken:
            reading.add(path, f"listens where {taken} does{_where(reading, taken)}; choose another port")


def _overlap(one: Endpoint, other: Endpoint) -> bool:
    if one.port != other.port or not one.port:
        return False
    hosts, others = _addresses(one.host), _addresses(other.host)
    return bool(hosts & others) or "" in hosts | others


def _addresses(host: str) -> set[str]:
    return {"127.0.0.1", "::1"} if host == "localhost" else {host}


def _where(reading: Reading, path: str) -> str:
    return f" ({reading.places[path]})" if path in reading.places else " by default"


def families_are_not_the_daemons(config: Config, reading: Reading) -> None:
    namespace = config.metrics.namespace
    if f"{namespace}_".startswith(names.PREFIX):
        reading.add(
            "metrics.namespace",
            f"the metrics' names would begin with {names.PREFIX}, as the daemon's own do; choose another namespace",
        )


def families_are_apart(config: Config, reading: Reading) -> None:
    """Two dialects may share a family; two families of different labels or units may not share a name."""
    shown: dict[str, str] = {}
    for view in views_of(config.metrics.dialects, config.metrics.namespace, config.metrics.unit):
        if shown.setdefault(view.family.name, view.service) != view.service:
            reading.add(
                "metrics.namespace",
                f"{view.family.name} would be a metric of two dialects with different labels; choose another namespace",
            )
            return


def dialects_have_their_labels(config: Config, reading: Reading) -> None:
    needy = [dialect.value for dialect in config.metrics.dialects if dialect is not Dialect.OTEL]
    for i, label in enumerate(config.metrics.exclude if needy else ()):
        reading.add(
            f"metrics.exclude[{i}]",
            f"what reads the dialect {needy[0]} needs {label}; keep it, or leave out the dialect",
        )


def lists(config: Config) -> dict[str, list[Listed]]:
    """The entries of every list that makes labels, by the list's path, in the order of a series' labels."""
    metrics = config.metrics
    entries: dict[str, Iterable[Dimension | ResourceLabel]] = {
        RESOURCE: metrics.resource_labels,
        COMMON: metrics.dimensions,
        OF_FAMILY[0]: metrics.calls.dimensions,
        OF_FAMILY[1]: metrics.duration.dimensions,
        OF_EDGES: config.service_graph.dimensions,
        **{_of_measure(i): measure.dimensions for i, measure in enumerate(config.measures)},
    }
    return {path: [Listed(f"{path}[{i}]", entry) for i, entry in enumerate(of)] for path, of in entries.items()}


def _of_measure(number: int) -> str:
    return f"measures[{number}].dimensions"


def _listed(config: Config) -> Iterator[Listed]:
    for entries in lists(config).values():
        yield from entries


def _dimensions(config: Config) -> Iterator[tuple[str, Dimension]]:
    for path, entry in _listed(config):
        if isinstance(entry, Dimension):
            yield path, entry


def dimensions_have_attributes(config: Config, reading: Reading) -> None:
    for path, dimension in _dimensions(config):
        if dimension.name and dimension.coalesce:
            reading.add(path, "has both `name` and `coalesce`; keep one of them")
        elif not dimension.attributes and reading.sound(path):
            reading.add(path, "has neither `name` nor `coalesce`; say which attribute to read")


def name_rules_are_of_one_kind(config: Config, reading: Reading) -> None:
    for path, rule in _name_rules(config, reading):
        if rule.convention and (rule.match or rule.replace):
            reading.add(path, "has `convention` and a pattern of its own; make two rules of it")
        elif not rule.convention and not (rule.match and rule.replace):
            reading.add(path, "has neither `convention` nor both `match` and `replace`; say what names the span")


def name_rules_have_their_groups(config: Config, reading: Reading) -> None:
    for path, rule in _name_rules(config, reading):
        if rule.match and rule.replace:
            groups, last = compiled(rule.match).groups, last_group(replacement(rule.replace))
            if last > groups:
                reading.add(f"{path}.replace", f"takes group ${last} of a pattern that has {groups}; mend one of them")


def _name_rules(config: Config, reading: Reading) -> Iterator[tuple[str, Rule]]:
    """Those of which each part could be read."""
    every = ((f"span_names.rules[{i}]", rule) for i, rule in enumerate(config.span_names.rules))
    return ((path, rule) for path, rule in every if reading.sound(path))


def scope_attributes_are_clear(config: Config, reading: Reading) -> None:
    for path, dimension in _dimensions(config):
        if ambiguous(dimension) and reading.sound(f"{path}.from"):
            reading.add(
                path,
                "`coalesce` mixes the scope's own attributes with others, which are looked for elsewhere; say where "
                "with `from`, such as from: [span, resource, scope]",
            )


def defaults_fit(config: Config, reading: Reading) -> None:
    limit = config.limits.label_value_length
    for path, entry in _listed(config):
        if len(entry.default.encode()) > limit:
            reading.add(f"{path}.default", f"is longer than limits.label_value_length ({limit} bytes); shorten it")


def values_are_rewritten(config: Config, reading: Reading) -> None:
    rewrites_fit(_dimensions(config), config, reading)


def edges_have_a_limit_of_their_own(config: Config, reading: Reading) -> None:
    for number, entry in enumerate(config.service_graph.dimensions):
        if entry.max_values:
            reading.add(f"{OF_EDGES}[{number}].max_values", "has no effect on edges; remove it, and set limits.edges")


def labels_are_free(config: Config, reading: Reading) -> None:
    of_spans = (entry for path, of in lists(config).items() if path != OF_EDGES for entry in of)
    for path, label in _produced(of_spans, reading):
        if reserved(label):
            shown = reading.quote(label, path)
            reading.add(path, f"the label {shown} is reserved, as are {_RESERVED}; choose another `label`")


def _produced(listed: Iterable[Listed], reading: Reading) -> Iterator[tuple[str, str]]:
    """Path and label of the entries of which the label is certain."""
    for path, entry in listed:
        if entry.attributes and reading.sound(f"{path}.name", f"{path}.coalesce", f"{path}.label"):
            yield path, label_of(entry)


def labels_are_unique(config: Config, reading: Reading) -> None:
    every = lists(config)
    for own in OF_FAMILY:
        listed = [*every[RESOURCE], *every[COMMON], *every[own]]
        listed.sort(key=lambda item: reading.place(item.path).line)
        _report_twins(listed, _builtin(config), reading)
    _report_twins(every[OF_EDGES], set(), reading)
    for i in range(len(config.measures)):
        _report_twins(
            [*every[RESOURCE], *every[COMMON], *every[OF_FAMILY[0]], *every[_of_measure(i)]], _builtin(config), reading
        )


def _builtin(config: Config) -> set[str]:
    """Labels that the dialects show without being told."""
    tempo = {names.TEMPO_SERVICE} if Dialect.TEMPO in config.metrics.dialects else set()
    return {*names.BUILTIN_LABELS, *tempo} - set(config.metrics.exclude)


def _report_twins(listed: list[Listed], builtin: set[str], reading: Reading) -> None:
    first: dict[str, str] = {}
    for path, label in _produced(listed, reading):
        other = first.setdefault(label, path)
        produces = f"produces the label {reading.quote(label, path, other)}"
        if label in builtin:
            reading.add(path, f"{produces}, which is built in; choose another `label`, or exclude the built-in one")
        elif other != path:
            where = f"{other} ({reading.place(other)})"
            reading.add(path, f"{produces}, which {where} produces already; give one of them another `label`")


def hashes_have_a_key(config: Config, reading: Reading) -> None:
    privacy = config.privacy
    if privacy.action is Action.HMAC and not privacy.hmac_key_file and reading.sound("privacy.hmac_key_file"):
        reading.add("privacy.action", "hmac needs a key; name the file that holds it in `hmac_key_file`")
