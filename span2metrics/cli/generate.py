"""`generate rules`, `runbooks` and `dashboards`: what Prometheus, its alerts and Grafana need, by the configuration.

Nothing is started.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path

from span2metrics.cli import settings
from span2metrics.errors import StartupError
from span2metrics.generate import NAMES, dashboards, prometheusrule, rule_files, runbooks, text
from span2metrics.generate.alerting import Links
from span2metrics.generate.rule import RuleFile


def run(options: Namespace) -> int:
    if options.what == "dashboards":
        return _dashboards(options)
    links = Links(options.runbooks_url.rstrip("/"), options.grafana_url.rstrip("/"))
    files = rule_files(settings.load(options), links)
    whole, parts = _RUNBOOKS if options.what == "runbooks" else _RULES[options.format]
    if options.output is None:
        sys.stdout.write(whole(files))
        return 0
    _write(Path(options.output), parts(files))
    if options.what == "rules" and options.format == "prometheus":
        _tell_what_is_left(Path(options.output), files)
    return 0


def _dashboards(options: Namespace) -> int:
    if options.output is None:
        raise StartupError("dashboards are several files: say where to with -o DIR")
    boards = dashboards.boards(settings.load(options))
    try:
        from span2metrics.generate.dashboards import grafana
    except ImportError:
        raise StartupError(
            "dashboards are made with grafana-foundation-sdk: pip install 'span2metrics[generate]'"
        ) from None
    made = grafana.importable if options.importable else grafana.provisioned
    _write(Path(options.output), {f"{board.name}.json": made(board) for board in boards})
    return 0


def _write(directory: Path, files: dict[str, str]) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            path = directory / name
            path.write_text(content, encoding="utf-8")
            print(path)
    except OSError as error:
        raise StartupError(f"{directory}: {error.strerror}") from None


def _tell_what_is_left(directory: Path, files: Files) -> None:
    """What an earlier configuration made and this one does not; to remove files is not for us."""
    for name in NAMES:
        path = directory / f"{name}.yml"
        if name not in {file.name for file in files} and path.exists():
            print(f"{path}: is of another configuration, and Prometheus would load it; remove it", file=sys.stderr)


Files = tuple[RuleFile, ...]
Form = tuple[Callable[[Files], str], Callable[[Files], dict[str, str]]]
#: All as one text, and as files by name; rules by `--format`.
_RULES: dict[str, Form] = {
    "prometheus": (text.rule_document, lambda files: {f"{file.name}.yml": text.rule_file(file) for file in files}),
    "prometheusrule": (prometheusrule.manifest, lambda files: {"prometheusrule.yaml": prometheusrule.manifest(files)}),
}
_RUNBOOKS: Form = (runbooks.markdown, lambda files: {"runbooks.md": runbooks.markdown(files)})
