"""The servers that are measured: one process each on the same core, over one database on the other."""

import compileall
import os
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from benchmarks import machine
from benchmarks.cases import BARE, BY_HAND, FLOOR, POSTGRAPHILE, PRODUCT
from tests.ports import free_port

ROOT = Path(__file__).parent.parent
HERE = Path(__file__).parent / "contenders" / "postgraphile"
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "identity-api" / "benchmark-postgraphile"
START_SECONDS = 60
_APPLICATIONS = {
    PRODUCT: "identity_api.cli.server:worker_application",
    BY_HAND: "benchmarks.contenders.by_hand:create_app",
    FLOOR: "benchmarks.contenders.floor:create_app",
    BARE: "benchmarks.replays:create_bare",
}


class Server:
    """A running one. `seconds_to_ready` are from its start to its first answer."""

    def __init__(self, name: str, command: list[str], environment: dict[str, str], core: int | None) -> None:
        self.name, self.port = name, free_port()
        command = [str(self.port) if part == "PORT" else part for part in command]
        begun = time.monotonic()
        self._process = subprocess.Popen(
            command,
            env={**environment, "PORT": str(self.port)},
            stderr=subprocess.DEVNULL,
            preexec_fn=None if core is None else lambda: machine.pin(core),
        )
        self._wait()
        self.seconds_to_ready = time.monotonic() - begun
        self.megabytes_at_rest = self.megabytes()

    @property
    def pid(self) -> int:
        """The process that was started."""
        return self._process.pid

    def processes(self) -> list[int]:
        """That process, and those that it has started."""
        return machine.tree(self.pid) if machine.HAS_PROC else []

    def megabytes(self) -> float:
        """Resident memory."""
        return machine.resident_megabytes(self.processes())

    def stop(self) -> None:
        """Stop it, and wait until it has ended."""
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _wait(self) -> None:
        path = "/health/ready" if self.name == PRODUCT else "/"
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until and self._process.poll() is None:
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=5)
                return
            except urllib.error.HTTPError:
                if self.name != PRODUCT:
                    return  # it has no such page, and says so
            except OSError:
                pass
            time.sleep(0.02)
        raise SystemExit(f"{self.name} does not start")


def application(name: str, environment: dict[str, str], core: int | None = None) -> Server:
    """One more process of an application, pinned to no core unless one is named."""
    command = [sys.executable, "-m", "granian", "--interface", "asgi", "--factory", "--loop", "uvloop", "--no-ws"]
    command += ["--log-level", "error", "--host", "127.0.0.1", "--port", "PORT", _APPLICATIONS[name]]
    return Server(name, command, environment, core)


def start(database_url: str, environment: dict[str, str], core: int | None) -> list[Server]:
    """All that can be measured here, in the order of the tables."""
    # As an installed package is: without this the first start of a tree compiles it, and so does each that may not write.
    for package in ("identity_api", "benchmarks"):
        compileall.compile_dir(str(ROOT / package), quiet=1)
    found = [application(name, environment, core) for name in (PRODUCT, BY_HAND, FLOOR)]
    node = _prepared_postgraphile()
    if node is not None:
        found.insert(1, _postgraphile(node, database_url, environment, core))
    return found


def _postgraphile(node: Path, database_url: str, environment: dict[str, str], core: int | None) -> Server:
    place = urlsplit(database_url)
    own = {
        "BENCH_HOST": parse_qs(place.query)["host"][0],
        "BENCH_DATABASE": place.path.strip("/"),
        "NODE_ENV": "production",
        "GRAPHILE_ENV": "production",
    }
    return Server(POSTGRAPHILE, [str(node), str(CACHE / "server.mjs")], {**environment, **own}, core)


def _prepared_postgraphile() -> Path | None:
    """The Node that runs it, from its packages in the cache folder; None where they cannot be had."""
    if (npm := shutil.which("npm")) is None:
        print("PostGraphile is left out: there is no npm on this machine.", file=sys.stderr)
        return None
    CACHE.mkdir(parents=True, exist_ok=True)
    lock = CACHE / "package-lock.json"
    is_there = lock.exists() and lock.read_bytes() == (HERE / lock.name).read_bytes()
    for file in HERE.iterdir():
        shutil.copy(file, CACHE / file.name)
    node = CACHE / "node_modules" / ".bin" / "node"
    if not is_there or not node.exists():
        print(f"Preparing PostGraphile in {CACHE} (once) ...", file=sys.stderr)
        done = subprocess.run(
            [npm, "ci", "--no-fund", "--no-audit"], cwd=CACHE, capture_output=True, text=True, check=False
        )
        if done.returncode or not node.exists():
            lock.unlink()
            print("PostGraphile is left out: npm could not install its packages.", file=sys.stderr)
            return None
    return node
