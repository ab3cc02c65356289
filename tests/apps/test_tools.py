#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 400
"""iperf3, haproxy, socat, nc, ssh, dig and a DNS server, at either end.

The lab is drawn in applab.py.
"""
import hashlib
import json
import os
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from applab import CLIENT, SERVER, Steered, run_tests     # noqa: E402

CONTENT = random.Random(22).randbytes(5_000_000)
SUM = hashlib.sha256(CONTENT).hexdigest()


def content(the_lab):
    path = f"{the_lab.root.name}/content"
    if not os.path.exists(path):
        with open(path, "wb") as f:
            f.write(CONTENT)
    return path


def iperf3(the_lab, *options, server_fast=True, client_fast=True, streams=1, sort="TCP connections"):
    with the_lab.server("iperf3", "-s", "-1", port=5201, fast=server_fast) as server:
        app = the_lab.client("iperf3", "-c", SERVER, "-J", "-t", "2", *options, fast=client_fast)
        out = app.wait(60)
        said = json.loads(out[:out.rindex("}") + 1])
        assert "error" not in said, said["error"]
        server.wait()
        if client_fast:
            app.went_fast(streams, sort)
        if server_fast:
            server.went_fast(streams, sort)
        return said["end"]


def iperf3_measures_both_directions(the_lab):
    for server_fast, client_fast in ((True, False), (False, True), (True, True)):
        for options in ((), ("-R",)):
            end = iperf3(the_lab, *options, server_fast=server_fast, client_fast=client_fast, streams=2)
            assert end["sum_received"]["bytes"] > 10 << 20, end["sum_received"]


def iperf3_measures_eight_streams(the_lab):
    end = iperf3(the_lab, "-P", "8", streams=9)
    assert len(end["streams"]) == 8 and all(s["receiver"]["bytes"] for s in end["streams"])


def iperf3_measures_datagrams(the_lab):
    for server_fast, client_fast in ((True, False), (False, True), (True, True)):
        end = iperf3(the_lab, "-u", "-b", "50M", server_fast=server_fast, client_fast=client_fast,
                     sort="UDP sockets")
        assert end["sum"]["packets"] > 1000 and end["sum"]["lost_percent"] < 20, end["sum"]


HAPROXY = """
global
    maxconn 500
    nbthread 2
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend web
    bind :8000
    default_backend pages
backend pages
    server one {client}:80
frontend raw
    mode tcp
    bind :8001
    default_backend bytes
backend bytes
    mode tcp
    server one {client}:80
"""


def haproxy_passes_on(the_lab):
    """From a kernel client by a fast proxy to a kernel server, and back."""
    content(the_lab)
    path = f"{the_lab.root.name}/haproxy.cfg"
    with open(path, "w", encoding="ascii") as f:
        f.write(HAPROXY.format(client=CLIENT))
    with the_lab.client("/usr/bin/python3", "-m", "http.server", "80", "--directory", the_lab.root.name,
                        port=80, fast=False, stop=15, good=(-15,)), \
            the_lab.server("haproxy", "-db", "-f", path, port=8000, good=(0, 143, -15), stop=10) as proxy, \
            Steered(the_lab, 300):
        for port in (8000, 8001):
            for _ in range(5):
                out = the_lab.client("sh", "-c", f"curl -sS http://{SERVER}:{port}/content | sha256sum",
                                     fast=False).wait(60)
                assert out.split()[0] == SUM, out
        proxy.stop()
        proxy.went_fast(20)


def socat_carries_bytes(the_lab):
    path = content(the_lab)
    for server_fast, client_fast in ((True, False), (False, True), (True, True)):
        with the_lab.server("socat", "-u", f"OPEN:{path}", "TCP-LISTEN:7000,reuseaddr", port=7000,
                            fast=server_fast) as server:
            app = the_lab.client("sh", "-c", f"socat -u TCP:{SERVER}:7000 STDOUT | sha256sum", fast=client_fast)
            assert app.wait(30).split()[0] == SUM
            server.wait()
            if client_fast:
                app.went_fast()
            if server_fast:
                server.went_fast()


