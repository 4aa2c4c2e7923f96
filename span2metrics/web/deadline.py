"""How long a scraper waits: the header in which Prometheus tells its scrape's timeout.

The page must be there before that, and so the network has its share of it: a quarter of a second, as mysqld_exporter
takes by default, and never more than a tenth, so that a short timeout is not used up.  What is no positive number of
seconds is ignored, as if the header were not there: a page that comes too late for somebody does less harm than none.
"""

from __future__ import annotations

import math
import re

HEADER = "X-Prometheus-Scrape-Timeout-Seconds"
#: Seconds, and the part of a short timeout, for the way of the last byte.
ALLOWANCE, SHARE = 0.25, 0.1
#: Seconds.  Nobody waits longer, and timers of the loop can hold it.
LONGEST = 86400.0

_NUMBER = re.compile(r"\+?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")


def seconds_to_answer(header: str | None) -> float | None:
    """Seconds from the request to the page's last byte; None for as long as it takes."""
    if header is None or not _NUMBER.fullmatch(text := header.strip()):
        return None
    timeout = float(text)
    if not 0 < timeout < math.inf:
        return None
    timeout = min(timeout, LONGEST)
    return timeout - min(ALLOWANCE, timeout * SHARE)
