"""span2metrics: trace spans in, RED metrics out."""
