"""Orchestration: plain steps (`flows.steps`) and the Prefect flows that wrap them."""
