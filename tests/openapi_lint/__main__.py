"""`python -m tests.openapi_lint`: what Redocly and Spectral find in the OpenAPI document.

Exits 1 after any finding of their recommended rules, warnings included. Does nothing where Node.js is not
installed.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from cara.app import ROUTES
from cara.web.openapi import OpenApiDocument

FOLDER = Path(__file__).parent
QUIET = {"REDOCLY_TELEMETRY": "off", "REDOCLY_SUPPRESS_UPDATE_NOTICE": "true"}


def main() -> int:
    missing = [tool for tool in ("node", "npm") if shutil.which(tool) is None]
    if missing:
        print(f"skipped the rules for OpenAPI documents: {' and '.join(missing)} not installed")
        return 0
    (FOLDER / "openapi.json").write_bytes(OpenApiDocument(ROUTES).json)
    for command in (["npm", "ci", "--silent"], ["npm", "run", "--silent", "lint"]):
        if subprocess.run(command, cwd=FOLDER, env={**os.environ, **QUIET}).returncode:
            print(f"failed: {' '.join(command)}")
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
