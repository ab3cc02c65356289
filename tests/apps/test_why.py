#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 120
"""What became of sockets, and that it is said: reasons that are counted, and
sentences of the log. The lab is drawn in applab.py.
"""
import json
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import applab                                           # noqa: E402
from applab import PATIENCE, eventually, run_tests      # noqa: E402

PYTHON = "/usr/bin/python3"
SPEAK = {"FASTSOCK_LOG": "1"}

GROUPS = """
import select, socket, struct
group = socket.inet_aton("239.1.2.3") + socket.inet_aton("10.77.0.2")
member = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
member.bind(("", 7000))
select.select([member], [], [], 0)
member.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, group)
six = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
six.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP,
               socket.inet_pton(socket.AF_INET6, "ff02::1234") + struct.pack("I", socket.if_nametoindex("s0")))
bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
bound.bind(("239.1.2.3", 7001))
select.select([bound], [], [], 0)
to_all = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
to_all.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
to_all.connect(("10.77.0.255", 7002))
"""

SERVE = """
import select, socket, sys
server = socket.create_server(("", 7000))
print("ready", flush=True)
while select.select([server, sys.stdin], [], [], 20)[0] != [sys.stdin]:
    pass
"""


def groups_are_the_kernels_and_counted(the_lab):
    app = the_lab.server(PYTHON, "-c", GROUPS)
    app.wait()
    assert app.was("UDP sockets", "multicast") == 4, app.why()
    assert app.was("UDP sockets", "fast") == 1, app.why()


def an_interface_that_is_not_there_is_a_reason(the_lab):
    """Past `fastsock run`, which would say so itself."""
    library = f"{os.path.dirname(os.path.dirname(applab.FASTSOCK))}/libfastsock-preload.so"
    why = f"{the_lab.root.name}/not-there"
    done = subprocess.run(
        the_lab.inside(the_lab.server_ns, [PYTHON, "-c", SERVE]), stdin=subprocess.DEVNULL,
        env={**os.environ, "LD_PRELOAD": library, "FASTSOCK_IFACES": "none0", "FASTSOCK_WHY": why},
        capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert done.returncode == 0, done
    with open(why, encoding="utf-8") as report:
        said = report.read()
    assert "1 TCP listeners: an interface that was named is not there (no_iface)" in said, said


def status_tells_it_of_who_receives_there(the_lab):
    into, out_of = os.pipe()
    app = the_lab.server(PYTHON, "-c", SERVE, port=7000, stdin=into)
    os.close(into)
    with app:
        told = json.loads(the_lab.at(the_lab.server_ns, applab.FASTSOCK, "status", "s0", "--json").stdout)
        process, = told["processes"]
        assert process["listeners"] == {"fast": 1}, process
        os.write(out_of, b"end\n")
        app.wait()
    os.close(out_of)


def an_interface_that_goes_is_said_once(the_lab):
    """The last: it does not come back."""
    into, out_of = os.pipe()
    app = the_lab.server(PYTHON, "-c", SERVE, port=7000, env=SPEAK, stdin=into)
    os.close(into)
    with app:
        the_lab.at(the_lab.server_ns, "ip", "link", "del", "s0")
        assert eventually(lambda: "s0: the interface is gone" in app.said()), app.said()
        the_lab.at(the_lab.server_ns, "ip", "addr", "add", "10.88.0.1/32", "dev", "lo")
        os.write(out_of, b"end\n")
        said = app.wait()
        assert said.count("the interface is gone") == 1, said
    os.close(out_of)


TESTS = [groups_are_the_kernels_and_counted, an_interface_that_is_not_there_is_a_reason,
         status_tells_it_of_who_receives_there,
         an_interface_that_goes_is_said_once]

if __name__ == "__main__":
    sys.exit(run_tests(TESTS, "tw", queues=1))
