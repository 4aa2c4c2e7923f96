"""What people read when an alert fires, as Prometheus writes it: held against a golden file, by hand once.

`UPDATE=1 pytest tests/test_alert_texts.py` writes the file anew.
"""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
import yaml

from span2metrics import names
from span2metrics.generate import rule_files
from span2metrics.generate.runbooks import alerts
from tests.cases_alerts import PAGES, Case, own
from tests.processes import PATIENCE
from tests.promtool import Series, gauge, unit_test
from tests.scrapers import DEBIAN, promtool
from tests.test_alerts import LINKS, PARTS, config, written

GOLDEN = Path(__file__).parent / "data" / "golden" / "alerts.txt"
_SHOWN = re.compile(r'Annotations:\{dashboard_url="(.*?)", description="(.*?)", runbook_url="(.*?)", summary="(.*?)"\}')


#: What a daemon shows besides, where a case does not say so.
WELL = {
    names.LABEL_SETS: 1200,
    names.SERIES_LIMIT: 100_000,
    names.SERVICES: 7,
    names.INTAKE_BYTES: 2**20,
    names.INTAKE_LIMIT: 2**28,
    names.RELOAD_TIMESTAMP: 60,
}


def fullest(cases: tuple[Case, ...]) -> list[tuple[Case, float]]:
    """Of each alert the case with most series in which it fires, and when."""
    found: dict[str, tuple[int, Case, float]] = {}
    for case in cases:
        minutes = [minute for minute, firing in case.fires.items() if firing]
        size = len(list(case.page(PAGES["otel"])))
        if minutes and size > found.get(case.alert, (0,))[0]:
            found[case.alert] = size, case, minutes[-1]
    return [(case, minute) for _, case, minute in found.values()]


def series(case: Case) -> list[Series]:
    shown = list(case.page(PAGES["otel"]))
    taken = {each.series.partition("{")[0] for each in shown}
    return shown + [own(metric.name, gauge((120, n))) for metric, n in WELL.items() if metric.name not in taken]


def texts(part: str, folder: Path) -> dict[str, str]:
    """Alert → its texts: promtool shows those that were not expected."""
    chosen, files = PARTS[part], rule_files(config(folder), LINKS)
    tests = []
    for case, minute in fullest(chosen.cases):
        test = unit_test(case.alert, series(case), [], "15s")
        asked = {"eval_time": f"{round(minute * 60)}s", "alertname": case.alert, "exp_alerts": []}
        tests.append(test | {"alert_rule_test": [asked]})
    needed = written((file for file in files if file.name in chosen.files), folder)
    document = {"rule_files": list(map(str, needed)), "evaluation_interval": chosen.evaluation, "tests": tests}
    (folder / "tests.yml").write_text(yaml.safe_dump(document))
    command = [promtool(DEBIAN), "test", "rules", folder / "tests.yml"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=4 * PATIENCE)
    shown: dict[str, str] = {}
    for block in re.split(r"^ +alertname: ", done.stderr + done.stdout, flags=re.MULTILINE)[1:]:
        [dashboard, description, _, summary] = _SHOWN.findall(block)[0]
        shown[block.partition(",")[0]] = f"{summary}\n{description}\n{dashboard}\n"
    assert len(shown) == len(tests), done.stderr + done.stdout
    return shown


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return {alert: text for part in PARTS for alert, text in texts(part, tmp_path_factory.mktemp(part)).items()}


def test_alerts_tell_what_a_human_needs(shown: dict[str, str]) -> None:
    document = "\n".join(f"{alert}\n{text}" for alert, text in shown.items())
    if os.environ.get("UPDATE"):
        GOLDEN.write_text(document)
    assert document == GOLDEN.read_text()


def test_no_number_is_missing_and_no_template_failed(shown: dict[str, str], tmp_path: Path) -> None:
    assert set(shown) == set(alerts(rule_files(config(tmp_path), LINKS)))
    wrong = re.compile(r"<no value>|<error|\{\{|\}\}|NaN|Inf|unknown|not known")
    missing = {alert for alert, text in shown.items() if wrong.search(text)}
    assert missing == {"FailedAmount"}  # what is usual is not known yet
