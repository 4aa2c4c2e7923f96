"""`generate rules`: rule files for Prometheus, as the configuration's metrics need them.  Nothing is started."""

from __future__ import annotations

import sys
from argparse import Namespace
from pathlib import Path

from span2metrics.cli import settings
from span2metrics.errors import StartupError
from span2metrics.generate import rule_files, text
from span2metrics.generate.alerting import Links
from span2metrics.generate.rule import RuleFile


def run(options: Namespace) -> int:
    links = Links(options.runbooks_url.rstrip("/"), options.grafana_url.rstrip("/"))
    files = rule_files(settings.load(options), links)
    if options.output is None:
        sys.stdout.write(text.rule_document(files))
        return 0
    try:
        _write(Path(options.output), files)
    except OSError as error:
        raise StartupError(f"{options.output}: {error.strerror}") from None
    return 0


def _write(directory: Path, files: tuple[RuleFile, ...]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for file in files:
        path = directory / f"{file.name}.yml"
        path.write_text(text.rule_file(file), encoding="utf-8")
        print(path)
