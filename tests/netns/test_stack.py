#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The stack door on a veth pair, with a kernel peer.

    st-cli                                st-srv
    +-------------------------------+     +----------------------------------------+
    |  c0  10.77.0.1/24  fd77::1/64 |=====|  s0  10.77.0.2/24  fd77::2/64  udp_echo |
    |  c1  10.78.0.1/24             |=====|  s1  10.78.0.2/24              zc_forward|
    +-------------------------------+     +----------------------------------------+

Offloads stay as the kernel makes them: what the client sends carries partial
checksums, as between containers of one host.
"""
import contextlib
import ctypes
import json
import os
import random
import re
import signal
import socket
import struct
import subprocess
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
ECHO = f"{lab.BUILD}/examples/udp_echo"
FORWARD = f"{lab.BUILD}/examples/zc_forward"
V4, V6 = "10.77.0.2", "fd77::2"
PORT, KERNEL_PORT = 7, 4444
CLONE_NEWNET = 0x40000000


class StackLab(lab.Lab):
    """The lab of the benchmarks with IPv6, a second pair, and no offload changed."""

    def make(self):
        for ns in (self.client_ns, self.server_ns):
            lab.call("ip", "netns", "add", ns)
            self.made.append(ns)
            lab.call("ip", "-n", ns, "link", "set", "lo", "up")
        for pair, net in ((0, "77"), (1, "78")):
            lab.call("ip", "link", "add", f"c{pair}", "netns", self.client_ns,
                     "type", "veth", "peer", "name", f"s{pair}", "netns", self.server_ns)
            for ns, name, host in ((self.client_ns, f"c{pair}", 1), (self.server_ns, f"s{pair}", 2)):
                lab.call("ip", "-n", ns, "addr", "add", f"10.{net}.0.{host}/24", "dev", name)
                lab.call("ip", "-n", ns, "addr", "add", f"fd{net}::{host}/64", "dev", name, "nodad")
                lab.call("ip", "-n", ns, "link", "set", name, "up")
        for _ in range(100):
            if "tentative" not in lab.call("ip", "-n", self.server_ns, "addr").stdout:
                break
            time.sleep(0.05)

    def socket(self, ns, family, kind):
        """A kernel socket; it stays in the namespace it was made in."""
        libc = ctypes.CDLL(None, use_errno=True)
        with open("/proc/self/ns/net", "rb") as home, open(f"/run/netns/{ns}", "rb") as there:
            assert libc.setns(there.fileno(), CLONE_NEWNET) == 0
            try:
                s = socket.socket(family, kind)
            finally:
                libc.setns(home.fileno(), CLONE_NEWNET)
        s.settimeout(2)
        return s

    def client(self, address):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        return self.socket(self.client_ns, family, socket.SOCK_DGRAM)

    def echo(self, *options):
        return self.start(self.server_ns, ECHO, "-i", "s0", "-p", str(PORT), *options,
                          ready="port")

    def fastsock(self, *argv, check=True):
        return self.at(self.server_ns, FASTSOCK, *argv, check=check)

    def stats(self):
        out = json.loads(self.fastsock("stats", "-i", "s0", "--json").stdout)
        return find_counters(out)


def find_counters(out):
    """The dictionary with the counters, however it is wrapped."""
    if isinstance(out, dict):
        if "rx_packets" in out:
            return out
        out = list(out.values())
    if isinstance(out, list):
        for item in out:
            found = find_counters(item)
            if found:
                return found
    return None


class KernelEcho(threading.Thread):
    """An ordinary server on the kernel's socket, that says who it is."""

    def __init__(self, the_lab, port, prefix=b"kernel:"):
        super().__init__(daemon=True)
        self.prefix, self.ended = prefix, False
        self.sock = the_lab.socket(the_lab.server_ns, socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind(("0.0.0.0", port))
        self.sock.settimeout(0.1)
        self.start()

    def run(self):
        while not self.ended:
            try:
                data, who = self.sock.recvfrom(70000)
                self.sock.sendto(self.prefix + data, who)
            except TimeoutError:
                pass

    def close(self):
        self.ended = True
        self.join()
        self.sock.close()


def ask(sock, to, data, tries=1):
    for _ in range(tries):
        sock.sendto(data, to)
        try:
            return sock.recvfrom(70000)[0]
        except TimeoutError:
            pass
    return None


def comes_back(the_lab, address, sizes):
    rng = random.Random(7)
    with the_lab.client(address) as sock:
        for size in sizes:
            data = rng.randbytes(size)
            got = ask(sock, (address, PORT), data)
            assert got == data, f"{size} bytes to {address}: " + \
                ("no reply" if got is None else "another reply")


def every_size_up_to_the_mtu_comes_back(the_lab):
    before = the_lab.stats()
    with lab_process(the_lab.echo()):
        comes_back(the_lab, V4, range(0, 1473))
        comes_back(the_lab, V6, range(0, 1453))
    steered = the_lab.stats()["steer"] - before["steer"]
    assert steered >= 1473 + 1453, f"only {steered} were steered"


def fragmented_datagrams_come_back_through_the_twin(the_lab):
    with lab_process(the_lab.echo()):
        comes_back(the_lab, V4, (1473, 2000, 2049, 4096, 10000, 32000, 65507))
        comes_back(the_lab, V6, (1453, 2000, 2049, 4096, 10000, 32000, 65507))


def what_the_kernel_accepts_with_options_comes_back_through_the_twin(the_lab):
    before = the_lab.stats()
    with lab_process(the_lab.echo()), the_lab.client(V4) as v4, the_lab.client(V6) as v6:
        v4.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, b"\1\1\1\0")
        v6.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_DSTOPTS, b"\0\0\1\4\0\0\0\0")
        for sock, address in ((v4, V4), (v6, V6)):
            assert ask(sock, (address, PORT), b"odd", tries=2) == b"odd", address
    assert the_lab.stats()["pass_options"] >= before["pass_options"] + 2


