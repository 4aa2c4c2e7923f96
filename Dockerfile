# The daemon in an image: built in one stage, copied into a second one that has no compiler.
# Runs without root, without a shell, on a read-only file system.  Ports: 4317 OTLP/gRPC, 4318 OTLP/HTTP, 10464 pages.
ARG BASE=python:3.11-slim-bookworm

FROM ${BASE} AS build
# Only the compiler is installed, nothing of it is shipped, and a pinned version vanishes from Debian's mirrors.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends gcc libc6-dev \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY pyproject.toml README.md ./
COPY span2metrics span2metrics
RUN python -m venv /opt/span2metrics \
    && /opt/span2metrics/bin/pip install --no-cache-dir . \
    && /opt/span2metrics/bin/pip uninstall --yes pip setuptools

FROM ${BASE}
LABEL org.opencontainers.image.title="span2metrics" \
      org.opencontainers.image.description="Trace spans in, RED metrics out: a small, fast daemon between OTLP and Prometheus"
COPY --from=build /opt/span2metrics /opt/span2metrics
COPY config/container.yaml /etc/span2metrics/span2metrics.yaml
# By a variable, so that every command and the health check find it; mount another file there, or give --config.file.
ENV SPAN2METRICS_CONFIG_FILE=/etc/span2metrics/span2metrics.yaml \
    PYTHONDONTWRITEBYTECODE=1
USER 10001:10001
EXPOSE 4317 4318 10464
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s \
    CMD ["/opt/span2metrics/bin/span2metrics", "healthcheck"]
ENTRYPOINT ["/opt/span2metrics/bin/span2metrics"]
