"""Ports of the embedded default: nobody else on this machine is given one that is taken or about to be."""

import subprocess
import sys

from shared.embedded.machine import PORTS, free_port, port_is_free

ALL = f"""
import shared.embedded.machine as machine
machine.PORTS = range({PORTS.start}, {PORTS.start + 40})
print([machine.free_port() for _ in range(10)], flush=True)
input()
"""


def test_two_processes_that_choose_at_the_same_time_never_get_the_same_port() -> None:
    chosen: list[int] = []
    running = [
        subprocess.Popen([sys.executable, "-c", ALL], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for one in running:
        assert one.stdout
        chosen += [int(port) for port in one.stdout.readline().strip("[]\n").split(",")]
    for one in running:
        one.communicate("\n")
    assert len(set(chosen)) == len(chosen) == 20


def test_a_port_that_was_chosen_is_free_to_listen_on() -> None:
    assert port_is_free(free_port())