def source_route_that_the_kernel_refuses_gets_no_reply(the_lab):
    lab.call("nsenter", f"--net=/run/netns/{the_lab.server_ns}", "sysctl", "-qw",
             "net.ipv4.conf.all.accept_source_route=0")
    route = b"\x83\x07\x04" + socket.inet_aton(V4) + b"\0"
    before = the_lab.stats()
    with lab_process(the_lab.echo()), the_lab.client(V4) as sock:
        assert ask(sock, (V4, PORT), b"straight") == b"straight"
        sock.settimeout(0.3)
        sock.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, route)
        assert ask(sock, (V4, PORT), b"routed", tries=2) is None, "it was answered"
    assert the_lab.stats()["pass_options"] == before["pass_options"] + 2


def frame(the_lab, sport, data, source="10.77.0.1", tci=None):
    """A datagram to the echo, perhaps behind a VLAN tag, as bytes of a frame."""
    macs = [json.loads(lab.call("ip", "-json", "-n", ns, "link", "show", name).stdout)[0]["address"]
            for ns, name in ((the_lab.server_ns, "s0"), (the_lab.client_ns, "c0"))]
    ip = struct.pack("!BBHIBBH4s4s", 0x45, 0, 28 + len(data), 0, 64, 17, 0,
                     socket.inet_aton(source), socket.inet_aton(V4))
    total = sum(struct.unpack("!10H", ip))
    ip = ip[:10] + struct.pack("!H", ~(total % 0xffff) & 0xffff) + ip[12:]
    return b"".join(bytes.fromhex(mac.replace(":", "")) for mac in macs) + \
        (b"" if tci is None else struct.pack("!HH", 0x8100, tci)) + b"\x08\0" + ip + \
        struct.pack("!HHHH", sport, PORT, 8 + len(data), 0) + data


def priority_tag_is_looked_through_and_a_vlan_is_the_kernels(the_lab):
    before = the_lab.stats()
    with lab_process(the_lab.echo()), the_lab.client(V4) as sock, \
            the_lab.socket(the_lab.client_ns, socket.AF_PACKET, socket.SOCK_RAW) as wire:
        sock.bind(("10.77.0.1", 0))
        sock.settimeout(0.3)
        wire.bind(("c0", 0))
        for tci, wanted in ((0xa000, b"tag"), (0x0005, None), (0xa005, None)):
            wire.send(frame(the_lab, sock.getsockname()[1], b"tag", tci=tci))
            try:
                got = sock.recv(100)
            except TimeoutError:
                got = None
            assert got == wanted, f"tag {tci:04x}: {got}"
    after = the_lab.stats()
    assert after["pass_vlan"] == before["pass_vlan"] + 2
    assert after["steer"] >= before["steer"] + 1


def replies_that_could_not_be_sent_are_told(the_lab):
    """From a neighbour that does not exist: 64 replies may wait for it."""
    process = the_lab.echo()
    with lab_process(process), \
            the_lab.socket(the_lab.client_ns, socket.AF_PACKET, socket.SOCK_RAW) as wire:
        wire.bind(("c0", 0))
        asked = frame(the_lab, 4000, b"whoever", source="10.77.0.99")
        for _ in range(200):
            wire.send(asked)
        time.sleep(0.3)
        process.child.terminate()
        said = process.child.stdout.read().decode()
    assert "udp_echo: 136 replies could not be sent" in said, said


