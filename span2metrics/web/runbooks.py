"""`GET /runbooks`: what to do about each alert, where alerts lead unless told otherwise.

It is made of the rules of the configuration in force, when somebody first asks.  Plain HTML as on the landing page; the
texts are the project's own and the operator's, none is from the traffic.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from html import escape

from aiohttp import web

from span2metrics.generate.rule import Alert, RuleFile
from span2metrics.generate.runbooks import ABOUT, TITLE, alerts, severity
from span2metrics.web import replies

_STYLE = """
:root { color-scheme: light dark; --text: #1f2328; --dim: #59636e; --line: #d1d9e0; --link: #0a5fd0; --back: #fff;
  --code: #f6f8fa; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6edf3; --dim: #9198a1; --line: #3d444d; --link: #6cb0ff; --back: #0d1117; --code: #151b23; }
}
body { margin: 0 auto; padding: 2rem 1.25rem; max-width: 48rem; font: 1rem/1.6 system-ui, sans-serif;
  color: var(--text); background: var(--back); }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.2rem; margin: 2.5rem 0 .5rem; padding-top: 1rem;
  border-top: 1px solid var(--line); }
h2:target { text-decoration: underline; }
h3 { font-size: 1rem; margin: 1rem 0 .25rem; } p.severity { color: var(--dim); } p { margin: .25rem 0; }
a { color: var(--link); } nav a { display: inline-block; margin-right: 1rem; }
pre { margin: .25rem 0 .75rem; padding: .5rem .75rem; background: var(--code); border-radius: 4px; overflow-x: auto; }
pre, code { font: .875rem/1.5 ui-monospace, monospace; }
ol { margin: 0; padding-left: 1.5rem; }
"""


class RunbooksPage:
    """Called with a request, answers it; `files()` are all rule files."""

    def __init__(self, files: Callable[[], Iterable[RuleFile]]) -> None:
        self._files = files
        self._page: str | None = None

    async def __call__(self, _request: web.BaseRequest) -> web.StreamResponse:
        if self._page is None:
            self._page = page(self._files())
        return replies.document(self._page, "text/html")


def page(files: Iterable[RuleFile]) -> str:
    """As HTML without scripts, and with nothing from elsewhere."""
    found = alerts(files)
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{TITLE} · span2metrics</title>
<link rel="icon" href="favicon.ico">
<style>{_STYLE}</style>
</head>
<body>
<h1>{TITLE}</h1>
<p>{escape(ABOUT)}</p>
<nav>
{_lines(f'<a href="#{escape(name.lower())}">{escape(name)}</a>' for name in found)}
</nav>
{_lines(_sections(found))}
</body>
</html>
"""


def _sections(found: Mapping[str, Alert]) -> Iterator[str]:
    for name, alert in found.items():
        runbook = alert.runbook
        yield f'<h2 id="{escape(name.lower())}">{escape(name)}</h2>'
        yield f'<p class="severity">{escape(severity(alert))}</p>'
        yield f"<p>{_inline(runbook.means)}</p>"
        yield "<h3>Confirm</h3>"
        for question, query in runbook.confirm:
            yield f"<p>{_inline(question)}</p>\n<pre>{escape(query)}</pre>"
        yield "<h3>Act</h3>\n<ol>"
        yield from (f"<li>{_inline(step)}</li>" for step in runbook.act)
        yield f"</ol>\n<h3>Silence</h3>\n<p>{_inline(runbook.silence)}</p>"


def _inline(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text, quote=False))


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(lines)
