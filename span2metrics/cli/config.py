"""`config print` and `config schema`."""

from __future__ import annotations

import json
from argparse import Namespace

from span2metrics.cli import settings
from span2metrics.config import dump, schema


def run(options: Namespace) -> int:
    if options.what == "schema":
        print(json.dumps(schema(), indent=2, ensure_ascii=False))
    else:
        print(dump(settings.load(options)), end="")
    return 0
