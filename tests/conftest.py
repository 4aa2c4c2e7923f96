"""What all tests share: how hypothesis runs, and how tests wait and find the programs that they need."""

from __future__ import annotations

import os

from hypothesis import settings

# No deadline: a test never asserts wall-clock time.  In CI the examples are the same at each run.
settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")
