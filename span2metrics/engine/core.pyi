"""Types of the compiled core; see `core.pyx` for its theory of operation."""

from collections.abc import Iterator

from span2metrics.engine.plan import Escaping, Format, Now, Plan
from span2metrics.engine.stats import LabelSet, Outcome, Stats

class Engine:
    """Spans in, exposition out.  Owns every series and pending edge.  Not safe for concurrent use.

    It has no clock, socket, thread, logger or file: readings of the clocks are arguments, and all that happened to a
    span is in `stats()`.
    """

    def __init__(self, plan: Plan) -> None: ...
    def consume(self, request: bytes, now: Now) -> Outcome:
        """Applies an OTLP `ExportTraceServiceRequest`, whole or not at all.

        Raises `DecodeError` where a field that the plan reads is at fault, or the framing; nothing has changed then.
        Accepts whatever protobuf's own parser does, and invalid UTF-8, which it replaces.  Spans that the plan's
        filters or slack keep out are dropped, as the outcome says.
        """

    def expire(self, now: Now) -> bool:
        """Ends what nothing has come for: series, edges, spans of the service graph that waited long enough.

        A bounded part a call.  Is there more?
        """

    def conclude(self, now: Now) -> bool:
        """Nobody comes any more: ends all spans of the service graph that wait.

        A bounded part a call.  Is there more?
        """

    def render(self, format: Format, now: Now, escaping: Escaping = Escaping.UNDERSCORES) -> Iterator[bytes]:
        """Span families as chunks of about 256 KiB, without the format's trailer: the page's other families follow.

        `format` is a body (`Format.body`); `escaping` says which of two names a label is shown under.  Empty chunks of
        protobuf give the caller its turns while a message grows.
        The list of series is the one at the first `next()`; numbers are those of the moment their chunk is made.
        Series may be consumed into between chunks.
        """

    def label_sets(self) -> Iterator[LabelSet]:
        """The label sets that there are: of calls, of durations where those have other labels, of measures, and edges.

        Spans may be consumed between two of them.
        """

    def stats(self) -> Stats:
        """All counters, read in one instant."""

def find_cards(text: str) -> list[tuple[int, int]]:
    """Where a text has payment card numbers: (start, end) by characters, ascending by start; they may overlap."""

def template_name(name: str) -> str:
    """The name with placeholders for the ids in it, as labels show it where there are templates."""
