"""Parts of Grafana's JSON that several kinds of panels have."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_uppercase

from grafana_foundation_sdk.builders import dashboard as builders
from grafana_foundation_sdk.models import dashboard as models
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue as Property

from span2metrics.generate.dashboards.link import Link
from span2metrics.generate.dashboards.panel import Query, Steps


def refs(queries: Sequence[Query]) -> list[str]:
    """Each query's name in its panel."""
    return [query.ref or letter for query, letter in zip(queries, ascii_uppercase, strict=False)]


def thresholds(steps: Steps) -> builders.ThresholdsConfig:
    return builders.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(_steps(steps))


def thresholds_property(steps: Steps) -> Property:
    return Property("thresholds", {"mode": models.ThresholdsMode.ABSOLUTE.value, "steps": _steps(steps)})


def _steps(steps: Steps) -> list[models.Threshold]:
    return [models.Threshold(value=value, color=color) for value, color in steps]


def mappings(texts: Sequence[tuple[float, float, str]]) -> list[models.ValueMapping]:
    return [
        models.RangeMap(
            options=models.DashboardRangeMapOptions(
                from_val=least, to=most, result=models.ValueMappingResult(text=text, index=i)
            )
        )
        for i, (least, most, text) in enumerate(texts)
    ]


def data_links(links: Sequence[Link]) -> Property:
    return Property("links", [{"title": link.title, "url": link.url, "targetBlank": False} for link in links])


def fixed(color: str) -> Property:
    return Property("color", {"mode": models.FieldColorModeId.FIXED.value, "fixedColor": color})


def merge(of: Sequence[str] = ()) -> models.DataTransformerConfig:
    """One table of all, or of those of some queries."""
    matcher = models.MatcherConfig("byRefId", f"/^(?:{'|'.join(of)})$/") if of else None
    return models.DataTransformerConfig(id_val="merge", options={}, filter_val=matcher)
