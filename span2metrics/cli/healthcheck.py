"""`healthcheck`: one question to a running daemon, one line, 0 or 1; for images without a shell.

By default it asks whether the daemon is alive, because who restarts a container for being unready makes an overload
worse; `--ready` asks for the other.  It runs every few seconds, so it imports next to nothing: the configuration only
where a file says the address.
"""

from __future__ import annotations

import http.client
import importlib
import os
from argparse import Namespace

from span2metrics.cli.flags import CONFIG_VARIABLE, DEFAULT_ADDRESS

TIMEOUT = 3.0


def run(options: Namespace) -> int:
    address = _address(options)
    path = "/-/ready" if options.ready else "/-/healthy"
    try:
        status, line = _ask(address, path)
    except (OSError, http.client.HTTPException, ValueError) as error:
        print(f"{address}: {error}")
        return 1
    print(line)
    return int(status != http.HTTPStatus.OK)


def _address(options: Namespace) -> str:
    given = vars(options)["web.listen_address"]
    if given is None and (options.config_file or os.environ.get(CONFIG_VARIABLE)):
        return str(importlib.import_module("span2metrics.cli.settings").load(options).web.listen_address)
    return given or DEFAULT_ADDRESS


def _ask(address: str, path: str) -> tuple[int, str]:
    """The status and the first line of the answer's body."""
    host, _, port = address.rpartition(":")
    host = "localhost" if host in ("", "*") else host
    connection = http.client.HTTPConnection(host, int(port), timeout=TIMEOUT)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read(1024).decode(errors="replace").split("\n")[0]
    finally:
        connection.close()
