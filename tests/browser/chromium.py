"""The distribution's Chromium, without a screen."""

import os
import shutil

CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium")
"""The same browser without what a window would need takes half the processor time."""
MISSING = "the distribution's Chromium is not installed"


def launch_arguments() -> list[str]:
    """Switches that keep it from talking to anybody but us, and let it run as root in a container."""
    switches = [
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ]
    return [*switches, "--no-sandbox"] if os.geteuid() == 0 else switches
