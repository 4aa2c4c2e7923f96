"""What may stand on the command line, and what of it goes to the configuration.

Flags are written as Prometheus writes them, `--web.listen-address=:10464` or with a space.  A flag that stands for a
key of the configuration has the key's dotted path as its name in the parsed options, so that `settings` only filters.
This module only reads words: a command's work is in the module of its name, which is not imported for `--help`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import Any

CONFIG_VARIABLE = "SPAN2METRICS_CONFIG_FILE"
DEFAULT_ADDRESS = "localhost:10464"
#: Half of what `docker stop` waits and a sixth of Kubernetes' grace, and a terminal is not held up for long.  Whoever
#: wants the last numbers without fail sets it above the scrape interval, and the orchestrator's grace above that.
SHUTDOWN_GRACE = "5s"
#: Where a daemon with defaults has its runbooks, and where Grafana listens.
RUNBOOKS_URL = "http://localhost:10464/runbooks"
GRAFANA_URL = "http://localhost:3000"

#: Flag → the key of the configuration that it sets, what its value is, help.
_WEB = {
    "--web.listen-address": ("web.listen_address", "HOST:PORT", f"where the pages are ({DEFAULT_ADDRESS})"),
    "--web.telemetry-path": ("web.telemetry_path", "PATH", "path of the span metrics (/metrics)"),
    "--web.exporter-telemetry-path": (
        "web.exporter_telemetry_path",
        "PATH",
        "path of the daemon's own metrics (/metrics)",
    ),
}
_OTLP = {
    "--otlp.grpc.endpoint": ("receivers.otlp.grpc.endpoint", "HOST:PORT", "OTLP/gRPC receiver (localhost:4317)"),
    "--otlp.http.endpoint": ("receivers.otlp.http.endpoint", "HOST:PORT", "OTLP/HTTP receiver (localhost:4318)"),
}
#: The keys of the configuration that have a flag.
KEYS = tuple(key for key, _, _ in (_WEB | _OTLP).values())


def parse(words: Sequence[str]) -> argparse.Namespace:
    """The options, with the `command` among them.  Leaves by `SystemExit`, as argparse does: 0 help, 2 a fault."""
    named = bool(words) and not words[0].startswith("-")
    command = words[0] if named else "serve"
    if command not in _COMMANDS:
        _parser("serve").error(f"unknown command: {command} (commands: {', '.join(_COMMANDS)})")
    parser = _parser(command)
    options, unknown = parser.parse_known_args(words[named:], argparse.Namespace(command=command))
    if unknown:
        parser.error(f"unrecognized arguments: {' '.join(unknown)}{_guess(unknown[0], parser)}")
    return options


def _guess(word: str, parser: argparse.ArgumentParser) -> str:
    """Prometheus' manner of dots is not everybody's."""
    close = get_close_matches(word.partition("=")[0], parser._option_string_actions, n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def _parser(command: str) -> argparse.ArgumentParser:
    about, usage, add = _COMMANDS[command]
    parser = argparse.ArgumentParser(
        prog=f"span2metrics {command}" if command != "serve" else "span2metrics",
        usage=usage,
        description=about,
        formatter_class=_Formatter,
        allow_abbrev=False,
    )
    add(parser)
    return parser


class _Formatter(argparse.RawDescriptionHelpFormatter):
    def __init__(self, prog: str, **options: Any) -> None:
        super().__init__(prog, **options | {"max_help_position": 44})


def _serve(parser: argparse.ArgumentParser) -> None:
    _daemon(parser)
    parser.add_argument(
        "--version", action="store_const", dest="command", const="version", help="print the version and leave"
    )
    width = max(map(len, _COMMANDS))
    commands = "\n".join(f"  {name:{width}}  {about}" for name, (about, _, _) in _COMMANDS.items())
    parser.epilog = f"commands, each with a --help of its own:\n{commands}"


def _daemon(parser: argparse.ArgumentParser) -> None:
    _settings(parser)
    log = parser.add_argument_group("log, on stderr")
    log.add_argument("--log.level", dest="log_level", choices=("debug", "info", "warn", "error"), default="info")
    log.add_argument("--log.format", dest="log_format", choices=("logfmt", "json"), default="logfmt")
    stop = parser.add_argument_group("stopping")
    stop.add_argument(
        "--shutdown.grace",
        dest="shutdown_grace",
        metavar="DURATION",
        default=SHUTDOWN_GRACE,
        help="how long requests in flight and a last scrape may take after SIGTERM (%(default)s); a second signal "
        "ends at once",
    )


def _settings(parser: argparse.ArgumentParser) -> None:
    _config_file(parser.add_argument_group("configuration; a flag below comes before the file"))
    _keys(parser.add_argument_group("pages"), _WEB)
    _keys(parser.add_argument_group('receivers; "" switches one off'), _OTLP)


def _config_file(group: argparse._ArgumentGroup) -> None:
    group.add_argument(
        "--config.file",
        dest="config_file",
        metavar="FILE",
        help=f"YAML; without one the defaults hold (${CONFIG_VARIABLE})",
    )


def _keys(group: argparse._ArgumentGroup, keys: dict[str, tuple[str, str, str]]) -> None:
    for flag, (key, metavar, about) in keys.items():
        group.add_argument(flag, dest=key, metavar=metavar, help=about)


def _check(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", metavar="FILE", nargs="+", help="configuration to check; nothing is started")


def _config(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "what",
        choices=("print", "schema"),
        help="print: what holds, defaults and flags included, secrets masked; schema: JSON Schema of the file",
    )
    _settings(parser)


def _healthcheck(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--ready", action="store_true", help="ask whether it is ready for traffic, not just alive")
    _config_file(parser.add_argument_group("where the daemon is"))
    _keys(parser.add_argument_group("pages"), {flag: _WEB[flag] for flag in ("--web.listen-address",)})


def _demo(parser: argparse.ArgumentParser) -> None:
    demo = parser.add_argument_group("the company")
    demo.add_argument(
        "--incident",
        choices=("none", "cycle", "outage"),
        help="what goes wrong (cycle: every five minutes; outage: once, for ten)",
    )
    demo.add_argument("--rate", type=_rate, metavar="N", help="traces a second (20)")
    demo.add_argument("--seed", type=int, metavar="N", help="same seed, same traces (1)")
    demo.add_argument("--duration", metavar="DURATION", help="stop after this long (never)")
    _daemon(parser)
    parser.set_defaults(shutdown_grace="0s")


def _explain(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", metavar="FILE", nargs="*", help="recorded spans; without one, standard input is read")
    _config_file(parser.add_argument_group("configuration"))


def _preview(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("files", metavar="FILE", nargs="+", help="recorded spans: OTLP in JSON or protobuf, or gzip")
    parser.add_argument("--top", type=_count, metavar="N", default=10, help="services that are named (%(default)s)")
    parser.add_argument("--values", type=_count, metavar="N", default=3, help="values that are named of each label (3)")
    _config_file(parser.add_argument_group("configuration"))


def _generate(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "what",
        choices=("rules", "runbooks", "dashboards"),
        help="rules: recording and alerting rules for Prometheus; runbooks: what to do about each alert, in Markdown; "
        "dashboards: Grafana's, with the extra `generate`",
    )
    parser.add_argument(
        "-o",
        dest="output",
        metavar="DIR",
        help="write one file a subject there; without it, all goes to standard output, but for dashboards",
    )
    parser.add_argument(
        "--import",
        dest="importable",
        action="store_true",
        help="dashboards for import by hand, which ask for the data source; else they are for Grafana's provisioning",
    )
    parser.add_argument(
        "--format",
        choices=("prometheus", "prometheusrule"),
        default="prometheus",
        help="rules as files of Prometheus, or as one PrometheusRule for its operator in Kubernetes (%(default)s)",
    )
    links = parser.add_argument_group("where alerts point to")
    links.add_argument(
        "--runbooks.url",
        dest="runbooks_url",
        metavar="URL",
        default=RUNBOOKS_URL,
        help="page of runbooks (%(default)s)",
    )
    links.add_argument(
        "--grafana.url", dest="grafana_url", metavar="URL", default=GRAFANA_URL, help="Grafana (%(default)s)"
    )
    _config_file(parser.add_argument_group("configuration"))


def _count(text: str) -> int:
    number = int(text)
    if not 0 < number <= 1000:
        raise ValueError
    return number


def _rate(text: str) -> float:
    number = float(text)
    if not 0 < number < float("inf"):
        raise ValueError
    return number


_COMMANDS: dict[str, tuple[str, str, Callable[[argparse.ArgumentParser], None]]] = {
    "serve": (
        "take OTLP trace spans in, show RED metrics to Prometheus (the default)",
        "span2metrics [serve] [FLAG ...]\n       span2metrics COMMAND --help",
        _serve,
    ),
    "check": ("find every mistake in configuration files", "span2metrics check FILE ...", _check),
    "config": (
        "show the configuration in force, or its schema",
        "span2metrics config print|schema [FLAG ...]",
        _config,
    ),
    "healthcheck": ("ask a running daemon how it is", "span2metrics healthcheck [--ready] [FLAG ...]", _healthcheck),
    "explain": (
        "say of each recorded span which series it makes, and why",
        "span2metrics explain [FILE ...] [--config.file FILE]",
        _explain,
    ),
    "preview": (
        "say how many series recorded spans make, of what, and what limits and dimensions would change",
        "span2metrics preview FILE ... [--config.file FILE]",
        _preview,
    ),
    "generate": (
        "write rules and alerts for Prometheus, runbooks, and dashboards for Grafana",
        "span2metrics generate rules|runbooks|dashboards [-o DIR] [--config.file FILE]",
        _generate,
    ),
    "demo": ("run the daemon with a small payments company that sends to it", "span2metrics demo [FLAG ...]", _demo),
}