def other_traffic_goes_on_as_before(the_lab):
    with lab_process(the_lab.echo()):
        ping = the_lab.at(the_lab.client_ns, "ping", "-c", "3", "-i", "0.05", "-W", "2", V4)
        assert " 0% packet loss" in ping.stdout, ping.stdout
        server = KernelEcho(the_lab, KERNEL_PORT)
        try:
            with the_lab.client(V4) as sock:
                assert ask(sock, (V4, KERNEL_PORT), b"hello") == b"kernel:hello"
        finally:
            server.close()
        with the_lab.socket(the_lab.server_ns, socket.AF_INET, socket.SOCK_STREAM) as listener, \
                the_lab.socket(the_lab.client_ns, socket.AF_INET, socket.SOCK_STREAM) as sock:
            listener.bind((V4, PORT))
            listener.listen()
            sock.connect((V4, PORT))
            peer = listener.accept()[0]
            sock.sendall(b"x" * 100000)
            got = 0
            while got < 100000:
                got += len(peer.recv(65536))
            peer.close()


def spinning_it_answers_as_well(the_lab):
    with lab_process(the_lab.echo("--spin")):
        comes_back(the_lab, V4, range(1, 1473, 13))


def forgotten_neighbours_are_resolved_by_the_kernel(the_lab):
    with lab_process(the_lab.echo()), the_lab.client(V4) as sock:
        assert ask(sock, (V4, PORT), b"one") == b"one"
        for _ in range(3):
            lab.call("ip", "-n", the_lab.server_ns, "neigh", "flush", "all")
            assert ask(sock, (V4, PORT), b"two", tries=2) == b"two"


def policy_rules_that_select_by_source_are_followed(the_lab):
    """What hosts with two uplinks have: the way back depends on the address asked."""
    away = "192.0.2.77"
    lab.call("ip", "-n", the_lab.client_ns, "addr", "add", away + "/32", "dev", "c0")
    lab.call("ip", "-n", the_lab.server_ns, "rule", "add", "from", V4, "lookup", "100")
    lab.call("ip", "-n", the_lab.server_ns, "route", "add", "default", "via", "10.77.0.1",
             "table", "100")
    process = the_lab.echo()
    try:
        with the_lab.client(V4) as sock:
            sock.bind((away, 0))
            assert ask(sock, (V4, PORT), b"by table 100", tries=2) == b"by table 100"
    finally:
        process.close()
        lab.call("ip", "-n", the_lab.server_ns, "rule", "del", "from", V4, "lookup", "100")
        lab.call("ip", "-n", the_lab.server_ns, "route", "flush", "table", "100")
        lab.call("ip", "-n", the_lab.client_ns, "addr", "del", away + "/32", "dev", "c0")


def killed_under_load_it_leaves_the_port_to_the_kernel(the_lab):
    for _ in range(3):
        process = the_lab.echo()
        with the_lab.client(V4) as sock:
            assert ask(sock, (V4, PORT), b"fast") == b"fast"
            stop = threading.Event()
            flood = threading.Thread(target=keep_sending, args=(the_lab, stop))
            flood.start()
            time.sleep(0.1)
            process.child.kill()
            process.child.wait()
            stop.set()
            flood.join()
            process.close()
            server = KernelEcho(the_lab, PORT)
            try:
                assert ask(sock, (V4, PORT), b"slow", tries=3) == b"kernel:slow"
                with lab_process(the_lab.echo()):
                    assert ask(sock, (V4, PORT), b"again", tries=2) == b"again"
            finally:
                server.close()


def keep_sending(the_lab, stop):
    with the_lab.client(V4) as sock:
        while not stop.is_set():
            sock.sendto(b"load", (V4, PORT))


def second_stack_on_a_queue_says_who_has_it(the_lab):
    with lab_process(the_lab.echo()):
        done = the_lab.at(the_lab.server_ns, ECHO, "-i", "s0", "-p", "8", check=False)
        assert done.returncode != 0 and "queue 0" in done.stderr, done.stderr
        assert "`ss --xdp -p` tells whose" in done.stderr, done.stderr
        comes_back(the_lab, V4, (100,))


def unknown_interface_is_a_sentence(the_lab):
    done = the_lab.at(the_lab.server_ns, ECHO, "-i", "nope0", check=False)
    assert done.returncode != 0 and "nope0" in done.stderr, done.stderr


