"""nginx with `docs/nginx.conf`, on ports and with a certificate of a benchmark's own."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import ssl
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from cara.devtools.servers.ports import free_port, port_opens
from tests.tls import Authority

DOCUMENTED = Path(__file__).parents[1] / "docs" / "nginx.conf"
AROUND_IT = """
{user}
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    scgi_temp_path {folder}/scgi;
    uwsgi_temp_path {folder}/uwsgi;
    include {folder}/cara.conf;
}}
"""


@dataclass(frozen=True)
class Nginx:
    """Where it listens, and the TLS that trusts it."""

    url: str
    context: ssl.SSLContext
    log: Path

    def complaints(self) -> list[str]:
        """Returns its errors but for refused connections, which it is there to deal with."""
        return [line for line in self.log.read_text().splitlines() if "Connection refused" not in line]


@asynccontextmanager
async def nginx_in_front(folder: Path, web_ports: list[int]) -> AsyncIterator[Nginx]:
    """Runs nginx before the web processes; exits with one line if it is not installed."""
    program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        sys.exit("nginx is missing: install it (on Debian: apt-get install nginx-light), then run this again")
    port = free_port()
    authority = _set_up(folder, web_ports, port)
    process = await asyncio.create_subprocess_exec(program, "-c", str(folder / "nginx.conf"))
    try:
        async with asyncio.timeout(10):
            await port_opens(port)
        context = ssl.create_default_context(cafile=str(authority.file))
        yield Nginx(f"https://localhost:{port}", context, folder / "error.log")
    finally:
        process.terminate()
        await process.wait()


def _set_up(folder: Path, web_ports: list[int], port: int) -> Authority:
    """Writes the files of nginx; returns who signed its certificate."""
    folder.mkdir()
    authority = Authority(folder)
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(AROUND_IT.format(folder=folder, user=user))
    adapted = _adapted(DOCUMENTED.read_text(), web_ports, port, *authority.certificate("localhost"))
    (folder / "cara.conf").write_text(adapted)
    return authority


def _adapted(text: str, web_ports: list[int], port: int, certificate: Path, key: Path) -> str:
    """Returns the documented file with other ports and files; everything else stays as documented."""
    for documented, used in zip((3001, 3002), web_ports, strict=True):
        text = text.replace(f"127.0.0.1:{documented} ", f"127.0.0.1:{used} ")
    text = text.replace("listen 443 ssl;", f"listen 127.0.0.1:{port} ssl;")
    text = text.replace("    listen [::]:443 ssl;\n", "")
    text = re.sub(r" +access_log .*;\n", "", text)
    text = re.sub(r"(ssl_certificate ) *\S+;", rf"\1{certificate};", text)
    return re.sub(r"(ssl_certificate_key ) *\S+;", rf"\1{key};", text)
