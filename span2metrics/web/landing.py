"""The page at `/`, for a person with a browser: what this is, whether it works, where spans go in and metrics come out.

Plain HTML with its style inside and nothing from elsewhere.  Links are relative, so that they hold behind a proxy that
serves the daemon under a path of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from html import escape

from span2metrics import names

#: A browser asks for it beside every page, metrics included.
FAVICON = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">
<rect width="32" height="32" rx="7" fill="#1f6feb"/>
<path d="M6 9h13M10 14h8M6 25v-4M13 25v-6M20 25v-9M26 25V9" stroke="#fff" stroke-width="3" stroke-linecap="round"/>
</svg>
"""

_PROTOCOLS = {names.RECEIVER_GRPC: "OTLP over gRPC", names.RECEIVER_HTTP: "OTLP over HTTP"}

_STYLE = """
:root { color-scheme: light dark; --text: #1f2328; --dim: #59636e; --line: #d1d9e0; --link: #0a5fd0; --back: #fff; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e6edf3; --dim: #9198a1; --line: #3d444d; --link: #6cb0ff; --back: #0d1117; }
}
body { margin: 0 auto; padding: 2rem 1.25rem; max-width: 40rem; font: 1rem/1.6 system-ui, sans-serif;
  color: var(--text); background: var(--back); }
h1 { font-size: 1.6rem; margin: 0; } h2 { font-size: 1.1rem; margin: 2rem 0 .25rem; }
h1 small, p.about, dt { color: var(--dim); } h1 small { font-size: 1rem; font-weight: 400; }
p { margin: .25rem 0; } a { color: var(--link); } ul { margin: 0; padding: 0; list-style: none; }
li, dl div { padding: .5rem 0; border-bottom: 1px solid var(--line); }
dl { margin: 0; } dl div { display: flex; flex-wrap: wrap; gap: 0 1rem; justify-content: space-between; }
dd { margin: 0; overflow-wrap: anywhere; } code { font-family: ui-monospace, monospace; }
"""


def landing(version: str, links: Mapping[str, str], receivers: Mapping[str, str], unready: str | None) -> str:
    """The page's HTML.  `links`: path → what is there; `receivers`: name → address; `unready`: why not, or None."""
    state = "Ready." if unready is None else f"Not ready: {escape(unready)}."
    return f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>span2metrics</title>
<link rel="icon" href="favicon.ico">
<style>{_STYLE}</style>
</head>
<body>
<h1>span2metrics <small>{escape(version)}</small></h1>
<p class="about">Trace spans in, RED metrics out.</p>
<p role="status">{state}</p>
<h2>Pages</h2>
<ul>
{_lines(_link(path, text) for path, text in links.items())}
</ul>
<h2>Send spans to</h2>
{_receivers(receivers)}
</body>
</html>
"""


def _link(path: str, text: str) -> str:
    return f'<li><a href="{escape(path.removeprefix("/"))}">{escape(text)}</a></li>'


def _receivers(receivers: Mapping[str, str]) -> str:
    if not receivers:
        return "<p>No receiver is switched on.</p>"
    rows = (
        f"<div><dt>{escape(_PROTOCOLS.get(name, name))}</dt><dd><code>{escape(address)}</code></dd></div>"
        for name, address in receivers.items()
    )
    return f"<dl>\n{_lines(rows)}\n</dl>"


def _lines(lines: Iterable[str]) -> str:
    return "\n".join(lines)
