"""The whole product as `identity-api dev` starts it, in processes of its own, and the command line beside it."""

import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import httpx

from identity_api.embedded import children
from tests.cli import forked
from tests.cli.conftest import SCRIPT, clean_environment
from tests.flows.browser import Browser
from tests.flows.page import Page
from tests.ports import free_ports

Found = TypeVar("Found")
PAUSE_SECONDS = 0.2
WITHIN_SECONDS = 30.0
START_SECONDS = 90.0


def eventually(look: Callable[[], Found], *, within: float = WITHIN_SECONDS) -> Found:
    """What `look` gives as soon as it is true; asked every 0.2 s, and for the last time after `within` seconds."""
    deadline = time.monotonic() + within
    while True:
        found = look()
        if found:
            return found
        assert time.monotonic() < deadline, f"not within {within} s"
        time.sleep(PAUSE_SECONDS)


@dataclass
class Product:
    """A running `dev`. `url` is the demo tenant's, `demo_url` the demo provider's."""

    folder: Path
    port: int
    demo_port: int
    interop_port: int
    """Outbound requests to this port of this machine are allowed too."""
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def demo_url(self) -> str:
        return f"http://127.0.0.1:{self.demo_port}"

    def at(self, host: str) -> str:
        """The API's origin under another of its names."""
        return f"http://{host}:{self.port}"

    @property
    def environment(self) -> dict[str, str]:
        """Of commands on this installation."""
        return clean_environment(**_environment(self.folder, self.interop_port))

    @property
    def said(self) -> str:
        """Everything that any of the processes has written."""
        return (self.folder / "output.txt").read_text("utf-8", "replace")

    def command(self, *arguments: object, stdin: str = "") -> str:
        """Run `identity-api` on this installation, and return what it prints."""
        done = forked.run(
            [*map(str, arguments)], stdin=stdin.encode(), env=self.environment, cwd=Path.cwd(), timeout=60
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def apply(self, declaration: str) -> None:
        """Declare tenants; secrets of files are looked for in the data directory."""
        path = self.folder / "declared.toml"
        path.touch(mode=0o600)  # it may hold secrets, and is refused if others can read it
        path.write_text(declaration, "utf-8")
        self.command("apply", path)

    def signed_in(self, browser: Browser, name: str, url: str | None = None) -> Page:
        """Sign somebody of the demo provider in; the page where they arrive."""
        url = url or self.url
        browser.leave_for_provider(f"{url}/login")
        page = browser.press(name)
        assert (page.status, page.url) == (200, f"{url}/account"), (page.url, page.status, page.text)
        return page

    def edit_person(self, username: str, **changes: object) -> None:
        """Change somebody at the demo provider as a program does; put `groups` and `removed` right again with it."""
        answer = httpx.patch(f"{self.demo_url}/people/{username}", json=changes, trust_env=False)
        assert answer.status_code == 200, answer.text


@contextmanager
def running_product() -> Iterator[Product]:
    """Start `dev` in a new folder, wait until it says that it is ready, and stop it; nothing of it may remain."""
    port, demo_port, interop_port = free_ports(3)
    folder = Path(tempfile.mkdtemp(prefix="identity-api-flows-"))
    # Root hands the database's folder to `nobody`, who must get there.
    folder.chmod(0o711)
    with (folder / "output.txt").open("wb") as output:
        process = children.spawn(
            [SCRIPT, "dev", "--data-dir", folder, "--port", str(port), "--demo-port", str(demo_port)],
            environment=clean_environment(**_environment(folder, interop_port)),
            death_signal=signal.SIGTERM,
            directory=folder,
            output=output,
        )
    product = Product(folder, port, demo_port, interop_port, process)
    try:
        eventually(lambda: _is_ready(product), within=START_SECONDS)
        yield product
        members = descendants(process.pid)
        process.send_signal(signal.SIGTERM)
        assert process.wait(40) == 0, product.said
        assert [one for one in members if is_alive(one)] == [], "processes were left behind"
        assert "Traceback" not in product.said, product.said
    finally:
        children.stop(process, (signal.SIGTERM, 20.0))
        shutil.rmtree(folder, ignore_errors=True)


def _environment(folder: Path, interop_port: int) -> dict[str, str]:
    return {
        "IDENTITY_DATA_DIR": str(folder),
        "IDENTITY_OUTBOUND_ALLOW": f"127.0.0.1:{interop_port}",
        "IDENTITY_TRUSTED_PROXIES": "127.0.0.1/32",  # those of the tests
    }


def _is_ready(product: Product) -> bool:
    assert product.process.poll() is None, product.said
    return "Stop everything with Ctrl-C" in product.said


def descendants(pid: int) -> list[int]:
    """Ids of the processes that a process started, and of those that they started. Empty where there is no /proc."""
    found: list[int] = []
    for path in Path("/proc").glob(f"{pid}/task/*/children"):
        with suppress(OSError):
            for child in map(int, path.read_text().split()):
                found += [child, *descendants(child)]
    return found


def is_alive(pid: int) -> bool:
    """Whether a process of that id runs, dead ones that nobody has waited for left aside."""
    with suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False
