"""The watchdog: how it stops its command, and how the command ends with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import psutil

from tests.waiting import TIMEOUT_SECONDS

STOPS_ON_SIGTERM = 'trap "echo asked; exit 3" TERM; echo here; while :; do sleep 0.05; done'
IGNORES_SIGTERM = 'trap "echo asked" TERM; echo here; while :; do sleep 0.05; done'


def test_the_exit_code_is_passed_on(watched):
    assert watched("exit 7").wait(TIMEOUT_SECONDS) == 7


def test_a_command_killed_by_a_signal_ends_with_128_and_its_number(watched):
    assert watched("kill -KILL $$").wait(TIMEOUT_SECONDS) == 128 + 9


def test_closing_its_input_stops_the_command(watched):
    process = watched(STOPS_ON_SIGTERM)
    assert process.stdout.readline() == "here\n"
    process.stdin.close()
    assert process.stdout.readline() == "asked\n"
    assert process.wait(TIMEOUT_SECONDS) == 3


def test_what_is_written_to_it_does_not_stop_the_command(watched):
    process = watched(STOPS_ON_SIGTERM)
    process.stdout.readline()
    process.stdin.write("still here\n")
    process.stdin.flush()
    process.terminate()
    assert process.wait(TIMEOUT_SECONDS) == 3


def test_the_chosen_signal_stops_the_command(watched):
    process = watched(
        'trap "exit 4" QUIT; echo here; while :; do sleep 0.05; done', stop_signal=signal.SIGQUIT
    )
    process.stdout.readline()
    process.stdin.close()
    assert process.wait(TIMEOUT_SECONDS) == 4


def test_a_command_that_does_not_stop_is_killed_after_the_grace_period(watched):
    process = watched(IGNORES_SIGTERM, grace_seconds=0.1)
    process.stdout.readline()
    process.stdin.close()
    assert process.wait(TIMEOUT_SECONDS) == 128 + 9


def test_a_second_signal_ends_the_grace_period(watched):
    process = watched(IGNORES_SIGTERM, grace_seconds=600)
    process.stdout.readline()
    process.terminate()
    assert process.stdout.readline() == "asked\n"
    process.terminate()
    assert process.wait(TIMEOUT_SECONDS) == 128 + 9


def test_what_the_command_leaves_behind_ends_with_it(watched, assert_all_end):
    process = watched("sleep 600 & echo here; read line < /dev/zero")
    process.stdout.readline()
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) == 2
    process.stdin.close()
    assert_all_end(family)


def test_a_killed_watchdog_takes_the_command_with_it(watched, assert_all_end):
    process = watched("echo here; read line < /dev/zero")
    process.stdout.readline()
    family = psutil.Process(process.pid).children(recursive=True)
    process.kill()
    assert_all_end(family)


def test_ctrl_c_in_the_terminal_does_not_reach_the_command(watched):
    process = watched("echo $$; exec sleep 600")
    command = int(process.stdout.readline())
    assert len({os.getsid(0), os.getsid(process.pid), os.getsid(command)}) == 3


def test_a_command_that_cannot_start_is_named():
    line = [sys.executable, "-m", "cara.devtools.servers.watchdog", "--", "/no/such/command"]
    ended = subprocess.run(
        line, stdin=subprocess.PIPE, capture_output=True, text=True, timeout=TIMEOUT_SECONDS
    )
    assert ended.returncode == 126
    assert "cannot run /no/such/command" in ended.stderr
