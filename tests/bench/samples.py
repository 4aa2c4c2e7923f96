"""What a page of text says, in numbers."""

from __future__ import annotations


def total(page: str, name: str, **labels: str) -> float:
    """The sum of the samples of that name whose labels have these values."""
    wanted = [f'{label}="{value}"' for label, value in labels.items()]
    lines = (line for line in page.splitlines() if line.partition("{")[0].partition(" ")[0] == name)
    return sum(float(line.rpartition(" ")[2]) for line in lines if all(text in line for text in wanted))
