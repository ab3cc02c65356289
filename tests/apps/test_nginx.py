#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 300
"""nginx, and the clients of the web: curl, wget, wrk, ab.

The lab is drawn in applab.py.
"""
import hashlib
import os
import random
import re
import signal
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from applab import CLIENT, SERVER, SERVER_V6, Steered, eventually, run_tests     # noqa: E402

SIZES = {"one.txt": 1, "page.html": 600, "100k.bin": 100_000, "10m.bin": 10 << 20,
         "100m.bin": 100 << 20}
CONFIG = """
daemon {daemon};
master_process {master};
worker_processes {workers};
pid {root}/nginx.pid;
error_log stderr;
worker_rlimit_nofile 8192;
user {user};
events {{ worker_connections 2048; }}
http {{
    access_log off;
    sendfile {sendfile};
    keepalive_requests 1000000;
    client_body_temp_path {root}/body; proxy_temp_path {root}/proxy;
    fastcgi_temp_path {root}/fastcgi; uwsgi_temp_path {root}/uwsgi; scgi_temp_path {root}/scgi;
    upstream peer {{ server {peer}:8000; keepalive 8; }}
    server {{
        listen 80;
        listen [::]:80;
        root {root}/www;
        location /proxied/ {{
            proxy_pass http://peer/; proxy_http_version 1.1; proxy_set_header Connection "";
        }}
    }}
}}
"""
sums = {}


def fill(the_lab):
    """The files, once."""
    www = f"{the_lab.root.name}/www"
    if not os.path.isdir(www):
        os.mkdir(www)
        rng = random.Random(80)
        for name, size in SIZES.items():
            content = rng.randbytes(size)
            sums[name] = hashlib.sha256(content).hexdigest()
            with open(f"{www}/{name}", "wb") as f:
                f.write(content)


def nginx(the_lab, workers=0, sendfile="on", peer=CLIENT, daemon="off", user="www-data", **options):
    fill(the_lab)
    root = the_lab.root.name
    path = f"{root}/nginx.conf"
    with open(path, "w", encoding="ascii") as f:
        f.write(CONFIG.format(root=root, master="on" if workers else "off", workers=max(workers, 1), daemon=daemon,
                              sendfile=sendfile, peer=peer, user=user))
    return the_lab.server("/usr/sbin/nginx", "-p", root, "-c", path, port=80, **options)


def sum_of(the_lab, *argv, **options):
    """The sum of what a client of ours writes."""
    app = the_lab.client("sh", "-c", '"$@" | sha256sum', "sh", *argv, **options)
    return app.wait(60).split()[0], app


def curl_gets_every_file(the_lab):
    for sendfile in ("on", "off"):
        with Steered(the_lab, 1000), nginx(the_lab, sendfile=sendfile) as server:
            for name, want in sums.items():
                got, _ = sum_of(the_lab, "curl", "-sS", f"http://{SERVER}/{name}", fast=False)
                assert got == want, name
            got, _ = sum_of(the_lab, "curl", "-sS", f"http://[{SERVER_V6}]/100k.bin", fast=False)
            assert got == sums["100k.bin"], "IPv6"
            server.stop()
            server.went_fast(len(sums) + 1)


def fast_curl_and_wget_get_every_file(the_lab):
    with nginx(the_lab, fast=False), Steered(the_lab, 1000, the_lab.client_ns):
        for name, want in sums.items():
            got, app = sum_of(the_lab, "curl", "-sS", f"http://{SERVER}/{name}")
            assert got == want, f"curl {name}"
            app.went_fast()
            got, app = sum_of(the_lab, "wget", "-qO-", f"http://{SERVER}/{name}")
            assert got == want, f"wget {name}"
            app.went_fast()


def both_ends_may_be_fast(the_lab):
    with nginx(the_lab) as server:
        for name, want in sums.items():
            got, app = sum_of(the_lab, "curl", "-sS", f"http://{SERVER}/{name}")
            assert got == want, name
            app.went_fast()
        server.stop()
        server.went_fast(len(sums))


def loopback_is_the_kernels(the_lab):
    with nginx(the_lab) as server:
        said = the_lab.server("curl", "-sS", "http://127.0.0.1/one.txt")
        said.wait()
        assert said.connections("loopback") == 1, said.why()
        server.stop()
        assert server.connections("by_kernel") == 1, server.why()


def wrk(the_lab, connections, seconds=2, path="page.html", **options):
    app = the_lab.client("wrk", "-t2" if connections > 1 else "-t1", f"-c{connections}",
                         f"-d{seconds}", f"http://{SERVER}/{path}", **options)
    out = app.wait(60)
    assert "Socket errors" not in out and "Non-2xx" not in out, out
    assert float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1]) > 100, out
    return app