def without_privilege_it_says_which_is_missing(the_lab):
    done = the_lab.at(the_lab.server_ns, "setpriv", "--reuid=65534", "--clear-groups",
                      "--inh-caps=-all", "--bounding-set=-all", ECHO, "-i", "s0", check=False)
    assert done.returncode != 0, "it ran without privilege"
    assert re.search(r"CAP_|root|permission", done.stderr), done.stderr


def new_hardware_address_is_followed(the_lab):
    """By the program, too, which compares it: nothing else tells it."""
    process = the_lab.echo()
    try:
        lab.call("ip", "-n", the_lab.server_ns, "link", "set", "s0", "address", "02:00:00:00:77:02")
        lab.call("ip", "-n", the_lab.client_ns, "neigh", "flush", "all")
        time.sleep(0.3)
        with the_lab.client(V4) as sock:
            for _ in range(5):
                assert ask(sock, (V4, PORT), b"new address", tries=3) == b"new address"
        lines = lab.call("bpftool", "-j", "map", "dump", "pinned",
                         "/sys/fs/bpf/fastsock/s0/config").stdout
        mac = "".join(byte[2:] for byte in json.loads(lines)[0]["value"])
        assert "020000007702" in mac, mac
    finally:
        process.close()


def forwarding_that_starts_later_is_followed(the_lab):
    """A rule for any address takes nothing that is only on its way through."""
    process = the_lab.echo()
    far = "198.51.100.9"
    forwarding = "net.ipv4.ip_forward"
    try:
        the_lab.at(the_lab.server_ns, "sysctl", "-qw", forwarding + "=1")
        lab.call("ip", "-n", the_lab.server_ns, "route", "add", far, "via", "10.78.0.1")
        lab.call("ip", "-n", the_lab.client_ns, "route", "add", far, "via", V4, "dev", "c0")
        time.sleep(0.3)
        with the_lab.client(V4) as sock:
            sock.settimeout(0.2)
            ask(sock, (far, PORT), b"for somebody else", tries=3)
        assert the_lab.stats()["pass_forward"] >= 3, the_lab.stats()
    finally:
        process.close()
        the_lab.at(the_lab.server_ns, "sysctl", "-qw", forwarding + "=0")
        lab.call("ip", "-n", the_lab.client_ns, "route", "del", far, check=False)
        lab.call("ip", "-n", the_lab.server_ns, "route", "del", far, check=False)


def wrong_ports_are_wrong_usage(the_lab):
    for port in ("0", "-1", "70000", "65543", "7x", ""):
        done = the_lab.at(the_lab.server_ns, "timeout", "5", ECHO, "-i", "s0", "-p", port,
                          check=False)
        assert done.returncode == 2 and "usage" in done.stderr, (port, done)


def interface_that_is_deleted_ends_it_with_a_word(the_lab):
    lab.call("ip", "link", "add", "c9", "netns", the_lab.client_ns, "type", "veth",
             "peer", "name", "s9", "netns", the_lab.server_ns)
    lab.call("ip", "-n", the_lab.server_ns, "link", "set", "s9", "up")
    the_lab.fastsock("attach", "s9")
    process = the_lab.start(the_lab.server_ns, ECHO, "-i", "s9", ready="port")
    lab.call("ip", "-n", the_lab.client_ns, "link", "del", "c9")
    status = process.child.wait(timeout=10)
    said = process.child.stdout.read()
    process.close()
    assert status == 1 and b"s9 is gone" in said, (status, said)
    the_lab.fastsock("detach", "s9")


def set_mtu(the_lab, mtu):
    for ns, name in ((the_lab.server_ns, "s0"), (the_lab.client_ns, "c0")):
        lab.call("ip", "-n", ns, "link", "set", name, "mtu", str(mtu))


def mtu_that_grows_beyond_the_frames_is_told(the_lab):
    def notes():
        out = json.loads(the_lab.fastsock("status", "s0", "--json").stdout)
        return [note for note in out["interfaces"][0]["notes"] if "MTU" in note]

    process = the_lab.echo()
    try:
        with lab_process(process):
            set_mtu(the_lab, 1770)
            time.sleep(0.1)
            assert not notes()
            set_mtu(the_lab, 3000)
            time.sleep(0.1)
            assert len(notes()) == 1 and "frames of 1792 bytes" in notes()[0], notes()
            assert f"process {process.pid}" in notes()[0] and "mtu 1770" in notes()[0], notes()
            comes_back(the_lab, V4, (1000, 1740))
            process.child.terminate()
            said = process.child.stdout.read().decode()
        assert said.count("MTU is 3000 now") == 1 and "mtu 1770" in said, said
        assert not notes()
        with lab_process(the_lab.echo()):
            assert not notes()
            comes_back(the_lab, V4, (1000, 2900))
    finally:
        set_mtu(the_lab, 1500)


