# SPDX-License-Identifier: BSD-2-Clause
"""Who takes part in test_kv.py: the lab, publishers, servers, readers."""
import contextlib
import json
import multiprocessing
import os
import socket
import struct
import subprocess
import threading
import zlib

import kvclient
from test_stack import StackLab, find_counters, lab

KV_FILL = f"{lab.BUILD}/tests/netns/kv_fill"
KV_SERVER = f"{lab.BUILD}/examples/kv_server"
V4, V6 = "10.77.0.2", "fd77::2"
PORT = 9000
FORK = multiprocessing.get_context("fork")


class KvLab(StackLab):
    def make(self):
        """Each end knows the other before anything is counted: no request waits for ND."""
        super().make()
        for address in (V4, V6):
            for _ in range(20):
                if self.at(self.client_ns, "ping", "-c", "1", "-W", "1", address,
                           check=False).returncode == 0:
                    break

    def client(self, address=V4, **options):
        sock = super().client(address)
        sock.connect((address, PORT))
        return kvclient.Client(sock, **options)

    def counters(self):
        return find_counters(json.loads(self.fastsock("stats", "-i", "s0", "--json").stdout))

    def kv_server(self):
        return self.start(self.server_ns, KV_SERVER, "-i", "s0", "-p", str(PORT), ready="port")

    def detach(self):
        self.fastsock("detach", "s0")

    def afresh(self):
        """Without rules and published keys."""
        self.fastsock("detach", "s0", check=False)
        self.fastsock("attach", "s0")


class Counted:
    """How much each counter rises inside of a with statement."""

    def __init__(self, the_lab):
        self.the_lab = the_lab

    def __enter__(self):
        self.before = self.the_lab.counters()
        return self

    def __exit__(self, *_):
        self.after = self.the_lab.counters()

    def __getattr__(self, name):
        return self.after[name] - self.before[name]


class Filler:
    """kv_fill in the server's namespace."""

    def __init__(self, the_lab):
        self.child = subprocess.Popen(the_lab.inside(the_lab.server_ns, [KV_FILL, "s0"]),
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      text=True, bufsize=1, preexec_fn=lab.Child.begin)
        assert self.child.stdout.readline() == "ready\n", "kv_fill does not start"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.kill()
        self.child.wait()
        self.child.stdin.close()
        self.child.stdout.close()

    def send(self, line):
        self.child.stdin.write(line + "\n")

    def answer(self):
        """The numbers after ok; an error is raised as OSError."""
        words = self.child.stdout.readline().split()
        if words[:1] == ["error"]:
            raise OSError(-int(words[1]), os.strerror(-int(words[1])))
        assert words[:1] == ["ok"], f"kv_fill: {words}"
        return [int(word) for word in words[1:]]

    def tell(self, line):
        self.send(line)
        return self.answer()

    def set(self, key, value):
        self.tell(f"set {key.hex() or '-'} {value.hex() or '-'}")

    def delete(self, key):
        self.tell(f"del {key.hex() or '-'}")

    def empty(self, keys):
        for key in keys:
            with contextlib.suppress(FileNotFoundError):
                self.delete(key)


class KernelServer(threading.Thread):
    """A server on the kernel's sockets. It has every key of its store."""

    def __init__(self, the_lab, store):
        super().__init__(daemon=True)
        self.store, self.seen, self.ended = store, 0, False
        self.sock = the_lab.socket(the_lab.server_ns, socket.AF_INET6, socket.SOCK_DGRAM)
        self.sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        self.sock.bind(("::", PORT))
        self.sock.settimeout(0.1)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ended = True
        self.join()
        self.sock.close()

    def run(self):
        while not self.ended:
            try:
                asked, who = self.sock.recvfrom(70000)
            except TimeoutError:
                continue
            self.seen += 1
            reply = kvclient.respond(self.store, asked)
            if reply is not None:
                self.sock.sendto(reply, who)


@contextlib.contextmanager
def closing_process(process):
    try:
        yield process
    finally:
        process.close()


@contextlib.contextmanager
def kv_answer(the_lab):
    the_lab.fastsock("answer", "add", "-i", "s0", f"udp/{PORT}", "kv")
    try:
        yield
    finally:
        the_lab.fastsock("answer", "del", "-i", "s0", f"udp/{PORT}")


# --- stamped values ------------------------------------------------------------

def number_key(number):
    return b"key-%08d" % number


def stamp(number, version, size):
    body = struct.pack("!II", number, version) + \
        bytes((number * 5 + version + i) & 0xff for i in range(8, size - 4))
    return body + struct.pack("!I", zlib.crc32(body))


def stamped_version(number, value):
    """The version in a value of this number's key; anything else is wrong."""
    assert value is not None, f"NOT_FOUND for key {number}"
    assert len(value) >= 12, f"a value of {len(value)} bytes"
    assert zlib.crc32(value[:-4]) == struct.unpack("!I", value[-4:])[0], \
        f"a mixture of values: {value.hex()}"
    got, version = struct.unpack_from("!II", value)
    assert got == number, f"the value of key {got} for key {number}"
    return version


# --- readers beside ------------------------------------------------------------

class Reader:
    """A process that does its work until it is told to stop. What it raises is told."""

    def __init__(self, work, client, stop):
        self.here, there = FORK.Pipe()
        self.process = FORK.Process(target=self.run, args=(work, client, stop, there),
                                    daemon=True)
        self.process.start()

    @staticmethod
    def run(work, client, stop, pipe):
        try:
            pipe.send((work(client, stop), None))
        except Exception as e:                      # pylint: disable=broad-except
            pipe.send((None, f"{type(e).__name__}: {e}"))

    def result(self):
        result, error = self.here.recv() if self.here.poll(30) else (None, "it hangs")
        self.process.join(1)
        self.process.kill()
        assert error is None, f"a reader: {error}"
        return result


def with_readers(the_lab, work, meanwhile, readers=2):
    """The results of the readers that run meanwhile, and of that."""
    stop = FORK.Event()
    clients = [the_lab.client((V4, V6)[n % 2]) for n in range(readers)]
    running = [Reader(work, client, stop) for client in clients]
    try:
        done = meanwhile()
    finally:
        stop.set()
        try:
            results = [reader.result() for reader in running]
        finally:
            for client in clients:
                client.sock.close()
    return done, results
