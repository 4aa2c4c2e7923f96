"""Rules as a PrometheusRule, the object from which the Prometheus Operator makes Prometheus' rule files.

Its `spec` is a rule file's document, and stands here as `text` writes it.
"""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import indent

from span2metrics.generate import text
from span2metrics.generate.rule import RuleFile

_HEAD = """\
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: span2metrics
  labels:
    app.kubernetes.io/name: span2metrics
spec:
"""


def manifest(files: Iterable[RuleFile]) -> str:
    """All groups of all files as one object, in YAML."""
    return _HEAD + indent(text.rule_document(files), "  ")
