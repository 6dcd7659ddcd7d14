"""The deployment of the five systems' tenants as a real browser meets it: under https, each system with its own provider.

Everybody's name begins with their system's first letter, so that a page shows at a glance whose it is.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.async_api import Browser, BrowserContext, async_playwright

from identity_api.db.database import Database
from tests.browser.chromium import CHROMIUM, launch_arguments
from tests.browser.frontend import documented_module, serving
from tests.flows.five_systems import APP, Deployment, deployed
from tests.openid_provider import Person, RunningProvider
from tests.upstream.certificates import issue

PEOPLE = {
    "reinfer": Person(
        subject="s-1", username="rosa.r", name="Rosa Rao", email="rosa@r.example", groups=("engineering", "night-shift")
    ),
    "directory": Person(
        subject="s-2", username="dora.d", name="Dora Diaz", email="dora@d.example", groups=("archive",)
    ),
    "infrahub": Person(
        subject="s-3", username="ines.i", name="Ines Ito", email="ines@i.example", groups=("network", "oncall")
    ),
    "sysreptor": Person(subject="s-4", username="sven.s", name="Sven Sol", email="sven@s.example", groups=("pentest",)),
    "inference": Person(subject="s-5", username="iris.f", name="Iris Fox", email="iris@f.example", groups=("gpu",)),
}
"""Who signs in at the provider of each system."""

_FRONTEND = """<!doctype html><title>Inference</title>
<button id="by-code">Sign in with a code</button> <button id="by-fragment">Sign in with the fragment</button><p></p>
<script type="module">
import * as login from "/login.js";
const at = (id, act) => { document.getElementById(id).onclick = act; };
at("by-code", () => login.signIn());
at("by-fragment", () => {
  const state = crypto.randomUUID();
  sessionStorage.setItem("state", state);
  const asked = new URLSearchParams({ frontend: "frontend", delivery: "fragment", state });
  location.assign(`${ID}/login?${asked}`);
});
const ID = "%s";
const show = (text) => { document.querySelector("p").textContent = text; };
async function inFragment() {
  const given = new URLSearchParams(location.hash.slice(1));
  if (!given.has("access_token")) return null;
  history.replaceState(null, "", location.pathname);
  if (given.get("state") !== sessionStorage.getItem("state")) throw new Error("This sign-in was not begun here.");
  return given.get("access_token");
}
try {
  const fragment = await inFragment(), token = fragment ?? await login.finishSignIn();
  if (token !== null) {
    const answer = await login.ask(token, "{ viewer { user { username } permissions { name } } }");
    show(`${fragment ? "fragment" : "code"}: ${JSON.stringify(answer.data.viewer)}`);
  }
} catch (error) { show(error.message); }
</script>"""


@dataclass
class Systems:
    """The deployment, and a browser for which its names lead to it."""

    deployment: Deployment
    browser: Browser

    async def context(self, **options: object) -> BrowserContext:
        """A person's browser; who signed the certificate is not looked at."""
        return await self.browser.new_context(ignore_https_errors=True, **options)


@asynccontextmanager
async def running_systems(database: Database, services: Mapping[str, str], folder: Path) -> AsyncIterator[Systems]:
    """Start five providers, the API with TLS, the Inference API's frontend, and Chromium."""
    authority = issue("A test authority")
    certificate = issue("api", by=authority, hosts=("*.example",)).save(folder / "certificate.pem")
    with ExitStack() as running:
        idps = {system: running.enter_context(RunningProvider(people=[person])) for system, person in PEOPLE.items()}
        async with deployed(database, idps, services, folder, certificate=certificate) as deployment:
            door = deployment.origin("inference")
            files = {"/": _FRONTEND % door, "/login.js": documented_module(door, frontend="frontend")}
            app_port = running.enter_context(serving(files, certificate=certificate))
            app_host = APP.removeprefix("https://").rstrip("/")
            rules = f"MAP {app_host} 127.0.0.1:{app_port}, MAP *.example 127.0.0.1:{deployment.port}"
            async with async_playwright() as playwright:
                arguments = [*launch_arguments(), f"--host-resolver-rules={rules}"]
                browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
                yield Systems(deployment, browser)
                await browser.close()
