# SPDX-License-Identifier: BSD-2-Clause
"""The web: nginx to compare with, and wrk to ask."""
import os
import re
import shutil
import tempfile
import time

import lab
from servers import Server

PAGE_BYTES = 600
# The fastest that was found for a small page: twice as fast as with sendfile.
CONFIG = """
daemon off;
master_process off;
pid {root}/nginx.pid;
error_log stderr;
worker_rlimit_nofile 65536;
events {{ worker_connections 8192; }}
http {{
    access_log off;
    sendfile off;
    open_file_cache max=1000 inactive=60s;
    open_file_cache_valid 1s;
    keepalive_requests 1000000000;
    keepalive_timeout 600;
    default_type text/html;
    client_body_temp_path {root}/body; proxy_temp_path {root}/proxy;
    fastcgi_temp_path {root}/fastcgi; uwsgi_temp_path {root}/uwsgi; scgi_temp_path {root}/scgi;
    server {{ listen 80 backlog=4096; root {root}; }}
}}
"""


def make_root(stack):
    """A folder with one page and nginx's configuration."""
    root = stack.enter_context(tempfile.TemporaryDirectory(prefix="fastsock-web-"))
    os.chmod(root, 0o755)
    with open(f"{root}/index.html", "w", encoding="ascii") as f:
        f.write("fastsock\n".ljust(PAGE_BYTES, "."))
    with open(f"{root}/nginx.conf", "w", encoding="ascii") as f:
        f.write(CONFIG.format(root=root))
    return root


class HttpServer(Server):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, load="http", kernel_twin="nginx", **kwargs)

    def start(self, the_lab, stack, cpu):
        self.argv = [*self.argv[:5], "--root", make_root(stack), *self.argv[5:]]
        try:
            return super().start(the_lab, stack, cpu)
        finally:
            self.argv = [*self.argv[:5], *self.argv[7:]]

    def missing(self):
        return super().missing() or (None if shutil.which("wrk") else
                                     "wrk is not installed; apt-get install wrk")


class Nginx(HttpServer):
    """One process, as http_server is; by apt-get install nginx-light."""

    def missing(self):
        if not shutil.which("nginx"):
            return "nginx is not installed; apt-get install --no-install-recommends nginx-light"
        return None if shutil.which("wrk") else "wrk is not installed; apt-get install wrk"

    def start(self, the_lab, stack, cpu):
        root = make_root(stack)
        process = the_lab.start(the_lab.server_ns, "nginx", "-p", root, "-c",
                                f"{root}/nginx.conf", cpu=cpu)
        stack.callback(process.close)
        for _ in range(100):
            if ":80 " in the_lab.at(the_lab.server_ns, "ss", "-Hltn").stdout:
                return process
            time.sleep(0.05)
        raise lab.LabError("nginx does not listen")


def microseconds(text):
    number, unit = re.fullmatch(r"([\d.]+)(us|ms|s)", text).groups()
    return float(number) * {"us": 1, "ms": 1e3, "s": 1e6}[unit]


def schedstat(pid):
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as f:
        return [int(n) / 1e9 for n in f.read().split()[:2]]


def cpu_of_all():
    with open("/proc/stat", encoding="ascii") as f:
        t = [int(n) for n in f.readline().split()[1:8]]
    return (t[0] + t[1] + t[2] + t[5] + t[6]) / os.sysconf("SC_CLK_TCK")


def wrk(the_lab, cpu, mode, window, seconds, pid):
    """One measurement by wrk, in the form of load's."""
    close = ["-H", "Connection: close"] if mode == "connect" else []
    argv = ["wrk", "-t1", f"-c{window}", f"-d{max(1, round(seconds))}", "--latency", *close,
            f"http://{the_lab.server_ip}/"]
    before, all_before = schedstat(pid), cpu_of_all()
    out = lab.call(*the_lab.inside(the_lab.client_ns, argv, cpu)).stdout
    after, all_after = schedstat(pid), cpu_of_all()
    replies, took = re.search(r"(\d+) requests in ([\d.]+m?s)", out).groups()
    rtt = {f"p{p}": microseconds(re.search(rf"\s{p}%\s+(\S+)", out)[1]) for p in (50, 99)}
    # The maximum stands for what wrk does not tell.
    highest = microseconds(re.search(r"Latency\s+\S+\s+\S+\s+(\S+)", out)[1])
    wrong = re.search(r"Non-2xx or 3xx responses: (\d+)", out)
    broken = re.search(r"connect (\d+), read (\d+), write (\d+), timeout (\d+)", out)
    took = microseconds(took) / 1e6
    return {"client": "kernel", "mode": mode, "spin": False, "window": window, "conns": window,
            "reply_bytes": PAGE_BYTES, "seconds": took, "replies": int(replies),
            "rate": int(replies) / took, "rtt_us": {**rtt, "p99.9": highest, "max": highest},
            "lost": sum(map(int, broken.groups())) if broken else 0, "late": 0, "duplicate": 0,
            "wrong": int(wrong[1]) if wrong else 0,
            "cpu_seconds": {"own": 0, "all": all_after - all_before,
                            "watched": after[0] - before[0], "waited": after[1] - before[1]}}


HTTP = [f"{lab.BUILD}/examples/http_server", "-i", "s0", "-p", "80"]

SERVERS = [
    Nginx("nginx", "nginx, one process, on kernel sockets", ["nginx"], spins=False),
    HttpServer("http_server-spin", "examples/http_server, busy-polling", [*HTTP, "--spin"],
               fastsock=[]),
    HttpServer("http_server-sleep", "examples/http_server, sleeping", HTTP, fastsock=[],
               spins=False),
]
