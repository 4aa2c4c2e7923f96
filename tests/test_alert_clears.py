"""An incident from its beginning to its end: the company's card network goes down and comes back.

Whoever is on call hears of the card network, of nobody who suffers from it, and that it is over.  Everything is real
but the time: in the rules a minute is five seconds.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests import watch
from tests.company import Company
from tests.processes import FREE_PORTS, running
from tests.prometheus import eventually

MINUTE_S = 5
CAUSE = ("DependencyFailing", "card-network")
#: What mutes pages of objectives lasts as long as their windows.
LASTING = {"BurnExplained"}


def hastened(files: Path, folder: Path) -> Path:
    """A copy of our files: windows and patience of rules in shorter minutes, history as it is."""
    shutil.copytree(files, folder)
    for file in (folder / "rules").iterdir():
        text = re.sub(r"(\[|\b(?:for|keep_firing_for|interval): )(\d+)m\b", _shorter, file.read_text())
        file.write_text(text)
    return folder


def _shorter(match: re.Match[str]) -> str:
    return f"{match[1]}{int(match[2]) * MINUTE_S}s"


@pytest.mark.timeout(240)
def test_who_is_on_call_hears_of_the_cause_alone_and_of_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "FILES", hastened(watch.FILES, tmp_path / "hastened"))
    (tmp_path / "daemon.yaml").write_text("service_graph: {wait: 1s}")
    with running("serve", f"--config.file={tmp_path / 'daemon.yaml'}", *FREE_PORTS) as daemon:
        daemon.ready()
        with watch.watch(daemon.web, tmp_path / "watch", quick=True) as watching, Company(daemon) as company:

            def firing() -> set[str]:
                return {
                    alert["labels"]["service_name"]
                    for alert in watching.alerts()
                    if (alert["labels"]["alertname"], alert["state"]) == ("ServiceErrors", "firing")
                }

            def told(receiver: str, status: str) -> Callable[[], set[tuple[str, str]]]:
                return lambda: {
                    (note.name, note.labels["service_name"])
                    for note in list(watching.webhook.told)
                    if (note.receiver, note.status) == (receiver, status)
                }

            eventually(firing, lambda services: services >= {"gateway", "payments"})
            eventually(told("page", "firing"), lambda alerts: CAUSE in alerts)
            company.down = False
            eventually(told("page", "resolved"), lambda alerts: CAUSE in alerts)
            eventually(watching.alerts, lambda alerts: {alert["labels"]["alertname"] for alert in alerts} <= LASTING)
    assert told("page", "firing")() == {CAUSE}
    assert told("ticket", "firing")() == set()
    summaries = {note.annotations["summary"] for note in watching.webhook.told if note.status == "firing"}
    for summary in summaries:
        assert re.fullmatch(r"card-network fails [0-9.]+% of the requests of (payments|settlement)\.", summary)
