"""What a release is made of, and whether this commit can be one: `make dist` and `make release-check`.

    dist/identity_api-VERSION-py3-none-any.whl, .tar.gz    the wheel and the sdist
    dist/identity-api-VERSION-requirements.txt             the production lock: names, versions and hashes
    dist/identity-api-VERSION.cdx.json                     the bill of materials (CycloneDX), of what that lock installs
    dist/SHA256SUMS

The wheel is installed from the production lock into a new environment, and the bill of materials is of that environment.
"""

import argparse
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tomllib
import venv
from collections.abc import Callable, Iterator
from pathlib import Path

from graphql import build_schema, find_breaking_changes

from tests.packaging.lock import read
from tests.upgrade.trees import UNRELEASED

ROOT = Path(__file__).parents[1]
PRODUCTION = ROOT / "requirements" / "production.txt"
PREVIOUS_VERSION = Path("tests", "upgrade", "previous_version.txt")


class NotReady(Exception):
    """Why this commit cannot be released, as a sentence."""


def version() -> str:
    """The project's version."""
    found = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    return str(found)


def make_dist(dist: Path, work: Path, tools: Path) -> None:
    """Build everything into `dist`, with the environment it was tried in at `work`."""
    shutil.rmtree(dist, ignore_errors=True)
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", dist, ROOT)
    [wheel] = dist.glob("*.whl")
    install(wheel, work)
    name = f"identity-api-{version()}"
    shutil.copy(PRODUCTION, dist / f"{name}-requirements.txt")
    materials = dist / f"{name}.cdx.json"
    run(
        tools / "bin" / "cyclonedx-py", "environment", "--pyproject", ROOT / "pyproject.toml", "--output-reproducible",
        "--of", "JSON", "-o", materials, work / "bin" / "python",
    )  # fmt: skip
    check_materials(materials)
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in sorted(dist.iterdir())]
    (dist / "SHA256SUMS").write_text("".join(sums))


def install(wheel: Path, work: Path) -> None:
    """Install the wheel as a stranger does: from the production lock, with hashes and without a resolver."""
    venv.create(work, clear=True, with_pip=True)
    pip = (work / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "--quiet")
    run(*pip, "install", "--no-deps", "--require-hashes", "--only-binary", ":all:", "-r", PRODUCTION)
    run(*pip, "install", "--no-deps", "--no-index", wheel)
    run(*pip, "check")
    said = run(work / "bin" / "identity-api", "--version")
    if version() not in said:
        raise NotReady(f"The installed command says {said.strip()}, and the version is {version()}.")


def check_materials(path: Path) -> None:
    """Every pin of the lock that is installed here is in the bill of materials, with its version."""
    found = {one["name"]: one["version"] for one in json.loads(path.read_text())["components"]}
    wrong = [name for name, pin in read(PRODUCTION).items() if found.get(name, pin.version) != str(pin.version)]
    if wrong or len(found) < len(read(PRODUCTION)) // 2:
        raise NotReady(
            f"The bill of materials does not have what the lock has: {', '.join(wrong) or 'most is missing'}."
        )


def check_changelog() -> None:
    """The version has a section with something in it, and nothing is left over for a later one."""
    sections = dict(re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", (ROOT / "CHANGELOG.md").read_text(), re.M | re.S))
    titles = {title.split()[0]: text.strip() for title, text in sections.items()}
    if not titles.get(version()):
        raise NotReady(f"CHANGELOG.md has no section `## {version()}`: rename `## Unreleased`.")
    if titles.get("Unreleased"):
        raise NotReady("CHANGELOG.md still has entries under `## Unreleased`.")


def check_commit() -> None:
    """Nothing is uncommitted, and no tag has this version."""
    if changed := run("git", "-C", ROOT, "status", "--porcelain"):
        raise NotReady(f"There are changes that are not committed: {', '.join(changed.split()[1::2])}.")
    if run("git", "-C", ROOT, "tag", "--list", f"v{version()}").strip():
        raise NotReady(f"The tag v{version()} exists: raise the version in pyproject.toml.")


def check_chart() -> None:
    """The chart is of this version."""
    chart = (ROOT / "deploy" / "helm" / "identity-api" / "Chart.yaml").read_text()
    for member in (f"version: {version()}\n", f'appVersion: "{version()}"\n'):
        if member not in chart:
            raise NotReady(f"deploy/helm/identity-api/Chart.yaml lacks the line `{member.strip()}`.")


def check_previous() -> None:
    """The tests of upgrades run the newest release of the minor version before this one."""
    tags = run("git", "-C", ROOT, "tag", "--list", "v*").split()
    numbers = {tag: tuple(map(int, tag[1:].split("."))) for tag in tags if re.fullmatch(r"v\d+\.\d+\.\d+", tag)}
    this = tuple(map(int, version().split(".")[:2]))
    wanted = max((tag for tag in numbers if numbers[tag][:2] < this), key=lambda tag: numbers[tag], default=UNRELEASED)
    if (ROOT / PREVIOUS_VERSION).read_text("utf-8").strip() != wanted:
        raise NotReady(f"{PREVIOUS_VERSION} must say {wanted}.")


def check_schema() -> None:
    """No client of the previous minor version breaks, unless the changelog tells of it (`Breaking` in the version's section)."""
    previous = (ROOT / PREVIOUS_VERSION).read_text("utf-8").strip()
    if previous == UNRELEASED:
        return
    before = build_schema(run("git", "-C", ROOT, "show", f"{previous}:schema.graphql"))
    found = find_breaking_changes(before, build_schema((ROOT / "schema.graphql").read_text("utf-8")))
    section = (ROOT / "CHANGELOG.md").read_text("utf-8").partition(f"## {version()}")[2].partition("\n## ")[0]
    if found and "Breaking" not in section:
        told = "; ".join([one.description for one in found])
        raise NotReady(f"Clients of {previous} would break, and CHANGELOG.md does not say so: {told}")


def run(*command: str | Path) -> str:
    """Its standard output.

    Raises:
        NotReady: it failed.
    """
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode:
        raise NotReady(f"{' '.join(map(str, command))} failed:\n{(done.stdout + done.stderr)[-4_000:]}")
    return done.stdout


def steps(command: str, tools: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    """Name and function of each step, in their order."""
    if command == "check":
        yield "the changelog has this version", check_changelog
        yield "the chart has this version", check_chart
        yield "upgrades are tested from the previous minor version", check_previous
        yield "the GraphQL schema breaks no client without a word", check_schema
        yield "everything is committed, and the version is new", check_commit
    dist = ROOT / "dist"
    yield (
        "wheel, sdist and bill of materials, installed from the lock",
        lambda: make_dist(dist, ROOT / "build" / "production", tools),
    )


def main() -> None:
    """Do the steps, and end with 1 at the first that fails."""
    reader = argparse.ArgumentParser()
    reader.add_argument("command", choices=("dist", "check"))
    reader.add_argument("--tools", type=Path, required=True)
    asked = reader.parse_args()
    for name, step in steps(asked.command, asked.tools):
        try:
            step()
        except NotReady as error:
            sys.exit(f"fail  {name}\n{error}")
        print(f"ok    {name}")


if __name__ == "__main__":
    main()