def socat_forks_and_executes(the_lab):
    """Each connection moves into the kernel, and becomes cat's standard streams."""
    path = content(the_lab)
    with the_lab.server("socat", "TCP-LISTEN:7000,reuseaddr,fork", "EXEC:cat", port=7000,
                        good=(0, 143, -15)) as server:
        for _ in range(5):
            app = the_lab.client("sh", "-c", f"socat -t 20 - TCP:{SERVER}:7000 < {path} | sha256sum", fast=False)
            assert app.wait(60).split()[0] == SUM
        server.stop()


def nc_carries_bytes(the_lab):
    path = content(the_lab)
    with the_lab.server("sh", "-c", "nc -l 7001 | sha256sum", port=7001) as server:
        the_lab.client("sh", "-c", f"nc -N {SERVER} 7001 < {path}").wait(30)
        assert server.wait(30).split()[0] == SUM
        server.went_fast()


def dig_is_answered(the_lab):
    with the_lab.server("dnsmasq", "--keep-in-foreground", "--no-resolv", "--no-hosts", "--user=root",
                        "--address=/fast.test/192.0.2.7", "--port=53", "--log-facility=-",
                        "--pid-file=", port=53, good=(0,)) as server:
        for options in ((), ("+tcp",)):
            for fast in (False, True):
                app = the_lab.client("dig", f"@{SERVER}", "fast.test", "+short", "+tries=1", *options, fast=fast)
                assert app.wait(20).strip().endswith("192.0.2.7")
                if fast:
                    app.went_fast(1, "TCP connections" if options else "UDP sockets")
        server.stop()
        assert server.was("UDP sockets", "fast"), server.why()


SSHD = """
Port 2222
HostKey {root}/host_key
AuthorizedKeysFile {root}/key.pub
PidFile none
StrictModes no
UsePAM no
PermitRootLogin yes
Subsystem sftp internal-sftp
"""


def ssh_runs_commands_and_copies(the_lab):
    root = the_lab.root.name
    path = content(the_lab)
    os.makedirs("/run/sshd", exist_ok=True)
    for name in ("host_key", "key"):
        if not os.path.exists(f"{root}/{name}"):
            the_lab.at(the_lab.client_ns, "ssh-keygen", "-qt", "ed25519", "-N", "", "-f", f"{root}/{name}")
    with open(f"{root}/sshd_config", "w", encoding="ascii") as f:
        f.write(SSHD.format(root=root))
    ssh = ["-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
           "-i", f"{root}/key"]
    for server_fast, client_fast in ((True, False), (False, True), (True, True)):
        with the_lab.server("/usr/sbin/sshd", "-De", "-f", f"{root}/sshd_config", port=2222,
                            fast=server_fast, good=(0, 255, -15)) as server:
            app = the_lab.client("ssh", *ssh, "-p", "2222", f"root@{SERVER}", "echo one; exit 3",
                                 fast=client_fast, good=(3,))
            assert app.wait(30).startswith("one")
            if client_fast:
                app.went_fast()
            the_lab.client("scp", *ssh, "-P", "2222", path, f"root@{SERVER}:{root}/copied",
                           fast=client_fast).wait(60)
            with open(f"{root}/copied", "rb") as f:
                assert hashlib.sha256(f.read()).hexdigest() == SUM
            server.stop()
            if server_fast:
                assert server.was("TCP listeners", "fast"), server.why()


TESTS = [
    iperf3_measures_both_directions,
    iperf3_measures_eight_streams,
    iperf3_measures_datagrams,
    haproxy_passes_on,
    socat_carries_bytes,
    socat_forks_and_executes,
    nc_carries_bytes,
    dig_is_answered,
    ssh_runs_commands_and_copies,
]

if __name__ == "__main__":
    sys.exit(run_tests(TESTS, "tt2"))
