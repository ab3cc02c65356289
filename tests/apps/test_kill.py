#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 240
"""kill -9 of programs under fastsock run, at any moment, and what happens to
the interface under traffic. The lab is drawn in applab.py.
"""
import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from applab import FASTSOCK, LONG, SERVER, eventually, lab, run_tests     # noqa: E402

KILLS = 1000 if LONG else 24
SEED = int(os.environ.get("FS_TEST_SEED", "0")) or random.randrange(1 << 30)
ECHO = os.path.join(os.path.dirname(os.path.abspath(__file__)), "echo.py")


def start_redis(the_lab, fast=True):
    return the_lab.server("redis-server", "--port", "6379", "--save", "", "--appendonly", "no",
                          "--protected-mode", "no", "--dir", the_lab.root.name, port=6379, fast=fast)


def start_echo(the_lab, fast=True):
    return the_lab.server("/usr/bin/python3", ECHO, "6379", port=6379, fast=fast)


def ping_redis(the_lab):
    return the_lab.at(the_lab.client_ns, "timeout", "10", "redis-cli", "-h", SERVER, "ping").stdout == "PONG\n"


def ping_echo(the_lab):
    script = ("import socket,sys; s=socket.create_connection((sys.argv[1],6379),10); s.sendall(b'ping');"
              "sys.exit(s.recv(4)!=b'ping')")
    return the_lab.at(the_lab.client_ns, "/usr/bin/python3", "-c", script, SERVER, check=False).returncode == 0


def load(the_lab):
    """Traffic that nobody waits for."""
    return the_lab.client("redis-benchmark", "-h", SERVER, "-q", "-t", "get,set", "-c", "20",
                          "-n", "1000000", fast=False, good=(0, 1))


def killed_at_any_moment_a_new_one_takes_over(the_lab):
    rng = random.Random(SEED)
    print(f"# seed {SEED}")
    for i in range(KILLS):
        start, ping = rng.choice(((start_redis, ping_redis), (start_echo, ping_echo)))
        server = start(the_lab)
        busy = load(the_lab)
        try:
            if rng.random() < 0.7:
                assert ping(the_lab), f"kill {i}: no answer"
            time.sleep(rng.random() * rng.choice((0.01, 0.1, 0.3)))
        finally:
            server.kill()
            busy.kill()
    with start_redis(the_lab) as server:
        assert ping_redis(the_lab)
        server.stop()
        server.went_fast(1)
    nothing_stale(the_lab)


def nothing_stale(the_lab):
    status = the_lab.at(the_lab.server_ns, FASTSOCK, "status", "s0").stdout
    assert "rule tcp" not in status and "slot" not in status, status


PARENT = """
import os, socket, time
server = socket.create_server(("0.0.0.0", 6379))
server.settimeout(0.1)
try:
    server.accept()
except TimeoutError:
    pass
if not os.fork():
    server.close()
    print("a child", flush=True)
    time.sleep(60)
time.sleep(60)
"""


def a_child_that_lives_on_keeps_no_queue(the_lab):
    with the_lab.server("/usr/bin/python3", "-c", PARENT, port=6379) as parent:
        assert eventually(parent.said), "no child"
        os.kill(parent.pid, signal.SIGKILL)
        parent.child.wait()
        with start_redis(the_lab) as server:
            assert ping_redis(the_lab)
            server.stop()
            server.went_fast(1)
        parent.kill()


def killed_its_port_is_the_kernels(the_lab):
    """Whoever still sends gets a reset at once; a server without fastsock is heard."""
    with start_echo(the_lab) as server:
        assert ping_echo(the_lab)
        server.kill()
        with start_echo(the_lab, fast=False) as kernel:
            assert ping_echo(the_lab)
            kernel.kill()


SENDER = """
import socket, sys, time
listener = socket.create_server(("0.0.0.0", 6379))
conn, _ = listener.accept()
conn.setblocking(False)
print(conn.send(b"x" * 200_000), flush=True)
while sys.argv[1] == "computes":
    pass
time.sleep(60)
"""
TAKER = """
import socket, sys, time
s = socket.create_connection((sys.argv[1], 6379), 10)
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
time.sleep(1)
n = 0
while True:
    data = s.recv(65536)
    if not data:
        break
    n += len(data)
print(n)
"""


