"""Labels as a query uses them: `faults` tells of metrics, labels and values in it that there are not.

A typing error in a matcher has no answer, and `or 0 * …` beside it makes that a zero, which no look at answers finds.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import promql_parser

#: What there is: a metric's name → its labels → the values of each.
Known = Mapping[str, Mapping[str, set[str]]]
_NAME = "__name__"
_EQUAL, _PATTERN = promql_parser.MatchOp.Equal, promql_parser.MatchOp.Re
_PARTS = ("_bucket", "_sum", "_count")
_BY, _ON = promql_parser.AggModifierType.By, promql_parser.LabelModifierType.Include


def known(series: Iterable[Mapping[str, str]], histograms: Iterable[str]) -> dict[str, dict[str, set[str]]]:
    """Of all series' labels.  A histogram is classic or native; who asks for either finds what there is of both."""
    found: dict[str, dict[str, set[str]]] = {}
    for labels in series:
        _add(found.setdefault(labels[_NAME], {}), {label: {value} for label, value in labels.items()})
    for family in histograms:
        names = [f"{family}{part}" for part in ("", *_PARTS)]
        values: dict[str, set[str]] = {}
        for name in names:
            _add(values, found.get(name, {}))
        if values:
            found |= dict.fromkeys(names, values)
    return found


def _add(values: dict[str, set[str]], more: Mapping[str, set[str]]) -> None:
    for label, some in more.items():
        values.setdefault(label, set()).update(some)


def faults(expr: str, there: Known) -> list[str]:
    """Raises ValueError at what is no PromQL."""
    reader = _Reader(there)
    reader.labels(promql_parser.parse(expr))
    return reader.faults


class _Reader:
    """Goes through a query from its selectors outwards, and knows at each place which labels series may have."""

    def __init__(self, there: Known) -> None:
        self.faults: list[str] = []
        self._there = there

    def labels(self, node: Any) -> set[str]:
        """Of a part of the query; those that it groups by or looks at must be among its own parts'."""
        return set(_READ[type(node)](self, node))

    def _vector(self, node: Any) -> set[str]:
        matchers = node.matchers.matchers
        names = [node.name] if node.name else [m.value for m in matchers if m.name == _NAME]
        metrics = [self._there[name] for name in self._there if any(re.fullmatch(one, name) for one in names)]
        if not metrics:
            self.faults.append(f"there is no metric {' '.join(names)}")
            return {matcher.name for matcher in matchers}
        values: dict[str, set[str]] = {}
        for metric in metrics:
            _add(values, metric)
        for matcher in matchers:
            self._matches(matcher, values, " ".join(names))
        return set(values) - {_NAME}

    def _matches(self, matcher: Any, values: Mapping[str, set[str]], metric: str) -> None:
        if matcher.name not in values:
            self.faults.append(f"{metric} has no label {matcher.name}")
            return
        seen = values[matcher.name] | {""}
        if matcher.op == _EQUAL and matcher.value not in seen:
            self.faults.append(f"{metric} has no {matcher.name} {matcher.value}")
        if matcher.op == _PATTERN and not any(re.fullmatch(matcher.value, value) for value in seen):
            self.faults.append(f"{metric} has no {matcher.name} like {matcher.value}")

    def _matrix(self, node: Any) -> set[str]:
        return self.labels(node.vector_selector)

    def _inner(self, node: Any) -> set[str]:
        return self.labels(node.expr)

    def _call(self, node: Any) -> set[str]:
        labels = set().union(*(self.labels(argument) for argument in node.args))
        texts = [argument.val for argument in node.args if isinstance(argument, promql_parser.StringLiteral)]
        if node.func.name in {"label_replace", "label_join"}:
            made, *rest = texts
            sources = set(rest[1:2] if node.func.name == "label_replace" else rest[1:])
            if missing := sources - labels - {made}:
                self.faults.append(f"{made} is made of {' '.join(sorted(missing))}, which is not there")
            return labels | {made}
        return labels - {"le"} if node.func.name == "histogram_quantile" else labels

    def _aggregate(self, node: Any) -> set[str]:
        labels, picks = self.labels(node.expr), str(node.op) in {"topk", "bottomk"}
        if node.modifier is None:
            return labels if picks else set()
        named = set(node.modifier.labels)
        self._grouped(named, labels, f"{node.op} {node.modifier}")
        kept = named if node.modifier.type == _BY else labels - named
        return labels if picks else kept

    def _binary(self, node: Any) -> set[str]:
        left, right = self.labels(node.lhs), self.labels(node.rhs)
        modifier = node.modifier
        if modifier is None:
            return left | right
        if matching := modifier.matching:
            both = left & right if matching.type == _ON else left | right  # what is ignored may be on one side alone
            self._grouped(set(matching.labels), both, f"{node.op} {modifier}")
        self._grouped(set(modifier.group_labels or ()), left | right, f"{node.op} {modifier}")
        return left | right

    def _grouped(self, named: set[str], labels: set[str], by: str) -> None:
        if missing := named - labels - {"le"}:  # native histograms have none
            self.faults.append(f"{by}: there is no {' '.join(sorted(missing))}")


#: How each kind of part is read; another one is an error.
_READ: dict[type, Callable[[_Reader, Any], set[str]]] = {
    promql_parser.VectorSelector: _Reader._vector,
    promql_parser.MatrixSelector: _Reader._matrix,
    promql_parser.SubqueryExpr: _Reader._inner,
    promql_parser.ParenExpr: _Reader._inner,
    promql_parser.UnaryExpr: _Reader._inner,
    promql_parser.Call: _Reader._call,
    promql_parser.AggregateExpr: _Reader._aggregate,
    promql_parser.BinaryExpr: _Reader._binary,
    promql_parser.NumberLiteral: lambda reader, node: set(),
    promql_parser.StringLiteral: lambda reader, node: set(),
}
