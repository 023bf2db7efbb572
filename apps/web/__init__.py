"""The status page of an installation, its /health and its /metrics. It reads; it changes nothing."""