def link_down_and_up_again_is_survived(the_lab):
    with lab_process(the_lab.echo()), the_lab.client(V4) as sock:
        assert ask(sock, (V4, PORT), b"one") == b"one"
        lab.call("ip", "-n", the_lab.server_ns, "link", "set", "s0", "down")
        time.sleep(0.1)
        lab.call("ip", "-n", the_lab.server_ns, "link", "set", "s0", "up")
        assert ask(sock, (V4, PORT), b"two", tries=5) == b"two"


def forwarded_datagrams_cross_two_interfaces(the_lab):
    the_lab.fastsock("attach", "s1")
    upstream = the_lab.socket(the_lab.client_ns, socket.AF_INET, socket.SOCK_DGRAM)
    upstream.bind(("10.78.0.1", 5000))
    try:
        with lab_process(the_lab.start(the_lab.server_ns, FORWARD, "-i", "s0", "-o", "s1",
                                       "-p", "5001", "-d", "10.78.0.1:5000", ready="ready")), \
                the_lab.client(V4) as sock:
            for size in (1, 100, 1472):
                data = random.randbytes(size)
                sock.sendto(data, (V4, 5001))
                got, who = upstream.recvfrom(2000)
                assert got == data and who[0] == "10.78.0.2", who
                upstream.sendto(data[::-1], who)
                assert sock.recvfrom(2000)[0] == data[::-1]
    finally:
        upstream.close()
        the_lab.fastsock("detach", "s1")


def capture_records_both_ways(the_lab):
    path = f"/tmp/fastsock-test-{os.getpid()}.pcapng"
    argv = the_lab.inside(the_lab.server_ns, [FASTSOCK, "capture", "-i", "s0", "-w", path])
    with lab_process(the_lab.echo()), the_lab.client(V4) as sock:
        recorder = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        try:
            time.sleep(0.5)
            for _ in range(10):
                assert ask(sock, (V4, PORT), b"recorded-payload") == b"recorded-payload"
            time.sleep(0.3)
            recorder.send_signal(signal.SIGINT)
            error = recorder.communicate(timeout=10)[1]
            assert recorder.returncode == 0, error
            with open(path, "rb") as file:
                seen = file.read().count(b"recorded-payload")
            assert seen == 20, f"{seen} of 20 packets were recorded: {error}"
        finally:
            recorder.kill()
            recorder.communicate()
            if os.path.exists(path):
                os.unlink(path)


def detached_it_leaves_nothing(the_lab):
    the_lab.fastsock("detach", "s0")
    link = lab.call("ip", "-n", the_lab.server_ns, "link", "show", "s0").stdout
    assert "xdp" not in link, link
    assert not os.path.exists("/sys/fs/bpf/fastsock/s0")
    done = the_lab.fastsock("status", "s0", check=False)
    assert "udp" not in done.stdout, done.stdout


class lab_process:
    def __init__(self, process):
        self.process = process

    def __enter__(self):
        return self.process

    def __exit__(self, *_):
        self.process.close()


TESTS = [
    every_size_up_to_the_mtu_comes_back,
    fragmented_datagrams_come_back_through_the_twin,
    what_the_kernel_accepts_with_options_comes_back_through_the_twin,
    source_route_that_the_kernel_refuses_gets_no_reply,
    priority_tag_is_looked_through_and_a_vlan_is_the_kernels,
    replies_that_could_not_be_sent_are_told,
    other_traffic_goes_on_as_before,
    spinning_it_answers_as_well,
    forgotten_neighbours_are_resolved_by_the_kernel,
    policy_rules_that_select_by_source_are_followed,
    killed_under_load_it_leaves_the_port_to_the_kernel,
    second_stack_on_a_queue_says_who_has_it,
    unknown_interface_is_a_sentence,
    without_privilege_it_says_which_is_missing,
    new_hardware_address_is_followed,
    forwarding_that_starts_later_is_followed,
    wrong_ports_are_wrong_usage,
    interface_that_is_deleted_ends_it_with_a_word,
    mtu_that_grows_beyond_the_frames_is_told,
    link_down_and_up_again_is_survived,
    forwarded_datagrams_cross_two_interfaces,
    capture_records_both_ways,
    detached_it_leaves_nothing,
]


@contextlib.contextmanager
def attached(name):
    with StackLab(name) as the_lab:
        the_lab.fastsock("attach", "s0")
        yield the_lab
        the_lab.fastsock("detach", "s0", check=False)


if __name__ == "__main__":
    sys.exit(play.play(TESTS, "st", attached))
