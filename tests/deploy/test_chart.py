"""The Helm chart: linted and rendered by helm where it is installed, and its parts looked at in any case."""

import json
import re
import subprocess
from typing import Any

import pytest
import yaml

from identity_api.config import settings_table
from tests.deploy.servers import DEPLOY
from tests.programs import program
from tests.release import version

CHART = DEPLOY / "helm" / "identity-api"
TEMPLATES = sorted((CHART / "templates").iterdir())
SETTINGS = {setting.variable for setting in settings_table()}
URL = ("--set", "publicUrl=https://identity.example.com")


def helm(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [program("helm"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def rendered(*values: str) -> dict[tuple[str, str], Any]:
    """What helm makes of the chart, by kind and name."""
    done = helm("template", "acme", "--kube-version", "1.30.0", CHART, *URL, *values)
    assert done.returncode == 0, done.stderr
    documents = [one for one in yaml.safe_load_all(done.stdout) if one]
    return {(one["kind"], one["metadata"]["name"]): one for one in documents}


def test_helm_finds_nothing_to_say_against_the_chart() -> None:
    done = helm("lint", "--strict", CHART, *URL)
    assert done.returncode == 0, done.stdout
    assert "0 chart(s) failed" in done.stdout


def test_everything_that_was_promised_is_rendered() -> None:
    found = rendered()
    name = "acme-identity-api"
    assert {
        ("Deployment", f"{name}-api"),
        ("Deployment", f"{name}-worker"),
        ("Service", name),
        ("Job", f"{name}-migrate"),
        ("PodDisruptionBudget", f"{name}-api"),
        ("PodDisruptionBudget", f"{name}-worker"),
        ("NetworkPolicy", f"{name}-api"),
        ("NetworkPolicy", f"{name}-worker"),
        ("NetworkPolicy", f"{name}-migrate"),
    } == set(found)
    assert found["Job", f"{name}-migrate"]["metadata"]["annotations"]["helm.sh/hook"] == "pre-install,pre-upgrade"
    assert ("Ingress", name) in rendered(
        "--set", "ingress.enabled=true", "--set", "ingress.hosts={identity.example.com}"
    )


def test_every_pod_has_no_rights_writes_nowhere_and_takes_its_secrets_by_reference() -> None:
    pods = [one["spec"]["template"]["spec"] for (kind, _), one in rendered().items() if kind in ("Deployment", "Job")]
    assert len(pods) == 3
    for pod in pods:
        [container] = pod["containers"]
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["automountServiceAccountToken"] is False
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        given = {one["name"]: one for one in container["env"]}
        assert set(given) <= SETTINGS
        for secret in ("IDENTITY_DATABASE_URL", "IDENTITY_REDIS_URL", "IDENTITY_SECRET_KEYS"):
            assert set(given[secret]) == {"name", "valueFrom"}


def test_the_probes_ask_what_the_process_answers() -> None:
    found = rendered()
    [api] = found["Deployment", "acme-identity-api-api"]["spec"]["template"]["spec"]["containers"]
    [worker] = found["Deployment", "acme-identity-api-worker"]["spec"]["template"]["spec"]["containers"]
    assert api["readinessProbe"]["httpGet"]["path"] == "/health/ready"
    assert api["livenessProbe"]["httpGet"]["path"] == "/health/live"
    assert worker["livenessProbe"]["httpGet"] == {"path": "/health/live", "port": "metrics"}


@pytest.mark.parametrize(
    "values", [["--set", "publicUrl=http://identity.example.com"], ["--set", "settings.IDENTITY_SECRET_KEYS=k1:abc"]]
)
def test_a_plain_address_or_a_secret_among_the_values_is_refused(values: list[str]) -> None:
    done = helm("template", "acme", "--kube-version", "1.30.0", CHART, *URL, *values)
    assert done.returncode != 0
    assert "don't meet the specifications of the schema" in done.stderr


def test_the_chart_is_of_this_version() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    assert (chart["version"], chart["appVersion"]) == (version(), version())


def test_values_are_readable_and_every_one_that_a_template_names_exists() -> None:
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    json.loads((CHART / "values.schema.json").read_text())
    named = {name for path in TEMPLATES for name in re.findall(r"\.Values\.([\w.]+)", path.read_text())}
    assert named
    for name in named:
        at: Any = values
        for part in name.split("."):
            assert part in at, f"{name} has no default"
            at = at[part]


def test_no_value_is_a_secret() -> None:
    text = (CHART / "values.yaml").read_text()
    assert not re.search(r"^\s*(password|secret-keys|redis-url|database-url):", text, re.M)
