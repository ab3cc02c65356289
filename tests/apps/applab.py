# SPDX-License-Identifier: BSD-2-Clause
"""The lab of the programs: two namespaces, fastsock on both ends of a veth pair.

    ta-cli                          ta-srv
    +----------------------+        +----------------------+
    |  c0  10.77.0.1/24    |========|  s0  10.77.0.2/24    |
    |      fd77::1/64      |  veth  |      fd77::2/64      |
    +----------------------+        +----------------------+
                 two queues each

A program is started at either end, under `fastsock run` or on the kernel's
sockets (fast=False). What it says goes to a file, and what its sockets were
to another (--why=FILE), from every process of it.
"""
import os
import re
import signal
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
for where in ("bench", "tests/lib"):
    sys.path.insert(0, os.path.join(ROOT, where))
os.chdir(ROOT)
import lab                                                    # noqa: E402
import play                                                   # noqa: E402

FASTSOCK = f"{os.path.abspath(lab.BUILD)}/bin/fastsock"
SERVER, CLIENT = "10.77.0.2", "10.77.0.1"
SERVER_V6, CLIENT_V6 = "fd77::2", "fd77::1"
PATIENCE = 30       # seconds: what takes longer hangs
LONG = os.environ.get("FS_TEST_LONG") == "1"
QUEUES = 2
REPORT = re.compile(r"^fastsock\[(\d+)\]: (\d+) (TCP connections|TCP listeners|UDP sockets): "
                    r".* \((\w+)\)$")


class AppLab(lab.Lab):
    ATTACHED = ("c0", "s0")

    def __init__(self, prefix, queues=QUEUES):
        super().__init__(prefix)
        self.queues = str(queues)
        self.root = None

    def make(self):
        for ns in (self.client_ns, self.server_ns):
            lab.call("ip", "netns", "add", ns)
            self.made.append(ns)
            lab.call("ip", "-n", ns, "link", "set", "lo", "up")
        many = ("numtxqueues", self.queues, "numrxqueues", self.queues)
        lab.call("ip", "link", "add", "c0", "netns", self.client_ns, *many,
                 "type", "veth", "peer", "name", "s0", "netns", self.server_ns, *many)
        for ns, name, v4, v6 in ((self.client_ns, "c0", CLIENT, CLIENT_V6),
                                 (self.server_ns, "s0", SERVER, SERVER_V6)):
            lab.call("ip", "-n", ns, "addr", "add", f"{v4}/24", "dev", name)
            lab.call("ip", "-n", ns, "addr", "add", f"{v6}/64", "dev", name, "nodad")
            lab.call("ip", "-n", ns, "link", "set", name, "up")
            self.at(ns, "sysctl", "-qw", "net.ipv4.tcp_tw_reuse=1")
        self.root = tempfile.TemporaryDirectory(prefix="fastsock-apps-")
        os.chmod(self.root.name, 0o755)
        # Both at once: the kernel takes two seconds to verify the program.
        starting = [self.start(ns, FASTSOCK, "attach", name)
                    for ns, name in ((self.client_ns, "c0"), (self.server_ns, "s0"))
                    if name in self.ATTACHED]
        for process in starting:
            status = process.child.wait()
            process.close()
            assert status == 0, "fastsock attach"

    def close(self):
        for ns, name in ((self.client_ns, "c0"), (self.server_ns, "s0")):
            if ns in self.made:
                self.at(ns, FASTSOCK, "detach", name, check=False)
        super().close()
        if self.root:
            self.root.cleanup()

    def counters(self, ns=None):
        """Of XDP on the server's interface, or the client's."""
        ns = ns or self.server_ns
        name = "s0" if ns == self.server_ns else "c0"
        text = self.at(ns, FASTSOCK, "stats", "-i", name, "--all").stdout
        return {m[1]: int(m[2]) for m in re.finditer(r"^(\w+) +(\d+)  ", text, re.M)}

    def server(self, *argv, **options):
        return App(self, self.server_ns, argv, **options)

    def client(self, *argv, **options):
        return App(self, self.client_ns, argv, **options)


def under_fastsock(ns, lab_, argv, why, options):
    name = "s0" if ns == lab_.server_ns else "c0"
    return [FASTSOCK, "run", "-i", name, f"--why={why}", *options, "--", *argv]


