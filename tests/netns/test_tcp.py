#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 240
"""TCP of the stack door with the kernel as peer, both as client and as server.

The lab is drawn in tcplab.py. tcp_echo is our server; tcp_proxy, between a
kernel client and a kernel server, is our client as well. With FS_TEST_LONG=1
(tests/run --long) there are more rounds, and larger ones.
"""
import json
import os
import random
import re
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tcplab import (lab, CLIENT_V4, CLIENT_V6, LONG, PATIENCE, RELAYED,      # noqa: E402
                    ROUTED_V4, ROUTED_V6, V4, V6, Crowd, Sender, asks, both_ways, echoes, eventually,
                    is_reset, linger_0, receive, run_tests, same, steered_tcp, cpu_ns)

PORT, PROXY_PORT, KERNEL_PORT = 7, 9000, 5000
SIZES = (1, 2, 3, 100, 535, 536, 537, 1219, 1220, 1221, 1447, 1448, 1449, 1460, 1461, 2896, 2897,
         4095, 4096, 4097, 14600, 16383, 16384, 65535, 65536, 65537, 300000, 1000000)


def echo(the_lab, *options, ifaces=("s0",)):
    return the_lab.example("tcp_echo", "-p", str(PORT), *options, ifaces=ifaces)


def proxy(the_lab, to=f"{CLIENT_V4}:{KERNEL_PORT}", ifaces=("s0",)):
    return the_lab.example("tcp_proxy", "-p", str(PROXY_PORT), "-t", to, ifaces=ifaces)


class Proxied:
    """A kernel client and a kernel server with our proxy between: two sockets."""

    def __init__(self, the_lab, address=V4):
        self.lab, self.address = the_lab, address

    def __enter__(self):
        at = CLIENT_V6 if ":" in self.address else CLIENT_V4
        to = f"[{at}]:{KERNEL_PORT}" if ":" in at else f"{at}:{KERNEL_PORT}"
        self.listener = self.lab.listen(KERNEL_PORT, at)
        self.proxy = proxy(self.lab, to)
        return self

    def pair(self):
        client = self.lab.connect(self.address, PROXY_PORT)
        server = self.listener.accept()[0]
        server.settimeout(PATIENCE)
        return client, server

    def __exit__(self, kind, *_):
        self.listener.close()
        self.proxy.stop(kind is None)


def every_size_comes_back(the_lab):
    with echo(the_lab):
        for address in (V4, V6):
            for size in SIZES:
                with the_lab.connect(address, PORT) as s:
                    echoes(s, random.randbytes(size), f"{size} bytes to {address}")


def requests_of_every_size_on_one_connection(the_lab):
    with echo(the_lab, "--spin"), the_lab.connect(V4, PORT) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for size in range(1, 3000, 7):
            asks(s, random.randbytes(size))


def bulk_both_ways_at_once_is_intact(the_lab):
    with echo(the_lab):
        for address, size in ((V4, 64 << 20), (V6, 16 << 20)):
            with the_lab.connect(address, PORT) as s:
                echoes(s, random.randbytes(size), f"{size} bytes to {address}")


