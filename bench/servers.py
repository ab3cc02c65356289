# SPDX-License-Identifier: BSD-2-Clause
"""The servers that bench/run measures: how each is set up and taken down."""
import os

from lab import BUILD

# 16 + 16 + 32 bytes: a kv request and its reply are as long as the echo's.
KV_KEY = "bench-key-000001"
KV_VALUE = "0123456789abcdefghijklmnopqrstuv"
KV = f"{KV_KEY}={KV_VALUE}"
KV_PORT = 9000
ECHO_PORT = 7

FASTSOCK = f"{BUILD}/bin/fastsock"
S0 = "s0"

# (mode, window) of the measurements; tcp_load's head tells what a mode is.
LOADS = {"udp": (("echo", 1), ("echo", 64)),
         "tcp": (("echo", 1), ("echo", 64), ("connect", 64), ("bulk", 8)),
         "http": (("echo", 1), ("echo", 64), ("connect", 64))}


class Server:
    """A program on the server's interface, a process, or both.

    argv      the process, or None: then XDP answers, and nobody runs
    fastsock  commands of `fastsock` that come after `fastsock attach`, or None
    spins     the server busy-polls
    load      how it is asked: what each measurement does, and how many at a time
    """

    def __init__(self, name, what, argv=None, fastsock=None, spins=True, kv=None, holds=None,
                 needs=(), kernel_twin="kernel-spin", load="udp"):
        self.name, self.what, self.argv, self.fastsock = name, what, argv, fastsock
        self.holds, self.kv, self.needs = holds, kv, needs
        self.kernel_twin = kernel_twin
        self.port = KV_PORT if kv else ECHO_PORT
        self.spins, self.load = spins, load
        # XDP_TX on veth needs a native program on the other end.
        self.wants_stub = argv is None

    def missing(self):
        needs = [self.argv[0]] if self.argv else []
        needs += [FASTSOCK] if self.fastsock is not None else []
        needs += self.holds[:1] if self.holds else []
        gone = [path for path in needs if not os.access(path, os.X_OK)]
        return f"{gone[0]} is not built" if gone else None

    def start(self, lab, stack, cpu):
        """Set up; `stack` undoes it. Returns the process, or None."""
        ns = lab.server_ns
        if self.fastsock is not None:
            lab.at(ns, FASTSOCK, "attach", S0)
            stack.callback(lab.at, ns, FASTSOCK, "detach", S0, check=False)
            for command in self.fastsock:
                lab.at(ns, FASTSOCK, *command)
        if self.holds:
            stack.callback(lab.start(ns, *self.holds, ready="attach:").close)
        if not self.argv:
            return None
        process = lab.start(ns, *self.argv, cpu=cpu, ready=r"port \d+")
        stack.callback(process.close)
        return process


KERNEL = [f"{BUILD}/bench/kernel_echo", "-p", str(ECHO_PORT)]
BARE = f"{BUILD}/bench/bare_echo"
UDP_ECHO = f"{BUILD}/examples/udp_echo"

SERVERS = [
    Server("kernel-spin", "kernel UDP socket, recvfrom and sendto, busy-polling",
           [*KERNEL, "--batch", "1", "--spin"]),
    Server("kernel-sleep", "kernel UDP socket, recvfrom and sendto, blocking",
           [*KERNEL, "--batch", "1"], spins=False, kernel_twin="kernel-sleep"),
    Server("kernel-mmsg-spin", "kernel UDP socket, recvmmsg and sendmmsg, busy-polling",
           [*KERNEL, "--spin"]),
    Server("kernel-mmsg-sleep", "kernel UDP socket, recvmmsg and sendmmsg, blocking",
           KERNEL, spins=False, kernel_twin="kernel-sleep"),
    Server("bare-spin", "AF_XDP echo without a stack, busy-polling", [BARE, "-i", S0, "--spin"]),
    Server("bare-sleep", "AF_XDP echo without a stack, sleeping", [BARE, "-i", S0], spins=False,
           kernel_twin="kernel-sleep"),
    Server("udp_echo-spin", "examples/udp_echo, busy-polling",
           [UDP_ECHO, "-i", S0, "-p", "7", "--spin"], fastsock=[]),
    Server("udp_echo-sleep", "examples/udp_echo, sleeping", [UDP_ECHO, "-i", S0, "-p", "7"],
           fastsock=[], spins=False, kernel_twin="kernel-sleep"),
    Server("bare-tx", "XDP_TX of port 7, nothing else",
           holds=[f"{BUILD}/bench/attach", S0, "bare_tx", "bare_tx"]),
    Server("xdp-echo", "fastsock's echo answer in XDP",
           fastsock=[("answer", "add", "-i", S0, "udp/7", "echo")]),
    Server("xdp-kv", "fastsock's key-value answer in XDP", kv=KV, kernel_twin="kernel-kv",
           fastsock=[("answer", "add", "-i", S0, f"udp/{KV_PORT}", "kv"),
                     ("kv", "set", "-i", S0, KV_KEY, KV_VALUE)]),
    Server("kernel-kv", "the same key-value GET through a kernel socket, busy-polling",
           [KERNEL[0], "-p", str(KV_PORT), "--batch", "1", "--spin", "--kv", KV], kv=KV, kernel_twin="kernel-kv"),
]

TCP_ECHO = [f"{BUILD}/examples/tcp_echo", "-i", S0, "-p", str(ECHO_PORT)]

SERVERS += [
    Server("kernel-tcp-spin", "kernel TCP sockets, epoll, busy-polling",
           [*KERNEL, "--tcp", "--spin"], load="tcp", kernel_twin="kernel-tcp-spin"),
    Server("kernel-tcp-sleep", "kernel TCP sockets, epoll, sleeping", [*KERNEL, "--tcp"],
           spins=False, load="tcp", kernel_twin="kernel-tcp-sleep"),
    Server("tcp_echo-spin", "examples/tcp_echo, busy-polling", [*TCP_ECHO, "--spin"],
           fastsock=[], load="tcp", kernel_twin="kernel-tcp-spin"),
    Server("tcp_echo-sleep", "examples/tcp_echo, sleeping", TCP_ECHO, fastsock=[], spins=False,
           load="tcp", kernel_twin="kernel-tcp-sleep"),
]

QUICK = ("kernel-spin", "kernel-sleep", "udp_echo-spin", "udp_echo-sleep", "xdp-echo")
