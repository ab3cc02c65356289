#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 240
"""The socket door's semantics are the kernel's: each case of tests/sock, a
program of plain socket calls, is played twice, and the transcripts are equal.

    kernel lab    kc0 10.77.0.1, fd77::1 ====== ks0 10.77.0.2, fd77::2
    fast lab      fc0 10.77.0.1, fd77::1 ====== fs0 10.77.0.2, fd77::2
                  the peer, in the kernel       the program, in the second
                                                lab under `fastsock run`

The names of cases may be given; -v shows both transcripts whole.
"""
import difflib
import os
import re
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tcplab import FASTSOCK                                    # noqa: E402
import lab                                                     # noqa: E402

PROGRAM = f"{lab.BUILD}/tests/sock/semantics"
V4, V6 = ("10.77.0.1", "10.77.0.2"), ("fd77::1", "fd77::2")
# Cases of what only the kernel ever carries: no fast socket is in them.
NEVER_FAST = re.compile(r"kernel_only_")


class SockLab(lab.Lab):
    def make(self):
        super().make()
        for ns, name, six in ((self.client_ns, self.client_if, V6[0]),
                              (self.server_ns, self.server_if, V6[1])):
            # Without a link-local address the kernel solicits no neighbour that it is only asked for.
            for address in (six, six.replace("fd77", "fe80")):
                lab.call("ip", "-n", ns, "addr", "add", address + "/64", "dev", name, "nodad")


class Side:
    """One lab's runs: the transcript of each case, and whether it was fast."""

    def __init__(self, the_lab, fast):
        self.lab, self.fast = the_lab, fast
        self.said, self.paths, self.problems = {}, {}, {}
        self.tail = ""

    def argv(self, to, back, cases):
        run = [FASTSOCK, "run", "-i", self.lab.server_if, "--"] if self.fast else []
        return self.lab.inside(self.lab.server_ns,
                               [*run, PROGRAM, str(to), str(back), *cases])

    def play(self, cases):
        """One process, for as many as it gets through."""
        peer = subprocess.Popen(self.lab.inside(self.lab.client_ns, [PROGRAM, "--peer", V4[1], V6[1]]),
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                preexec_fn=lab.Child.begin)
        to, back = peer.stdin.fileno(), peer.stdout.fileno()
        env = dict(os.environ, PEER4=V4[0], PEER6=V6[0], OWN4=V4[1], OWN6=V6[1])
        child = subprocess.Popen(self.argv(to, back, cases), stdin=subprocess.DEVNULL,
                                 stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env,
                                 pass_fds=(to, back), preexec_fn=lab.Child.begin)
        out, err = b"", b""
        try:
            out, err = child.communicate(timeout=len(cases) + 30)
        except subprocess.TimeoutExpired:
            child.kill()
            out, err = child.communicate()
        finally:
            peer.kill()
            peer.wait()
            peer.stdin.close()
            peer.stdout.close()
        return out.decode(errors="replace"), err.decode(errors="replace"), child.returncode

    def run(self, cases):
        left = list(cases)
        while left:
            out, self.tail, status = self.play(left)
            marks = re.findall(r"^path (\S+) (fast|slow)$", self.tail, re.M)
            for case, path in marks:
                self.paths.setdefault(case, set()).add(path)
            for case, text, end in re.findall(r"^case (\S+)\n(.*?)^(end \1|\Z)", out, re.M | re.S):
                self.said[case] = text
                left.remove(case)
                if not end:
                    self.problems[case] = f"ended the program (status {status})"
            if status == 0 or not out:
                break
        for case in left:
            self.problems[case] = f"was not played (status {status}): {self.tail[-300:]}"


def difference(kernel, fast, case):
    """What is wrong with a case; None: nothing."""
    for side, name in ((kernel, "the kernel"), (fast, "the fast path")):
        if case in side.problems:
            return f"{side.problems[case]} in {name}\n{side.said.get(case, '')}"
    if "slow" in fast.paths.get(case, ()) and not NEVER_FAST.match(case):
        return "the traffic was not on the fast path"
    if kernel.said[case] == fast.said[case]:
        return None
    return "\n".join(difflib.unified_diff(kernel.said[case].splitlines(),
                                          fast.said[case].splitlines(),
                                          "kernel", "fast", n=3, lineterm=""))


def play_both(kernel, fast, cases):
    beside = threading.Thread(target=kernel.run, args=(cases,))
    beside.start()
    fast.run(cases)
    beside.join()


def judge(kernel, fast, cases, verbose):
    failed = 0
    for case in cases:
        wrong = difference(kernel, fast, case)
        failed += wrong is not None
        print(f"{'not ok' if wrong else 'ok'} {case.replace('_', ' ')}{': ' + wrong if wrong else ''}")
        if verbose:
            print(f"--- fast\n{fast.said.get(case, '')}")
    return failed


def main():
    names = [a for a in sys.argv[1:] if a != "-v"]
    everything = subprocess.run([PROGRAM, "--list"], capture_output=True, text=True,
                                check=True).stdout.split()
    cases = [c for c in everything if not names or c.startswith(tuple(names))]
    lab.private_bpffs()
    lab.end_on_signals()
    lab.remove_stale("tsk")
    lab.remove_stale("tsf")
    with SockLab(f"tsk-{os.getpid()}", "kc0", "ks0") as kernel_lab, \
            SockLab(f"tsf-{os.getpid()}", "fc0", "fs0") as fast_lab:
        fast_lab.at(fast_lab.server_ns, FASTSOCK, "attach", "fs0")
        kernel, fast = Side(kernel_lab, False), Side(fast_lab, True)
        began = time.monotonic()
        play_both(kernel, fast, cases)
        failed = judge(kernel, fast, cases, "-v" in sys.argv)
        print(f"{time.monotonic() - began:.1f} s")
        fast_lab.at(fast_lab.server_ns, FASTSOCK, "detach", "fs0", check=False)
    print(f"{len(cases) - failed} passed, {failed} failed")
    return failed != 0


if __name__ == "__main__":
    sys.exit(main())
