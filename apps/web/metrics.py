"""/metrics for Prometheus, from the same figures as the page. Names and labels hold nothing personal."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"
_STATES: Final = ("ok", "warn", "fail")


class _Figures:
    """A collector of one document of `flows.steps.health.status`."""

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document

    def collect(self) -> Iterator[Metric]:
        checks = GaugeMetricFamily("cchc_check", "0 well, 1 to be looked at, 2 broken.", labels=["check"])
        for check in self._document["checks"]:
            checks.add_metric([check.name], _STATES.index(check.state))
        yield checks
        disk, facts = self._document["disk"], self._document["facts"]
        if disk is not None:
            yield GaugeMetricFamily("cchc_disk_free_bytes", "Free space where the installation lies.", value=disk["free"])
        yield GaugeMetricFamily("cchc_up", "1 when the database answers.", value=int(facts is not None))
        if facts is not None:
            yield from _numbers(facts)
            yield from _families(facts)
            yield from _ages(facts)


def _numbers(facts: dict[str, Any]) -> Iterator[Metric]:
    for name, text, value in (
        ("cchc_loads", "Files loaded so far.", facts["loads"]),
        ("cchc_quarantine_open_rows", "Rows that wait for a correction.", facts["quarantined"]),
        ("cchc_events_waiting", "Events that Prefect was not told of yet.", facts["events_waiting"]),
        ("cchc_events_waiting_age_seconds", "Age of the oldest of them.", facts["events_age_s"]),
        ("cchc_nights_missed", "Nights that should have run and did not.", len(facts["night"]["missed"])),
        ("cchc_database_size_bytes", "Size of the database.", facts["database_bytes"]),
    ):
        yield GaugeMetricFamily(name, text, value=value)
    if facts["waiting"] is not None:
        yield GaugeMetricFamily("cchc_inbox_waiting_files", "Files of the inbox that were not read yet.", value=facts["waiting"])
    if facts["night"]["seconds"] is not None:
        yield GaugeMetricFamily(
            "cchc_last_night_duration_seconds", "How long the last night took.", value=facts["night"]["seconds"]
        )


def _families(facts: dict[str, Any]) -> Iterator[Metric]:
    for name, text, label, values in (
        ("cchc_files", "Contents by state.", "state", facts["files"]),
        ("cchc_nights", "Nights by outcome.", "outcome", facts["nights"]),
        ("cchc_messages", "Messages about alerts by state.", "state", facts["messages"]),
    ):
        family = GaugeMetricFamily(name, text, labels=[label])
        for value, count in values.items():
            family.add_metric([value], count)
        yield family
    alerts = GaugeMetricFamily("cchc_alerts_open", "Open alerts.", labels=["rule", "severity"])
    for row in facts["alerts"]:
        alerts.add_metric([row["rule"], row["severity"]], row["n"])
    yield alerts
    pieces = GaugeMetricFamily("cchc_work_day_runs", "Pieces of work of the last 24 hours.", labels=["kind", "outcome"])
    seconds = GaugeMetricFamily("cchc_work_day_seconds", "What they took together.", labels=["kind", "outcome"])
    longest = GaugeMetricFamily("cchc_work_day_longest_seconds", "What the longest of them took.", labels=["kind", "outcome"])
    for row in facts["work"]:
        labels = [row["kind"], row["outcome"]]
        pieces.add_metric(labels, row["n"])
        seconds.add_metric(labels, row["seconds"])
        longest.add_metric(labels, row["longest_s"])
    yield from (pieces, seconds, longest)


def _ages(facts: dict[str, Any]) -> Iterator[Metric]:
    """Seconds since the last night, score and forecast, and since every part was heard of; absent before the first."""
    night, score, forecast = facts["night"]["last"], facts["score"], facts["forecast"]
    for name, text, at in (
        ("cchc_last_night_age_seconds", "Since the last night ended.", night and night["finished_at"]),
        ("cchc_last_score_age_seconds", "Since a score was published.", score and score["published_at"]),
        ("cchc_last_forecast_age_seconds", "Since a forecast was stored.", forecast and forecast["stored_at"]),
    ):
        if at is not None:
            yield GaugeMetricFamily(name, text, value=_seconds(facts["now"], at))
    beats = GaugeMetricFamily("cchc_heartbeat_age_seconds", "Since a part said that it is alive.", labels=["component", "host"])
    running = GaugeMetricFamily("cchc_part_running", "1 when a part runs.", labels=["component", "host"])
    restarts = GaugeMetricFamily("cchc_part_restarts", "How often a part was started again.", labels=["component", "host"])
    for part in facts["parts"]:
        labels = [part["name"], part["host"]]
        if part["age_s"] is not None:
            beats.add_metric(labels, part["age_s"])
        running.add_metric(labels, int(part["state"] == "running"))
        restarts.add_metric(labels, part["restarts"])
    yield from (beats, running, restarts)


def _seconds(now: datetime, at: datetime) -> float:
    return max(0.0, (now - at).total_seconds())


def exposition(document: dict[str, Any]) -> bytes:
    """Return the text Prometheus reads, of a registry of its own: figures of this process would say nothing."""
    registry = CollectorRegistry()
    registry.register(_Figures(document))  # type: ignore[arg-type]
    return generate_latest(registry)
