"""The configuration to the engine's `Plan`: names made, places filled in, what is off taken out.

A `Config` that was loaded has passed the rules, so nothing can fail here.  It knows the plan, which is data, and
nothing of how the engine works.
"""

from __future__ import annotations

from collections.abc import Iterable

from span2metrics import names
from span2metrics.config.bounds import bounds_of
from span2metrics.config.labels import label_of, sanitised, sources_of, utf8_label_of
from span2metrics.config.models import Config, Dimension, Measure, Metrics, ResourceLabel, Rule
from span2metrics.config.selected import selected_of
from span2metrics.engine import exponential, plan
from span2metrics.engine.naming import NameRule
from span2metrics.engine.plan import Plan, Source
from span2metrics.engine.rewriting import Rewrite
from span2metrics.engine.where import Filters


def compile_plan(config: Config) -> Plan:
    """What the engine is told to do."""
    metrics = config.metrics
    errors_zero = metrics.errors_zero and names.STATUS_CODE not in metrics.exclude
    return Plan(
        dialects=metrics.dialects,
        namespace=metrics.namespace,
        unit=metrics.unit,
        bounds_ns=bounds_of(config),
        histograms=metrics.histograms,
        native_schema=exponential.schema_of(metrics.native.factor),
        native_max_buckets=metrics.native.max_buckets,
        dimensions=_dimensions(metrics.dimensions, metrics),
        calls_dimensions=_dimensions(metrics.calls.dimensions, metrics),
        duration_dimensions=_dimensions(metrics.duration.dimensions, metrics),
        resource_labels=tuple(_resource_label(entry, metrics) for entry in metrics.resource_labels),
        exclude=frozenset(metrics.exclude),
        errors_zero=errors_zero,
        errors_zero_drop=_dropped(metrics) if errors_zero else frozenset(),
        exemplars=metrics.exemplars,
        created=metrics.created,
        zero_first_ns=metrics.zero_first or 0,
        graph=_graph(config) if config.service_graph.enabled else None,
        templating=config.span_names.templating,
        name_rules=tuple(map(_name_rule, config.span_names.rules)),
        filters=Filters(config.filters.include, config.filters.exclude),
        measures=tuple(_measure(measure, metrics) for measure in config.measures),
        slack_ns=config.time.slack or 0,
        tracestate=config.sampling.tracestate,
        weight_attribute=config.sampling.weight_attribute or "",
        max_weight=config.sampling.max_weight,
        target_info=metrics.target_info,
        privacy=_privacy(config),
        label_value_length=config.limits.label_value_length,
        raw_key_bytes=config.limits.raw_key_bytes,
        expire_after_ns=metrics.expire_after or 0,
        most_services=config.limits.services,
        most_series=config.limits.series,
        most_series_of_service=config.limits.series_per_service,
        most_edges=config.limits.edges,
        most_targets=config.limits.targets,
        selected=selected_of(config),
    )


def _graph(config: Config) -> plan.Graph:
    graph = config.service_graph
    return plan.Graph(
        wait_ns=graph.wait,
        max_items=graph.max_items,
        bounds_ns=graph.buckets,
        dimensions=_dimensions(graph.dimensions, config.metrics),
        through_internal=graph.through_internal,
        database_attributes=graph.database_attributes,
        peer_attributes=graph.peer_attributes,
        virtual_node_label=graph.virtual_node_label,
        connection_info=graph.connection_info,
        messaging_latency=graph.messaging_latency,
    )


def _measure(measure: Measure, metrics: Metrics) -> plan.Measure:
    return plan.Measure(
        measure.name,
        measure.attribute,
        measure.unit,
        measure.buckets,
        _dimensions(measure.dimensions, metrics),
        measure.where,
        measure.negative,
    )


def _privacy(config: Config) -> plan.Privacy:
    privacy = config.privacy
    return plan.Privacy(
        cards=privacy.cards,
        patterns=tuple(entry.pattern for entry in privacy.patterns),
        action=privacy.action,
        hmac_key=privacy.hmac_key_file.key if privacy.hmac_key_file else b"",
    )


def _name_rule(rule: Rule) -> NameRule:
    return NameRule(rule.match, rule.replace, rule.convention, rule.service)


def _dimensions(entries: Iterable[Dimension], metrics: Metrics) -> tuple[plan.Dimension, ...]:
    return tuple(
        plan.Dimension(
            label_of(e), e.attributes, sources_of(e), e.default, _utf8(e, metrics), _rewrites(e), e.max_values
        )
        for e in entries
    )


def _rewrites(entry: Dimension) -> tuple[Rewrite, ...]:
    return tuple(Rewrite(rewrite.match, rewrite.replace) for rewrite in entry.rewrite)


def _resource_label(entry: ResourceLabel, metrics: Metrics) -> plan.Dimension:
    return plan.Dimension(label_of(entry), entry.attributes, (Source.RESOURCE,), entry.default, _utf8(entry, metrics))


def _utf8(entry: Dimension | ResourceLabel, metrics: Metrics) -> str:
    return utf8_label_of(entry) if metrics.utf8_names else ""


def _dropped(metrics: Metrics) -> frozenset[str]:
    """Labels of the calls that `errors_zero_drop` means, by an attribute of theirs or by their own name."""
    entries: tuple[Dimension | ResourceLabel, ...] = (
        *metrics.resource_labels,
        *metrics.dimensions,
        *metrics.calls.dimensions,
    )
    attributes = set(metrics.errors_zero_drop)
    labels = {sanitised(name) for name in attributes}
    return frozenset(label_of(e) for e in entries if attributes.intersection(e.attributes) or label_of(e) in labels)