class App:
    """A program of the lab; with: ended, and must end well."""

    def __init__(self, the_lab, ns, argv, fast=True, port=None, udp=False, options=(), stop=signal.SIGTERM,
                 good=(0,), env=None, cwd=None, stdin=None):
        self.lab, self.ns, self.argv, self.stop_signal, self.good = the_lab, ns, argv, stop, good
        self.fast = fast
        self.why_path = tempfile.mktemp(prefix="why-", dir=the_lab.root.name)
        self.log = tempfile.TemporaryFile()
        if fast:
            # By whomever the program becomes.
            with open(self.why_path, "w", encoding="utf-8") as report:
                os.chmod(report.fileno(), 0o666)
            argv = under_fastsock(ns, the_lab, argv, self.why_path, options)
        self.child = subprocess.Popen(
            the_lab.inside(ns, argv), stdin=stdin or subprocess.DEVNULL, stdout=self.log,
            stderr=subprocess.STDOUT, start_new_session=True, cwd=cwd,
            env={**os.environ, **(env or {})}, preexec_fn=lab.Child.begin)
        self.pid = self.child.pid
        if port:
            self.wait_for_port(port, udp)

    def wait_for_port(self, port, udp):
        flags = "-Hlun" if udp else "-Hltn"
        end = time.monotonic() + PATIENCE
        while True:
            # Asked first: a daemon's parent ends once it listens.
            ended = self.child.poll() is not None
            if re.search(rf"[:\]]{port}\s", self.lab.at(self.ns, "ss", flags).stdout):
                break
            if ended or time.monotonic() > end:
                self.kill()
                raise AssertionError(f"{self.argv[0]} does not listen: {self.said()}")
            time.sleep(0.05)
        if self.fast and not udp:
            self.wait_for_rule(port)

    def wait_for_rule(self, port):
        """Its listener joins the twin's when it begins to wait. Not all do."""
        name = "s0" if self.ns == self.lab.server_ns else "c0"
        end = time.monotonic() + 3
        while time.monotonic() < end and not re.search(
                rf"rule tcp/\S+:{port} +steer", self.lab.at(self.ns, FASTSOCK, "status", name).stdout):
            time.sleep(0.05)

    def said(self):
        self.log.seek(0)
        return self.log.read().decode(errors="replace")

    def wait(self, seconds=PATIENCE):
        """To its end; what it said."""
        try:
            status = self.child.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise AssertionError(f"{self.argv[0]} hangs: {self.said()[-2000:]}") from None
        self.kill()
        assert status in self.good, f"{' '.join(self.argv)}: status {status}: {self.said()[-2000:]}"
        return self.said()

    def stop(self):
        if self.child.poll() is None:
            os.kill(self.pid, self.stop_signal)
        return self.wait()

    def kill(self):
        """It, and what it has left behind."""
        try:
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.child.wait()

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind:
            self.kill()
            sys.stdout.write("".join(f"    | {line}\n" for line in self.said().splitlines()[-15:]))
        elif self.child.returncode is None:
            self.stop()

    def why(self):
        """{("TCP connections", "fast"): 3, ...} over all its processes that have ended."""
        found = {}
        if os.path.exists(self.why_path):
            with open(self.why_path, encoding="utf-8") as report:
                for line in report:
                    m = REPORT.match(line)
                    if m:
                        key = (m[3], m[4])
                        found[key] = found.get(key, 0) + int(m[2])
        return found

    def was(self, sort, reason):
        return self.why().get((sort, reason), 0)

    def connections(self, reason="fast"):
        return self.was("TCP connections", reason)

    def went_fast(self, connections=1, sort="TCP connections"):
        assert self.was(sort, "fast") >= connections, f"{self.argv[0]} was not fast: {self.why()}"


class Steered:
    """with: at least so many packets took the fast path at an end meanwhile."""

    def __init__(self, the_lab, packets, ns=None):
        self.lab, self.packets, self.ns = the_lab, packets, ns

    def __enter__(self):
        self.before = self.lab.counters(self.ns).get("steer", 0)
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            counted = self.lab.counters(self.ns)
            steered = counted.get("steer", 0) - self.before
            assert steered >= self.packets, f"{steered} packets steered: {counted}"


def eventually(true, seconds=5):
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def run_tests(tests, prefix, queues=QUEUES):
    return play.play(tests, prefix, lambda name: AppLab(name, queues))
