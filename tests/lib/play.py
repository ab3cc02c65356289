# SPDX-License-Identifier: BSD-2-Clause
"""Play tests in a lab, one after another, and count: what a script of tests/netns
or tests/apps does when it is called. Words on its command line are beginnings
of the names of those wanted.
"""
import os
import subprocess
import sys
import time
import traceback

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__)))), "bench"))
import lab                                                    # noqa: E402


def line_of(test, error):
    """Where in the test it went wrong, or anywhere else."""
    frames = traceback.extract_tb(error.__traceback__)
    return ([f for f in frames if f.name == test.__name__] or frames)[-1].lineno


def one(test, the_lab, before):
    name = test.__name__.replace("_", " ")
    began = time.monotonic()
    try:
        if before:
            before(the_lab)
        test(the_lab)
    except (AssertionError, OSError, ValueError, lab.LabError, subprocess.SubprocessError) as e:
        print(f"not ok {name}: line {line_of(test, e)}: {type(e).__name__}: {e}", flush=True)
        return False
    print(f"ok {name} ({time.monotonic() - began:.1f} s)", flush=True)
    return True


def play(tests, prefix, make_lab, before=None):
    """make_lab(name) is entered once, and before(lab) called ahead of each test. The exit status."""
    wanted = tuple(sys.argv[1:])
    chosen = [test for test in tests if not wanted or test.__name__.startswith(wanted)]
    lab.private_bpffs()
    lab.end_on_signals()
    lab.remove_stale(prefix)
    with make_lab(f"{prefix}-{os.getpid()}") as the_lab:
        passed = sum(one(test, the_lab, before) for test in chosen)
    print(f"{passed} passed, {len(chosen) - passed} failed")
    return passed != len(chosen)
