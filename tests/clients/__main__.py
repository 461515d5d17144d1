"""`python -m tests.clients`: generates clients from the OpenAPI document as the README says, and runs them.

Exits 1 if they cannot be generated without warnings, do not pass strict type checks, or get unexpected
answers. Does nothing where Node.js is not installed.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests

from cara.accounts.administration import create_admin
from tests.clients.readme import README_URL, commands, files
from tests.conftest import make_settings
from tests.fuzz.running import running_cara
from tests.servers import running_servers

FOLDER = Path(__file__).parent
GENERATED, BUILT, PYTHON = FOLDER / "generated", FOLDER / "built", FOLDER / ".venv"
TYPESCRIPT = (
    "openapi-fetch.js",
    "hey-api.js",
    "generated/with-openapi-fetch.js",
    "generated/with-hey-api.js",
)
PYTHON_PROGRAMS = (str(FOLDER / "openapi_python_client.py"), "with_python.py")

ADMINISTRATOR, PASSWORD = "admin@example.com", "secure123"
README_ACCOUNT = {"email": "user@example.com", "name": "John Doe", "password": PASSWORD}


def main() -> int:
    missing = [tool for tool in ("node", "npm") if shutil.which(tool) is None]
    if missing:
        print(f"skipped the generated clients: {' and '.join(missing)} not installed")
        return 0
    try:
        _install()
        with _running() as url:
            _generate(url)
            _check()
            _call(url)
    except subprocess.CalledProcessError as error:
        print(f"failed: {' '.join(map(str, error.cmd))}")
        return 1
    print("the generated clients work: openapi-fetch, hey-api, openapi-python-client")
    return 0


def _install() -> None:
    """Installs the generators by their lock files, and removes what they generated before."""
    for folder in (GENERATED, BUILT):
        shutil.rmtree(folder, ignore_errors=True)
    GENERATED.mkdir()
    _run("npm", "ci", "--silent", within=FOLDER)
    if not PYTHON.exists():
        venv.create(PYTHON, with_pip=True)
    pip = ("python", "-m", "pip", "--quiet", "--disable-pip-version-check")
    _run(*pip, "install", "--requirement", str(FOLDER / "requirements.txt"))


@contextmanager
def _running() -> Iterator[str]:
    """Runs a Cara that has the README's account and an administrator."""
    with (
        tempfile.TemporaryDirectory(prefix="cara-clients-") as folder,
        running_servers() as servers,
        servers.database("clients") as database_url,
        running_cara(database_url, servers.redis_url, Path(folder, "cara.log")) as url,
    ):
        settings = make_settings(database_url=database_url, redis_url=servers.redis_url)
        asyncio.run(create_admin(settings, ADMINISTRATOR, PASSWORD))
        requests.post(f"{url}/api/auth/register", json=README_ACCOUNT, timeout=10).raise_for_status()
        yield url


def _generate(url: str) -> None:
    """Writes the files of the README, and runs its commands among them."""
    for name, text in files().items():
        (GENERATED / name).write_text(text.replace(README_URL, url))
    for command in commands():
        _run(*(part.replace(README_URL, url) for part in command))


def _check() -> None:
    for project in ("tsconfig.json", "tsconfig.hey-api.json"):
        _run("npx", "tsc", "--project", project, within=FOLDER)
    mypy = (sys.executable, "-m", "mypy", "--config-file=", "--strict", "--explicit-package-bases")
    _run(*mypy, "--python-executable", str(PYTHON / "bin/python"), "cara_client", *PYTHON_PROGRAMS)


def _call(url: str) -> None:
    for program in TYPESCRIPT:
        _run("node", str(BUILT / program), url, ADMINISTRATOR)
    for program in PYTHON_PROGRAMS:
        _run("python", program, url, ADMINISTRATOR)


def _run(*command: str, within: Path = GENERATED) -> None:
    environment = {
        **os.environ,
        "PATH": os.pathsep.join([str(PYTHON / "bin"), os.environ["PATH"]]),
        "PYTHONPATH": str(GENERATED),  # of the program that is not beside the package
        "MYPYPATH": str(GENERATED),
    }
    subprocess.run(command, cwd=within, env=environment, check=True)


if __name__ == "__main__":
    sys.exit(main())
