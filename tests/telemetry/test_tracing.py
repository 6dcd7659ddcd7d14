"""Spans: nothing unless configured, and no secret when they are."""

import sys

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from identity_api.errors import ConfigurationError
from identity_api.telemetry import MASK, configure_tracing, span


@pytest.fixture
def finish():
    exporter = InMemorySpanExporter()
    stop = configure_tracing("http://127.0.0.1:4318", exporter=exporter)

    def finish():
        stop()
        return exporter.get_finished_spans()

    yield finish
    stop()


def test_without_configuration_a_span_does_nothing():
    with span("login.finish", provider_kind="oidc"):
        pass


def test_a_span_has_its_name_and_attributes(finish):
    with span("login.finish", provider_kind="oidc", attempts=2):
        pass
    (recorded,) = finish()
    assert (recorded.name, dict(recorded.attributes)) == ("login.finish", {"provider_kind": "oidc", "attempts": 2})
    assert recorded.resource.attributes["service.name"] == "identity-api"


def test_spans_nest(finish):
    with span("outer"), span("inner"):
        pass
    inner, outer = finish()
    assert inner.parent.span_id == outer.context.span_id


def test_attributes_pass_the_redaction(finish):
    with span("x", token="canary", url="https://h/?code=canary"):
        pass
    (recorded,) = finish()
    assert recorded.attributes["token"] == MASK
    assert "canary" not in recorded.to_json()


def test_an_exception_passes_through_and_leaves_its_type_only(finish):
    with pytest.raises(ValueError, match="canary"), span("x"):
        raise ValueError("canary")
    (recorded,) = finish()
    assert recorded.attributes["error.type"] == "ValueError"
    assert "canary" not in recorded.to_json()


def test_after_the_stop_spans_do_nothing_again(finish):
    finish()
    with span("late"):
        pass
    assert [recorded.name for recorded in finish()] == []


def test_without_the_extra_configuring_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "opentelemetry.sdk.trace", None)
    with pytest.raises(ConfigurationError) as refused:
        configure_tracing("http://127.0.0.1:4318")
    assert "identity-api[telemetry]" in refused.value.message


def test_a_step_may_note_what_it_learns_on_the_way(finish):
    with span("http.request", method="GET") as note:
        note("route", "/auth/launch/{handle}")
        note("token", "canary")
    (traced,) = finish()
    assert traced.attributes["route"] == "/auth/launch/{handle}"
    assert "canary" not in str(traced.attributes)


def test_an_untraced_step_may_note_as_well():
    with span("http.request") as note:
        note("route", "/")
