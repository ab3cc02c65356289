# SPDX-License-Identifier: BSD-2-Clause
"""The lab of the TCP tests: a kernel peer, our end, and two worse ways between.

    tt-cli                        tt-mid                        tt-srv
    +--------------------+                                     +--------------------+
    | c0 10.77.0.1       |=====================================| s0 10.77.0.2       |
    |    fd77::1         |                                     |    fd77::2         |
    |                    |     +-----------------------+       |                    |
    | c1 10.78.0.1       |=====| m0 <- tests/relay  m1 |=======| s1 10.78.0.2       |
    |                    |     |                       |       |                    |
    | c2 10.79.0.1       |=====| r0 10.79.0.254        |       |                    |
    |    fd79::1         |     |    fd79::fe  (router) |       |                    |
    |                    |     |    10.80.0.254    r1  |=======| s2 10.80.0.2       |
    |                    |     |    fd80::fe           |       |    fd80::2         |
    +--------------------+     +-----------------------+       +--------------------+

Over the relay, the ends leave nothing to the device: it passes on frames as
they are. On the other two, offloads are as the kernel makes them.
"""
import contextlib
import ctypes
import hashlib
import os
import random
import resource
import selectors
import socket
import struct
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
for where in ("bench", "tests/lib"):
    sys.path.insert(0, os.path.join(ROOT, where))
os.chdir(ROOT)
import lab                                                    # noqa: E402
import play                                                   # noqa: E402

FASTSOCK = f"{lab.BUILD}/bin/fastsock"
EXAMPLES = f"{lab.BUILD}/examples"
RELAY = f"{lab.BUILD}/tests/netns/relay"
V4, V6 = "10.77.0.2", "fd77::2"
CLIENT_V4, CLIENT_V6 = "10.77.0.1", "fd77::1"
RELAYED = "10.78.0.2"
ROUTED_V4, ROUTED_V6 = "10.80.0.2", "fd80::2"
CLONE_NEWNET = 0x40000000
PATIENCE = 20       # seconds: what takes longer hangs
LONG = os.environ.get("FS_TEST_LONG") == "1"