def several_bulk_connections_share_the_way(the_lab):
    with echo(the_lab):
        socks = [the_lab.connect(V4, PORT) for _ in range(8)]
        data = [random.randbytes(4 << 20) for _ in socks]
        errors = []

        def run(sock, bytes_):
            try:
                echoes(sock, bytes_)
            except (AssertionError, OSError) as e:
                errors.append(e)
        threads = [threading.Thread(target=run, args=pair) for pair in zip(socks, data)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        for s in socks:
            s.close()
        assert not errors, errors[0]


def bulk_through_our_own_connections_is_intact(the_lab):
    for address in (V4, V6):
        with Proxied(the_lab, address) as proxied:
            both_ways(proxied.pair(), 16 << 20, 16 << 20)


def short_connections_leave_nothing(the_lab):
    with echo(the_lab) as server:
        Crowd(the_lab, V4, PORT, b"x" * 64).run(100, 50)
        before = server.fds()
        Crowd(the_lab, V4, PORT, b"y" * 64).run(100000 if LONG else 3000, 200)
        Crowd(the_lab, V6, PORT, b"z" * 64).run(300, 100)
        assert eventually(lambda: server.fds() <= before), (before, server.fds())
        time.sleep(0.2)         # for the last FINs
        said = server.stop()
        found = re.search(r"(\d+) accepted, (\d+) closed, (\d+) failed", said)
        assert found and int(found[1]) >= 3400 and found[1] == found[2], said


def short_connections_of_our_own_leave_nothing(the_lab):
    with proxy(the_lab) as through, the_lab.listen(KERNEL_PORT) as listener:
        stop = threading.Event()
        thread = threading.Thread(target=serve_echo, args=(listener, stop), daemon=True)
        thread.start()
        try:
            Crowd(the_lab, V4, PROXY_PORT, b"x" * 64).run(50, 10)
            before = through.fds()
            Crowd(the_lab, V4, PROXY_PORT, b"x" * 64).run(10000 if LONG else 500, 50)
            # Ports are kept for the next connections; each has a descriptor.
            assert through.fds() <= before + 4096, (before, through.fds())
        finally:
            stop.set()
            thread.join()


def serve_echo(listener, stop):
    """A kernel server: one small request for each connection."""
    listener.settimeout(0.2)
    open_ones = []
    while not stop.is_set():
        try:
            s = listener.accept()[0]
        except TimeoutError:
            continue
        s.settimeout(5)
        try:
            s.sendall(s.recv(4096))
        except OSError:
            pass
        open_ones.append(s)
        while len(open_ones) > 20:
            open_ones.pop(0).close()
    for s in open_ones:
        s.close()


def each_direction_ends_for_itself(the_lab):
    with echo(the_lab), the_lab.connect(V4, PORT) as s:
        s.sendall(b"last words")
        s.shutdown(socket.SHUT_WR)
        assert receive(s) == b"last words"
    with Proxied(the_lab) as proxied:
        for first in (0, 1):
            pair = proxied.pair()
            early, late = pair[first], pair[1 - first]
            early.sendall(b"that is all")
            early.shutdown(socket.SHUT_WR)
            assert receive(late) == b"that is all"
            time.sleep(0.1)
            data = random.randbytes(200000)
            sender = Sender(late, data)
            same(receive(early), data, "after the other direction's end")
            sender.done()
            early.close()
            late.close()


def both_ends_close_at_once(the_lab):
    with Proxied(the_lab) as proxied:
        for _ in range(20):
            pair = proxied.pair()
            threads = [threading.Thread(target=s.shutdown, args=(socket.SHUT_WR,)) for s in pair]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            assert [receive(s) for s in pair] == [b"", b""]
            for s in pair:
                s.close()


def resets_go_through(the_lab):
    with Proxied(the_lab) as proxied:
        for first in (0, 1):
            pair = proxied.pair()
            pair[first].sendall(b"x")
            assert receive(pair[1 - first], 1) == b"x"
            linger_0(pair[first])
            pair[first].close()
            assert is_reset(pair[1 - first]) == "RST"
            pair[1 - first].close()


def reset_in_full_flight_harms_nobody_else(the_lab):
    with echo(the_lab), the_lab.connect(V4, PORT) as other:
        asks(other)
        for _ in range(20):
            s = the_lab.connect(V4, PORT)
            s.settimeout(0.05)
            try:
                s.sendall(random.randbytes(2 << 20))
            except TimeoutError:
                pass
            linger_0(s)
            s.close()
            asks(other)
        with the_lab.connect(V4, PORT) as s:
            echoes(s, random.randbytes(100000))


def closed_ports_refuse(the_lab):
    with echo(the_lab):
        for address in (V4, V6):
            try:
                the_lab.connect(address, PORT + 1).close()
                raise AssertionError("somebody listens")
            except ConnectionRefusedError:
                pass
    with proxy(the_lab, f"{CLIENT_V4}:{KERNEL_PORT + 1}"):
        assert_reset_at_once(the_lab)


def unreachable_targets_are_told(the_lab):
    with proxy(the_lab, "203.0.113.1:80"):
        assert_reset_at_once(the_lab)


def assert_reset_at_once(the_lab):
    try:
        with the_lab.connect(V4, PROXY_PORT) as s:
            assert is_reset(s) == "RST"
    except ConnectionResetError:
        pass        # even before connect() had returned


def peers_that_do_not_read_stop_themselves_only(the_lab):
    with echo(the_lab) as server, the_lab.connect(V4, PORT) as other:
        lazy = []
        for _ in range(20):
            s = the_lab.connect(V4, PORT)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
            s.setblocking(False)
            lazy.append([s, random.randbytes(8 << 20), 0])
        idle = 0
        while idle < 10:
            moved = False
            for one in lazy:
                try:
                    one[2] += one[0].send(one[1][one[2]:one[2] + 65536])
                    moved = one[2] < len(one[1])
                except BlockingIOError:
                    pass
            idle = 0 if moved else idle + 1
            time.sleep(0.02)
            asks(other)
        assert all(sent < len(data) for _, data, sent in lazy), "there was no limit"
        for s, data, sent in lazy:
            s.settimeout(PATIENCE)
            sender = Sender(s, data[sent:sent + 100000])
            same(receive(s), data[:sent + 100000], "after a long wait")
            sender.done()
            s.close()
        said = server.stop()
        assert re.search(r"[1-9]\d* refusals", said), said


def crowd_at_the_door_gets_in(the_lab):
    with echo(the_lab):
        Crowd(the_lab, V4, PORT, b"all of us").run(2000, 2000)


def flood_of_syns_keeps_nobody_out(the_lab):
    """As fast as AF_XDP sends; the server answers with cookies, and its memory is bounded."""
    lab.call("ip", "-n", the_lab.server_ns, "route", "add", "198.18.0.0/15", "via", CLIENT_V4)
    try:
        with echo(the_lab) as server, the_lab.connect(V4, PORT) as old:
            flood = the_lab.start(the_lab.client_ns, f"{lab.BUILD}/bench/flood", "-i",
                                  the_lab.client_if, "--to", f"{V4}:{PORT}", "--seconds", "5",
                                  ready="flood: begins")
            try:
                for _ in range(20):
                    with the_lab.connect(V4, PORT) as s:
                        asks(s)
                    asks(old)
                flood.child.wait(timeout=30)
                sent = json.loads(flood.child.stdout.read())["sent"]
            finally:
                flood.close()
            assert sent > 20000, sent
            asks(old)
            with open(f"/proc/{server.pid}/status", encoding="ascii") as f:
                peak = next(int(line.split()[1]) for line in f if line.startswith("VmHWM"))
            assert peak < 256 << 10, peak
    finally:
        lab.call("ip", "-n", the_lab.server_ns, "route", "del", "198.18.0.0/15")


def same_source_port_connects_again_at_once(the_lab):
    with echo(the_lab):
        for _ in range(10):
            s = the_lab.connect(V4, PORT, source=33333)
            asks(s)
            linger_0(s)
            s.close()


def largest_frame(the_lab, ns, iface, action):
    """What the largest TCP frame that came in at @iface has after its link header."""
    sniffer = the_lab.socket(ns, socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    sniffer.bind((iface, 3))
    sniffer.settimeout(0.2)
    largest, stop = [0], threading.Event()

    def run():
        while not stop.is_set():
            try:
                frame, about = sniffer.recvfrom(65536)
                if about[2] != socket.PACKET_OUTGOING:
                    largest[0] = max(largest[0], len(frame) - 14)
            except TimeoutError:
                pass
    thread = threading.Thread(target=run)
    thread.start()
    try:
        action()
    finally:
        stop.set()
        thread.join()
        sniffer.close()
    return largest[0]


def smaller_mtu_of_the_peer_is_kept(the_lab):
    lab.call("ip", "-n", the_lab.client_ns, "link", "set", "c0", "mtu", "1300")
    try:
        with echo(the_lab):
            for address in (V4, V6):
                with the_lab.connect(address, PORT) as s:
                    echoes(s, random.randbytes(500000), address)
    finally:
        lab.call("ip", "-n", the_lab.client_ns, "link", "set", "c0", "mtu", "1500")


def mtu_of_our_route_is_kept(the_lab):
    route = ("10.79.0.0/24", "via", "10.80.0.254")
    lab.call("ip", "-n", the_lab.server_ns, "route", "change", *route, "mtu", "1200")
    try:
        with echo(the_lab, ifaces=("s2",)), the_lab.connect(ROUTED_V4, PORT) as s:
            size = largest_frame(the_lab, the_lab.mid_ns, "r1",
                                 lambda: echoes(s, random.randbytes(300000)))
            assert size <= 1200, f"a packet of {size} bytes"
    finally:
        lab.call("ip", "-n", the_lab.server_ns, "route", "change", *route)


def narrow_place_on_the_way_is_found(the_lab):
    """The router tells by ICMP, in the midst of a transfer."""
    with echo(the_lab, ifaces=("s2",)):
        for address, mtu in ((ROUTED_V4, "1300"), (ROUTED_V6, "1320")):
            with the_lab.connect(address, PORT) as s:
                asks(s, random.randbytes(100000))
                lab.call("ip", "-n", the_lab.mid_ns, "link", "set", "r0", "mtu", mtu)
                try:
                    echoes(s, random.randbytes(1000000), address)
                finally:
                    lab.call("ip", "-n", the_lab.mid_ns, "link", "set", "r0", "mtu", "1500")


def narrow_place_that_says_nothing_is_found_too(the_lab):
    """No ICMP comes, what is too large just vanishes: RFC 8899's black hole."""
    with the_lab.relay(narrow=1300), echo(the_lab, ifaces=("s1",)), \
            the_lab.connect(RELAYED, PORT) as s:
        echoes(s, random.randbytes(200000))


def transfers_survive(the_lab, size, rounds=1, **faults):
    """The first of @size, those of a long run's other rounds of all sizes."""
    with the_lab.relay(**faults), echo(the_lab, ifaces=("s1",)):
        for i in range(100 if LONG else rounds):
            if i >= rounds:
                size = int(2 ** random.uniform(0, 20))
            with the_lab.connect(RELAYED, PORT) as s:
                echoes(s, random.randbytes(size), f"{size} bytes, {faults}")


def relayed_transfers_are_intact(the_lab):
    transfers_survive(the_lab, 8 << 20)


def loss_is_made_good(the_lab):
    for ppm in (1000, 10000, 50000):
        transfers_survive(the_lab, 1 << 20, 2, loss=ppm, seed=ppm)


def reorder_and_duplicates_do_no_harm(the_lab):
    transfers_survive(the_lab, 4 << 20, 2, reorder=50000, seed=5)
    transfers_survive(the_lab, 4 << 20, 2, dup=50000, seed=6)
    transfers_survive(the_lab, 1 << 20, 2, loss=10000, dup=10000, reorder=50000, delay=1000,
                      seed=7)


def short_connections_get_through_loss(the_lab):
    """SYN, SYN-ACK, FIN and their ACKs are lost as well."""
    with the_lab.relay(loss=20000, seed=3), echo(the_lab, ifaces=("s1",)) as server:
        Crowd(the_lab, RELAYED, PORT, b"through all weathers").run(200, 100)
        server.stop()


def killed_server_leaves_no_peer_hanging(the_lab):
    for _ in range(3):
        server = echo(the_lab)
        idle, busy = the_lab.connect(V4, PORT), the_lab.connect(V4, PORT)
        asks(idle)
        sender = Sender(busy, random.randbytes(64 << 20))
        time.sleep(0.05)
        server.kill()
        assert is_reset(busy) != "nothing", "the busy peer hangs"
        sender.join(PATIENCE)
        idle.sendall(b"still there?")
        assert is_reset(idle) == "RST", "the idle peer hangs"
        server.stop()
        with echo(the_lab), the_lab.connect(V4, PORT) as s:
            echoes(s, random.randbytes(100000))
        idle.close()
        busy.close()


def peers_of_a_server_that_is_ended_are_told(the_lab):
    server = echo(the_lab)
    socks = [the_lab.connect(V4, PORT) for _ in range(10)]
    for s in socks:
        asks(s)
    server.stop()
    for s in socks:
        assert is_reset(s) != "nothing", "a peer hangs"
        s.close()


def stray_segments_of_a_past_life_are_reset(the_lab):
    server = echo(the_lab)
    s = the_lab.connect(V4, PORT)
    asks(s)
    server.kill()
    server.stop()
    with echo(the_lab):
        s.sendall(b"do you know me?")
        assert is_reset(s) == "RST"
    s.close()


def ended_servers_leave_no_rule(the_lab):
    with echo(the_lab), proxy(the_lab, ifaces=("s2",)), the_lab.connect(V4, PORT) as s:
        asks(s)
        assert steered_tcp(the_lab, "s0"), "nothing is steered"
    for iface in ("s0", "s2"):
        assert not steered_tcp(the_lab, iface), steered_tcp(the_lab, iface)


def other_ports_stay_with_the_kernel(the_lab):
    with echo(the_lab), the_lab.socket(the_lab.server_ns, socket.AF_INET) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((V4, KERNEL_PORT))
        listener.listen()
        with the_lab.connect(V4, KERNEL_PORT) as s:
            peer = listener.accept()[0]
            peer.settimeout(PATIENCE)
            data = random.randbytes(1 << 20)
            sender = Sender(s, data)
            same(receive(peer), data, "kernel to kernel")
            sender.done()
            peer.close()


def idle_it_uses_no_cpu(the_lab):
    with echo(the_lab) as server:
        socks = [the_lab.connect(V4, PORT) for _ in range(500)]
        asks(socks[-1])
        time.sleep(1.5)     # by then each one's timer of the handshake has found nothing due
        before = cpu_ns(server.pid)
        time.sleep(1)
        used = cpu_ns(server.pid) - before
        for s in socks:
            s.close()
        assert used < 1e6, f"{used / 1e6:.1f} ms of a second"


TESTS = [
    every_size_comes_back,
    requests_of_every_size_on_one_connection,
    bulk_both_ways_at_once_is_intact,
    several_bulk_connections_share_the_way,
    bulk_through_our_own_connections_is_intact,
    short_connections_leave_nothing,
    short_connections_of_our_own_leave_nothing,
    each_direction_ends_for_itself,
    both_ends_close_at_once,
    resets_go_through,
    reset_in_full_flight_harms_nobody_else,
    closed_ports_refuse,
    unreachable_targets_are_told,
    peers_that_do_not_read_stop_themselves_only,
    crowd_at_the_door_gets_in,
    flood_of_syns_keeps_nobody_out,
    same_source_port_connects_again_at_once,
    smaller_mtu_of_the_peer_is_kept,
    mtu_of_our_route_is_kept,
    narrow_place_on_the_way_is_found,
    narrow_place_that_says_nothing_is_found_too,
    relayed_transfers_are_intact,
    loss_is_made_good,
    reorder_and_duplicates_do_no_harm,
    short_connections_get_through_loss,
    killed_server_leaves_no_peer_hanging,
    peers_of_a_server_that_is_ended_are_told,
    stray_segments_of_a_past_life_are_reset,
    ended_servers_leave_no_rule,
    other_ports_stay_with_the_kernel,
    idle_it_uses_no_cpu,
]

if __name__ == "__main__":
    sys.exit(run_tests(TESTS, "tt", ("s0", "s1", "s2")))
