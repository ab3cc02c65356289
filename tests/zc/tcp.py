#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The kernel's side of the TCP tests, both as client and as server.

  echo HOST PORT BYTES...	each there and back, both directions at once
  bulk HOST PORT BYTES...	through tcp_proxy: other bytes each way, at once
  halves HOST PORT		through tcp_proxy: each direction ends for itself
  resets HOST PORT		through tcp_proxy: each side's reset is the other's
  closed			no connection is in another state than TIME-WAIT

tcp_proxy forwards to port 5000 of this side, so that the stack's own
connection goes there, too.
"""
import os
import random
import socket
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "netns"))
from tcplab import (Sender, both_ways, echoes, eventually, family_of, is_reset,    # noqa: E402
                    linger_0, receive, same)

BACK_PORT = 5000
PATIENCE = 60       # seconds without a byte: the processor is emulated


def connected(host, port):
    s = socket.create_connection((host, int(port)), timeout=PATIENCE)
    s.settimeout(PATIENCE)
    return s


class Proxied:
    """Pairs of sockets with tcp_proxy between."""

    def __init__(self, host, port):
        self.to = host, port
        self.listener = socket.create_server(("", BACK_PORT), family=family_of(host))
        self.listener.settimeout(PATIENCE)

    def pair(self):
        client = connected(*self.to)
        server = self.listener.accept()[0]
        server.settimeout(PATIENCE)
        return client, server


def echo(host, port, *sizes):
    for size in map(int, sizes):
        with connected(host, port) as s:
            echoes(s, random.randbytes(size), f"{size} bytes to {host}")


def bulk(host, port, *sizes):
    proxied = Proxied(host, port)
    for size in map(int, sizes):
        both_ways(proxied.pair(), size, size * 3 // 4)


def halves(host, port):
    proxied = Proxied(host, port)
    for first in (0, 1):
        pair = proxied.pair()
        pair[first].sendall(b"that is all")
        pair[first].shutdown(socket.SHUT_WR)
        assert receive(pair[1 - first]) == b"that is all", "other last words"
        data = random.randbytes(200000)
        sender = Sender(pair[1 - first], data)
        same(receive(pair[first]), data, "after the other direction's end")
        sender.done()
        for s in pair:
            s.close()


def resets(host, port):
    proxied = Proxied(host, port)
    for first in (0, 1):
        pair = proxied.pair()
        pair[first].sendall(b"x")
        assert receive(pair[1 - first], 1) == b"x"
        linger_0(pair[first])
        pair[first].close()
        said = is_reset(pair[1 - first], PATIENCE)
        assert said == "RST", f"a reset came as {said}"
        pair[1 - first].close()


def open_ones():
    shown = subprocess.run(["ss", "-Htan", "exclude", "time-wait", "exclude", "listening"],
                           check=True, capture_output=True, text=True)
    return shown.stdout


def closed():
    assert eventually(lambda: not open_ones(), 30), f"not closed: {open_ones()}"


if __name__ == "__main__":
    try:
        {f.__name__: f for f in (echo, bulk, halves, resets, closed)}[sys.argv[1]](*sys.argv[2:])
    except (AssertionError, OSError) as error:
        sys.exit(f"tcp.py {' '.join(sys.argv[1:])}: {type(error).__name__}: {error}")
