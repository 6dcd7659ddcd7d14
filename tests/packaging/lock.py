"""Reads the hash-pinned requirement files, and works out what they must hold from the metadata of what is installed."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

Requires = Callable[[str], Sequence[str] | None]
"""The requirement lines of a distribution, by name; None where its metadata cannot be had."""


@dataclass(frozen=True, slots=True)
class Pin:
    """One entry of a requirement file."""

    version: str
    marker: Marker | None
    hashes: int

    def applies(self, environment: Mapping[str, str]) -> bool:
        """Whether pip installs it there."""
        return self.marker is None or self.marker.evaluate(dict(environment))


def read_lock(text: str) -> dict[str, Pin]:
    """The entries of a requirement file by name. Raises ValueError for one that is not pinned to one version."""
    pins = {}
    for line in text.replace("\\\n", " ").splitlines():
        line, _, _ = line.partition("    # via")
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        wanted, *hashes = line.split("--hash=")
        requirement = Requirement(wanted.strip())
        [specifier] = requirement.specifier
        if specifier.operator != "==":
            raise ValueError(f"{requirement} names no single version")
        pins[canonicalize_name(requirement.name)] = Pin(specifier.version, requirement.marker, len(hashes))
    return pins


def installed_requires(name: str) -> Sequence[str] | None:
    """What the installed distribution says that it needs."""
    try:
        return metadata.requires(name) or []
    except metadata.PackageNotFoundError:
        return None


def problems(
    lock: Mapping[str, Pin], roots: Iterable[str], environment: Mapping[str, str], requires: Requires
) -> Iterator[str]:
    """What a resolver would have to add to `lock` in `environment`, or to change in it; nothing where it is complete.

    Args:
        roots: the project's own requirement lines.
        environment: the variables of PEP 508 markers.
        requires: where the metadata comes from.
    """
    waiting = [(Requirement(line), "", "the project") for line in roots]
    seen = set()
    while waiting:
        wanted, extra, whose = waiting.pop()
        if (str(wanted), extra) in seen or not _is_wanted(wanted, extra, environment):
            continue
        seen.add((str(wanted), extra))
        name = canonicalize_name(wanted.name)
        pin = lock.get(name)
        if pin is None or not pin.applies(environment):
            yield f"{whose} needs {wanted}, which is not pinned"
            continue
        if not wanted.specifier.contains(pin.version, prereleases=True):
            yield f"{whose} needs {wanted}, and {pin.version} is pinned"
        lines = requires(name)
        if lines is None:
            yield f"{name} is not installed here, so that nobody knows what it needs"
            continue
        waiting += [(Requirement(line), one, name) for line in lines for one in ("", *wanted.extras)]


def _is_wanted(wanted: Requirement, extra: str, environment: Mapping[str, str]) -> bool:
    return wanted.marker is None or wanted.marker.evaluate({**environment, "extra": extra})


def project_requirements(pyproject: Mapping[str, object], *, extras: Sequence[str], groups: Sequence[str]) -> list[str]:
    """The requirement lines of pyproject.toml with these extras and dependency groups."""
    project: dict[str, object] = pyproject["project"]
    optional: dict[str, list[str]] = project["optional-dependencies"]
    grouped: dict[str, list[str]] = pyproject["dependency-groups"]
    plain: list[str] = project["dependencies"]
    return [
        *plain,
        *(line for name in extras for line in optional[name]),
        *(line for name in groups for line in grouped[name]),
    ]


def environment(python: str, system: str, machine: str) -> dict[str, str]:
    """The PEP 508 marker variables of CPython `python` (all three numbers) on that machine."""
    return {
        "implementation_name": "cpython",
        "implementation_version": python,
        "os_name": "posix",
        "platform_machine": machine,
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": {"linux": "Linux", "darwin": "Darwin"}[system],
        "platform_version": "",
        "python_full_version": python,
        "python_version": ".".join(python.split(".")[:2]),
        "sys_platform": system,
        "extra": "",
    }


def read(path: Path) -> dict[str, Pin]:
    """`read_lock` of a file."""
    return read_lock(path.read_text("utf-8"))