def ended_by_a_signal_its_data_still_arrives(the_lab):
    """As the kernel does it: what was sent is delivered, and then the end of the stream."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        for how in ("calls", "computes"):
            server = the_lab.server("/usr/bin/python3", "-u", "-c", SENDER, how, port=6379, good=(-number,))
            taker = the_lab.client("/usr/bin/python3", "-c", TAKER, SERVER, fast=False)
            while not server.said():
                time.sleep(0.05)
            os.kill(server.pid, number)
            sent, taken = server.wait(), taker.wait()
            assert sent == taken and int(sent) > 20_000, (number, how, sent, taken)
            assert server.connections("at_exit") == 1, server.why()


class Talker(threading.Thread):
    """Asks once and again over one connection, from the client's namespace."""

    def __init__(self, the_lab):
        super().__init__()
        script = ("import socket,sys,time\n"
                  "s=socket.create_connection((sys.argv[1],6379),30); s.settimeout(60); n=0\n"
                  "end=time.time()+float(sys.argv[2])\n"
                  "while time.time()<end:\n"
                  " b=str(n).encode().rjust(2000,b'.'); s.sendall(b); g=b''\n"
                  " while len(g)<2000: g+=s.recv(2000-len(g)) or sys.exit('closed')\n"
                  " assert g==b; n+=1\n"
                  "print(n)\n")
        self.child = subprocess.Popen(
            the_lab.inside(the_lab.client_ns, ["/usr/bin/python3", "-c", script, SERVER, "6"]),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, preexec_fn=lab.Child.begin)

    def run(self):
        self.said = self.child.communicate()[0]

    def finish(self):
        self.join()
        assert self.child.returncode == 0 and int(self.said) > 50, self.said


@contextlib.contextmanager
def conversation(the_lab):
    """One with the echo server, which must go on whatever is done meanwhile."""
    with start_echo(the_lab) as server:
        talker = Talker(the_lab)
        talker.start()
        time.sleep(1)
        yield
        talker.finish()
        server.kill()


def there_and_back(the_lab, what, one, other, pause_s=0.5):
    """ip WHAT ONE, and after a while ip WHAT OTHER, at the server."""
    for change in (one, other):
        the_lab.at(the_lab.server_ns, "ip", what, *change.split())
        time.sleep(pause_s)


def link_down_and_up_is_survived(the_lab):
    with conversation(the_lab):
        for _ in range(2):
            there_and_back(the_lab, "link", "set s0 down", "set s0 up", pause_s=0.3)
            time.sleep(0.7)


def mtu_change_is_survived(the_lab):
    with conversation(the_lab):
        for mtu in (1300, 600, 1500):
            for ns, name in ((the_lab.server_ns, "s0"), (the_lab.client_ns, "c0")):
                the_lab.at(ns, "ip", "link", "set", name, "mtu", str(mtu))
            time.sleep(1)


def route_change_is_survived(the_lab):
    """The route to the client goes and comes back."""
    with conversation(the_lab):
        there_and_back(the_lab, "route", "add unreachable 10.77.0.1/32", "del unreachable 10.77.0.1/32")


def address_that_goes_and_comes_back_is_survived(the_lab):
    with conversation(the_lab):
        there_and_back(the_lab, "addr", "del 10.77.0.2/24 dev s0", "add 10.77.0.2/24 dev s0")


TESTS = [killed_at_any_moment_a_new_one_takes_over, a_child_that_lives_on_keeps_no_queue, killed_its_port_is_the_kernels,
         ended_by_a_signal_its_data_still_arrives,
         link_down_and_up_is_survived, mtu_change_is_survived, route_change_is_survived,
         address_that_goes_and_comes_back_is_survived]

if __name__ == "__main__":
    sys.exit(run_tests(TESTS, "tk", queues=1))
