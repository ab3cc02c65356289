# SPDX-License-Identifier: BSD-2-Clause
"""A lab of two network namespaces and one veth pair, and what runs in it.

    PREFIX-cli                      PREFIX-srv
    +---------------------+         +---------------------+
    |  c0  10.77.0.1/24   |=========|  s0  10.77.0.2/24   |
    +---------------------+  veth   +---------------------+
                        one queue each

Transmit checksum offload is off on both ends: with it, what crosses a veth
pair carries unfinished checksums, which a program on the other end would see.
Each end knows the other's hardware address, so no measurement waits for ARP;
without IPv6 addresses nothing is sent that nobody asked for.

Commands enter a namespace by nsenter and not by `ip netns exec`, which would
hide /sys/fs/bpf from them. Everything that was started or made is ended and
removed by close(), in reverse order, whatever happened.
"""
import ctypes
import os
import re
import select
import signal
import subprocess
import time

BUILD = os.environ.get("B", "build")
CLIENT_IP = "10.77.0.1"
SERVER_IP = "10.77.0.2"
READY_SECONDS = 15

LIBC = ctypes.CDLL(None, use_errno=True)
PR_SET_PDEATHSIG = 1
CLONE_NEWNS = 0x20000
MS_REC_PRIVATE = 0x4000 | 0x40000


class LabError(Exception):
    """A command of the lab failed; the text says which, and what it said."""


def call(*argv, check=True):
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=60)
    if check and done.returncode:
        raise LabError(f"{' '.join(argv)}: {(done.stderr or done.stdout).strip()}")
    return done


def private_bpffs():
    """Give this process its own /sys/fs/bpf: pins meet nobody else's."""
    if LIBC.unshare(CLONE_NEWNS) or LIBC.mount(b"none", b"/", None, MS_REC_PRIVATE, None):
        raise LabError("a mount namespace: " + os.strerror(ctypes.get_errno()))
    call("mount", "-t", "bpf", "bpf", "/sys/fs/bpf")


def end_on_signals():
    """SIGTERM and SIGHUP unwind like Ctrl-C, so that close() runs."""
    def stop(signum, _frame):
        raise SystemExit(128 + signum)
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGHUP, stop)


def before_others():
    """This process gets a CPU before others that want it; its session does, too."""
    os.setpriority(os.PRIO_PROCESS, 0, -20)
    try:
        with open("/proc/self/autogroup", "w", encoding="ascii") as f:
            f.write("-20")
    except OSError:
        pass        # no autogroups: the priority alone decides


class Child:
    """What a child does between fork and exec."""
    priority = False

    @classmethod
    def begin(cls):
        LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        # A shell that started us in the background ignores it, and all would inherit that.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        if cls.priority:
            before_others()     # the new session has a group of its own


class Process:
    """A program of ours that runs beside the measurement, and never longer."""

    def __init__(self, argv, ready):
        self.argv = argv
        self.child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, start_new_session=True,
                                      preexec_fn=Child.begin)
        self.pid = self.child.pid
        self.said = b""
        if ready:
            try:
                self.wait_ready(ready)
            except BaseException:
                self.close()
                raise

    def wait_ready(self, ready):
        end = time.monotonic() + READY_SECONDS
        fd = self.child.stdout.fileno()
        while not re.search(ready.encode(), self.said):
            if not select.select([fd], [], [], max(0, end - time.monotonic()))[0]:
                raise LabError(f"{self.argv[-1]}: not ready: {self.said.decode(errors='replace')}")
            some = os.read(fd, 4096)
            self.said += some
            if not some:
                raise LabError(self.said.decode(errors="replace").strip() or
                               f"{' '.join(self.argv)} ended without a word")

    def close(self):
        if self.child.poll() is None:
            self.child.terminate()
        try:
            self.child.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        self.child.stdout.close()


class Lab:
    def __init__(self, prefix, client_if="c0", server_if="s0"):
        self.client_ns, self.server_ns = prefix + "-cli", prefix + "-srv"
        self.client_if, self.server_if = client_if, server_if
        self.client_ip, self.server_ip = CLIENT_IP, SERVER_IP
        self.made = []

    def __enter__(self):
        try:
            self.make()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_):
        self.close()

    def make(self):
        for ns in (self.client_ns, self.server_ns):
            call("ip", "netns", "add", ns)
            self.made.append(ns)
            call("ip", "-n", ns, "link", "set", "lo", "up")
        one = ("numtxqueues", "1", "numrxqueues", "1")
        call("ip", "link", "add", self.client_if, "netns", self.client_ns, *one,
             "type", "veth", "peer", "name", self.server_if, "netns", self.server_ns, *one)
        ends = ((self.client_ns, self.client_if, self.client_ip),
                (self.server_ns, self.server_if, self.server_ip))
        for ns, ifname, ip in ends:
            self.at(ns, "ethtool", "-K", ifname, "tx", "off")
            call("ip", "-n", ns, "addr", "add", ip + "/24", "dev", ifname)
            call("ip", "-n", ns, "link", "set", ifname, "addrgenmode", "none")
            call("ip", "-n", ns, "link", "set", ifname, "up")
        for (ns, ifname, _), (other_ns, other_if, other_ip) in zip(ends, ends[::-1]):
            mac = call("ip", "-n", other_ns, "-o", "link", "show", "dev", other_if).stdout
            mac = re.search(r"link/ether (\S+)", mac).group(1)
            call("ip", "-n", ns, "neigh", "replace", other_ip, "lladdr", mac,
                 "dev", ifname, "nud", "permanent")

    def close(self):
        while self.made:
            call("ip", "netns", "del", self.made.pop(), check=False)

    @staticmethod
    def inside(ns, argv, cpu=None):
        pin = () if cpu is None else ("taskset", "-c", str(cpu))
        return ["nsenter", f"--net=/run/netns/{ns}", *pin, *argv]

    def at(self, ns, *argv, check=True):
        """Run a command in a namespace to its end."""
        return call(*self.inside(ns, argv), check=check)

    def start(self, ns, *argv, cpu=None, ready=None):
        """Start a program in a namespace; wait until it says `ready`."""
        return Process(self.inside(ns, argv, cpu), ready)


def remove_stale(prefix):
    """Namespaces of runs that were killed: PREFIX-PID-..., and no such PID."""
    try:
        names = os.listdir("/run/netns")
    except FileNotFoundError:
        return
    for name in names:
        found = re.fullmatch(re.escape(prefix) + r"-(\d+)-(cli|mid|srv)", name)
        if found and not os.path.exists("/proc/" + found.group(1)):
            call("ip", "netns", "del", name, check=False)
