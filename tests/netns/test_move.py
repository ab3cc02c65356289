#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 240
"""Connections of the stack door that move to the kernel, and peers that notice nothing.

The lab is drawn in tcplab.py. mover.c, at both ends, says what its place in
the stream demands, judges what it hears, and moves when it is told to. With
FS_TEST_LONG=1 (tests/run --long) there are 1000 connections at once.
"""
import itertools
import os
import random
import re
import socket
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tcplab import (lab, CLIENT_V4, CLIENT_V6, LONG, PATIENCE, RELAYED,      # noqa: E402
                    V4, V6, Ended, asks, eventually, run_tests, same, steered_tcp,
                    Sender, receive)

MOVER = f"{lab.BUILD}/tests/netns/mover"
# Each talk has a port of its own: on one that the kernel has connections of in TIME-WAIT,
# a client that takes the port of one of them again comes to the kernel.
PORTS, KERNEL_PORT = itertools.count(5000), 6000
LATE = "400"        # ms: what the peer waits before it reads or writes


class Mover:
    """One end. @stack: an interface, or None for the kernel's sockets."""

    def __init__(self, the_lab, ns, stack, *options):
        argv = ("-i", stack) if stack else ("-k",)
        seed = str(random.randrange(1, 1 << 30))
        self.process = Ended(the_lab.start(ns, MOVER, *argv, "-s", seed, *options,
                                           ready=r"port \d+"))

    def ends(self):
        """It ends by itself, well. What it said."""
        child = self.process.child
        try:
            status = child.wait(timeout=60)
            said = child.stdout.read().decode(errors="replace")
            assert status == 0, f"status {status}: {said[-400:]}"
            return said
        finally:
            self.process.killed = True
            self.process.stop(False)


def talk(the_lab, options, *, n=10, size=200000, at=V4, ours="s0", peer=(), peer_stack=None,
         active=False):
    """Our end with @options, and a peer. What ours said of moves: (in all, resets)."""
    port = next(PORTS)
    both = ("-n", str(n), "-b", str(size))
    if active:
        at = CLIENT_V6 if ":" in at else CLIENT_V4
    to = f"[{at}]:{port}" if ":" in at else f"{at}:{port}"
    listens, connects = ("-l", str(port)), ("-c", to)
    first, second = ((the_lab.client_ns, peer_stack, *peer), (the_lab.server_ns, ours, *options))
    if not active:
        first, second = second, first
    ends = [Mover(the_lab, *first, *both, *listens)]
    try:
        ends.append(Mover(the_lab, *second, *both, *connects))
        said = [end.ends() for end in ends]
    finally:
        for end in ends:
            end.process.killed = True
            end.process.stop(False)
    found = re.search(r"(\d+) in all, \d+ dropped late, (\d+) resets", said[active])
    assert found, said
    return int(found[1]), int(found[2])


def moves(the_lab, options, *, n=10, every=True, **more):
    moved, resets = talk(the_lab, options, n=n, **more)
    assert moved == n if every else moved > n // 2, f"{moved} of {n} have moved"
    assert not resets, f"{resets} resets"
    nothing_is_left(the_lab)


def nothing_is_left(the_lab):
    for iface in ("s0", "s1"):
        assert not steered_tcp(the_lab, iface), steered_tcp(the_lab, iface)

    def sockets():
        shown = the_lab.at(the_lab.server_ns, "ss", "-Htan", "state", "connected", "exclude",
                           "time-wait", "exclude", "fin-wait-2")
        return shown.stdout.strip()
    assert eventually(lambda: not sockets(), 10), sockets()


RANDOM = ("-m", "random")


def connections_move_under_load(the_lab):
    for at in (V4, V6):
        talk(the_lab, RANDOM, n=100, at=at)
        nothing_is_left(the_lab)
    if LONG:
        for at in (V4, V6):
            moved, _ = talk(the_lab, RANDOM, n=1000, size=100000, at=at)
            assert moved > 500, moved
            nothing_is_left(the_lab)


def outgoing_ones_move_under_load(the_lab):
    for at in (V4, V6):
        talk(the_lab, RANDOM, n=100, at=at, active=True)
        nothing_is_left(the_lab)


def they_move_at_both_ends(the_lab):
    for at in (V4, V6):
        talk(the_lab, RANDOM, n=50, at=at, peer=RANDOM, peer_stack="c0")
        nothing_is_left(the_lab)


def peers_without_options_go_on(the_lab):
    """No timestamps, no SACK, no window scaling: each alone, and all."""
    names = ("tcp_timestamps", "tcp_sack", "tcp_window_scaling")
    for off in (*((name,) for name in names), names):
        the_lab.at(the_lab.client_ns, "sysctl", "-qw", *(f"net.ipv4.{name}=0" for name in off))
        try:
            talk(the_lab, RANDOM, n=30)
        finally:
            the_lab.at(the_lab.client_ns, "sysctl", "-qw",
                       *(f"net.ipv4.{name}=1" for name in names))
        nothing_is_left(the_lab)


