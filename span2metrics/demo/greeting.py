"""What `span2metrics demo` prints when it starts: where to look, what to ask, and what will happen."""

from __future__ import annotations

from collections.abc import Mapping

from span2metrics import names
from span2metrics.demo.address import reachable
from span2metrics.demo.incident import INCIDENTS
from span2metrics.demo.room import DEFAULT_INCIDENT

_CALLS = f"{names.NAMESPACE}_{names.CALLS}_total"
_BUCKET = f"{names.NAMESPACE}_{names.DURATION}_seconds_bucket"
_SERVER = f'{names.SPAN_KIND}="{names.SPAN_KINDS[2]}"'
_ERROR = f'{names.STATUS_CODE}="{names.STATUS_CODES[names.ERROR]}"'
_SERVICE = names.SERVICE_NAME

#: (what it shows, what to grep for)
_GREPS = (
    ("calls of one service, by span", f"'^{_CALLS}{{{_SERVICE}=\"payments\"'"),
    ("errors, of everybody", f"'^{_CALLS}.*{names.STATUS_CODES[names.ERROR]}'"),
    ("the daemon's own numbers", f"'^{names.PREFIX}'"),
)
_AMOUNT = f"{names.NAMESPACE}_payment_amount_sum"
_QUERIES = (
    ("calls a second", f"sum by ({_SERVICE}) (rate({_CALLS}{{{_SERVER}}}[1m]))"),
    (
        "share of errors",
        f"sum by ({_SERVICE}) (rate({_CALLS}{{{_SERVER},{_ERROR}}}[1m]))\n"
        f"      / sum by ({_SERVICE}) (rate({_CALLS}{{{_SERVER}}}[1m]))",
    ),
    (
        "95th percentile, seconds",
        f"histogram_quantile(0.95, sum by ({_SERVICE}, le) (rate({_BUCKET}{{{_SERVER}}}[1m])))",
    ),
    (
        "attempts at the card network",
        f'sum by ({names.STATUS_CODE}) (rate({_CALLS}{{{names.SPAN_NAME}="POST /v2/authorizations"}}[1m]))',
    ),
    (
        "money in failed payments per minute",
        f'60 * sum by (payment_method, payment_currency) (rate({_AMOUNT}{{sign="positive",{_ERROR}}}[1m]))',
    ),
)


def banner(web_address: str, receivers: Mapping[str, str], incident: str = DEFAULT_INCIDENT) -> str:
    """Lines for the terminal.  Addresses as bound; `receivers` by name."""
    metrics = f"http://{reachable(web_address)}/metrics"
    parts = (
        ["A small payments company is sending its spans; press Ctrl-C to stop.", "", f"  metrics    {metrics}"],
        [f"  {name:<10} {address}" for name, address in receivers.items()],
        ["", "Look:"],
        [f"  curl -s {metrics} | grep {pattern}    # {what}" for what, pattern in _GREPS],
        ["", "Ask Prometheus, once it scrapes that address:"],
        [f"  # {what}\n  {query}" for what, query in _QUERIES],
        ["", *INCIDENTS[incident].story.splitlines(), ""],
    )
    return "\n".join(line for part in parts for line in part)
