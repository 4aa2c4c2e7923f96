"""CPython's cyclic collector, told to look seldom.

The daemon makes no cycles while it works, but many objects that the collector would visit: keys that were never seen
come in thousands, and tables of resources are full of pairs.
"""

from __future__ import annotations

import gc

#: New objects until the youngest are looked at, and so on; CPython's own are 700, 10, 10.
THRESHOLDS = (20_000, 20, 20)


def collect_seldom() -> None:
    """What is here now stays and is visited no more, and the rest less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