def sockets_of_both_families_take_ip4(the_lab):
    moves(the_lab, ("-m", "time", "-a", "20", "-w", "moved", "-6"))
    moves(the_lab, ("-m", "time", "-a", "20", "-w", "moved", "-6"), active=True)


def unread_data_and_a_shut_window_move(the_lab):
    """Ours reads nothing before: the peer fills the window. Nor does the peer: ours fills its."""
    for size in (1000, 3000000):
        moves(the_lab, ("-m", "time", "-a", "200", "-r", "moved"), size=size,
              peer=("-r", LATE, "-w", "0" if size > 1000 else LATE))


def idle_connections_move(the_lab):
    moves(the_lab, ("-m", "time", "-a", "100", "-r", "moved", "-w", "moved"), n=50,
          peer=("-w", LATE))


def peer_that_has_closed_is_read_to_its_end(the_lab):
    """CLOSE-WAIT, with what it sent unread, and with all of it read."""
    for at in (V4, V6):
        moves(the_lab, ("-m", "close-wait", "-r", "moved", "-w", "moved"), size=40000, at=at)
        moves(the_lab, ("-m", "close-wait", "-w", "moved"), at=at)


def end_that_we_have_closed_stays_closed(the_lab):
    """FIN-WAIT-1 and -2, while the peer goes on."""
    moves(the_lab, ("-m", "fin-wait"), size=40000, peer=("-w", LATE))
    moves(the_lab, ("-m", "fin-wait"), size=400000, peer=("-w", LATE, "-r", "100"), every=False)


def both_ends_closed_and_not_acknowledged(the_lab):
    """LAST-ACK: on a slow wire."""
    with the_lab.relay(delay=50000):
        moves(the_lab, ("-m", "last-ack", "-w", "1500"), size=10000, at=RELAYED, ours="s1")


def loss_and_disorder_do_no_harm(the_lab):
    for faults in ({"loss": 20000}, {"reorder": 50000, "dup": 20000, "loss": 5000}):
        with the_lab.relay(seed=11, delay=1000, **faults):
            talk(the_lab, RANDOM, n=30, size=100000, at=RELAYED, ours="s1")
            nothing_is_left(the_lab)


def closed_connections_are_sent_to_their_end(the_lab):
    """The stack is gone before its peers have read: the kernel does the rest."""
    talk(the_lab, ("-m", "never", "-o"), size=300000, peer=("-r", LATE))
    nothing_is_left(the_lab)


def moved_ones_outlive_their_stack(the_lab):
    for active in (False, True):
        moves(the_lab, ("-m", "time", "-a", "100", "-r", "moved", "-w", "moved", "-q"),
              size=300000, active=active)


def without_the_privilege_they_stay(the_lab):
    moved, resets = talk(the_lab, ("-m", "random", "-x"))
    assert not moved and not resets, (moved, resets)


def connections_of_the_kernel_survive_a_fast_server(the_lab):
    """It was a kernel server; its connections live on beside a fast one on its port."""
    for at in (V4, V6):
        family = socket.AF_INET6 if ":" in at else socket.AF_INET
        with the_lab.socket(the_lab.server_ns, family) as listener:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((at, KERNEL_PORT))
            listener.listen()
            client = the_lab.connect(at, KERNEL_PORT)
            server = listener.accept()[0]
        server.settimeout(PATIENCE)
        with client, server:
            with the_lab.example("tcp_echo", "-p", str(KERNEL_PORT)):
                for one, other in ((client, server), (server, client)):
                    one.sendall(b"still the same?")
                    assert receive(other, 15) == b"still the same?"
                with the_lab.connect(at, KERNEL_PORT) as fast:
                    asks(fast)
                data = random.randbytes(1 << 20)
                sender = Sender(client, data)
                same(receive(server), data, "after the fast server came")
                sender.done()
        said = the_lab.fastsock("stats", "-i", "s0").stdout
        assert re.search(r"pass_kernel\W+\d", said), said


TESTS = [
    connections_move_under_load,
    outgoing_ones_move_under_load,
    they_move_at_both_ends,
    peers_without_options_go_on,
    sockets_of_both_families_take_ip4,
    unread_data_and_a_shut_window_move,
    idle_connections_move,
    peer_that_has_closed_is_read_to_its_end,
    end_that_we_have_closed_stays_closed,
    both_ends_closed_and_not_acknowledged,
    loss_and_disorder_do_no_harm,
    closed_connections_are_sent_to_their_end,
    moved_ones_outlive_their_stack,
    without_the_privilege_they_stay,
    connections_of_the_kernel_survive_a_fast_server,
]

if __name__ == "__main__":
    sys.exit(run_tests(TESTS, "mv", ("s0", "s1")))
