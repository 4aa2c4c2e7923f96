"""The pages: metrics for scrapers, health for orchestrators, a landing page for people."""

from span2metrics.web.server import Web

__all__ = ["Web"]