def wrk_sees_no_error(the_lab):
    for server_fast, client_fast in ((True, False), (False, True), (True, True)):
        with nginx(the_lab, fast=server_fast) as server:
            for connections in (1, 64):
                app = wrk(the_lab, connections, fast=client_fast)
                if client_fast:
                    app.went_fast(connections)
            server.stop()
            if server_fast:
                server.went_fast(65)


def ab_sees_no_error(the_lab):
    with nginx(the_lab) as server:
        for options in ((), ("-k",)):
            app = the_lab.client("ab", "-q", *options, "-n", "3000", "-c", "32",
                                 f"http://{SERVER}/page.html")
            out = app.wait(60)
            assert re.search(r"Complete requests:\s+3000\b", out), out
            assert re.search(r"Failed requests:\s+0\b", out), out
            app.went_fast(32)
        server.stop()
        server.went_fast(3000)


def two_workers_serve(the_lab):
    with nginx(the_lab, workers=2) as server:
        for name, want in sums.items():
            got, _ = sum_of(the_lab, "curl", "-sS", f"http://{SERVER}/{name}", fast=False)
            assert got == want, name
        wrk(the_lab, 32, fast=False)
        server.stop()
        server.went_fast(10)


def upstreams_are_asked(the_lab):
    """A kernel one, and one that is fast itself, both over the network."""
    fill(the_lab)
    for fast in (False, True):
        with the_lab.client("/usr/bin/python3", "-m", "http.server", "8000", "--directory",
                            f"{the_lab.root.name}/www", port=8000, fast=fast, stop=signal.SIGINT,
                            good=(0, 1, -signal.SIGINT)), nginx(the_lab) as server:
            for name, want in sums.items():
                got, _ = sum_of(the_lab, "curl", "-sS", f"http://{SERVER}/proxied/{name}", fast=False)
                assert got == want, name
            server.stop()
            server.went_fast(2 * len(sums))


def master_of(the_lab):
    """By its file, which nginx makes first and then writes."""
    path = f"{the_lab.root.name}/nginx.pid"
    assert eventually(lambda: os.path.exists(path) and os.path.getsize(path) > 1), "no process id"
    with open(path, encoding="ascii") as f:
        return int(f.read())


def is_gone_now(pid):
    return not os.path.exists(f"/proc/{pid}")


def is_gone(pid):
    return eventually(lambda: is_gone_now(pid), 20)


def none_failed(out):
    """What a worker has not accepted when it closes its listener, the next one does."""
    assert "Non-2xx" not in out and "Socket errors" not in out, out


def reload_fails_no_request(the_lab):
    for user in ("root", "www-data"):
        with nginx(the_lab, workers=2, user=user) as server:
            load = the_lab.client("wrk", "-t1", "-c16", "-d5", "-H", "Connection: close",
                                  f"http://{SERVER}/page.html", fast=False)
            for _ in range(3):
                time.sleep(1)
                os.kill(master_of(the_lab), signal.SIGHUP)
            none_failed(load.wait(60))
            server.stop()
            server.went_fast(10)
            assert not server.connections("stuck"), server.why()


def upgrade_fails_no_request(the_lab):
    """It is a daemon: only then nginx takes the signal."""
    with nginx(the_lab, workers=2, daemon="on") as server:
        server.wait()
        old = new = master_of(the_lab)
        try:
            load = the_lab.client("wrk", "-t1", "-c16", "-d6", "-H", "Connection: close",
                                  f"http://{SERVER}/page.html", fast=False)
            time.sleep(1)
            os.kill(old, signal.SIGUSR2)
            pid_file = f"{the_lab.root.name}/nginx.pid"
            assert eventually(lambda: os.path.exists(f"{pid_file}.oldbin") and os.path.exists(pid_file)
                              and master_of(the_lab) != old, 10), "no new master"
            new = master_of(the_lab)
            with open(f"/proc/{new}/maps", "rb") as f:
                assert b"libfastsock-preload" in f.read(), "the next version is not preloaded"
            time.sleep(1)
            os.kill(old, signal.SIGQUIT)
            none_failed(load.wait(60))
            assert is_gone(old), "the old master stays"
            wrk(the_lab, 8, seconds=1, fast=False)
        finally:
            for pid in {old, new}:
                if not is_gone_now(pid):
                    os.kill(pid, signal.SIGTERM)
            assert is_gone(new), "the new master stays"
        server.went_fast(10)


TESTS = [
    curl_gets_every_file,
    fast_curl_and_wget_get_every_file,
    both_ends_may_be_fast,
    loopback_is_the_kernels,
    wrk_sees_no_error,
    ab_sees_no_error,
    two_workers_serve,
    upstreams_are_asked,
    reload_fails_no_request,
    upgrade_fails_no_request,
]

if __name__ == "__main__":
    sys.exit(run_tests(TESTS, "ta"))
