"""docs/metrics.md, written from the series that the code has (`make schema`)."""

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.metrics import MetricWrapperBase

from identity_api.telemetry import Metrics

_HEAD = """# Metrics

Generated from the code by `make schema`. Format and names follow Prometheus.

| process | address | clients that are answered |
| --- | --- | --- |
| API | `/metrics` on its own port | clients with a private address that do not come through a proxy; others get 404 |
| worker | `/metrics` at `IDENTITY_WORKER_METRICS_PORT`, if that is set | every client that can reach
`IDENTITY_WORKER_METRICS_HOST` |

Each process counts for itself: scrape every API process and every worker. Gauges of workers are read from the database every 15
seconds, so each worker shows the same values: use `max`. With several API processes behind one port
(`IDENTITY_WORKERS`) a scrape reaches one of them; run one process for each port if you need exact rates.

Label values come from closed sets: outcomes, codes and route templates, at most 200 of each. `tenant` and `provider`
are slugs, of the first `IDENTITY_METRICS_PROVIDERS` providers by tenant and slug (100 by default, 0 for none); the
others are counted together under `OTHER`, which shows the worst of them.

`deploy/monitoring/alerts.yaml` has alert rules, each with a [runbook](runbooks/README.md), and
`deploy/monitoring/dashboard.json` a dashboard for Grafana.
"""


def metrics_markdown() -> str:
    """The page."""
    api, worker = Metrics(), Metrics()
    worker.show_worker_series()
    common = {family.name for family in api.registry.collect()}
    rows = [_row(family, labels) for family, labels in _families(api.registry)]
    more = [_row(family, labels) for family, labels in _families(worker.registry) if family.name not in common]
    return "\n".join([_HEAD, *_table("Every process", rows), "", *_table("Workers alone", more), ""])


def _table(title: str, rows: list[str]) -> list[str]:
    return [
        f"## {title}",
        "",
        "| metric | kind | labels | what it counts |",
        "| --- | --- | --- | --- |",
        *sorted(rows),
    ]


def _families(registry: CollectorRegistry) -> list[tuple[Metric, tuple[str, ...]]]:
    labels: dict[str, tuple[str, ...]] = {}
    pending = [registry]
    while pending:
        for collector in pending.pop()._collector_to_names:
            if isinstance(collector, CollectorRegistry):
                pending.append(collector)
            elif isinstance(collector, MetricWrapperBase):
                labels[collector._name] = collector._labelnames
    return [(family, labels[family.name]) for family in registry.collect()]


def _row(family: Metric, labels: tuple[str, ...]) -> str:
    name = family.name + ("_total" if family.type == "counter" else "")
    told = ", ".join(f"`{label}`" for label in labels)
    return f"| `{name}` | {family.type} | {told} | {family.documentation} |"
