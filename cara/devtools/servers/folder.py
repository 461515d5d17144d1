"""The data folder of the local servers: its lock, short paths for sockets, the account that owns files."""

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

from cara.devtools.servers.errors import INSTEAD, DataFolderInUse, LocalServerError

SOCKET_PATH_BYTES = 100
"""A little less than the smallest `sun_path` (104 bytes on macOS, 108 on Linux)."""

PLAIN_IN_A_URL = re.compile(r"[A-Za-z0-9/._-]+")


@contextmanager
def locked(folder: Path, *, patience_seconds: float = 30.0) -> Iterator[int]:
    """Hold `folder` (made when missing) alone; yields the descriptor of a lock for the servers to inherit.

    There are two locks. `owner` lasts as long as the process that runs the servers; `lock` until the last
    process of a server has gone. After `kill -9` of an owner its servers are about to end: wait for them.

    Raises DataFolderInUse at once while an owner lives, and after `patience_seconds` while a server does;
    LocalServerError when we may not write there.
    """
    with opened(folder, "owner") as owner, opened(folder, "lock") as lock:
        if not taken(owner):
            pid = os.pread(owner, 20, 0).decode()
            raise DataFolderInUse(folder, int(pid) if pid.isdigit() else None)
        os.ftruncate(owner, 0)
        os.pwrite(owner, str(os.getpid()).encode(), 0)
        if not locked_within(lock, patience_seconds):
            raise DataFolderInUse(folder, None)
        yield lock


@contextmanager
def opened(folder: Path, name: str) -> Iterator[int]:
    """A descriptor, not inherited by itself, of a file made when missing. Raises LocalServerError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder / name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise LocalServerError(f"the data folder {folder} cannot be used: {error}") from error
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def taken(descriptor: int) -> bool:
    """Take the lock on the file, or say that somebody else holds it."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def locked_within(descriptor: int, seconds: float) -> bool:
    """Take the lock on the file, or say that somebody else has held it for so long."""
    deadline = time.monotonic() + seconds
    while not taken(descriptor):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@contextmanager
def socket_folder(folder: Path, longest_name: str, owner: pwd.struct_passwd) -> Iterator[Path]:
    """Where a server on `folder` puts its socket: there, unless the path is too long or odd for a URL.

    Else a folder under the temporary one, named by a hash, closed to everybody but `owner`, and removed on
    leaving. Raises LocalServerError when somebody else sits on that name.
    """
    if fits(folder, longest_name):
        yield folder
        return
    short = private_folder(short_path(folder, longest_name, owner), owner)
    try:
        yield short
    finally:
        shutil.rmtree(short, ignore_errors=True)


def short_path(folder: Path, longest_name: str, owner: pwd.struct_passwd) -> Path:
    name = "cara-" + hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    for parent in temporary_folders(owner):
        if fits(parent / name, longest_name):
            return parent / name
    problem = f"TMPDIR ({tempfile.gettempdir()}) is too long, or closed to {owner.pw_name}"
    raise LocalServerError(f"no short path for a socket: {problem}")


def fits(folder: Path, longest_name: str) -> bool:
    path = str(folder / longest_name)
    return len(os.fsencode(path)) <= SOCKET_PATH_BYTES and PLAIN_IN_A_URL.fullmatch(path) is not None


def private_folder(folder: Path, owner: pwd.struct_passwd) -> Path:
    """Make `folder`, owned by `owner` and closed to others, or make sure that it is so."""
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
    """The account this process runs as. Raises LocalServerError when it has no name."""
    try:
        return pwd.getpwuid(os.geteuid())
    except KeyError:
        raise LocalServerError(
            f"user id {os.geteuid()} has no name on this machine, which PostgreSQL needs: "
            "run as a named user, or set DATABASE_URL and REDIS_URL"
        ) from None


def unprivileged_account(data: Path) -> pwd.struct_passwd:
    """The account for a server that refuses to be root: ours, unless we are root.

    As root it is the owner of `data`, when that exists and is not root's, and else `nobody`, which nearly
    every system has. Raises LocalServerError when it has no name.
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
    """Whether the account can enter the folder. Raises LocalServerError as `succeeds` does."""
    return os.geteuid() == account.pw_uid or succeeds(account, 'cd -- "$1"', folder)


def succeeds(account: pwd.struct_passwd, script: str, path: Path) -> bool:
    """Whether the line for a shell succeeds when it is run, as root, by the account, with the path as `$1`.

    A try tells what no look at modes and owners does: it goes by every rule of this machine.

    Raises LocalServerError when root may not run anything as that account.
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
    """The folders for temporary files that the account can enter: TMPDIR may be closed to it."""
    candidates = (Path(tempfile.gettempdir()), Path("/tmp"))  # noqa: S108 - only for folders that are private
    return [folder for folder in candidates if can_enter(account, folder)]


def sync_names(folder: Path) -> None:
    """Let the names in the folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
