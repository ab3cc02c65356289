#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 240
"""Node.js: HTTP with keep-alive, a WebSocket chat, a database over the network.

The lab is drawn in applab.py; what runs in it is in node/.
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from applab import CLIENT, ROOT, SERVER, Steered, run_tests     # noqa: E402

NODE = f"{ROOT}/tests/apps/node"


def service(the_lab, **options):
    return the_lab.server("node", f"{NODE}/service.js", CLIENT, port=3000, **options)


def http_is_served_with_keep_alive(the_lab):
    with service(the_lab) as server, Steered(the_lab, 1000):
        for fast in (False, True):
            app = the_lab.client("wrk", "-t1", "-c16", "-d2", f"http://{SERVER}:3000/", fast=fast)
            out = app.wait(60)
            assert "Socket errors" not in out and "Non-2xx" not in out, out
            if fast:
                app.went_fast(16)
        server.stop()
        server.went_fast(32)


def chat_reaches_everybody(the_lab):
    with service(the_lab) as server:
        for fast in (False, True):
            app = the_lab.client("node", f"{NODE}/chat.js", SERVER, fast=fast)
            assert "all heard all" in app.wait(60)
            if fast:
                app.went_fast(8)
        server.stop()
        server.went_fast(16)


def database_is_asked_over_the_network(the_lab):
    """The service's own connection is fast, too."""
    with the_lab.client("redis-server", "--port", "6379", "--save", "", "--protected-mode", "no",
                        port=6379, fast=False), service(the_lab) as server:
        for i in range(100):
            got = the_lab.at(the_lab.client_ns, "curl", "-sS", f"http://{SERVER}:3000/count").stdout
            assert got == f"{i + 1}", got
        server.stop()
        server.went_fast(101)


def own_suite_passes(the_lab):
    app = the_lab.server("node", "--test", NODE, good=(0,))
    out = app.wait(60)
    assert "# fail 0" in out and "# pass 4" in out, out


TESTS = [
    http_is_served_with_keep_alive,
    chat_reaches_everybody,
    database_is_asked_over_the_network,
    own_suite_passes,
]

if __name__ == "__main__":
    sys.exit(run_tests(TESTS, "tn"))