class TcpLab(lab.Lab):
    def __init__(self, prefix):
        super().__init__(prefix)
        self.mid_ns = prefix + "-mid"

    def link(self, ns, name, other_ns, other):
        lab.call("ip", "link", "add", name, "netns", ns, "type", "veth",
                 "peer", "name", other, "netns", other_ns)

    def address(self, ns, name, *addresses):
        for address in addresses:
            lab.call("ip", "-n", ns, "addr", "add", address, "dev", name,
                     *(("nodad",) if ":" in address else ()))
        lab.call("ip", "-n", ns, "link", "set", name, "up")

    def make(self):
        for ns in (self.client_ns, self.mid_ns, self.server_ns):
            lab.call("ip", "netns", "add", ns)
            self.made.append(ns)
            lab.call("ip", "-n", ns, "link", "set", "lo", "up")
        self.link(self.client_ns, "c0", self.server_ns, "s0")
        self.address(self.client_ns, "c0", "10.77.0.1/24", "fd77::1/64")
        self.address(self.server_ns, "s0", "10.77.0.2/24", "fd77::2/64")
        self.make_relayed()
        self.make_routed()
        for ns in (self.client_ns, self.server_ns):
            self.at(ns, "sysctl", "-qw", "net.ipv4.tcp_tw_reuse=1")
        for _ in range(100):
            if "tentative" not in lab.call("ip", "-n", self.server_ns, "addr").stdout:
                break
            time.sleep(0.05)

    def make_relayed(self):
        self.at(self.mid_ns, "sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1")
        self.link(self.client_ns, "c1", self.mid_ns, "m0")
        self.link(self.mid_ns, "m1", self.server_ns, "s1")
        for ns, name in ((self.client_ns, "c1"), (self.server_ns, "s1")):
            self.at(ns, "ethtool", "-K", name, "tx", "off", "tso", "off", "gso", "off", "gro", "off")
        for name in ("m0", "m1"):
            self.address(self.mid_ns, name)
        self.address(self.client_ns, "c1", "10.78.0.1/24")
        self.address(self.server_ns, "s1", "10.78.0.2/24")

    def make_routed(self):
        self.at(self.mid_ns, "sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=0",
                "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
        self.link(self.client_ns, "c2", self.mid_ns, "r0")
        self.link(self.mid_ns, "r1", self.server_ns, "s2")
        self.address(self.client_ns, "c2", "10.79.0.1/24", "fd79::1/64")
        self.address(self.mid_ns, "r0", "10.79.0.254/24", "fd79::fe/64")
        self.address(self.mid_ns, "r1", "10.80.0.254/24", "fd80::fe/64")
        self.address(self.server_ns, "s2", "10.80.0.2/24", "fd80::2/64")
        for ns, there, via in ((self.client_ns, "10.80.0.0/24", "10.79.0.254"),
                               (self.client_ns, "fd80::/64", "fd79::fe"),
                               (self.server_ns, "10.79.0.0/24", "10.80.0.254"),
                               (self.server_ns, "fd79::/64", "fd80::fe")):
            lab.call("ip", "-n", ns, "route", "add", there, "via", via)

    def socket(self, ns, family, kind=socket.SOCK_STREAM, proto=0):
        """A kernel socket; it stays in the namespace it was made in."""
        libc = ctypes.CDLL(None, use_errno=True)
        with open("/proc/self/ns/net", "rb") as home, open(f"/run/netns/{ns}", "rb") as there:
            assert libc.setns(there.fileno(), CLONE_NEWNET) == 0
            try:
                s = socket.socket(family, kind, proto)
            finally:
                libc.setns(home.fileno(), CLONE_NEWNET)
        s.settimeout(PATIENCE)
        return s

    def connect(self, address, port, source=None):
        s = self.socket(self.client_ns, family_of(address))
        try:
            if source is not None:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                s.bind(("", source))
            s.connect((address, port))
        except BaseException:
            s.close()
            raise
        return s

    def listen(self, port, address=""):
        """A kernel server's socket at the client's end."""
        s = self.socket(self.client_ns, family_of(address))
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        s.bind((address, port))
        s.listen(1024)
        return s

    def example(self, name, *options, ifaces=("s0",)):
        argv = [word for iface in ifaces for word in ("-i", iface)]
        return Ended(self.start(self.server_ns, f"{EXAMPLES}/{name}", *argv, *options,
                                ready=r"port \d+"))

    def relay(self, **faults):
        argv = [word for name, n in faults.items() for word in (f"--{name}", str(n))]
        return Ended(self.start(self.mid_ns, RELAY, "m0", "m1", *argv, ready="ready"))

    def fastsock(self, *argv, check=True):
        return self.at(self.server_ns, FASTSOCK, *argv, check=check)


class Ended:
    """with: a process of the lab that is ended, and must end well, at the end."""

    def __init__(self, process):
        self.process, self.child, self.pid = process, process.child, process.pid
        self.killed = False

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.stop(kind is None)

    def kill(self):
        self.killed = True
        self.child.kill()
        self.child.wait()

    def stop(self, check=True):
        """End it. What it said last."""
        if self.child.stdout.closed:
            return ""
        try:
            if self.child.poll() is None:
                self.child.terminate()
            elif not self.killed and check:
                said = self.child.stdout.read().decode(errors="replace")
                raise AssertionError(f"it had ended with {self.child.returncode}: {said}")
            status = self.child.wait(timeout=10)
            said = self.child.stdout.read().decode(errors="replace")
            assert self.killed or not check or status == 0, f"status {status}: {said}"
            return said
        finally:
            self.process.close()

    def fds(self):
        return len(os.listdir(f"/proc/{self.pid}/fd"))


def family_of(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def linger_0(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def receive(sock, n=None):
    """@n bytes, or everything up to the end of the stream."""
    got = bytearray()
    while n is None or len(got) < n:
        some = sock.recv(1 << 18 if n is None else min(1 << 18, n - len(got)))
        if not some:
            break
        got += some
    return bytes(got)


class Sender(threading.Thread):
    """Sends, and then says FIN, beside whoever receives."""

    def __init__(self, sock, data, fin=True):
        super().__init__(daemon=True)
        self.sock, self.data, self.fin, self.error = sock, data, fin, None
        self.start()

    def run(self):
        try:
            self.sock.sendall(self.data)
            if self.fin:
                self.sock.shutdown(socket.SHUT_WR)
        except OSError as e:
            self.error = e

    def done(self):
        self.join()
        if self.error:
            raise self.error


def same(got, want, what):
    if hashlib.sha256(got).digest() == hashlib.sha256(want).digest():
        return
    at = next((i for i, (a, b) in enumerate(zip(got, want)) if a != b), min(len(got), len(want)))
    raise AssertionError(f"{what}: {len(got)} bytes of {len(want)}, the first wrong at {at}")


def echoes(sock, data, what="echo"):
    """Everything there and back, then both FINs."""
    sender = Sender(sock, data)
    got = receive(sock)
    sender.done()
    same(got, data, what)


def both_ways(pair, there, back):
    """Each of two connected sockets sends bytes of its own, then FIN, at the same time."""
    data = [random.randbytes(there), random.randbytes(back)]
    results = [None, None]

    def take(i):
        try:
            results[i] = receive(pair[i])
        except OSError as e:
            results[i] = e
    senders = [Sender(s, d) for s, d in zip(pair, data)]
    takers = [threading.Thread(target=take, args=(i,), daemon=True) for i in (0, 1)]
    for taker in takers:
        taker.start()
    for taker in takers:
        taker.join()
    for i in (0, 1):
        if isinstance(results[i], OSError):
            raise results[i]
        same(results[i], data[1 - i], f"{('back', 'there')[i]} of {there} and {back} bytes")
        senders[i].done()
        pair[i].close()


def asks(sock, data=b"are you there?"):
    sock.sendall(data)
    assert receive(sock, len(data)) == data, "another answer"


def is_reset(sock, seconds=3):
    """Does the peer say so by itself?"""
    sock.settimeout(seconds)
    try:
        while sock.recv(65536):
            pass
        return "FIN"
    except ConnectionResetError:
        return "RST"
    except TimeoutError:
        return "nothing"


class Crowd:
    """Many clients at once, in one thread: connect, send, take it back, close."""

    def __init__(self, the_lab, address, port, data):
        self.lab, self.to, self.data = the_lab, (address, port), data
        self.selector = selectors.DefaultSelector()
        self.right = 0
        self.wrong = []

    def open(self):
        s = self.lab.socket(self.lab.client_ns, family_of(self.to[0]))
        s.setblocking(False)
        s.connect_ex(self.to)
        self.selector.register(s, selectors.EVENT_WRITE, bytearray())

    def close(self, sock, why=None):
        self.selector.unregister(sock)
        sock.close()
        if why:
            self.wrong.append(why)
        else:
            self.right += 1

    def step(self, key):
        try:
            if key.events & selectors.EVENT_WRITE:
                error = key.fileobj.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if error:
                    return self.close(key.fileobj, os.strerror(error))
                key.fileobj.send(self.data)
                self.selector.modify(key.fileobj, selectors.EVENT_READ, key.data)
                return None
            some = key.fileobj.recv(65536)
        except OSError as e:
            return self.close(key.fileobj, str(e))
        key.data.extend(some)
        if len(key.data) < len(self.data) and some:
            return None
        return self.close(key.fileobj, None if key.data == self.data else "another answer")

    def run(self, total, at_once):
        end = time.monotonic() + PATIENCE
        opened = done = 0
        while self.right + len(self.wrong) < total:
            while opened < total and len(self.selector.get_map()) < at_once:
                self.open()
                opened += 1
            for key, _ in self.selector.select(1):
                self.step(key)
            if self.right > done:
                done, end = self.right, time.monotonic() + PATIENCE
            if time.monotonic() > end:
                self.wrong.append(f"{len(self.selector.get_map())} of {opened} hang")
                break
        for key in list(self.selector.get_map().values()):
            self.selector.unregister(key.fileobj)
            key.fileobj.close()
        self.selector.close()
        assert not self.wrong, f"{len(self.wrong)} of {total} failed: {self.wrong[:3]}"


def steered_tcp(the_lab, iface):
    """The rules for TCP that are in force, as text."""
    shown = the_lab.fastsock("status", iface, check=False).stdout
    return [line for line in shown.splitlines() if "tcp" in line.lower()]


def eventually(true, seconds=5):
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def attach(the_lab, ifaces):
    """All at once: the kernel takes two seconds to verify the program."""
    starting = [the_lab.start(the_lab.server_ns, FASTSOCK, "attach", iface) for iface in ifaces]
    for process in starting:
        status = process.child.wait()
        process.close()
        assert status == 0, "fastsock attach"


def cpu_ns(pid):
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as f:
        return int(f.read().split()[0])


@contextlib.contextmanager
def attached(name, ifaces):
    with TcpLab(name) as the_lab:
        attach(the_lab, ifaces)
        yield the_lab
        for iface in ifaces:
            the_lab.fastsock("detach", iface, check=False)


def run_tests(tests, prefix, ifaces):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    random.seed(9293)
    return play.play(tests, prefix, lambda name: attached(name, ifaces))
