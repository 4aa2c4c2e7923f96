"""`python -m span2metrics`."""

from __future__ import annotations

import sys

from span2metrics.cli import main

if __name__ == "__main__":
    sys.exit(main())
