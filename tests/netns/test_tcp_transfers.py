#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 240
"""Random bytes both ways at once over a bad wire, through a proxy or two of ours.

The lab is drawn in tcplab.py. The bad wire is the relayed one, and at its ends are

    kernel client    c1 ~~~~ s1 [our proxy] s0 ---- c0  kernel server
    kernel server    c1 ~~~~ s1 [our proxy] s0 ---- c0  kernel client
    kernel client -- lo [our proxy] c1 ~~~~ s1 [our proxy] s0 ---- c0  kernel server

With FS_TEST_LONG=1 (tests/run --long) a hundred runs of each, else a few.
"""
import os
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tcplab import (CLIENT_V4, EXAMPLES, FASTSOCK, LONG, PATIENCE, RELAYED, V4,      # noqa: E402
                    Ended, both_ways, eventually, run_tests)

OUTER, INNER, KERNEL_PORT = 9000, 9001, 5000
RELAYED_CLIENT = "10.78.0.1"
LOSSES_PPM = (0, 1000, 10000, 50000)
RUNS = 25 if LONG else 2        # of each loss
SIZE_MAX_LOG2 = 21 if LONG else 18


def proxy(the_lab, ns, port, to, *ifaces):
    argv = [word for iface in ifaces for word in ("-i", iface)]
    return Ended(the_lab.start(ns, f"{EXAMPLES}/tcp_proxy", *argv, "-p", str(port), "-t", to,
                               ready=r"port \d+"))


def size():
    return int(2 ** random.uniform(0, SIZE_MAX_LOG2))


def open_connections(the_lab):
    """All that is in another state than TIME-WAIT, of both ends' kernels."""
    found = []
    for ns in (the_lab.client_ns, the_lab.server_ns):
        shown = the_lab.at(ns, "ss", "-Htan", "exclude", "time-wait", "exclude", "listening")
        found += shown.stdout.splitlines()
    return found


def transfers(the_lab, connect, listen_at):
    """The same proxy in each weather: what one run leaves, the next would meet."""
    with the_lab.listen(KERNEL_PORT, listen_at) as listener:
        for ppm in LOSSES_PPM:
            with the_lab.relay(loss=ppm, reorder=50000, dup=10000, delay=500, seed=1 + ppm):
                for run in range(RUNS):
                    client = connect()
                    server = listener.accept()[0]
                    server.settimeout(PATIENCE)
                    try:
                        both_ways((client, server), size(), size())
                    except (AssertionError, OSError) as e:
                        raise AssertionError(f"loss {ppm} ppm, run {run}: {e}") from e
                assert eventually(lambda: not open_connections(the_lab), PATIENCE), \
                    f"loss {ppm} ppm: not closed: {open_connections(the_lab)}"


def kernel_client_and_our_server(the_lab):
    with proxy(the_lab, the_lab.server_ns, OUTER, f"{CLIENT_V4}:{KERNEL_PORT}",
               "s1", "s0"):
        transfers(the_lab, lambda: the_lab.connect(RELAYED, OUTER), CLIENT_V4)


def our_client_and_kernel_server(the_lab):
    with proxy(the_lab, the_lab.server_ns, OUTER, f"{RELAYED_CLIENT}:{KERNEL_PORT}",
               "s0", "s1"):
        transfers(the_lab, lambda: the_lab.connect(V4, OUTER), RELAYED_CLIENT)


def our_client_and_our_server(the_lab):
    the_lab.at(the_lab.client_ns, FASTSOCK, "attach", "c1")
    try:
        with proxy(the_lab, the_lab.server_ns, INNER, f"{CLIENT_V4}:{KERNEL_PORT}",
                   "s1", "s0"), \
                proxy(the_lab, the_lab.client_ns, OUTER, f"{RELAYED}:{INNER}", "c1"):
            transfers(the_lab, lambda: the_lab.connect("127.0.0.1", OUTER), CLIENT_V4)
    finally:
        the_lab.at(the_lab.client_ns, FASTSOCK, "detach", "c1", check=False)


TESTS = [
    kernel_client_and_our_server,
    our_client_and_kernel_server,
    our_client_and_our_server,
]

if __name__ == "__main__":
    sys.exit(run_tests(TESTS, "tx", ("s0", "s1")))
