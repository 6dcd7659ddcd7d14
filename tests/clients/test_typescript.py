"""The frontend's client, its bindings and its types, by its own tests and tools."""

import gzip
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import blocks

ROOT = Path(__file__).parents[2]
CLIENT = ROOT / "clients" / "typescript"
NODE = shutil.which("node")
HAS_MODULES = (CLIENT / "node_modules" / "typescript").is_dir()

needs_node = pytest.mark.skipif(NODE is None, reason="Node is not installed: clients/typescript needs it for its tests")
needs_modules = pytest.mark.skipif(
    NODE is None or not HAS_MODULES, reason="npm packages are missing; run: npm ci --prefix clients/typescript"
)


def run(*arguments: str) -> None:
    assert NODE is not None
    done = subprocess.run([NODE, *arguments], cwd=CLIENT, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_node
def test_the_clients_own_tests_pass() -> None:
    run("--test", "test/identity.test.js")


@needs_modules
def test_the_bindings_work_in_react_and_vue() -> None:
    run("--test", "test/react.test.js", "test/vue.test.js")


AROUND = """declare const identity: import("@identity-api/client").Identity;
declare const showDocuments: () => void, show: (permissions: readonly string[]) => void;
declare const signInButton: HTMLButtonElement, signOutButton: HTMLButtonElement;
export {};
"""
"""What the page of the client leaves to the application."""


def write_snippets() -> None:
    """The code of the client's page as modules that the compiler looks at."""
    folder = CLIENT / "test" / "snippets"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    (folder / "vue.d.ts").write_text(
        'declare module "*.vue" { const it: import("vue").Component; export default it; }\n'
    )
    for number, code in enumerate(blocks("clients/typescript/README.md", "js", "jsx", "ts")):
        known = (
            AROUND.replace("declare const identity", "declare const another") if "const identity =" in code else AROUND
        )
        (folder / f"snippet{number}.tsx").write_text(known + code)


@needs_modules
def test_the_types_are_made_from_the_schema_accept_what_is_documented_and_refuse_what_is_wrong() -> None:
    run("types.mjs")
    write_snippets()
    run("node_modules/typescript/bin/tsc", "-p", ".")


@needs_modules
def test_the_package_has_the_client_its_bindings_and_their_types(tmp_path: Path) -> None:
    """As the page says: packed, since a link to the folder would bring a second React."""
    npm = shutil.which("npm")
    assert npm is not None
    command = [npm, "pack", "--json", "--silent", "--pack-destination", str(tmp_path), str(CLIENT)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    [packed] = json.loads(done.stdout)
    assert packed["filename"] in (CLIENT / "README.md").read_text("utf-8")
    code = {f"src/{name}" for name in ("identity.js", "react.js", "vue.js", "follow.js")}
    types = {f"src/{name}.d.ts" for name in ("identity", "react", "vue", "schema")}
    assert {one["path"] for one in packed["files"]} == code | types | {"README.md", "package.json"}


def test_the_user_has_the_members_that_the_service_describes() -> None:
    described = json.loads((ROOT / "docs" / "openapi.json").read_text("utf-8"))["components"]["schemas"]["UserContext"]
    declared = (CLIENT / "src" / "identity.d.ts").read_text("utf-8")
    user = declared.partition("interface User {")[2].partition("}")[0]
    members = dict(re.findall(r"readonly (\w+): (.+);", user))
    assert members == {name: written(kind) for name, kind in described["properties"].items()}


def written(kind: dict[str, Any]) -> str:
    """A JSON type as TypeScript writes it."""
    if "anyOf" in kind or "oneOf" in kind:
        return " | ".join(written(one) for one in kind.get("anyOf") or kind["oneOf"])
    if isinstance(kind["type"], list):
        return " | ".join(sorted((written({"type": one}) for one in kind["type"]), key=lambda name: name == "null"))
    if kind["type"] == "array":
        return f"readonly {written(kind['items'])}[]"
    return str(kind["type"])


def test_the_client_depends_on_nothing_when_it_runs_and_is_small() -> None:
    package = json.loads((CLIENT / "package.json").read_text("utf-8"))
    assert "dependencies" not in package
    assert all(package["peerDependenciesMeta"][name]["optional"] for name in package["peerDependencies"])
    assert len(gzip.compress((CLIENT / "src" / "identity.js").read_bytes())) < 4_096
    for binding in ("react", "vue", "follow"):
        assert (CLIENT / "src" / f"{binding}.js").read_text("utf-8").count("\n") < 100


def test_the_lock_names_no_host() -> None:
    for lock in (CLIENT, ROOT / "tests" / "interop"):
        assert "://" not in (lock / "package-lock.json").read_text("utf-8")
