"""The JSON Schema (2020-12) of the file, for editors; the loader is stricter where a schema cannot look."""

from __future__ import annotations

from typing import Any

from span2metrics.config.kinds import SUBSTITUTED, Definitions
from span2metrics.config.models import ROOT


def schema() -> dict[str, Any]:
    """A new copy of the schema, made of plain JSON values."""
    definitions: Definitions = {}
    root = ROOT.schema(definitions)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Configuration of span2metrics",
        **root,
        "$defs": {"substituted": SUBSTITUTED, **definitions},
    }
