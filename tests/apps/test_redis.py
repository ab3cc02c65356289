#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 300
"""redis-server and memcached, with their clients; replication between worlds.

The lab is drawn in applab.py.
"""
import os
import random
import re
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from applab import CLIENT, SERVER, Steered, eventually, run_tests     # noqa: E402


def redis(the_lab, at_client=False, port=6379, **options):
    start = the_lab.client if at_client else the_lab.server
    return start("redis-server", "--port", str(port), "--save", "", "--appendonly", "no",
                 "--protected-mode", "no", "--dir", the_lab.root.name, "--repl-diskless-sync-delay", "0",
                 port=port, **options)


def cli(the_lab, *argv, ns=None, host=SERVER, port=6379):
    return the_lab.at(ns or the_lab.client_ns, "redis-cli", "-h", host, "-p", str(port), *argv).stdout.strip()


def bench(the_lab, *argv, **options):
    app = the_lab.client("redis-benchmark", "-h", SERVER, "-q", "-t", "ping_mbulk,set,get", *argv, **options)
    out = app.wait(90)
    rates = re.findall(r"([\d.]+) requests per second", out)
    assert len(rates) == 3 and "rror" not in out, out
    return app


def values_come_back(the_lab):
    with redis(the_lab) as server, Steered(the_lab, 100):
        rng = random.Random(6379)
        for size in (1, 100, 10_000, 100_000):
            value = bytes(rng.choices(b"abcdefghijklmnopqrstuvwxyz", k=size)).decode()
            assert cli(the_lab, "set", f"k{size}", value) == "OK"
            assert cli(the_lab, "get", f"k{size}") == value, size
        # Beside it, the same server over loopback: the kernel's.
        assert cli(the_lab, "get", "k1", ns=the_lab.server_ns, host="127.0.0.1")
        server.stop()
        server.went_fast(8)
        assert server.connections("by_kernel") == 1, server.why()


def fifty_clients_are_served(the_lab):
    for server_fast, client_fast in ((True, False), (False, True), (True, True)):
        with redis(the_lab, fast=server_fast) as server:
            for options in ((), ("-P", "16")):
                app = bench(the_lab, "-c", "50", "-n", "20000", *options, fast=client_fast)
                if client_fast:
                    app.went_fast(50)
            server.stop()
            if server_fast:
                server.went_fast(100)


def loopback_is_served_meanwhile(the_lab):
    with redis(the_lab) as server:
        load = the_lab.client("redis-benchmark", "-h", SERVER, "-q", "-t", "get", "-n", "100000", fast=False)
        for _ in range(50):
            assert cli(the_lab, "ping", ns=the_lab.server_ns, host="127.0.0.1") == "PONG"
        load.wait(90)
        server.stop()
        assert server.connections("by_kernel") == 50, server.why()


def replicas_follow(the_lab):
    """A fast one a kernel one, and the other way round."""
    for fast in (True, False):
        with redis(the_lab, fast=fast), redis(the_lab, at_client=True, fast=not fast) as replica:
            value = "x" * 1000
            for i in range(200):
                cli(the_lab, "set", f"before{i}", value) if i % 50 == 0 else None
            cli(the_lab, "replicaof", SERVER, "6379", ns=the_lab.client_ns, host=CLIENT)
            end = time.monotonic() + 30
            while "master_link_status:up" not in cli(the_lab, "info", "replication", host=CLIENT):
                assert time.monotonic() < end, cli(the_lab, "info", "replication", host=CLIENT)
                time.sleep(0.1)
            the_lab.client("redis-benchmark", "-h", SERVER, "-q", "-t", "set", "-r", "1000", "-n", "5000",
                           fast=False).wait(60)
            assert eventually(lambda: cli(the_lab, "dbsize", host=CLIENT) == cli(the_lab, "dbsize"), 10), \
                "the replica lags"
            assert cli(the_lab, "get", "before0", host=CLIENT) == value
            if not fast:
                replica.stop()
                replica.went_fast()


def four_threads_of_memcached_serve(the_lab):
    with the_lab.server("memcached", "-u", "root", "-t", "4", "-p", "11211", "-U", "0", port=11211) as server:
        script = ("import socket, sys, threading\n"
                  "def run(i):\n"
                  "    s = socket.create_connection((sys.argv[1], 11211)); f = s.makefile('rwb')\n"
                  "    for n in range(300):\n"
                  "        v = (b'%d-%d.' % (i, n)) * 100\n"
                  "        f.write(b'set k%d 0 0 %d\\r\\n%s\\r\\n' % (i, len(v), v)); f.flush()\n"
                  "        assert f.readline() == b'STORED\\r\\n'\n"
                  "        f.write(b'get k%d\\r\\n' % i); f.flush()\n"
                  "        assert f.readline() == b'VALUE k%d 0 %d\\r\\n' % (i, len(v))\n"
                  "        assert f.read(len(v) + 7) == v + b'\\r\\nEND\\r\\n'\n"
                  "    done.append(i)\n"
                  "done = []\n"
                  "ts = [threading.Thread(target=run, args=(i,)) for i in range(16)]\n"
                  "[t.start() for t in ts]; [t.join() for t in ts]\n"
                  "assert len(done) == 16\n")
        for fast in (False, True):
            app = the_lab.client("/usr/bin/python3", "-c", script, SERVER, fast=fast)
            app.wait(60)
            if fast:
                app.went_fast(16)
        server.stop()
        server.went_fast(32)


TESTS = [
    values_come_back,
    fifty_clients_are_served,
    loopback_is_served_meanwhile,
    replicas_follow,
    four_threads_of_memcached_serve,
]

if __name__ == "__main__":
    sys.exit(run_tests(TESTS, "tb"))
