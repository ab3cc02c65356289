# SPDX-License-Identifier: BSD-2-Clause
"""Both ends of many busy connections.

stream.py serve PORT BYTES  each connection sends its own stream and checks the
                            other's; a line on stdin does something to them:
                            fork, handoff; "end" finishes
stream.py connect HOST PORT N BYTES

Each end sends BYTES and expects as many; byte i of a stream is a function of i
and of the direction, so that nothing lost, doubled or moved goes unnoticed.
"""
import ctypes
import os
import selectors
import socket
import sys
import time

PERIOD = 65521
WAVE = [bytes((i * 131 + (i >> 8) * 7 + way) & 255 for i in range(PERIOD)) * 3 for way in (1, 2)]
PIECE = 60000


class Stream:
    """One end: what it sends, what it expects."""
    begun = False

    def __init__(self, sock, way, total):
        self.sock, self.total = sock, total
        self.mine, self.theirs = WAVE[way], WAVE[1 - way]
        self.sent = self.got = 0
        sock.setblocking(False)

    def events(self):
        return (selectors.EVENT_WRITE if self.sent < self.total else 0) | \
               (selectors.EVENT_READ if self.got < self.total else 0)

    def write(self):
        at = self.sent % PERIOD
        self.sent += self.sock.send(self.mine[at:at + min(PIECE, self.total - self.sent)])

    def read(self):
        data = self.sock.recv(PIECE)
        at = self.got % PERIOD
        if not data or data != self.theirs[at:at + len(data)]:
            sys.exit(f"wrong at {self.got}: {len(data)} bytes")
        self.got += len(data)
        if not Stream.begun and self.got > self.total / 10:
            Stream.begun = True
            print("begun", flush=True)

    def step(self, events):
        try:
            if events & selectors.EVENT_WRITE:
                self.write()
            if events & selectors.EVENT_READ:
                self.read()
        except BlockingIOError:
            pass
        return self.events()


def run(selector, others):
    """Until all is sent and received; others: {fileobj: what to do}."""
    left = sum(isinstance(k.data, Stream) for k in selector.get_map().values())
    while left or others:
        for key, events in selector.select():
            if key.fileobj in others:
                left += others[key.fileobj]()
                continue
            now = key.data.step(events)
            if now:
                if now != key.events:
                    selector.modify(key.fileobj, now, key.data)
                continue
            selector.unregister(key.fileobj)
            key.fileobj.close()
            left -= 1


def forked():
    """A child that holds all of them for a while, as a snapshot's does."""
    if not os.fork():
        time.sleep(1)
        os._exit(0)


def handed_off(selector):
    handoff = ctypes.CDLL(None).fs_handoff
    for key in list(selector.get_map().values()):
        if isinstance(key.data, Stream):
            status = handoff(key.fd)
            if status:
                sys.exit(f"fs_handoff: {status}")


def serve(port, total):
    selector = selectors.DefaultSelector()
    listener = socket.create_server(("0.0.0.0", port), backlog=2048)
    others = {}

    def accept():
        conn, _ = listener.accept()
        stream = Stream(conn, 0, total)
        selector.register(conn, stream.events(), stream)
        return 1

    def command():
        what = sys.stdin.readline().strip()
        if what == "fork":
            forked()
        elif what == "handoff":
            handed_off(selector)
        else:
            selector.unregister(listener)
            selector.unregister(sys.stdin)
            others.clear()
        print("done", what, flush=True)
        return 0

    others.update({listener: accept, sys.stdin: command})
    selector.register(listener, selectors.EVENT_READ)
    selector.register(sys.stdin, selectors.EVENT_READ)
    run(selector, others)
    print("all served", flush=True)


def connect(host, port, n, total):
    selector = selectors.DefaultSelector()
    for _ in range(n):
        conn = socket.create_connection((host, port), 20)
        # Not BBR, where that is the default: after what is lost among so many, it crawls for a minute.
        conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_CONGESTION, b"cubic")
        stream = Stream(conn, 1, total)
        selector.register(stream.sock, stream.events(), stream)
    run(selector, {})
    print("all received")


if sys.argv[1] == "serve":
    serve(int(sys.argv[2]), int(sys.argv[3]))
else:
    connect(sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5]))
