"""Run one command and end it when whoever started us is gone.

    python -m cara.devtools.servers.watchdog [options] -- command ...

The starter keeps the other end of our standard input open. When that end closes (on purpose, or because
the starter died, even by `kill -9`), or on SIGTERM, SIGINT or SIGHUP, the command gets its stop signal
and, after the grace, it and its process group get SIGKILL. A second signal cuts the grace short. The exit
code is the command's own, or 128 plus the number of the signal that ended it.

The command runs in a session of its own, so Ctrl-C in a terminal does not reach it. On Linux the kernel
sends it the orphan signal should this process itself be killed.

This file imports nothing but the standard library and is run by its path, so that it starts fast.
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
ORDERS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
CANNOT_START = 126


def leash_command(
    command: Iterable[str],
    *,
    stop_signal: signal.Signals = signal.SIGTERM,
    orphan_signal: signal.Signals = signal.SIGKILL,
    grace_seconds: float = 10.0,
    user: str | None = None,
    held_descriptor: int | None = None,
) -> list[str]:
    """The command line that runs `command` under a leash.

    Start it with `stdin=PIPE` and `start_new_session=True`, and close that pipe to stop it. With `user`
    (only as root) the command runs as that account, in `/`. `held_descriptor`, which the starter must pass
    on, is inherited by the command: a lock on it lasts until the last process of the command has gone.
    """
    options = [f"--stop-signal={stop_signal.name}", f"--orphan-signal={orphan_signal.name}"]
    options.append(f"--grace={grace_seconds}")
    if user is not None:
        options.append(f"--user={user}")
    if held_descriptor is not None:
        options.append(f"--hold={held_descriptor}")
    return [sys.executable, "-I", __file__, *options, "--", *command]


def main() -> int:
    order = parsed(sys.argv[1:])
    wakeups, wakeup_writer = socket.socketpair()
    wakeups.setblocking(False)
    wakeup_writer.setblocking(False)
    signal.set_wakeup_fd(wakeup_writer.fileno(), warn_on_full_buffer=False)
    for number in (*ORDERS, signal.SIGCHLD):
        signal.signal(number, lambda _number, _frame: None)
    try:
        child = start(order)
    except (OSError, subprocess.SubprocessError, KeyError) as error:
        sys.stderr.write(f"cannot run {order.command[0]}: {error}\n")
        return CANNOT_START
    wait_for_end_or_order(child, wakeups)
    return stop(child, wakeups, order)


def parsed(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="leash", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--stop-signal", type=signal.Signals.__getitem__, default=signal.SIGTERM)
    parser.add_argument("--orphan-signal", type=signal.Signals.__getitem__, default=signal.SIGKILL)
    parser.add_argument("--grace", type=float, default=10.0, help="seconds from the stop signal to SIGKILL")
    parser.add_argument("--user", help="run the command as this account (as root only)")
    parser.add_argument("--hold", type=int, help="an inherited descriptor that the command inherits too")
    parser.add_argument("command", nargs="+")
    return parser.parse_args(arguments)


def start(order: argparse.Namespace) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        order.command,
        stdin=subprocess.DEVNULL,
        start_new_session=True,
        cwd=None if order.user is None else "/",  # ours may be closed to that account
        pass_fds=[] if order.hold is None else [order.hold],
        preexec_fn=preparation(order.user, order.orphan_signal),
    )


def wait_for_end_or_order(child: subprocess.Popen[bytes], wakeups: socket.socket) -> None:
    """Return when the child has ended, a signal asks for its end, or our standard input closes."""
    poll = select.poll()
    poll.register(wakeups, select.POLLIN)
    poll.register(sys.stdin.fileno(), select.POLLIN)
    while child.poll() is None:
        for descriptor, _ in poll.poll():
            if descriptor == wakeups.fileno() and ordered(wakeups):
                return
            if descriptor != wakeups.fileno() and at_end(descriptor):
                return


def at_end(descriptor: int) -> bool:
    """Whether the other end of the descriptor, which is readable, has closed."""
    try:
        return not os.read(descriptor, 4096)
    except ConnectionResetError:
        return True


def ordered(wakeups: socket.socket) -> bool:
    """Whether a signal that asks for the end is among those that have arrived."""
    return any(number in ORDERS for number in wakeups.recv(4096))


def stop(child: subprocess.Popen[bytes], wakeups: socket.socket, order: argparse.Namespace) -> int:
    """End the child if it still runs, then whatever is left of its group; the exit code to pass on."""
    if child.poll() is None:
        child.send_signal(order.stop_signal)
        wait_for_end(child, wakeups, time.monotonic() + order.grace)
    # Nobody may be left of the group (macOS says that with the second error).
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)
    code = child.wait()
    return code if code >= 0 else 128 - code


def wait_for_end(child: subprocess.Popen[bytes], wakeups: socket.socket, deadline: float) -> None:
    """Return when the child has ended, at the deadline, or at a further signal that asks for its end."""
    while child.poll() is None and (seconds_left := deadline - time.monotonic()) > 0:
        readable, _, _ = select.select([wakeups], [], [], seconds_left)
        if readable and ordered(wakeups):
            return


def preparation(user: str | None, orphan_signal: signal.Signals) -> Callable[[], None]:
    """What the child does between fork and exec; everything that can be looked up is looked up before."""
    leash = os.getpid()
    libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None
    account = None if user is None else pwd.getpwnam(user)

    def prepare() -> None:
        if account is not None:
            become(account)
        if libc is not None:
            # After the change of account, which would clear it.
            libc.prctl(PR_SET_PDEATHSIG, int(orphan_signal), 0, 0, 0)
            if os.getppid() != leash:
                os._exit(CANNOT_START)

    return prepare


def become(account: pwd.struct_passwd) -> None:
    """Turn from root into `account`."""
    os.setgroups([])
    os.setgid(account.pw_gid)
    os.setuid(account.pw_uid)


if __name__ == "__main__":
    sys.exit(main())
