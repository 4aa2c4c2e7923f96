"""The effective configuration as YAML that can be loaded again, except for what must not be shown."""

from __future__ import annotations

import yaml

from span2metrics.config.document import IMPLICIT
from span2metrics.config.kinds import Plain
from span2metrics.config.models import ROOT, Config
from span2metrics.config.section import MASK


class _Dumper(yaml.SafeDumper):
    """Quotes what either YAML 1.1 or the loader would take for something other than text."""

    def ignore_aliases(self, data: object) -> bool:
        return True


for _tag, _pattern, _first in IMPLICIT:
    _Dumper.add_implicit_resolver(_tag, _pattern, _first)


def dump(config: Config) -> str:
    """Every setting with its value in force.  Values from `${file:…}`, and settings marked secret, are `<secret>`."""
    plain = _masked(ROOT.show(config), "", config.secrets)
    return yaml.dump(plain, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=None, width=120)


def _masked(plain: Plain, path: str, secrets: frozenset[str]) -> Plain:
    if path in secrets:
        return MASK
    if isinstance(plain, dict):
        return {key: _masked(value, f"{path}.{key}" if path else key, secrets) for key, value in plain.items()}
    if isinstance(plain, list):
        return [_masked(element, f"{path}[{i}]", secrets) for i, element in enumerate(plain)]
    return plain
