"""`python -m tests.clients`: generates TypeScript clients from the OpenAPI document and runs them.

Exits 1 if they cannot be generated, do not compile under `tsc --strict`, or get unexpected answers.
Does nothing where Node.js is not installed.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from cara.app import ROUTES
from cara.web.openapi import OpenApiDocument
from tests.fuzz.running import running_cara
from tests.servers import running_servers

FOLDER = Path(__file__).parent
GENERATED, BUILT = FOLDER / "generated", FOLDER / "built"
PROGRAMS = ("openapi-fetch", "hey-api")


def main() -> int:
    missing = [tool for tool in ("node", "npm") if shutil.which(tool) is None]
    if missing:
        print(f"skipped the generated clients: {' and '.join(missing)} not installed")
        return 0
    try:
        _build()
        _call()
    except subprocess.CalledProcessError as error:
        print(f"failed: {' '.join(error.cmd)}")
        return 1
    print(f"the generated clients work: {', '.join(PROGRAMS)}")
    return 0


def _build() -> None:
    for folder in (GENERATED, BUILT):
        shutil.rmtree(folder, ignore_errors=True)
    GENERATED.mkdir()
    (GENERATED / "openapi.json").write_bytes(OpenApiDocument(ROUTES).json)
    _run("npm", "ci", "--silent")
    for script in ("generate", "build"):
        _run("npm", "run", "--silent", script)


def _call() -> None:
    with (
        tempfile.TemporaryDirectory(prefix="cara-clients-") as folder,
        running_servers() as servers,
        servers.database("clients") as database_url,
        running_cara(database_url, servers.redis_url, Path(folder, "cara.log")) as url,
    ):
        for program in PROGRAMS:
            _run("node", str(BUILT / f"{program}.js"), url)


def _run(*command: str) -> None:
    subprocess.run(command, cwd=FOLDER, check=True)


if __name__ == "__main__":
    sys.exit(main())
