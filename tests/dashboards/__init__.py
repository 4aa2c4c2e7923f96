"""What Grafana would make of our dashboards: asked of a real Prometheus, checked, and drawn."""
