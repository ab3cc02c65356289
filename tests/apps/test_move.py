#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 300
"""Busy connections of a program move into the kernel: by fork(), by
fs_handoff(); with a peer on the kernel, and with one of ours. The lab is drawn
in applab.py.
"""
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from applab import LONG, SERVER, App, run_tests           # noqa: E402

STREAM = os.path.join(os.path.dirname(os.path.abspath(__file__)), "stream.py")
CONNS = 1000 if LONG else 100
TOTAL = 400_000 if LONG else 1_000_000


def moved(the_lab, how, peer_fast, conns=CONNS, total=TOTAL):
    into, out_of = os.pipe()
    server = App(the_lab, the_lab.server_ns, ("/usr/bin/python3", STREAM, "serve", "7000", str(total)),
                 port=7000, stdin=into)
    os.close(into)
    with server:
        client = the_lab.client("/usr/bin/python3", STREAM, "connect", SERVER, "7000", str(conns),
                                str(total), fast=peer_fast)
        with client:
            while "begun" not in server.said():
                time.sleep(0.02)
            for _ in range(3 if how else 0):    # in the midst of it, and when most are the kernel's
                os.write(out_of, how.encode() + b"\n")
                time.sleep(0.2)
            assert "all received" in client.wait(200)
        os.write(out_of, b"end\n")
        os.close(out_of)
        assert "all served" in server.wait()
    reason = {None: "fast", "fork": "forked", "handoff": "handed_off"}[how]
    assert server.connections(reason) >= conns / 10, server.why()
    assert not server.connections("stuck"), server.why()


def fork_moves_them_with_a_kernel_peer(the_lab):
    moved(the_lab, "fork", False)


def fork_moves_them_with_our_peer(the_lab):
    moved(the_lab, "fork", True)


def handoff_moves_them_with_a_kernel_peer(the_lab):
    moved(the_lab, "handoff", False)


def handoff_moves_them_with_our_peer(the_lab):
    moved(the_lab, "handoff", True)


def busy_connections_between_two_of_ours_share_the_frames(the_lab):
    """More than either pool has frames for: each goes on when others have given way."""
    moved(the_lab, None, True)


TESTS = [busy_connections_between_two_of_ours_share_the_frames, fork_moves_them_with_a_kernel_peer, fork_moves_them_with_our_peer,
         handoff_moves_them_with_a_kernel_peer, handoff_moves_them_with_our_peer]

if __name__ == "__main__":
    sys.exit(run_tests(TESTS, "tv", queues=1))
