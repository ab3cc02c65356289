#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""The kernel's side of the tests: UDP clients and a server on plain sockets.

  sizes HOST PORT FIRST LAST	every payload size once, each echo compared
  ask HOST PORT N		N requests; says who answered how many
  load HOST PORT		like ask, until SIGTERM; lost answers are fine
  serve HOST PORT		answers "kernel" + the request, until SIGTERM
"""
import signal
import socket
import sys

TAG = b"kernel "
WINDOW = 16
PATTERN = bytes(range(256)) * 8


def opened(host):
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.socket(family, socket.SOCK_DGRAM)


def connected(host, port, timeout):
    s = opened(host)
    s.settimeout(timeout)
    s.connect((host, int(port)))
    return s


def sizes(host, port, first, last):
    s = connected(host, port, 5)
    todo = list(range(int(first), int(last) + 1))
    for at in range(0, len(todo), WINDOW):
        flying = {}
        for n in todo[at:at + WINDOW]:
            flying[n] = PATTERN[n % 251:][:n]
            s.send(flying[n])
        while flying:
            try:
                got = s.recv(65536)
            except socket.timeout:
                sys.exit(f"no echo of {sorted(flying)} bytes from {host}")
            if flying.pop(len(got), None) != got:
                sys.exit(f"a wrong echo of {len(got)} bytes from {host}")
    print(f"{len(todo)} sizes echoed by {host}")


def exchange(s, count, seen):
    """One request and its answer; the answer says who gave it."""
    body = b"request %d" % count
    try:
        s.send(body)
        while True:
            got = s.recv(65536)
            if got == body:
                who = "fast"
            elif got == TAG + body:
                who = "kernel"
            else:
                continue  # the late answer to an earlier request
            seen[who] += 1
            return
    except (socket.timeout, ConnectionRefusedError):
        seen["lost"] += 1


def report(seen):
    print(" ".join(f"{who}={n}" for who, n in seen.items()), flush=True)


def ask(host, port, count):
    s = connected(host, port, 2)
    seen = {"fast": 0, "kernel": 0, "lost": 0}
    for n in range(int(count)):
        exchange(s, n, seen)
    report(seen)


def load(host, port):
    s = connected(host, port, 0.02)
    seen = {"fast": 0, "kernel": 0, "lost": 0}
    over = []
    signal.signal(signal.SIGTERM, lambda *_: over.append(True))
    count = 0
    while not over:
        exchange(s, count, seen)
        count += 1
    report(seen)


def serve(host, port):
    s = opened(host)
    s.bind((host, int(port)))
    print("ready", flush=True)
    while True:
        body, whom = s.recvfrom(65536)
        s.sendto(TAG + body, whom)


if __name__ == "__main__":
    {f.__name__: f for f in (sizes, ask, load, serve)}[sys.argv[1]](*sys.argv[2:])
