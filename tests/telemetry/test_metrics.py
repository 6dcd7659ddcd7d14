"""Numbers, and labels that nobody outside can multiply."""

import subprocess

import pytest

from identity_api.telemetry import METRICS, Metrics, ProviderFigures, render_metrics
from tests.programs import program


@pytest.fixture
def metrics():
    made = Metrics()
    made.show_worker_series()
    return made


def value(metrics, name, **labels):
    return metrics.registry.get_sample_value(name, labels)


def test_logins_are_counted_by_outcome_and_kind_of_provider(metrics):
    metrics.count_login("OK", "oidc")
    metrics.count_login("OK", "oidc")
    metrics.count_login("CLAIM_MISSING", "oauth2")
    assert value(metrics, "identity_logins_total", outcome="OK", provider_kind="oidc") == 2
    assert value(metrics, "identity_logins_total", outcome="CLAIM_MISSING", provider_kind="oauth2") == 1


def test_syncs_are_counted_in_batches(metrics):
    metrics.count_sync("FRESH", 100)
    assert value(metrics, "identity_syncs_total", outcome="FRESH") == 100


def test_the_lag_histogram_has_a_bound_at_the_promise(metrics):
    """S0-20, S0-64."""
    metrics.observe_sync_lag(599)
    metrics.observe_sync_lag(601)
    assert value(metrics, "identity_sync_lag_seconds_bucket", le="600.0") == 1
    assert value(metrics, "identity_sync_lag_seconds_count") == 2


def test_a_state_that_nobody_is_in_any_more_disappears(metrics):
    metrics.set_identities({"FRESH": 5, "STALE": 1})
    metrics.set_identities({"FRESH": 6})
    assert value(metrics, "identity_identities", state="FRESH") == 6
    assert value(metrics, "identity_identities", state="STALE") is None


def test_requests_are_observed_by_route_method_and_status(metrics):
    metrics.observe_request("/login/{provider}", "GET", 302, 0.01)
    labels = {"route": "/login/{provider}", "method": "GET", "status": "302"}
    assert value(metrics, "identity_http_request_seconds_count", **labels) == 1


def test_the_age_of_the_oldest_unsealed_event_is_shown(metrics):
    metrics.set_oldest_unsealed(3)
    assert value(metrics, "identity_audit_oldest_unsealed_seconds") == 3


def test_a_process_that_is_no_worker_does_not_say_that_nothing_is_late():
    api = Metrics()
    body, _ = api.render()
    assert b"sync" not in body
    assert b"unsealed" not in body
    api.show_worker_series()
    body, _ = api.render()
    assert b"\nidentity_sync_oldest_due_seconds 0.0" in body


def figures(provider, **values):
    told = {"synced": 0, "due": 0, "stale": 0, "oldest_due_seconds": 0.0, "refused": False, "paused": False}
    return ProviderFigures(tenant="acme", provider=provider, **(told | values))


def test_each_provider_has_series_of_its_own(metrics):
    metrics.set_providers([figures("okta", due=2, refused=True), figures("entra", paused=True)], limit=2)
    okta, entra = ({"tenant": "acme", "provider": name} for name in ("okta", "entra"))
    assert value(metrics, "identity_provider_due_identities", **okta) == 2
    assert value(metrics, "identity_provider_refused", **okta) == 1
    assert value(metrics, "identity_provider_paused", **okta) == 0
    assert value(metrics, "identity_provider_paused", **entra) == 1


def test_providers_beyond_the_limit_are_counted_together_and_the_worst_of_them_shows(metrics):
    late = [figures(f"p{number}", due=10, oldest_due_seconds=float(number)) for number in range(5)]
    metrics.set_providers(late, limit=2)
    others = {"tenant": "OTHER", "provider": "OTHER"}
    assert value(metrics, "identity_provider_due_identities", **others) == 30
    assert value(metrics, "identity_provider_oldest_due_seconds", **others) == 4
    body, _ = metrics.render()
    assert body.count(b"identity_provider_due_identities{") == 3


def test_a_provider_that_is_gone_has_no_series_any_more(metrics):
    metrics.set_providers([figures("okta")], limit=10)
    metrics.set_providers([], limit=10)
    assert value(metrics, "identity_provider_due_identities", tenant="acme", provider="okta") is None


def test_names_and_help_follow_the_conventions_of_prometheus(metrics):
    metrics.set_providers([figures("okta")], limit=1)
    metrics.count_login("OK", "oidc")
    metrics.observe_request("/", "GET", 200, 0.01)
    body, _ = metrics.render()
    told = subprocess.run(
        [program("promtool"), "check", "metrics"], input=body, capture_output=True, timeout=30, check=False
    )
    assert (told.returncode, told.stderr + told.stdout) == (0, b"")


def test_a_method_that_somebody_invented_makes_no_series(metrics):
    metrics.observe_request("/", "BREW", 405, 0.01)
    assert value(metrics, "identity_http_request_seconds_count", route="/", method="OTHER", status="405") == 1


def test_an_outcome_that_is_no_code_is_counted_as_other(metrics):
    metrics.count_login("what the provider wrote", "oidc")
    assert value(metrics, "identity_logins_total", outcome="OTHER", provider_kind="oidc") == 1


def test_the_number_of_series_is_bounded(metrics):
    for number in range(1_000):
        metrics.count_sync(f"CODE{number}")
        metrics.observe_request(f"/{number}", "GET", 200, 0.01)
    body, _ = metrics.render()
    assert body.count(b"identity_syncs_total{") == 201
    assert value(metrics, "identity_syncs_total", outcome="OTHER") == 800


def test_the_page_is_in_the_exposition_format():
    METRICS.count_login("OK", "oidc")
    body, content_type = render_metrics()
    assert content_type.startswith("text/plain")
    assert b'identity_logins_total{outcome="OK",provider_kind="oidc"}' in body
