"""The built wheel, installed where nothing of the checkout can be seen, brings its migrations and runs them."""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import asyncpg
import pytest

from identity_api.db.migrate import known_migrations

ROOT = Path(__file__).parents[2]


def run(*command: str | Path, environment: dict[str, str], folder: Path) -> str:
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new environment with the wheel in it; dependencies come from this one, the project itself does not.

    A plain path entry does not run the `.pth` file of the editable install, so the checkout stays out of sight.
    """
    folder = tmp_path_factory.mktemp("wheel")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    run(
        sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT,
        environment=environment, folder=folder,
    )  # fmt: skip
    [wheel] = folder.glob("*.whl")
    venv.create(folder / "clean", with_pip=True)
    python = folder / "clean" / "bin" / "python"
    run(python, "-m", "pip", "install", "--no-deps", "--no-index", wheel, environment=environment, folder=folder)
    site = run(
        python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", environment=environment, folder=folder
    )
    Path(site.strip(), "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return folder


@pytest.mark.asyncio
async def test_the_wheel_brings_its_migrations_and_runs_them(installed: Path, empty_url: str) -> None:
    python = installed / "clean" / "bin" / "python"
    environment = {"PATH": os.defpath, "IDENTITY_DATABASE_URL": empty_url, "HOME": str(installed)}
    where = run(
        python, "-c", "import identity_api; print(identity_api.__file__)", environment=environment, folder=installed
    )
    assert where.startswith(str(installed)), "the checkout must not be what is tested"
    run(installed / "clean" / "bin" / "identity-api", "migrate", environment=environment, folder=installed)
    connection = await asyncpg.connect(empty_url)
    rows = await connection.fetch("select name from migration order by name")
    assert [row["name"] for row in rows] == known_migrations()
    await connection.close()


def test_the_wheel_carries_what_it_serves(installed: Path) -> None:
    python = installed / "clean" / "bin" / "python"
    code = (
        "import pathlib, identity_api.web as web; root = pathlib.Path(web.__file__).parent;"
        "print(len(list(root.rglob('*.css'))), len(list(root.rglob('*.html'))), len(list(root.rglob('*.js'))))"
    )
    counts = run(python, "-c", code, environment={"PATH": os.defpath}, folder=installed).split()
    assert all(int(count) > 0 for count in counts)
