"""Pure functions from foreign bytes to the bytes of an OTLP `ExportTraceServiceRequest`, the engine's one input."""
