"""`python -m tests.bench`: every figure that the project holds itself to, in one table.

Rows whose value or ratio passes its bound say OVER, and the exit status is 1.  Compare ratios and medians, not single
values: the machine's speed drifts, so that what is compared runs in alternation.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.bench import (
    attack,
    beside,
    calls_beside,
    engine,
    graph,
    graph_daemon,
    halves,
    measures,
    memory,
    overload,
    page,
    scraped,
    steady,
    wire_to_page,
)
from tests.bench.table import Row, print_heading, print_row


def sections(options: argparse.Namespace) -> Iterator[tuple[str, Iterator[Row]]]:
    rounds = options.rounds
    yield "engine", engine.consume_rows(rounds * 3)
    yield "engine, native histograms", engine.native_rows(rounds * 3)
    yield "engine, sampled spans", engine.weighted_rows(rounds * 3)
    yield "engine, filters", engine.filter_rows(rounds * 3)
    yield "engine, measures", measures.rows(rounds * 3)
    yield "engine, keys that were never seen", engine.unseen_rows(rounds)
    yield "engine, names with ids", engine.id_rows(rounds * 3)
    yield "engine, memory", memory.rows()
    yield "graph", graph.rows(rounds * 3)
    yield "graph, memory", halves.rows()
    yield "formats", engine.json_rows(rounds)
    yield "bodies", engine.gzip_rows(rounds)
    yield "rendering", engine.page_rows(rounds)
    yield "page", page.rows(rounds)
    yield "sizes", beside.rows(options.collector, options.collector_config, rounds)
    yield "ingest while scraped", scraped.rows(rounds)
    yield "overload", overload.rows(options.seconds)
    yield "attack", attack.rows(options.attack_spans)
    yield "graph, steady", steady.rows(options.steady_seconds)
    yield "graph, daemon", graph_daemon.rows(rounds)
    yield "graph, wire", calls_beside.rows(options.collector, options.collector_config, rounds)
    if options.load:
        yield "wire", wire_to_page.rows(options.load, options.collector, options.collector_config, rounds)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    add = parser.add_argument
    add("--rounds", type=int, default=3, help="rounds of each measurement; the median counts")
    add("--seconds", type=float, default=30, help="how long each overload lasts")
    add("--steady-seconds", type=float, default=60, help="how long calls come at a steady rate")
    add("--attack-spans", type=int, default=500_000, help="unlike spans of 20 bytes; a tenth as many of 10 KiB")
    add("--only", help="sections whose title holds this text")
    add("--load", type=Path, help="script of the load generator; without it the wire is not measured")
    add("--collector", type=Path, help="binary of the collector to compare with")
    add("--collector-config", type=Path, help="its configuration")
    return parser.parse_args()


def main() -> int:
    options = parsed()
    over = 0
    for title, rows in sections(options):
        if options.only and options.only not in title:
            continue
        print_heading(title)
        for row in rows:
            print_row(row)
            over += row.verdict() == "OVER"
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
