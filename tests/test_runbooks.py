"""The page of runbooks: every alert's link leads to a heading, and nothing on it is markup but its own."""

from __future__ import annotations

import html.parser
import re
from collections.abc import Iterator

from span2metrics.config import Config
from span2metrics.generate import rule_files, runbooks
from span2metrics.generate.rule import Alert, Group, RuleFile, Runbook
from span2metrics.web.runbooks import page
from tests.sites import Run, on_both_loops, site
from tests.test_alerts import LINKS

FILES = rule_files(Config(), LINKS)


class Read(html.parser.HTMLParser):
    """Tags, ids and targets of a page, and its text; every tag is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.ids: list[str] = []
        self.targets: list[str] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.ids += [value for name, value in attrs if name == "id" and value]
        self.targets += [value for name, value in attrs if name in ("href", "src") and value]
        if tag not in ("meta", "link"):
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def test_every_alerts_link_leads_to_its_heading_on_the_page_and_on_github() -> None:
    read, document = Read(page(FILES)), runbooks.markdown(FILES)
    anchors = [alert.annotations["runbook_url"].partition("#")[2] for alert in runbooks.alerts(FILES).values()]
    assert read.ids == anchors
    assert [heading.lower() for heading in re.findall(r"^## (\w+)$", document, re.MULTILINE)] == anchors


def test_the_page_says_what_the_document_says() -> None:
    read = Read(page(FILES))
    for alert in runbooks.alerts(FILES).values():
        for _, query in alert.runbook.confirm:
            assert query in read.text
        assert alert.runbook.means.replace("`", "") in read.text
        assert alert.runbook.silence.replace("`", "") in read.text


def test_the_page_has_no_script_and_nothing_from_elsewhere() -> None:
    read = Read(page(FILES))
    assert "script" not in read.tags
    assert set(read.targets) - {f"#{anchor}" for anchor in read.ids} == {"favicon.ico"}


def test_texts_are_no_markup() -> None:
    book = Runbook("<b> & `<code>`", (("<i>?", "a < b & c"), ("", "d")), ("<u>",), '"<s>"')
    alert = Alert("Odd", "1", "1m", {"severity": "page"}, {}, book)
    read = Read(page([RuleFile("odd", (Group("odd", (alert,)),))]))
    assert {"b", "i", "u", "s"} & read.tags == set()
    assert "<b> & <code>" in read.text and "a < b & c" in read.text


def test_an_alert_that_is_there_twice_has_one_runbook() -> None:
    assert runbooks.markdown([*FILES, *FILES]) == runbooks.markdown(FILES)


@on_both_loops
def test_the_page_is_made_when_somebody_first_asks(run: Run) -> None:
    asked = 0

    def files() -> Iterator[RuleFile]:
        nonlocal asked
        asked += 1
        return iter(FILES)

    async def scenario() -> None:
        async with site(rules=files) as s:
            assert asked == 0
            for _ in range(2):
                async with s.get("/runbooks") as response:
                    assert (response.status, await response.text()) == (200, page(FILES))
                    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
            assert asked == 1

    run(scenario)
