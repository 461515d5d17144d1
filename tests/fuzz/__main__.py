"""`python -m tests.fuzz --requests 20000`: a long run on servers of its own; exits 1 after a failure."""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from pathlib import Path

from tests.fuzz.campaign import Campaign
from tests.fuzz.running import running_cara
from tests.servers import running_servers

ROUTINE = re.compile(r"{|\S+ \S+ INFO ")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=(__doc__ or "").strip("`"))
    parser.add_argument("--requests", type=int, default=20_000, help="the least number of requests")
    parser.add_argument("--seed", type=int, default=0, help="the seed of the generated requests")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cara-fuzz-") as folder, running_servers() as servers:
        log = Path(folder, "web.log")
        with (
            servers.database("fuzz") as database_url,
            running_cara(database_url, servers.redis_url, log) as url,
        ):
            figures = Campaign(url, database_url).run(at_least=asked.requests, first_seed=asked.seed)
        print(figures.report())
        if figures.failures:
            print(*(line for line in log.read_text().splitlines() if not ROUTINE.match(line)), sep="\n")
        return 1 if figures.failures else 0


if __name__ == "__main__":
    sys.exit(main())
