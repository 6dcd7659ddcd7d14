"""Each alert fires when it should and is silent when not, as promtool judges; and each leads to a runbook."""

import re
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from identity_api.telemetry import Metrics
from tests.deploy.servers import DEPLOY, ROOT
from tests.programs import program

MONITORING = DEPLOY / "monitoring"
RULES = {rule["alert"]: rule for rule in yaml.safe_load((MONITORING / "alerts.yaml").read_text())["groups"][0]["rules"]}
OKTA = 'tenant="acme",provider="okta"'
QUIET = {
    'identity_sync_sweep_age_seconds{instance="w1"}': "1x120",
    'identity_sync_sweep_age_seconds{instance="w2"}': "300x120",
    "identity_sync_oldest_due_seconds": "20x120",
    f"identity_provider_refused{{{OKTA}}}": "0x120",
    f"identity_provider_stale_identities{{{OKTA}}}": "1x120",
    f"identity_provider_synced_identities{{{OKTA}}}": "100x120",
    f"identity_provider_paused{{{OKTA}}}": "0x120",
    'identity_alarms_total{kind="mass_invalid_grant"}': "1x120",
    'identity_alarms_total{kind="breaker_opened"}': "0+1x120",
    'identity_alarms_total{kind="break_glass_used"}': "0x120",
    'identity_alarms_total{kind="nobody_administers"}': "0x120",
    "identity_audit_oldest_unsealed_seconds": "2x120",
    "identity_webhook_oldest_failing_seconds": "600x120",
    'identity_http_request_seconds_count{status="200"}': "0+1000x120",
    'identity_http_request_seconds_count{status="503"}': "0+1x120",
    'identity_logins_total{outcome="OK",provider_kind="oidc"}': "0+10x120",
    'identity_logins_total{outcome="CLAIM_MISSING",provider_kind="oidc"}': "0+1x120",
    "identity_rate_limit_fallbacks_total": "0x120",
    "identity_enqueue_failures_total": "0x120",
}


@dataclass(frozen=True)
class Case:
    """What is otherwise than in `QUIET`, and what the alert then says."""

    series: dict[str, str | None]
    labels: dict[str, str] = field(default_factory=dict)
    value: str = ""


HERE = {"tenant": "acme", "provider": "okta"}
FIRING = {
    "IdentityWorkerMissing": Case(
        {'identity_sync_sweep_age_seconds{instance="w1"}': None, 'identity_sync_sweep_age_seconds{instance="w2"}': None}
    ),
    "IdentitySyncLate": Case({"identity_sync_oldest_due_seconds": "400x120"}, value="6m 40s"),
    "IdentityProviderRefusesUs": Case({f"identity_provider_refused{{{OKTA}}}": "1x120"}, HERE),
    "IdentityProviderStale": Case({f"identity_provider_stale_identities{{{OKTA}}}": "21x120"}, HERE, "21"),
    "IdentityProviderPaused": Case({f"identity_provider_paused{{{OKTA}}}": "1x120"}, HERE),
    "IdentityMassEnd": Case(
        {'identity_alarms_total{kind="mass_invalid_grant"}': "1x115 2x5"}, {"kind": "mass_invalid_grant"}
    ),
    "IdentityBreakGlassUsed": Case({'identity_alarms_total{kind="break_glass_used"}': "0x115 1x5"}),
    "IdentityNobodyAdministers": Case({'identity_alarms_total{kind="nobody_administers"}': "0x115 1x5"}),
    "IdentityWebhookDead": Case({"identity_webhook_oldest_failing_seconds": "5400x120"}, value="1h 30m 0s"),
    "IdentityAuditUnsealed": Case({"identity_audit_oldest_unsealed_seconds": "90x120"}, value="1m 30s"),
    "IdentityRequestsFail": Case({'identity_http_request_seconds_count{status="503"}': "0+20x120"}),
    "IdentityLoginsFail": Case(
        {'identity_logins_total{outcome="CLAIM_MISSING",provider_kind="oidc"}': "0+30x120"}, {"provider_kind": "oidc"}
    ),
    "IdentityRedisAway": Case({"identity_rate_limit_fallbacks_total": "0+2x120"}),
}


def promtool_test(folder: Path, series: dict[str, str | None], expected: dict[str, list[dict[str, Any]]]) -> None:
    """Have promtool run the rules over the series; what fires at the end has to be what is expected."""
    document = {
        "rule_files": [str(MONITORING / "alerts.yaml")],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in series.items() if values],
                "alert_rule_test": [
                    {"eval_time": "2h", "alertname": name, "exp_alerts": alerts} for name, alerts in expected.items()
                ],
            }
        ],
    }
    path = folder / "test.yaml"
    path.write_text(yaml.safe_dump(document))
    command = [program("promtool"), "test", "rules", path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def told(name: str, case: Case) -> dict[str, Any]:
    """The alert as it should be: the rule's labels and sentences, with the case's."""
    rule = RULES[name]

    def filled(text: str) -> str:
        text = re.sub(r"\{\{ \$labels\.(\w+) \}\}", lambda found: case.labels[found[1]], text)
        return re.sub(r"\{\{ \$value[^}]*\}\}", case.value, text)

    return {
        "exp_labels": {**rule["labels"], **case.labels},
        "exp_annotations": {key: filled(text) for key, text in rule["annotations"].items()},
    }


def test_every_alert_has_a_case() -> None:
    assert set(FIRING) == set(RULES)


def test_nothing_fires_while_all_is_well(tmp_path: Path) -> None:
    promtool_test(tmp_path, dict(QUIET), {name: [] for name in RULES})


@pytest.mark.parametrize("name", sorted(FIRING))
def test_an_alert_fires_alone(name: str, tmp_path: Path) -> None:
    case = FIRING[name]
    expected = {other: [told(name, case)] if other == name else [] for other in RULES}
    promtool_test(tmp_path, {**QUIET, **case.series}, expected)


@pytest.mark.parametrize("name", sorted(RULES))
def test_an_alert_leads_to_a_runbook_that_starts_from_it(name: str) -> None:
    runbook = ROOT / RULES[name]["annotations"]["runbook"]
    assert f"`{name}`" in runbook.read_text().split("\n## ")[0]


WITHOUT_ALERT = ("lost-access.md", "restore.md")
"""They begin with what somebody asks, or with what somebody wants to try."""


def test_no_runbook_is_without_an_alert() -> None:
    named = {Path(rule["annotations"]["runbook"]).name for rule in RULES.values()}
    assert {path.name for path in (ROOT / "docs" / "runbooks").glob("*.md")} == named | {"README.md", *WITHOUT_ALERT}


@pytest.mark.parametrize("page", ["alerts.yaml", "dashboard.json"])
def test_rules_and_panels_name_metrics_that_exist(page: str) -> None:
    named = set(re.findall(r"identity_[a-z_]+", (MONITORING / page).read_text()))
    metrics = Metrics()
    metrics.show_worker_series()
    there = set()
    for family in metrics.registry.collect():
        endings = {"counter": ("_total",), "histogram": ("_bucket", "_count", "_sum")}.get(family.type, ("",))
        there |= {family.name + ending for ending in endings}
    assert named
    assert named <= there
