"""The frontend's client, by its own tests."""

import shutil
import subprocess
from pathlib import Path

import pytest

CLIENT = Path(__file__).parents[2] / "clients" / "typescript"
NODE = shutil.which("node")


@pytest.mark.skipif(NODE is None, reason="Node is not installed: the tests of clients/typescript need its test runner")
def test_the_clients_own_tests_pass() -> None:
    assert NODE is not None
    done = subprocess.run(
        [NODE, "--test", "test/"], cwd=CLIENT, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_client_depends_on_nothing_and_is_small() -> None:
    import gzip
    import json

    package = json.loads((CLIENT / "package.json").read_text("utf-8"))
    assert not package.keys() & {"dependencies", "devDependencies", "peerDependencies"}
    assert len(gzip.compress((CLIENT / "src" / "identity.js").read_bytes())) < 4_096
