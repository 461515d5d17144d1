"""`DATABASE_URL` as each driver takes it: asyncpg in the servers, libpq (through psycopg) in `cara migrate`.

The servers decide what a URL means: host lists, sockets, TLS and the rest are read as asyncpg (0.32) does.
The drivers differ in three ways, which this module evens out:

- libpq refuses parameters that it does not know; asyncpg sends them to PostgreSQL as settings of the session.
- asyncpg sends parameters of libpq alone to PostgreSQL, which refuses them.
- asyncpg takes `sslrootcert=system` for the name of a file, and the libpq in psycopg's wheels has an OpenSSL
  that does not know where this system keeps its certificates.
"""

from __future__ import annotations

import os
import ssl
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

_DEFAULT_PORT = "5432"
_DEFAULT_HOSTS = "/run/postgresql,/var/run/postgresql,/tmp,/private/tmp,localhost"
"""Where asyncpg looks for a server if neither the URL nor PGHOST names a host."""

_LIBPQ_ALONE = frozenset(
    {
        *("connect_timeout", "keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count"),
        *("tcp_user_timeout", "load_balance_hosts", "fallback_application_name", "channel_binding"),
        *("sslsni", "sslcompression", "gssencmode", "gssdelegation"),
    }
)
"""What asyncpg can do without. `DatabaseUrl` refuses values that promise a protection, as `require` does."""


def with_target(url: str) -> str:
    """Returns the URL, which asks for a host that takes writes if it lists several: which one may change."""
    if len(single_host_urls(url)) == 1 or "target_session_attrs=" in url:
        return url
    return f"{url}{'&' if '?' in url else '?'}target_session_attrs=read-write"


def single_host_urls(url: str) -> list[str]:
    """Returns a URL for each host that a URL lists, before its path or in its query."""
    parts = urlsplit(url)
    user, at, hosts = parts.netloc.rpartition("@")
    if "," in hosts:
        return [parts._replace(netloc=f"{user}{at}{host}").geturl() for host in hosts.split(",")]
    query = dict(parse_qsl(parts.query))
    names, ports = query.get("host", "").split(","), query.get("port", "5432").split(",")
    if len(names) == 1:
        return [url]
    ports = ports * len(names) if len(ports) == 1 else ports
    each = [query | {"host": name, "port": port} for name, port in zip(names, ports, strict=True)]
    return [parts._replace(query=urlencode(one)).geturl() for one in each]


def asyncpg_arguments(url: str) -> dict[str, Any]:
    """Returns the arguments for `asyncpg.connect` and `asyncpg.create_pool`: `dsn`, and maybe `ssl`.

    Raises:
        OSError: a certificate or key that the URL names cannot be read.
    """
    base, _, query = url.partition("?")
    kept = {name: value for name, value in parse_qsl(query) if name not in _LIBPQ_ALONE}
    arguments: dict[str, Any] = {"dsn": f"{base}?{urlencode(kept)}" if kept else base}
    if _trusts_system(kept):
        arguments["ssl"] = _system_context(kept)
    return arguments


def libpq_arguments(url: str) -> dict[str, str]:
    """Returns the same as keyword arguments for `psycopg.connect`, of a list the host that takes writes.

    With `sslrootcert=system` among them, `find_system_certificates` has to be called before.
    """
    parts = urlsplit(with_target(url))
    login, _, hosts = parts.netloc.partition("@") if "@" in parts.netloc else ("", "", parts.netloc)
    user, _, password = login.partition(":")
    query = dict(parse_qsl(parts.query))
    arguments = {
        "dbname": query.pop("database", ""),
        **query,
        **_hosts_and_ports(hosts, query),
        **_given(user=unquote(user), password=unquote(password), dbname=unquote(parts.path[1:])),
    }
    if _trusts_system(arguments):
        # libpq refuses a weaker mode, and `_system_context` checks as much.
        arguments |= {"sslrootcert": "system", "sslmode": "verify-full"}
    return _with_session_settings(_given(**arguments))


def find_system_certificates() -> None:
    """Tells OpenSSL in this process to look for certificates where Python's OpenSSL finds them.

    libpq has no parameter for that, and the OpenSSL of its wheels looks in a folder that does not exist.
    """
    paths = ssl.get_default_verify_paths()
    for variable, path in (("SSL_CERT_FILE", paths.cafile), ("SSL_CERT_DIR", paths.capath)):
        if path:
            os.environ.setdefault(variable, path)


def _given(**arguments: str) -> dict[str, str]:
    return {name: value for name, value in arguments.items() if value}


def _hosts_and_ports(hosts: str, query: dict[str, str]) -> dict[str, str]:
    """Returns `one:5432,[::1],%2Fsocket%2Ffolder` as two lists; the query counts if the URL names no host."""
    if not hosts and not query.get("host"):
        return {} if os.environ.get("PGHOST") else {"host": _DEFAULT_HOSTS}
    given = [_host_and_port(host) for host in (hosts or query["host"]).split(",")]
    defaults = os.environ.get("PGPORT", _DEFAULT_PORT).split(",")
    defaults = defaults if len(defaults) == len(given) else defaults[:1] * len(given)
    ports = ",".join(port or default for (_, port), default in zip(given, defaults, strict=True))
    names = ",".join(unquote(name) if hosts else name for name, _ in given)
    return {"host": names, "port": ports if hosts else query.get("port") or ports}


def _host_and_port(host: str) -> tuple[str, str]:
    """Returns the name or address, without the brackets of IPv6, and the port or an empty text."""
    if host.startswith("/"):
        return host, ""
    if host.startswith("["):
        name, _, port = host[1:].partition("]")
        return name, port.removeprefix(":")
    name, _, port = host.partition(":")
    return name, port


def _with_session_settings(arguments: dict[str, str]) -> dict[str, str]:
    """Puts what libpq does not know into `options`, which PostgreSQL reads as settings of the session."""
    libpq = _names_in_libpq()
    known = {name: value for name, value in arguments.items() if name in libpq}
    settings = [f"-c {name}={_escaped(value)}" for name, value in arguments.items() if name not in libpq]
    return known | _given(options=" ".join([known.get("options", ""), *settings]).strip())


def _names_in_libpq() -> frozenset[str]:
    from psycopg import pq  # 10 MiB that the servers can do without

    return frozenset(option.keyword.decode() for option in pq.Conninfo.get_defaults())


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace(" ", "\\ ")


def _trusts_system(parameters: dict[str, str]) -> bool:
    return parameters.get("sslrootcert", os.environ.get("PGSSLROOTCERT")) == "system"


def _system_context(parameters: dict[str, str]) -> ssl.SSLContext:
    """Returns a TLS context that trusts what the system trusts, and checks the host name."""
    context = ssl.create_default_context()
    if "sslcrl" in parameters:
        context.load_verify_locations(cafile=parameters["sslcrl"])
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_CHAIN
    if "sslcert" in parameters:
        certificate, key = parameters["sslcert"], parameters.get("sslkey")
        context.load_cert_chain(certificate, key, parameters.get("sslpassword"))
    context.set_alpn_protocols(["postgresql"])
    return context
