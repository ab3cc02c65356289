#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 120
"""The sanitizers, first of all ThreadSanitizer, have nothing to say of
tests/tsan/threads.c, which does all that threads may do to the socket door at once. The lab is bench/lab.py's; the
clients and the echo that the program asks are threads of this script, in the
kernel of the other namespace.
"""
import os
import re
import socket
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tcplab import FASTSOCK, TcpLab                             # noqa: E402
import lab                                                      # noqa: E402

PROGRAMS = [f"{lab.BUILD}/{kind}/tests/tsan/threads" for kind in ("tsan", "san")]
SECONDS = 4
SKIP = 77


class Clients:
    """Echo clients of one port, and how many round trips they made."""

    def __init__(self, the_lab, port):
        self.lab, self.port, self.over, self.trips, self.wrong = the_lab, port, False, 0, []
        self.threads = [threading.Thread(target=self.run) for _ in range(4)]
        for thread in self.threads:
            thread.start()

    def run(self):
        try:
            while not self.over:
                with self.lab.connect(lab.SERVER_IP, self.port) as s:
                    for _ in range(5):
                        s.sendall(b"x" * 1000)
                        got = b""
                        while len(got) < 1000:
                            some = s.recv(2000)
                            assert some, "the end of the stream"
                            got += some
                        self.trips += 1
        except (OSError, AssertionError) as e:
            if not self.over:
                self.wrong.append(str(e))

    def end(self):
        self.over = True
        for thread in self.threads:
            thread.join()


def echo_stream(listener):
    while True:
        try:
            s, _ = listener.accept()
            with s:
                while some := s.recv(2000):
                    s.sendall(some)
        except TimeoutError:
            continue
        except OSError:
            return


def echo_datagrams(s):
    while True:
        try:
            data, sender = s.recvfrom(2000)
            s.sendto(data, sender)
        except TimeoutError:
            continue
        except OSError:
            return


def echo(the_lab):
    """What the program asks, for as long as this script lives."""
    listener = the_lab.listen(7003)
    udp = the_lab.socket(the_lab.client_ns, socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("", 7003))
    for target, s in ((echo_stream, listener), (echo_datagrams, udp)):
        threading.Thread(target=target, args=(s,), daemon=True).start()


def play(the_lab, path):
    os.environ["FASTSOCK_IFACES"] = "s0"
    os.environ["TSAN_OPTIONS"] = "halt_on_error=0:exitcode=66:history_size=4"
    program = the_lab.start(the_lab.server_ns, path, lab.CLIENT_IP, str(SECONDS), ready="ready")
    time.sleep(1)
    clients = [Clients(the_lab, port) for port in (7001, 7002)]
    time.sleep(SECONDS - 2)
    for some in clients:
        some.end()
    status = program.child.wait(timeout=60)
    said = program.said.decode() + program.child.stdout.read().decode(errors="replace")
    program.close()
    print(said)
    wrong = [w for some in clients for w in some.wrong]
    assert not wrong, wrong[:3]
    assert all(some.trips for some in clients), "no client was answered"
    assert "Sanitizer" not in said, "see above"
    assert status == 0, f"status {status}"
    assert re.search(r"TCP connections: carried by the fast path", said), "nothing was fast"


def main():
    built = [path for path in PROGRAMS if os.access(path, os.X_OK)]
    if not built:
        print(f"none of {' '.join(PROGRAMS)} has been built")
        return SKIP
    failed = 0
    lab.private_bpffs()
    lab.end_on_signals()
    lab.remove_stale("tth")
    with TcpLab(f"tth-{os.getpid()}") as the_lab:
        the_lab.at(the_lab.server_ns, FASTSOCK, "attach", "s0")
        echo(the_lab)
        for path in built:
            try:
                play(the_lab, path)
            except (AssertionError, OSError, lab.LabError) as e:
                print(f"not ok {path}: {e}")
                failed += 1
        the_lab.at(the_lab.server_ns, FASTSOCK, "detach", "s0", check=False)
    print(f"{len(built) - failed} passed, {failed} failed")
    return failed


if __name__ == "__main__":
    sys.exit(main())
