"""Runs one command, and ends it when the process that started this one has ended.

    python -m cara.devtools.servers.watchdog [options] -- command ...

The parent keeps a pipe to our standard input open. When that pipe closes (on purpose, or because the parent
died, even by `kill -9`), or on SIGTERM, SIGINT or SIGHUP, the command gets its stop signal and, after the
grace period, it and its process group get SIGKILL. A second signal ends the grace period. The exit code is
the command's own, or 128 plus the number of the signal that ended it.

The command runs in a session of its own, so Ctrl-C in a terminal does not reach it. On Linux the kernel
sends it the orphan signal if the watchdog itself is killed.

This file imports only the standard library and is run by its path, so that it starts fast.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import os
import pwd
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable

PR_SET_PDEATHSIG = 1
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
CANNOT_START = 126


def watchdog_command(
    command: Iterable[str],
    *,
    stop_signal: signal.Signals = signal.SIGTERM,
    orphan_signal: signal.Signals = signal.SIGKILL,
    grace_seconds: float = 10.0,
    user: str | None = None,
    held_descriptor: int | None = None,
) -> list[str]:
    """Returns the command line that runs `command` under a watchdog.

    Start it with `stdin=PIPE` and `start_new_session=True`, and close that pipe to stop it. With `user`
    (root only) the command runs as that account, in `/`. The command inherits `held_descriptor`, which the
    parent must pass on: a lock on it lasts until the last process of the command has ended.
    """
    options = [f"--stop-signal={stop_signal.name}", f"--orphan-signal={orphan_signal.name}"]
    options.append(f"--grace={grace_seconds}")
    if user is not None:
        options.append(f"--user={user}")
    if held_descriptor is not None:
        options.append(f"--hold={held_descriptor}")
    return [sys.executable, "-I", __file__, *options, "--", *command]


def main() -> int:
    """Runs the command until it exits or has to be stopped; returns the exit code."""
    options = parse_arguments(sys.argv[1:])
    wakeups, wakeup_writer = socket.socketpair()
    wakeups.setblocking(False)
    wakeup_writer.setblocking(False)
    signal.set_wakeup_fd(wakeup_writer.fileno(), warn_on_full_buffer=False)
    for number in (*STOP_SIGNALS, signal.SIGCHLD):
        signal.signal(number, lambda _number, _frame: None)
    try:
        child = start(options)
    except (OSError, subprocess.SubprocessError, KeyError) as error:
        sys.stderr.write(f"cannot run {options.command[0]}: {error}\n")
        return CANNOT_START
    wait_for_exit_or_stop_request(child, wakeups)
    return stop(child, wakeups, options)


def parse_arguments(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="watchdog", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--stop-signal", type=signal.Signals.__getitem__, default=signal.SIGTERM)
    parser.add_argument("--orphan-signal", type=signal.Signals.__getitem__, default=signal.SIGKILL)
    parser.add_argument("--grace", type=float, default=10.0, help="seconds from the stop signal to SIGKILL")
    parser.add_argument("--user", help="run the command as this account (as root only)")
    parser.add_argument("--hold", type=int, help="an inherited descriptor that the command inherits too")
    parser.add_argument("command", nargs="+")
    return parser.parse_args(arguments)


def start(options: argparse.Namespace) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        options.command,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        cwd=None if options.user is None else "/",  # the account may not be able to enter ours
        pass_fds=[] if options.hold is None else [options.hold],
        preexec_fn=child_setup(options.user, options.orphan_signal),
    )


def wait_for_exit_or_stop_request(child: subprocess.Popen[bytes], wakeups: socket.socket) -> None:
    """Returns when the child has exited, a stop signal has arrived, or our standard input is closed."""
    poll = select.poll()
    poll.register(wakeups, select.POLLIN)
    poll.register(sys.stdin.fileno(), select.POLLIN)
    while child.poll() is None:
        for descriptor, _ in poll.poll():
            if descriptor == wakeups.fileno() and stop_requested(wakeups):
                return
            if descriptor != wakeups.fileno() and is_closed(descriptor):
                return


def is_closed(descriptor: int) -> bool:
    """Returns whether the other end of the readable descriptor is closed."""
    try:
        return not os.read(descriptor, 4096)
    except ConnectionResetError:
        return True


def stop_requested(wakeups: socket.socket) -> bool:
    """Returns whether a stop signal is among the signals that have arrived."""
    return any(number in STOP_SIGNALS for number in wakeups.recv(4096))


def stop(child: subprocess.Popen[bytes], wakeups: socket.socket, options: argparse.Namespace) -> int:
    """Stops the child if it still runs, then kills what is left of its group; returns the exit code."""
    if child.poll() is None:
        child.send_signal(options.stop_signal)
        wait_for_exit(child, wakeups, time.monotonic() + options.grace)
    # The group may be empty by now, which macOS reports as PermissionError.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    code = child.wait()
    return code if code >= 0 else 128 - code


def wait_for_exit(child: subprocess.Popen[bytes], wakeups: socket.socket, deadline: float) -> None:
    """Returns when the child has exited, at the deadline, or on a further stop signal."""
    while child.poll() is None and (seconds_left := deadline - time.monotonic()) > 0:
        readable, _, _ = select.select([wakeups], [], [], seconds_left)
        if readable and stop_requested(wakeups):
            return


def child_setup(user: str | None, orphan_signal: signal.Signals) -> Callable[[], None]:
    """Returns the function that the child runs between fork and exec; all lookups happen before the fork."""
    watchdog_pid = os.getpid()
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
    account = None if user is None else pwd.getpwnam(user)

    def set_up() -> None:
        if account is not None:
            drop_privileges(account)
        if libc is not None:
            # After the change of account, which clears it.
            libc.prctl(PR_SET_PDEATHSIG, int(orphan_signal), 0, 0, 0)
            if os.getppid() != watchdog_pid:
                os._exit(CANNOT_START)

    return set_up


def drop_privileges(account: pwd.struct_passwd) -> None:
    """Changes from root to `account` for good."""
    os.setgroups([])
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)


if __name__ == "__main__":
    sys.exit(main())
