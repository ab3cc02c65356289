#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The fastsock command on a veth pair, with the kernel's sockets as client.

    ct-PID-cli                          ct-PID-srv
    +---------------------------+      +---------------------------+
    |  cPID  10.77.0.1/24       |======|  sPID  10.77.0.2/24       |
    |        fd77::1/64         | veth |        fd77::2/64         |
    +---------------------------+      +---------------------------+

Interfaces have names of their own and FASTSOCK_PIN_ROOT names a directory of
its own, so that nothing of the host's is touched. Only the test about `ip netns
exec` uses the default one.
"""
import contextlib
import json
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(ROOT, "bench"))
os.chdir(ROOT)
import lab                                                    # noqa: E402

BUILD = os.path.abspath(lab.BUILD)
FASTSOCK = f"{BUILD}/bin/fastsock"
ECHO = f"{BUILD}/examples/udp_echo"
WHOAMI = f"{BUILD}/examples/answer_whoami.bpf.o"
PID = os.getpid()
PINS = f"/sys/fs/bpf/ct-{PID}"
S, C = f"s{PID}"[:15], f"c{PID}"[:15]
V4, V6 = "10.77.0.2", "fd77::2"
CLONE_NEWNET = 0x40000000


class Skip(Exception):
    """This host cannot; the text says why."""


class CtlLab(lab.Lab):
    def __init__(self):
        super().__init__(f"ct-{PID}", C, S)

    def make(self):
        for ns in (self.client_ns, self.server_ns):
            lab.call("ip", "netns", "add", ns)
            self.made.append(ns)
            lab.call("ip", "-n", ns, "link", "set", "lo", "up")
        self.make_pair()

    def make_pair(self):
        lab.call("ip", "link", "add", C, "netns", self.client_ns, "numtxqueues", "1",
                 "numrxqueues", "1", "type", "veth", "peer", "name", S, "netns",
                 self.server_ns, "numtxqueues", "1", "numrxqueues", "1")
        for ns, name, host in ((self.client_ns, C, 1), (self.server_ns, S, 2)):
            lab.call("ip", "-n", ns, "addr", "add", f"10.77.0.{host}/24", "dev", name)
            lab.call("ip", "-n", ns, "addr", "add", f"fd77::{host}/64", "dev", name, "nodad")
            lab.call("ip", "-n", ns, "link", "set", name, "up")

    def reset(self):
        """As after make(), whatever a test has left."""
        for ns, name in ((self.server_ns, S), (self.client_ns, C)):
            self.run(ns, "detach", name, check=False)
            for kind in ("xdp", "xdpgeneric"):
                lab.call("ip", "-n", ns, "link", "set", name, kind, "off", check=False)
            lab.call("ip", "-n", ns, "link", "set", name, "mtu", "1500", check=False)
        if lab.call("ip", "-n", self.server_ns, "link", "show", S, check=False).returncode:
            self.make_pair()

    def run(self, ns, *argv, check=True):
        return self.at(ns, FASTSOCK, *argv, check=check)

    def fastsock(self, *argv, check=True):
        return self.run(self.server_ns, *argv, check=check)

    def fails(self, *argv, status=1, ns=None):
        """It fails with that status, and a sentence, which is returned."""
        done = self.run(ns or self.server_ns, *argv, check=False)
        assert done.returncode == status, f"{argv}: status {done.returncode}: {done.stderr}"
        assert done.stderr.startswith("fastsock: error: ") or status == 2, done.stderr
        assert status == 2 or "error" not in done.stderr[17:], f"two errors: {done.stderr}"
        return done.stderr

    def xdp(self, ns=None, ifname=S):
        """The id of the program on an interface, 0 without one."""
        link = lab.call("ip", "-n", ns or self.server_ns, "-d", "link", "show", ifname).stdout
        found = re.search(r"prog/xdp id (\d+)", link)
        return int(found.group(1)) if found else 0

    def status(self):
        out = json.loads(self.fastsock("status", S, "--json").stdout)
        return out["interfaces"][0]

    def counters(self):
        return json.loads(self.fastsock("stats", "-i", S, "--json").stdout)["counters"]

    def client(self, address):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with open("/proc/self/ns/net", "rb") as home, \
                open(f"/run/netns/{self.client_ns}", "rb") as there:
            assert lab.LIBC.setns(there.fileno(), CLONE_NEWNET) == 0
            try:
                sock = socket.socket(family, socket.SOCK_DGRAM)
            finally:
                lab.LIBC.setns(home.fileno(), CLONE_NEWNET)
        sock.settimeout(1)
        return sock

    def ask(self, address, port, data):
        with self.client(address) as sock:
            sock.sendto(data, (address, port))
            try:
                return sock.recvfrom(70000)[0]
            except (TimeoutError, ConnectionRefusedError):
                return None

    @contextlib.contextmanager
    def attached(self, *options):
        self.fastsock("attach", *options, S)
        self.run(self.client_ns, "attach", "--pass", C)
        try:
            yield
        finally:
            self.run(self.client_ns, "detach", C, check=False)
            self.fastsock("detach", S, check=False)

    @contextlib.contextmanager
    def echo(self, port):
        process = self.start(self.server_ns, ECHO, "-i", S, "-p", str(port), ready="port")
        try:
            yield process
        finally:
            process.close()


def pins():
    return sorted(os.listdir(PINS)) if os.path.isdir(PINS) else []


def programs():
    """Ids of our programs that the kernel holds, of this lab or not."""
    return {p["id"] for p in json.loads(lab.call("bpftool", "-j", "prog", "list").stdout)
            if p.get("name", "").startswith("fastsock")}


def until(what, seconds=5):
    end = time.monotonic() + seconds
    while not what():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


# --- attach and detach -------------------------------------------------------------

def attach_and_detach_leave_nothing(the_lab):
    the_lab.fastsock("attach", S)
    assert the_lab.xdp() and pins() == [S]
    mine = the_lab.status()["program_id"]
    assert mine == the_lab.xdp() or the_lab.status()["dispatcher"]
    the_lab.fastsock("rule", "add", "udp/53", "pass")
    the_lab.fastsock("detach", S)
    assert not the_lab.xdp(), "a program is left"
    assert not os.path.exists(PINS), f"pins are left: {pins()}"
    assert until(lambda: mine not in programs()), "the program is still loaded"


def everything_passes_without_rules(the_lab):
    with the_lab.attached():
        ping = the_lab.at(the_lab.client_ns, "ping", "-c", "3", "-i", "0.05", "-W", "2", V4)
        assert " 0% packet loss" in ping.stdout, ping.stdout
        assert the_lab.counters()["pass_no_rule"] >= 3


def second_attach_says_so(the_lab):
    the_lab.fastsock("attach", S)
    before = the_lab.xdp()
    assert "attached already" in the_lab.fails("attach", S)
    assert the_lab.xdp() == before and pins() == [S]


def second_detach_says_so(the_lab):
    the_lab.fastsock("attach", S)
    the_lab.fastsock("detach", S)
    assert "not attached" in the_lab.fails("detach", S)


def of_many_attaches_at_once_one_wins(the_lab):
    argv = the_lab.inside(the_lab.server_ns, [FASTSOCK, "attach", S])
    many = [subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            for _ in range(8)]
    results = [p.wait(timeout=60) for p in many]
    assert sorted(results) == [0] + [1] * 7, results
    assert the_lab.xdp() and the_lab.status()["state"] == "attached"


def attach_that_is_killed_can_be_repeated(the_lab):
    argv = the_lab.inside(the_lab.server_ns, [FASTSOCK, "attach", S])
    for i in range(12):
        child = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(0.004 * i)
        child.kill()
        child.wait()
        the_lab.fastsock("detach", S, check=False)
        if the_lab.xdp():       # attached, killed before it was pinned
            lab.call("ip", "-n", the_lab.server_ns, "link", "set", S, "xdp", "off")
        the_lab.fastsock("attach", S)
        the_lab.fastsock("detach", S)
    assert not the_lab.xdp() and not pins()


def skb_mode_is_said(the_lab):
    the_lab.fastsock("attach", "--mode", "skb", S)
    status = the_lab.status()
    assert status["mode"] == "skb" and any("generic" in n for n in status["notes"]), status
    the_lab.fastsock("detach", S)
    assert not the_lab.xdp() and not pins()


def foreign_program_is_never_displaced(the_lab):
    foreign = f"{BUILD}/tests/zc/foreign.bpf.o"
    if not os.path.exists(foreign):
        raise Skip("tests/zc/foreign.bpf.o is not built")
    lab.call("ip", "-n", the_lab.server_ns, "link", "set", S, "xdp", "obj", foreign, "sec", "xdp")
    before = the_lab.xdp()
    assert before
    said = the_lab.fails("attach", S)
    assert "foreign" in said and "left alone" in said, said
    assert the_lab.xdp() == before and not pins()
    said = the_lab.fails("detach", S)
    assert the_lab.xdp() == before, "detach took the foreign program away"


def program_that_xdp_loader_attached_is_used(the_lab):
    os.mkdir(PINS)
    lab.call(*the_lab.inside(the_lab.server_ns, [
        "xdp-loader", "load", "-m", "native", "-p", f"{PINS}/{S}", S, f"{BUILD}/bpf/fastsock.bpf.o"]))
    the_lab.run(the_lab.client_ns, "attach", "--pass", C)
    status = the_lab.status()
    assert status["state"] == "attached" and status["queues"] == 1, status
    the_lab.fastsock("answer", "add", "udp/7", "echo")
    assert the_lab.ask(V4, 7, b"hello") == b"hello"
    the_lab.fastsock("detach", S)
    assert not the_lab.xdp() and pins() == [C], pins()


def left_behind_pins_are_seen_and_replaced(the_lab):
    the_lab.fastsock("attach", S)
    lab.call("ip", "-n", the_lab.server_ns, "link", "set", S, "xdp", "off")
    assert the_lab.status()["state"] == "stale"
    assert "removed" in the_lab.fails("rule", "list", "-i", S)
    the_lab.fastsock("attach", S)
    assert the_lab.status()["state"] == "attached"
    lab.call("ip", "-n", the_lab.server_ns, "link", "set", S, "xdp", "off")
    the_lab.fastsock("detach", S)
    assert not pins(), pins()


def pins_of_an_interface_that_is_gone_are_cleared(the_lab):
    the_lab.fastsock("attach", S)
    lab.call("ip", "-n", the_lab.server_ns, "link", "del", S)
    assert the_lab.status()["state"] == "stale"
    the_lab.fastsock("detach", S)
    assert not pins(), pins()
    assert "no interface" in the_lab.fails("detach", S)


def interface_of_another_namespace_is_left_alone(the_lab):
    the_lab.fastsock("attach", S)
    twin = the_lab.client_ns
    lab.call("ip", "-n", twin, "link", "add", S, "type", "veth", "peer", "name", "other")
    try:
        for verb in ("attach", "detach"):
            said = the_lab.fails(verb, S, ns=twin)
            assert "another network namespace" in said and the_lab.server_ns in said, said
        assert the_lab.xdp() and the_lab.status()["state"] == "attached"
        the_lab.fastsock("detach", S)
        the_lab.run(twin, "attach", S)
        the_lab.run(twin, "detach", S)
    finally:
        lab.call("ip", "-n", twin, "link", "del", S)


def pass_program_comes_and_goes(the_lab):
    the_lab.run(the_lab.client_ns, "attach", "--pass", C)
    assert the_lab.xdp(the_lab.client_ns, C) and pins() == [C]
    assert "pass program" in the_lab.fails("attach", C, ns=the_lab.client_ns)
    assert "pass program" in the_lab.fails("rule", "list", "-i", C, ns=the_lab.client_ns)
    the_lab.run(the_lab.client_ns, "detach", C)
    assert not the_lab.xdp(the_lab.client_ns, C) and not pins()


def ip_netns_exec_and_nsenter_see_the_same_pins(the_lab):
    env = {k: v for k, v in os.environ.items() if k != "FASTSOCK_PIN_ROOT"}

    def run(*argv):
        done = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, f"{argv}: {done.stderr}"
        return done.stdout

    run("ip", "netns", "exec", the_lab.server_ns, FASTSOCK, "attach", S)
    try:
        nsenter = the_lab.inside(the_lab.server_ns, [FASTSOCK, "status", S, "--json"])
        assert json.loads(run(*nsenter))["interfaces"][0]["state"] == "attached"
        run("ip", "netns", "exec", the_lab.server_ns, FASTSOCK, "answer", "add", "-i", S,
            "udp/7", "echo")
    finally:
        run(*the_lab.inside(the_lab.server_ns, [FASTSOCK, "detach", S]))
    assert not the_lab.xdp() and not os.path.exists(f"/sys/fs/bpf/fastsock/{S}")


# --- what cannot be, as a sentence ---------------------------------------------------

def unknown_interface_is_a_sentence(the_lab):
    for verb in (("attach", "nix0"), ("detach", "nix0"), ("attach", "../x"), ("attach", "x" * 40)):
        said = the_lab.fails(*verb)
        assert "interface" in said, said
    assert not pins()


def without_privilege_it_says_which_is_missing(the_lab):
    nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--inh-caps=-all"]
    done = the_lab.at(the_lab.server_ns, *nobody, FASTSOCK, "attach", S, check=False)
    assert done.returncode == 1 and "CAP_NET_ADMIN" in done.stderr, done.stderr
    assert not the_lab.xdp() and not pins()
    the_lab.fastsock("attach", S)
    for argv in (("detach", S), ("rule", "list", "-i", S), ("status",), ("kv", "list", "-i", S)):
        done = the_lab.at(the_lab.server_ns, *nobody, FASTSOCK, *argv, check=False)
        assert done.returncode == 1 and "permission" in done.stderr, f"{argv}: {done.stderr}"
    assert the_lab.xdp(), "nobody has detached the program"


def missing_bpffs_is_a_sentence(the_lab):
    env = dict(os.environ, FASTSOCK_PIN_ROOT="/tmp/nothing")
    done = subprocess.run(the_lab.inside(the_lab.server_ns, [FASTSOCK, "attach", S]), env=env,
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1 and "mount -t bpf" in done.stderr, done.stderr
    assert not the_lab.xdp()


def bpffs_that_is_hidden_is_found(the_lab):
    env = {k: v for k, v in os.environ.items() if k != "FASTSOCK_PIN_ROOT"}
    script = f"umount -l /sys/fs/bpf && {FASTSOCK} attach {S} && {FASTSOCK} detach {S}"
    done = subprocess.run(the_lab.inside(the_lab.server_ns, ["unshare", "-m", "sh", "-c", script]),
                          env=env, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert not the_lab.xdp() and not os.path.exists(f"/sys/fs/bpf/fastsock/{S}")


def mtu_9000_is_a_sentence(the_lab):
    for ns, name in ((the_lab.server_ns, S), (the_lab.client_ns, C)):
        lab.call("ip", "-n", ns, "link", "set", name, "mtu", "9000")
    said = the_lab.fails("attach", S)
    assert "MTU" in said and "ip link set" in said, said
    assert not the_lab.xdp() and not pins()


def wrong_usage_is_told(the_lab):
    for argv in (("rule",), ("rule", "add", "udp/7"), ("attach",), ("attach", S, "--mode", "fast"),
                 ("frob",), ("capture",), ("kv",), ("answer", "add"), ("detach",), ("help", "frob")):
        the_lab.fails(*argv, status=2)
    for verb in ("attach", "detach", "status", "rule", "answer", "kv", "stats", "capture"):
        text = the_lab.fastsock("help", verb).stdout
        assert "examples:" in text, verb


# --- rules ---------------------------------------------------------------------------

def help_is_given_where_it_is_asked_for(the_lab):
    for verb in ("attach", "detach", "status", "rule", "answer", "kv", "stats", "capture"):
        text = the_lab.fastsock("help", verb).stdout
        for argv in ((verb, "--help"), ("-v", verb, "--help"), (verb, "-i", S, "--help")):
            done = the_lab.fastsock(*argv)
            assert (done.stdout, done.stderr) == (text, ""), f"{argv}: {done.stdout}{done.stderr}"
    done = the_lab.fastsock("kv", "set", "-i", S, "--", "--help", "value", check=False)
    assert "usage" not in done.stdout + done.stderr, done.stdout + done.stderr
    overview = the_lab.fastsock("help").stdout
    assert the_lab.fastsock("help", "--help").stdout == overview


def completes(*words):
    script = f". tools/completion/fastsock.bash; COMP_WORDS=({' '.join(words)} ''); " + \
        f"COMP_CWORD={len(words)}; compopt() {{ :; }}; _fastsock; echo \"${{COMPREPLY[@]}}\""
    return lab.call("bash", "-c", script).stdout.split()


def completion_knows_the_verb_behind_v(_the_lab):
    for before in (("fastsock",), ("fastsock", "-v")):
        assert {"attach", "kv", "help"} <= set(completes(*before))
        assert completes(*before, "kv") == ["set", "get", "del", "list", "ping"]
        assert completes(*before, "attach", "--mode") == ["native", "skb", "auto"]
        assert "drop" in completes(*before, "rule", "add")
    assert "-v" in completes("fastsock") and "-v" not in completes("fastsock", "-v")


def rules_are_added_listed_and_deleted(the_lab):
    the_lab.fastsock("attach", S)
    for flow, action in (("udp/53", "pass"), (f"udp/{V4}:54", "drop"), (f"tcp/[{V6}]:80", "pass"),
                         ("icmp", "drop"), (f"icmp/{V4}", "pass")):
        the_lab.fastsock("rule", "add", "-i", S, flow, action)
    listed = the_lab.fastsock("rule", "list").stdout.split("\n")
    assert [re.sub(r"\s+", " ", line) for line in listed if line] == [
        "udp/0.0.0.0:53 pass", "udp/[::]:53 pass", f"udp/{V4}:54 drop", f"tcp/[{V6}]:80 pass",
        "icmp/0.0.0.0 drop", f"icmp/{V4} pass", "icmp/:: drop"], listed
    the_lab.fastsock("rule", "del", "udp/0.0.0.0:53")
    the_lab.fastsock("rule", "del", "udp/53")
    assert "no such rule" in the_lab.fails("rule", "del", "udp/53")
    for flow in ("udp/0", "udp/65536", "udp/x", "sctp/7", "udp", "tcp/1.2.3.4", "icmp/7"):
        the_lab.fails("rule", "add", flow, "pass", status=2)


def exact_address_comes_before_any_address(the_lab):
    with the_lab.attached():
        the_lab.fastsock("answer", "add", "udp/7", "echo")
        the_lab.fastsock("rule", "add", f"udp/{V4}:7", "drop")
        assert the_lab.ask(V4, 7, b"x") is None and the_lab.counters()["drop_rule"] == 1
        assert the_lab.ask(V6, 7, b"x") == b"x"
        the_lab.fastsock("rule", "del", f"udp/{V4}:7")
        assert the_lab.ask(V4, 7, b"x") == b"x"


# --- answers -------------------------------------------------------------------------

def echo_answers_a_kernel_client(the_lab):
    with the_lab.attached():
        the_lab.fastsock("answer", "add", "udp/7", "echo")
        the_lab.fastsock("answer", "add", "icmp", "echo")
        for size in (0, 1, 17, 512, 1400):
            for address in (V4, V6):
                data = os.urandom(size)
                assert the_lab.ask(address, 7, data) == data, f"{size} bytes to {address}"
        the_lab.at(the_lab.client_ns, "ping", "-c", "2", "-i", "0.05", "-W", "1", V4)
        counters = the_lab.counters()
        assert counters["tx_echo"] == 10 and counters["tx_icmp_echo"] == 2, counters
        the_lab.fastsock("answer", "del", "udp/7")
        assert the_lab.ask(V4, 7, b"x") is None
        assert "nothing answers" in the_lab.fails("answer", "del", "udp/7")
        assert "echo answers udp" in the_lab.fails("answer", "add", "tcp/7", "echo")


def rate_limits_a_source(the_lab):
    with the_lab.attached():
        the_lab.fastsock("answer", "add", "udp/7", "echo", "--rate", "1:5")
        got = [the_lab.ask(V4, 7, b"x") for _ in range(7)]
        assert got[:5] == [b"x"] * 5 and got.count(None) >= 1, got
        assert the_lab.counters()["drop_rate"] >= 1


def users_program_answers(the_lab):
    if not os.path.exists(WHOAMI):
        raise Skip("examples/answer_whoami.bpf.o is not built")
    with the_lab.attached():
        the_lab.fastsock("answer", "add", "udp/3478", WHOAMI, "--name", "whoami")
        the_lab.fastsock("answer", "add", "udp/3478", WHOAMI, "--name", "whoami")
        with the_lab.client(V4) as sock:
            sock.sendto(b"who?0001" + bytes(20), (V4, 3478))
            reply = sock.recv(2048)
            assert reply[:8] == b"you!0001", reply
            assert struct.unpack_from("!HH4s", reply, 8) == \
                (4, sock.getsockname()[1], socket.inet_aton("10.77.0.1"))
        answers = the_lab.status()["answers"]
        assert [(a["name"], a["rules"]) for a in answers] == [("whoami", 2)], answers
        assert "rules still name" in the_lab.fails("answer", "del", "whoami")
        the_lab.fastsock("answer", "del", "udp/3478")
        the_lab.fastsock("answer", "del", "whoami")
        assert "nothing is answered" in the_lab.fastsock("answer", "list").stdout
        assert "cannot be opened" in the_lab.fails("answer", "add", "udp/1", "./none.bpf.o")
        assert "no name" in the_lab.fails("answer", "add", "udp/1", WHOAMI, "--name", "a b")


def published_keys_are_answered(the_lab):
    long = "7" * 900
    with the_lab.attached():
        the_lab.fastsock("answer", "add", "udp/9000", "kv")
        the_lab.fastsock("kv", "set", "greeting", "hello, world")
        the_lab.fastsock("kv", "set", "-i", S, "long", long)

        def get(key, host=V4):
            return the_lab.run(the_lab.client_ns, "kv", "get", f"{host}:9000", key).stdout

        assert get("greeting") == "hello, world\n" and get("long", f"[{V6}]") == long + "\n"
        the_lab.fastsock("kv", "set", "greeting", long)        # small becomes large
        assert get("greeting") == long + "\n"
        the_lab.fastsock("kv", "set", "greeting", "")          # and small again
        assert get("greeting") == "\n"
        assert the_lab.fastsock("kv", "get", "long").stdout == long + "\n"
        listed = the_lab.fastsock("kv", "list")
        assert sorted(listed.stdout.split("\n")) == ["", "greeting\t", f"long\t{long}"]
        assert "1 of" in listed.stderr and "published twice" not in listed.stderr
        the_lab.run(the_lab.client_ns, "kv", "ping", f"{V4}:9000")
        the_lab.fastsock("kv", "del", "greeting")
        assert "nobody listens" in the_lab.fails("kv", "get", f"{V4}:9000", "greeting",
                                                 ns=the_lab.client_ns)
        assert "not published" in the_lab.fails("kv", "del", "greeting")
        assert "250" in the_lab.fails("kv", "set", "k" * 251, "x")
        assert "1024" in the_lab.fails("kv", "set", "k", "x" * 1025)
        counters = the_lab.counters()
        assert counters["kv_hit"] == 4 and counters["kv_short"] == 2, counters


# --- processes -----------------------------------------------------------------------

def status_names_who_receives(the_lab):
    the_lab.fastsock("attach", S)
    with the_lab.echo(7) as process:
        status = the_lab.status()
        slot, = status["slots"]
        assert slot["alive"] and slot["comm"] == "udp_echo" and slot["pid"] == process.pid, slot
        assert slot["mode"] == "copy" and slot["queues"] == 1, slot
        for xsk in status["sockets"]:       # where the kernel lists them
            assert xsk["mode"] == "copy" and xsk["pid"] == process.pid, xsk
        assert {r["flow"] for r in status["rules"]} == {"udp/0.0.0.0:7", "udp/[::]:7"}
        assert any("copied" in note for note in status["notes"]), status["notes"]
        assert "1 queue in copy mode" in the_lab.fastsock("status").stdout
    assert not the_lab.status()["slots"] and not the_lab.status()["rules"]


def killed_process_leaves_a_stale_slot_that_the_next_one_takes(the_lab):
    the_lab.fastsock("attach", S)
    with the_lab.echo(7) as process:
        os.kill(process.pid, signal.SIGKILL)
        process.child.wait()
        status = the_lab.status()
        assert not status["slots"][0]["alive"], status["slots"]
        assert any("gone" in n for n in status["notes"]), status["notes"]
    with the_lab.echo(8) as process:
        status = the_lab.status()
        assert [s["pid"] for s in status["slots"]] == [process.pid], status["slots"]
        assert {r["flow"] for r in status["rules"]} == {"udp/0.0.0.0:8", "udp/[::]:8"}, status


def operator_and_process_share_a_port(the_lab):
    with the_lab.attached():
        the_lab.fastsock("answer", "add", "udp/9000", "kv")
        the_lab.fastsock("kv", "set", "k", "v")
        request = struct.pack("!BBBBIHHI", 0xf5, 1, 1, 0, 42, 1, 0, 0)
        with the_lab.echo(9000):
            assert the_lab.ask(V4, 9000, request + b"k" + bytes(8))[2] == 0x81, "not answered by XDP"
            assert the_lab.ask(V4, 9000, request + b"x" + bytes(8)) == request + b"x" + bytes(8)
            assert the_lab.counters()["steer"] == 1
            the_lab.fastsock("rule", "add", "udp/9000", "pass")
            assert the_lab.ask(V4, 9000, b"twin") == b"twin" and the_lab.counters()["steer"] == 1
            assert any("a rule says pass" in n for n in the_lab.status()["notes"])
            the_lab.fastsock("rule", "del", "udp/9000")
            assert the_lab.ask(V4, 9000, b"fast") == b"fast" and the_lab.counters()["steer"] == 2
            assert "belongs to process" in the_lab.fails("rule", "del", "udp/9000")
            the_lab.fastsock("answer", "add", "udp/9000", "kv")
        rules = the_lab.status()["rules"]
        assert [(r["action"], r["steered"]) for r in rules] == [("answer", False)] * 2, rules


def capture_records_answers_and_what_a_process_sends(the_lab):
    path = f"/tmp/ct-{PID}.pcapng"
    with the_lab.attached():
        the_lab.fastsock("answer", "add", "udp/7", "echo")
        with the_lab.echo(8):
            capture = the_lab.start(the_lab.server_ns, FASTSOCK, "capture", "-w", path, ready="recording")
            try:
                assert "another process records" in the_lab.fails("capture", "-w", path + "2")
                for port in (7, 8):
                    assert the_lab.ask(V4, port, b"a needle of %d" % port)
                time.sleep(0.2)
            finally:
                capture.close()
    with open(path, "rb") as f:
        data = f.read()
    os.unlink(path)
    for port in (7, 8):
        assert data.count(b"a needle of %d" % port) == 2, f"port {port}: {len(data)} bytes"
    assert capture.child.returncode == 0


def killed_capture_is_switched_off_by_who_looks_next(the_lab):
    def records():
        config = json.loads(lab.call("bpftool", "-j", "map", "dump", "pinned",
                                     f"{PINS}/{S}/config").stdout)[0]
        return bool(config["formatted"]["value"]["flags"] & 1 << 4)

    with the_lab.attached():
        capture = the_lab.start(the_lab.server_ns, FASTSOCK, "capture", "-w", "/dev/null",
                                ready="recording")
        assert records() and "recorder" not in the_lab.fastsock("status", S).stderr and records()
        capture.child.kill()
        capture.close()
        assert records()
        assert "recorder" in the_lab.fastsock("status", S).stderr
        assert not records() and "recorder" not in the_lab.fastsock("status", S).stderr


def output_that_cannot_be_written_is_a_failure(the_lab):
    the_lab.fastsock("attach", S)
    for argv in (("status",), ("stats", "--json", "-i", S), ("help",)):
        with open("/dev/full", "w", encoding="ascii") as full:
            done = subprocess.run(the_lab.inside(the_lab.server_ns, [FASTSOCK, *argv]), stdout=full,
                                  stderr=subprocess.PIPE, text=True, timeout=30, check=False)
        assert done.returncode == 1 and "No space left" in done.stderr, (argv, done)


def generic_mode_is_told_what_it_cannot_answer(the_lab):
    done = the_lab.fastsock("attach", "--mode", "skb", S)
    assert "--pass" not in done.stderr, done.stderr
    the_lab.fastsock("answer", "add", "udp/7", "echo")
    the_lab.fastsock("answer", "add", "udp/9000", "kv")
    assert the_lab.ask(V4, 7, b"no program at the peer") == b"no program at the peer"
    the_lab.fastsock("kv", "set", "key", "value")
    the_lab.run(the_lab.client_ns, "kv", "get", f"{V4}:9000", "key", check=False)
    assert "which kv does not answer" in the_lab.fastsock("status", S).stdout


def wrong_arguments_are_told_for_what_they_are(the_lab):
    assert "is no port" in the_lab.fails("kv", "ping", f"{V4}:99999")
    assert "is no port" in the_lab.fails("kv", "ping", f"{V4}:0")
    the_lab.fastsock("attach", S)
    said = the_lab.fails("answer", "add", "udp/7", "/etc/hostname")
    assert "Unknown error" not in said and "format" in said, said
    argv = the_lab.inside(the_lab.server_ns, ["sh", "-c", f"ulimit -n 8; {FASTSOCK} stats"])
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 1 and "too many open files" in done.stderr, done.stderr
    assert "detach" not in done.stderr, done.stderr


TESTS = [v for k, v in list(globals().items())
         if callable(v) and getattr(v, "__module__", "") == "__main__" and k[0].islower()
         and k not in ("pins", "programs", "until", "completes", "main")]


def main():
    wanted = sys.argv[1:]
    counts = {"ok": 0, "not ok": 0, "skip": 0}
    os.environ["FASTSOCK_PIN_ROOT"] = PINS
    if not os.path.ismount("/sys/fs/bpf"):
        lab.call("mount", "-t", "bpf", "bpf", "/sys/fs/bpf")
    lab.end_on_signals()
    with CtlLab() as the_lab:
        for test in TESTS:
            if wanted and test.__name__ not in wanted:
                continue
            try:
                test(the_lab)
                result, why = "ok", ""
            except Skip as e:
                result, why = "skip", f": {e}"
            except (AssertionError, OSError, LookupError, ValueError, lab.LabError, subprocess.SubprocessError) as e:
                result, why = "not ok", f": {e or type(e).__name__}"
            counts[result] += 1
            print(f"{result} {test.__name__.replace('_', ' ')}{why}", flush=True)
            the_lab.reset()
    skipped = f", {counts['skip']} skipped" if counts["skip"] else ""
    print(f"{counts['ok']} passed, {counts['not ok']} failed{skipped}")
    return counts["not ok"] != 0


if __name__ == "__main__":
    sys.exit(main())
