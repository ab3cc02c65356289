#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 300
"""Python: http.server, socketserver in its forms, asyncio, multiprocessing.

The lab is drawn in applab.py; what runs in it is in pypeers.py.
"""
import hashlib
import os
import random
import signal
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from applab import ROOT, SERVER, Steered, run_tests     # noqa: E402

PYTHON = "/usr/bin/python3"
PEERS = f"{ROOT}/tests/apps/pypeers.py"


def http_server_serves_files(the_lab):
    content = random.Random(1).randbytes(3_000_000)
    path = f"{the_lab.root.name}/py.bin"
    with open(path, "wb") as f:
        f.write(content)
    with the_lab.server(PYTHON, "-u", "-m", "http.server", "8080", "--directory", the_lab.root.name,
                        port=8080, stop=signal.SIGINT) as server, Steered(the_lab, 100):
        for fast in (False, True):
            app = the_lab.client("sh", "-c", f"curl -sS http://{SERVER}:8080/py.bin | sha256sum", fast=fast)
            assert app.wait(60).split()[0] == hashlib.sha256(content).hexdigest()
            if fast:
                app.went_fast()
        server.stop()
        server.went_fast(2)


def peers(the_lab, form, connections=8, kernel=0, server_reason="fast"):
    """@form's echo server, under clients on the kernel, and fast ones."""
    for fast in (False, True):
        with the_lab.server(PYTHON, PEERS, "serve", form, port=9000, stop=signal.SIGINT) as server:
            app = the_lab.client(PYTHON, PEERS, "ask", SERVER, str(connections), fast=fast)
            assert "all right" in app.wait(60)
            if fast:
                app.went_fast(connections)
            server.stop()
            was = server.connections(server_reason)
            assert was >= connections, f"{form}: {server.why()}"


def socketserver_in_one_thread_echoes(the_lab):
    peers(the_lab, "plain")


def socketserver_with_threads_echoes(the_lab):
    peers(the_lab, "threading")


def socketserver_with_children_echoes(the_lab):
    """What the parent accepts and the child serves is the kernel's from the fork on."""
    peers(the_lab, "forking", server_reason="forked")


def asyncio_streams_echo(the_lab):
    peers(the_lab, "asyncio", connections=50)


def asyncio_clients_are_fast(the_lab):
    with the_lab.server(PYTHON, PEERS, "serve", "threading", port=9000, stop=signal.SIGINT, fast=False):
        app = the_lab.client(PYTHON, PEERS, "ask-asyncio", SERVER, "50")
        assert "all right" in app.wait(60)
        app.went_fast(50)


def processes_share_a_listener(the_lab):
    with the_lab.server(PYTHON, PEERS, "serve", "multiprocessing", port=9000, stop=signal.SIGINT) as server:
        app = the_lab.client(PYTHON, PEERS, "ask", SERVER, "20", fast=False)
        assert "all right" in app.wait(60)
        server.stop()
        assert sum(n for (sort, _), n in server.why().items() if sort == "TCP connections") >= 20 or \
            server.was("TCP listeners", "no_queue") or server.was("TCP listeners", "port_taken"), server.why()


def datagrams_are_echoed(the_lab):
    with the_lab.server(PYTHON, PEERS, "serve", "udp", port=9000, udp=True, stop=signal.SIGINT) as server:
        for fast in (False, True):
            with Steered(the_lab, 200):
                app = the_lab.client(PYTHON, PEERS, "ask-udp", SERVER, "200", fast=fast)
                assert "all right" in app.wait(60)
                if fast:
                    app.went_fast(1, "UDP sockets")
        server.stop()
        server.went_fast(1, "UDP sockets")


TESTS = [
    http_server_serves_files,
    socketserver_in_one_thread_echoes,
    socketserver_with_threads_echoes,
    socketserver_with_children_echoes,
    asyncio_streams_echo,
    asyncio_clients_are_fast,
    processes_share_a_listener,
    datagrams_are_echoed,
]

if __name__ == "__main__":
    sys.exit(run_tests(TESTS, "tp"))
