#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 120
"""Connections that the kernel has: a server of the stack door, met from elsewhere.

The lab is drawn in tcplab.py. The server runs on s0. Loopback, and what comes
by s2, where no stack is, are the kernel's; to the server's application they are
connections like others.
"""
import os
import random
import selectors
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tcplab import (CLIENT_V4, LONG, ROUTED_V4, ROUTED_V6, V4, V6, Crowd, Sender,       # noqa: E402
                    asks, echoes, eventually, family_of, is_reset, linger_0, receive,
                    run_tests, same, cpu_ns)

PORT, PROXY_PORT, KERNEL_PORT = 7, 9000, 5000
HERE = ("127.0.0.1", "::1", V4, V6)


def echo(the_lab, *options):
    return the_lab.example("tcp_echo", "-p", str(PORT), *options)


def local(the_lab, address="127.0.0.1", port=PORT):
    """A client on the server's own host."""
    s = the_lab.socket(the_lab.server_ns, family_of(address))
    s.connect((address, port))
    return s


class LocalCrowd(Crowd):
    def __init__(self, the_lab, address, port, data):
        super().__init__(the_lab, address, port, data)
        self.client_ns = the_lab.server_ns

    def open(self):
        s = self.lab.socket(self.client_ns, family_of(self.to[0]))
        s.setblocking(False)
        s.connect_ex(self.to)
        self.selector.register(s, selectors.EVENT_WRITE, bytearray())


def loopback_is_served(the_lab):
    with echo(the_lab):
        for address in HERE:
            for size in (1, 1000, 100000):
                with local(the_lab, address) as s:
                    echoes(s, random.randbytes(size), f"{size} bytes to {address}")


def interfaces_without_a_stack_are_served(the_lab):
    with echo(the_lab):
        for address in (ROUTED_V4, ROUTED_V6):
            with the_lab.connect(address, PORT) as s:
                echoes(s, random.randbytes(300000), address)


def all_ways_at_once(the_lab):
    with echo(the_lab, "--spin"):
        socks = [local(the_lab), the_lab.connect(V4, PORT), the_lab.connect(ROUTED_V4, PORT),
                 local(the_lab, "::1"), the_lab.connect(V6, PORT)]
        for _ in range(200):
            for s in socks:
                asks(s, random.randbytes(random.randrange(1, 5000)))
        for s in socks:
            s.close()


def bulk_by_loopback_is_intact(the_lab):
    with echo(the_lab):
        for address in HERE[:2]:
            with local(the_lab, address) as s:
                echoes(s, random.randbytes(64 << 20), f"64 MiB to {address}")


def short_connections_leave_nothing(the_lab):
    with echo(the_lab) as server:
        LocalCrowd(the_lab, "127.0.0.1", PORT, b"x" * 64).run(50, 10)
        before = server.fds()
        LocalCrowd(the_lab, "127.0.0.1", PORT, b"y" * 64).run(20000 if LONG else 2000, 100)
        LocalCrowd(the_lab, "::1", PORT, b"z" * 64).run(200, 50)
        assert eventually(lambda: server.fds() <= before), (before, server.fds())


def proxied(the_lab):
    """A proxy from loopback to a kernel server on the wire: frames of the one go out by the other."""
    listener = the_lab.listen(KERNEL_PORT, CLIENT_V4)
    return listener, the_lab.example("tcp_proxy", "-p", str(PROXY_PORT),
                                     "-t", f"{CLIENT_V4}:{KERNEL_PORT}")


def data_goes_between_the_kernels_and_our_own(the_lab):
    listener, proxy = proxied(the_lab)
    with proxy, listener:
        client = local(the_lab, port=PROXY_PORT)
        server = listener.accept()[0]
        server.settimeout(20)
        there, back = random.randbytes(16 << 20), random.randbytes(16 << 20)
        senders = Sender(client, there), Sender(server, back)
        got = []
        reader = threading.Thread(target=lambda: got.append(receive(server)))
        reader.start()
        same(receive(client), back, "from the wire to loopback")
        reader.join()
        same(got[0], there, "from loopback to the wire")
        for sender in senders:
            sender.done()
        client.close()
        server.close()


def resets_go_through(the_lab):
    listener, proxy = proxied(the_lab)
    with proxy, listener:
        for local_end in (True, False):
            client = local(the_lab, port=PROXY_PORT)
            server = listener.accept()[0]
            client.sendall(b"x")
            assert server.recv(1) == b"x"
            one, other = (client, server) if local_end else (server, client)
            linger_0(one)
            one.close()
            assert is_reset(other) != "nothing", local_end
            other.close()


def peers_that_do_not_read_stop_themselves_only(the_lab):
    with echo(the_lab) as server:
        lazy = [local(the_lab) for _ in range(20)]
        for s in lazy:
            s.settimeout(0.2)
            try:
                while True:
                    s.send(bytes(65536))
            except TimeoutError:
                pass
        before = cpu_ns(server.pid)
        time.sleep(0.5)
        used = cpu_ns(server.pid) - before
        for s in (the_lab.connect(V4, PORT), local(the_lab)):
            with s:
                asks(s)
                echoes(s, random.randbytes(1 << 20))
        for s in lazy:
            s.close()
        assert used < 5e6, f"{used / 1e6:.1f} ms of half a second"


def peers_of_a_server_that_is_ended_are_told(the_lab):
    server = echo(the_lab)
    with server:
        socks = [local(the_lab) for _ in range(10)]
        asks(socks[0])
    for s in socks:
        assert is_reset(s) != "nothing"
        s.close()


def idle_it_uses_no_cpu(the_lab):
    with echo(the_lab) as server:
        socks = [local(the_lab) for _ in range(200)]
        asks(socks[-1])
        time.sleep(0.3)
        before = cpu_ns(server.pid)
        time.sleep(1)
        used = cpu_ns(server.pid) - before
        for s in socks:
            s.close()
        assert used < 5e6, f"{used / 1e6:.1f} ms of a second"


TESTS = [
    loopback_is_served,
    interfaces_without_a_stack_are_served,
    all_ways_at_once,
    bulk_by_loopback_is_intact,
    short_connections_leave_nothing,
    data_goes_between_the_kernels_and_our_own,
    resets_go_through,
    peers_that_do_not_read_stop_themselves_only,
    peers_of_a_server_that_is_ended_are_told,
    idle_it_uses_no_cpu,
]

if __name__ == "__main__":
    sys.exit(run_tests(TESTS, "tk", ("s0", "s2")))
