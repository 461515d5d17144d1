"""The data folder of the local servers: its lock, short paths for sockets, and the account that owns it."""

from __future__ import annotations

import fcntl
import hashlib
import os
import pwd
import re
import shutil
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cara.devtools.servers.local_server import INSTEAD, DataFolderInUse, LocalServerError

SOCKET_PATH_BYTES = 100
"""Less than the smallest `sun_path` (104 bytes on macOS, 108 on Linux)."""

UNQUOTED_IN_URL = re.compile(r"[A-Za-z0-9/._-]+")


def make_data_folder(folder: Path) -> None:
    """Creates the data folder, or closes an existing one: nobody but its owner may enter it.

    Only where root has kept PostgreSQL's data in it so far may the account that runs PostgreSQL pass through.

    Raises:
        LocalServerError: it cannot be created, or belongs to somebody else.
    """
    data = folder / "postgres" / "data"
    is_passed_through = os.geteuid() == 0 and data.is_dir() and not data.is_symlink()
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder.chmod(0o711 if is_passed_through else 0o700)
    except OSError as error:
        raise LocalServerError(f"the data folder {folder} cannot be used: {error}") from error


@contextmanager
def lock_folder(folder: Path, *, timeout_seconds: float = 30.0) -> Iterator[int]:
    """Locks `folder` (made when missing) exclusively; yields a descriptor for the servers to inherit.

    There are two lock files. `owner` is held by the process that runs the servers, `lock` until the last
    process of a server has ended. After `kill -9` of the owner its servers end soon, so we wait for `lock`.

    Raises:
        DataFolderInUse: the owner lives, or a server still does after `timeout_seconds`.
        LocalServerError: the folder is not writable.
    """
    with open_lock_file(folder, "owner") as owner, open_lock_file(folder, "lock") as lock:
        if not try_file_lock(owner):
            pid = os.pread(owner, 20, 0).decode()
            raise DataFolderInUse(folder, int(pid) if pid.isdigit() else None)
        os.ftruncate(owner, 0)
        os.pwrite(owner, str(os.getpid()).encode(), 0)
        if not wait_for_file_lock(lock, timeout_seconds):
            raise DataFolderInUse(folder, None)
        yield lock


@contextmanager
def open_lock_file(folder: Path, name: str) -> Iterator[int]:
    """Opens a file (made when missing) with close-on-exec; yields its descriptor.

    Raises:
        LocalServerError: the folder is not writable.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise LocalServerError(f"the data folder {folder} cannot be used: {error}") from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def try_file_lock(descriptor: int) -> bool:
    """Locks the file unless another process holds the lock; returns whether we hold it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def wait_for_file_lock(descriptor: int, timeout_seconds: float) -> bool:
    """Locks the file as soon as it is free; returns False when it was not within the timeout."""
    deadline = time.monotonic() + timeout_seconds
    while not try_file_lock(descriptor):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@contextmanager
def socket_folder(folder: Path, longest_name: str, owner: pwd.struct_passwd) -> Iterator[Path]:
    """Yields the folder for a server's socket: `folder`, if its path is short and needs no quoting in a URL.

    Otherwise it is a folder below the temporary one, named by a hash, accessible to `owner` alone, and
    removed on exit.

    Raises:
        LocalServerError: that name exists and is not such a folder, or no path is short enough.
    """
    if is_socket_path(folder / longest_name):
        yield folder
        return
    short = private_folder(short_path(folder, longest_name, owner), owner)
    try:
        yield short
    finally:
        shutil.rmtree(short, ignore_errors=True)


def short_path(folder: Path, longest_name: str, owner: pwd.struct_passwd) -> Path:
    """Returns a path for the socket folder below a temporary folder that `owner` can enter."""
    name = "cara-" + hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    for parent in temporary_folders(owner):
        if is_socket_path(parent / name / longest_name):
            return parent / name
    problem = f"TMPDIR ({tempfile.gettempdir()}) is too long, or closed to {owner.pw_name}"
    raise LocalServerError(f"no short path for a socket: {problem}")


def is_socket_path(path: Path) -> bool:
    """Returns whether the path is short enough for a socket, and stands in a URL without quoting."""
    return len(os.fsencode(path)) <= SOCKET_PATH_BYTES and UNQUOTED_IN_URL.fullmatch(str(path)) is not None


def private_folder(folder: Path, owner: pwd.struct_passwd) -> Path:
    """Creates `folder`, owned by `owner` and closed to others, or checks that it is that already.

    Raises:
        LocalServerError: the name exists and is not such a folder.
    """
    try:
        folder.mkdir(mode=0o700)
        if os.geteuid() == 0:
            os.chown(folder, owner.pw_uid, owner.pw_gid)
    except FileExistsError:
        found = folder.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != owner.pw_uid or found.st_mode & 0o077:
            problem = f"{folder} is not a folder private to {owner.pw_name}: remove it"
            raise LocalServerError(problem) from None
    return folder


def current_account() -> pwd.struct_passwd:
    """Returns the account that this process runs as.

    Raises:
        LocalServerError: it has no name.
    """
    try:
        return pwd.getpwuid(os.geteuid())
    except KeyError:
        raise LocalServerError(
            f"user id {os.geteuid()} has no name on this machine, which PostgreSQL needs: "
            "run as a named user, or set DATABASE_URL and REDIS_URL"
        ) from None


def unprivileged_account(data: Path) -> pwd.struct_passwd:
    """Returns the account for a server that refuses to run as root: our own, unless that is root.

    For root it is the owner of `data`, if that exists and does not belong to root, and otherwise `nobody`.

    Raises:
        LocalServerError: it has no name.
    """
    if os.geteuid() != 0:
        return current_account()
    owner = data.stat().st_uid if data.exists() else 0
    try:
        return pwd.getpwuid(owner) if owner else pwd.getpwnam("nobody")
    except KeyError:
        who = f"the owner of {data} ({owner})" if owner else "`nobody`"
        raise LocalServerError(f"this machine has no account for {who}: {INSTEAD}") from None


def can_enter(account: pwd.struct_passwd, folder: Path) -> bool:
    """Returns whether the account can enter the folder.

    Raises:
        LocalServerError: as `runs_as`.
    """
    return os.geteuid() == account.pw_uid or runs_as(account, 'cd -- "$1"', folder)


def runs_as(account: pwd.struct_passwd, script: str, path: Path) -> bool:
    """Returns whether a shell script exits with 0 when root runs it as the account, with the path as `$1`.

    Running it takes every access rule of the machine into account, which modes and owners alone do not.

    Raises:
        LocalServerError: root cannot run anything as that account.
    """
    try:
        tried = subprocess.run(
            ["/bin/sh", "-c", script, "sh", str(path)],
            cwd="/",
            user=account.pw_uid,
            group=account.pw_gid,
            extra_groups=[],
            capture_output=True,
            timeout=30,
        )
    except (OSError, subprocess.SubprocessError) as error:
        problem = f"root cannot run anything as {account.pw_name} here ({error})"
        raise LocalServerError(f"{problem}, which PostgreSQL needs: {INSTEAD}") from error
    return tried.returncode == 0


def temporary_folders(account: pwd.struct_passwd) -> list[Path]:
    """Returns the folders for temporary files that the account can enter; TMPDIR may not be among them."""
    candidates = (Path(tempfile.gettempdir()), Path("/tmp"))  # noqa: S108 - only for folders that are private
    return [folder for folder in candidates if can_enter(account, folder)]


def sync_names(folder: Path) -> None:
    """Syncs the folder, so that the names in it survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
