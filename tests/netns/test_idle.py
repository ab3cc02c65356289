#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 180
"""Idle connections in one epoll set under `fastsock run`: no CPU time, and a
wake-up costs what it costs with ten. The lab is drawn in tcplab.py; the
clients are this script's, in the kernel. FS_TEST_LONG=1: 10,000 of them.
"""
import os
import random
import re
import resource
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tcplab import FASTSOCK, LONG, V4, Ended, run_tests          # noqa: E402
import lab                                                      # noqa: E402

PROGRAM = f"{lab.BUILD}/tests/netns/idle"
PORT = 7100
MANY = 10000 if LONG else 2000
FEW = 10
MESSAGES = 2000
IDLE_US = 20000         # of CPU time in two seconds
TIMES = 1.5             # what a wake-up may cost more: caches are not without end


def measure(the_lab, count, fast=True):
    run = [FASTSOCK, "run", "-i", "s0", "--why", "--"] if fast else []
    process = the_lab.start(the_lab.server_ns, *run, PROGRAM, str(PORT), str(count),
                            str(MESSAGES), ready="listening")
    clients = []
    with Ended(process) as server:
        clients += [the_lab.connect(V4, PORT) for _ in range(count)]
        process.wait_ready("idle")
        for _ in range(MESSAGES):
            s = random.choice(clients)
            s.send(b"x")
            assert s.recv(1) == b"x"
        assert server.child.wait(timeout=20) == 0
        said = process.said.decode() + server.child.stdout.read().decode()
        for s in clients:
            s.close()
        server.killed = True
    costs = {kind: [int(n) for n in numbers.split()]
             for kind, numbers in re.findall(r"(idle|busy) ([-\d ]+)", said)}
    carried = re.search(r"(\d+) TCP connections: carried by the fast path", said)
    assert not fast or (carried and int(carried.group(1)) >= count * 99 // 100), said
    print(f"    {count} connections, {'fast' if fast else 'kernel'}: 2 s idle {costs['idle'][0]} us "
          f"CPU, {costs['idle'][1]} switches; a wake-up {costs['busy'][0] / MESSAGES:.1f} us CPU, "
          f"{costs['busy'][1] / MESSAGES:.2f} switches, {costs['busy'][2] // MESSAGES} instructions")
    return costs


def idle_connections_cost_nothing(the_lab):
    few = measure(the_lab, FEW)
    many = measure(the_lab, MANY)
    if LONG:
        measure(the_lab, FEW, fast=False)
        measure(the_lab, MANY, fast=False)
    for costs in (few, many):
        assert costs["idle"][0] < IDLE_US, f"{costs['idle'][0]} us of CPU time while idle"
        assert costs["idle"][1] < 50, f"{costs['idle'][1]} switches while idle"
    counted = 2 if few["busy"][2] > 0 else 1
    assert many["busy"][counted] <= TIMES * few["busy"][counted] + MESSAGES // 10, \
        f"{many['busy']} with {MANY}, {few['busy']} with {FEW}"


if __name__ == "__main__":
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    sys.exit(run_tests([idle_connections_cost_nothing], "tid", ("s0",)))
