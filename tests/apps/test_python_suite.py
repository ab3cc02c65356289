#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 1500
"""Python's own tests of sockets give the same results under `fastsock run`.

Debian's /usr/bin/python3, package libpython3.11-testsuite. The lab is drawn in
applab.py. Each suite is played once on each side, and nothing is tried again.
"""
import os
import re
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from applab import LONG, run_tests     # noqa: E402

PYTHON = "/usr/bin/python3"
RESULT = re.compile(r"^(\w+) \((test\.[\w.]+)\)(?:\n[^\n]*)?? \.\.\. (ok|FAIL|ERROR|skipped|expected failure)", re.M)


def results(the_lab, fast, suite, seconds):
    app = the_lab.server(PYTHON, "-m", "test", "-v", "--timeout", "120", suite, fast=fast,
                         good=range(-31, 256), cwd=the_lab.root.name)
    return {f"{m[2]}.{m[1]}" if not m[2].endswith(m[1]) else m[2]: m[3]
            for m in RESULT.finditer(app.wait(seconds))}


def same_as_without(the_lab, suite, least, seconds=300):
    want = results(the_lab, False, suite, seconds=seconds)
    got = results(the_lab, True, suite, seconds=seconds)
    assert len(want) >= least, f"{len(want)} results"
    other = {n for n in want if got.get(n) != want[n]}
    assert not other, f"{len(other)} of {len(want)} end otherwise: " + ", ".join(
        f"{n}: {got.get(n, 'no result')}, not {want[n]}" for n in sorted(other)[:10])


def socket_module(the_lab):
    same_as_without(the_lab, "test_socket", 400)


def selectors_module(the_lab):
    same_as_without(the_lab, "test_selectors", 60)


def epoll_objects(the_lab):
    same_as_without(the_lab, "test_epoll", 10)


def asyncio_package(the_lab):
    same_as_without(the_lab, "test_asyncio", 800, seconds=500)


# The two large ones take minutes: check-all has them.
TESTS = [selectors_module, epoll_objects, *((socket_module, asyncio_package) if LONG else ())]

if __name__ == "__main__":
    sys.exit(run_tests(TESTS, "ts"))
