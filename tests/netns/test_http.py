#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 180
"""examples/http_server with the clients that people use, and with rude ones.

The lab is drawn in tcplab.py.
"""
import hashlib
import os
import random
import re
import socket
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from tcplab import (LONG, PATIENCE, RELAYED, V4, V6, Sender, eventually, is_reset,    # noqa: E402
                    linger_0, receive, run_tests, same)

FILES = {"index.html": b"<!doctype html><title>t</title>hello\n", "empty.txt": b"",
         "one.txt": b"1", "a b%.json": b"{}", "sub/index.html": b"sub\n"}
SIZES = {"1k.bin": 1000, "small.bin": 16384, "large.bin": 16385, "100k.bin": 100000,
         "100m.bin": 100 << 20}
GET = b"GET /one.txt HTTP/1.1\r\nHost: x\r\n\r\n"
TYPES = {"index.html": "text/html", "one.txt": "text/plain", "a b%.json": "application/json",
         "1k.bin": "application/octet-stream"}
root = tempfile.TemporaryDirectory(prefix="fastsock-http-")


def fill_root():
    os.mkdir(f"{root.name}/sub")
    rng = random.Random(80)
    for name, size in SIZES.items():
        FILES[name] = rng.randbytes(size)
    for name, content in FILES.items():
        with open(f"{root.name}/{name}", "wb") as f:
            f.write(content)
    os.symlink("/etc/passwd", f"{root.name}/out")
    os.symlink("one.txt", f"{root.name}/within.txt")
    os.mkfifo(f"{root.name}/fifo")


def server(the_lab, *options, ifaces=("s0",)):
    return the_lab.example("http_server", "-p", "80", "--root", root.name, *options, ifaces=ifaces)


def curl(the_lab, *argv, check=True):
    argv = the_lab.inside(the_lab.client_ns, ["curl", "-sS", "--path-as-is", "-m", "60", *argv])
    done = subprocess.run(argv, capture_output=True, timeout=90, check=False)
    assert not check or done.returncode == 0, done.stderr.decode()
    return done.stdout


def talk(the_lab, data, address=V4):
    """Send, say FIN, and take everything."""
    with the_lab.connect(address, 80) as s:
        sender = Sender(s, data)
        got = receive(s)
        sender.join()
        return got


def status_of(the_lab, request):
    got = talk(the_lab, request)
    found = re.match(rb"HTTP/1\.1 (\d{3}) ", got)
    return int(found[1]) if found else got


class Stream:
    """Responses, one after another, from a connection."""

    def __init__(self, sock):
        self.sock, self.rest = sock, b""

    def more(self):
        some = self.sock.recv(1 << 18)
        assert some, f"the end, after {self.rest[:200]!r}"
        self.rest += some

    def response(self, body=True):
        while b"\r\n\r\n" not in self.rest:
            self.more()
        head, self.rest = self.rest.split(b"\r\n\r\n", 1)
        lines = head.decode().split("\r\n")
        fields = dict(line.lower().split(": ", 1) for line in lines[1:])
        length = int(fields["content-length"]) if body else 0
        while len(self.rest) < length:
            self.more()
        content, self.rest = self.rest[:length], self.rest[length:]
        return int(lines[0].split()[1]), fields, content


def every_file_arrives_by_curl(the_lab):
    with server(the_lab):
        for name, content in FILES.items():
            url = f"http://{V4}/" + name.replace(" ", "%20").replace("%.", "%25.")
            got = curl(the_lab, url)
            assert hashlib.sha256(got).digest() == hashlib.sha256(content).digest(), \
                f"{name}: {len(got)} bytes of {len(content)}"
        assert curl(the_lab, f"http://[{V6}]/") == FILES["index.html"]
        assert curl(the_lab, f"http://{V4}/sub/") == b"sub\n"
        assert curl(the_lab, "-L", f"http://{V4}/sub") == b"sub\n"
        assert curl(the_lab, f"http://{V4}/within.txt?a=/../b#c") == b"1"
        assert curl(the_lab, "-0", f"http://{V4}/100k.bin") == FILES["100k.bin"]


def fields_are_right(the_lab):
    with server(the_lab):
        for name, kind in TYPES.items():
            url = f"http://{V4}/" + name.replace(" ", "%20").replace("%.", "%25.")
            head = curl(the_lab, "-I", url).decode().lower()
            assert f"content-type: {kind}" in head, head
            assert f"content-length: {len(FILES[name])}\r\n" in head, head
            assert re.search(r"\r\ndate: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d gmt\r\n", head), head


def head_has_no_body(the_lab):
    with server(the_lab), the_lab.connect(V4, 80) as s:
        stream = Stream(s)
        for name in ("one.txt", "100m.bin", "nothing"):
            s.sendall(f"HEAD /{name} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            status, fields, _ = stream.response(body=False)
            assert status == (404 if name == "nothing" else 200)
            assert name == "nothing" or int(fields["content-length"]) == len(FILES[name])
        s.sendall(GET)
        assert stream.response()[2] == b"1"


def requests_in_any_pieces_are_answered(the_lab):
    names = ("one.txt", "index.html", "nothing", "large.bin", "empty.txt", "1k.bin")
    text = b"".join(f"GET /{n} HTTP/1.1\r\nHost: x\r\nX-Pad: {'p' * 50}\r\n\r\n".encode()
                    for n in names)
    with server(the_lab):
        for piece in (1, 2, 7, 41, 100, 1000, len(text)):
            with the_lab.connect(V4, 80) as s:
                s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                for at in range(0, len(text), piece):
                    s.sendall(text[at:at + piece])
                    if piece < 10 and at % 50 == 0:
                        time.sleep(0.0005)
                stream = Stream(s)
                for name in names:
                    status, _, content = stream.response()
                    assert (status, content) == (200, FILES[name]) if name in FILES else \
                        status == 404, f"{name} in pieces of {piece}: {status}"


def long_pipelines_are_answered_in_order(the_lab):
    names = [random.choice(("one.txt", "1k.bin", "small.bin", "100k.bin")) for _ in range(400)]
    text = b"".join(f"GET /{n} HTTP/1.1\r\nHost: x\r\n\r\n".encode() for n in names)
    with server(the_lab), the_lab.connect(V4, 80) as s:
        sender = Sender(s, text)
        stream = Stream(s)
        for i, name in enumerate(names):
            same(stream.response()[2], FILES[name], f"response {i}, {name}")
        sender.done()
        assert s.recv(1) == b"" and not stream.rest


def errors_have_their_status(the_lab):
    host = b"Host: x\r\n\r\n"
    cases = (
        (400, b"nonsense\r\n\r\n"), (400, b"GET / HTTP/1.1\r\n\r\n"), (400, b"GET  / HTTP/1.1\r\n" + host),
        (400, b"GET / HTTP/1.1 \r\n" + host), (400, b"GET / HTTP/x.1\r\n" + host), (400, b"GET /\r\n\r\n"),
        (400, b"GET / HTTP/1.1\r\nHost: a\r\n" + host), (400, b"GET one.txt HTTP/1.1\r\n" + host),
        (400, b"GET / HTTP/1.1\r\nX : y\r\n" + host), (400, b"GET / HTTP/1.1\r\nX: y\r\n folded\r\n" + host),
        (400, b"GET / HTTP/1.1\r\nno colon\r\n" + host), (400, b"GET / HTTP/1.1\r\nX: a\0b\r\n" + host),
        (400, b"GET / HTTP/1.1\r\nContent-Length: 1x\r\n" + host),
        (400, b"GET / HTTP/1.1\r\nContent-Length: -1\r\n" + host),
        (400, b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n" + host),
        (400, b"GET / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n" + host),
        (400, b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n" + host),
        (400, b"GET /%zz HTTP/1.1\r\n" + host), (400, b"GET /%0 HTTP/1.1\r\n" + host),
        (400, b"GET /%00 HTTP/1.1\r\n" + host), (400, b"GET /.. HTTP/1.1\r\n" + host),
        (400, b"GET /a/../../x HTTP/1.1\r\n" + host), (400, b"GET /%2e%2e/x HTTP/1.1\r\n" + host),
        (400, b"GET /%2e%2e%2fx HTTP/1.1\r\n" + host), (400, b"GET /" + b"a" * 2000 + b" HTTP/1.1\r\n" + host),
        (404, b"GET /nothing HTTP/1.1\r\n" + host), (404, b"GET /out HTTP/1.1\r\n" + host),
        (404, b"GET /fifo HTTP/1.1\r\n" + host), (404, b"GET /one.txt/ HTTP/1.1\r\n" + host),
        (301, b"GET /sub HTTP/1.1\r\n" + host),
        (405, b"POST / HTTP/1.1\r\nContent-Length: 3\r\n" + host + b"abc"),
        (405, b"DELETE / HTTP/1.1\r\n" + host), (405, b"get / HTTP/1.1\r\n" + host),
        (431, b"GET / HTTP/1.1\r\nX: " + b"x" * 9000 + b"\r\n" + host), (431, b"x" * 100000),
        (505, b"GET / HTTP/2.0\r\n" + host),
        (200, b"\r\n\r\nGET / HTTP/1.1\r\n" + host), (200, b"GET / HTTP/1.1\nHost: x\n\n"),
        (200, b"GET / HTTP/1.0\r\n\r\n"), (200, b"GET http://x/one.txt HTTP/1.1\r\n" + host),
        (200, b"GET http://x HTTP/1.1\r\n" + host), (200, b"GET /./sub/../%6Fne.txt HTTP/1.1\r\n" + host),
        (200, b"GET //one.txt HTTP/1.1\r\n" + host), (200, b"GET / HTTP/1.9\r\n" + host),
        (200, b"GET / HTTP/1.1\r\nX: " + b"x" * 7000 + b"\r\n" + host))
    with server(the_lab):
        for want, request in cases:
            got = status_of(the_lab, request)
            assert got == want, f"{request[:60]!r}: {got}, not {want}"


def response_to_a_long_post_is_not_lost(the_lab):
    """A close with input unread would be a reset that overtakes it."""
    with server(the_lab):
        for _ in range(10):
            got = talk(the_lab, b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3000000\r\n\r\n" +
                       b"z" * 3000000)
            assert got.startswith(b"HTTP/1.1 405 "), got[:100]


def bodies_of_gets_are_skipped(the_lab):
    request = b"GET /one.txt HTTP/1.1\r\nHost: x\r\nContent-Length: 20000\r\n\r\n" + b"b" * 20000
    with server(the_lab), the_lab.connect(V4, 80) as s:
        stream = Stream(s)
        for _ in range(20):
            s.sendall(request)
            assert stream.response()[2] == b"1"


def connections_stay_or_close_as_asked(the_lab):
    cases = ((b"HTTP/1.1", b"", True), (b"HTTP/1.1", b"Connection: close\r\n", False),
             (b"HTTP/1.1", b"Connection: foo, Close\r\n", False), (b"HTTP/1.0", b"", False),
             (b"HTTP/1.0", b"Connection: Keep-Alive\r\n", True))
    with server(the_lab):
        for version, field, stays in cases:
            with the_lab.connect(V4, 80) as s:
                s.sendall(b"GET /one.txt " + version + b"\r\nHost: x\r\n" + field + b"\r\n")
                stream = Stream(s)
                _, fields, content = stream.response()
                assert content == b"1"
                assert fields.get("connection", "keep-alive") == ("keep-alive" if stays else "close")
                if stays:
                    s.sendall(GET)
                    assert stream.response()[0] == 200
                else:
                    assert s.recv(1) == b""


def same_source_port_comes_again_after_our_close(the_lab):
    """We are in TIME-WAIT then: RFC 6191 lets a newer SYN in."""
    with server(the_lab):
        for _ in range(5):
            with the_lab.connect(V4, 80, source=33335) as s:
                s.sendall(b"GET /one.txt HTTP/1.0\r\n\r\n")
                assert receive(s).endswith(b"\r\n\r\n1")
            time.sleep(0.05)        # for our ACK of its FIN


def silent_clients_are_cut_off(the_lab):
    with server(the_lab, "--idle", "1") as process:
        silent, dripping, unread = (the_lab.connect(V4, 80) for _ in range(3))
        unread.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        unread.sendall(b"GET /100m.bin HTTP/1.1\r\nHost: x\r\n\r\n")
        dripping.settimeout(0.2)
        end = time.monotonic() + 5
        dripping.sendall(b"GET / HTTP/1.1\r\nX: ")
        while time.monotonic() < end:
            try:
                dripping.sendall(b"x")
                if not dripping.recv(1):
                    break
            except TimeoutError:
                pass
            except OSError:
                break
        else:
            raise AssertionError("a head that trickles in has no end")
        assert is_reset(silent) != "nothing"
        silent.close()
        dripping.close()
        said = process.stop()
        unread.close()
        assert re.search(r"[3-9]\d* timeouts", said), said


def file_that_shrinks_breaks_only_its_own_response(the_lab):
    path = f"{root.name}/shrinks.bin"
    with open(path, "wb") as f:
        f.truncate(50 << 20)
    with server(the_lab), the_lab.connect(V4, 80) as s, the_lab.connect(V4, 80) as other:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        s.sendall(b"GET /shrinks.bin HTTP/1.1\r\nHost: x\r\n\r\n")
        s.recv(1000)
        os.truncate(path, 1000)
        assert is_reset(s) == "RST"
        other.sendall(GET)
        assert Stream(other).response()[0] == 200
    os.unlink(path)


def clients_that_go_in_the_middle_leave_nothing(the_lab):
    with server(the_lab) as process:
        curl(the_lab, f"http://{V4}/one.txt")
        before = process.fds()
        for i in range(30):
            s = the_lab.connect(V4, 80)
            s.sendall(b"GET /100m.bin HTTP/1.1\r\nHost: x\r\n\r\n")
            s.recv(10000)
            if i % 2:
                linger_0(s)
            s.close()
        assert curl(the_lab, f"http://{V4}/one.txt") == b"1"
        # One for the cached file.
        assert eventually(lambda: process.fds() <= before + 1), (before, process.fds())


def run_client(the_lab, *argv):
    done = the_lab.at(the_lab.client_ns, *argv)
    return done.stdout + done.stderr


def wrk_sees_no_error(the_lab):
    for spin, name, conns in ((0, "one.txt", "1"), (0, "1k.bin", "64"), (1, "100k.bin", "8")):
        with server(the_lab, *(("--spin",) if spin else ())):
            out = run_client(the_lab, "wrk", "-t1", f"-c{conns}", "-d1", f"http://{V4}/{name}")
            assert "Socket errors" not in out and "Non-2xx" not in out, out
            assert float(re.search(r"Requests/sec:\s+([\d.]+)", out)[1]) > 10, out
    with server(the_lab, "--spin"):
        out = run_client(the_lab, "wrk", "-t1", "-c64", "-d1", "-H", "Connection: close",
                         f"http://{V4}/one.txt")
        assert "Socket errors" not in out and "Non-2xx" not in out, out


def ab_sees_no_error(the_lab):
    with server(the_lab):
        for options in ((), ("-k",)):
            out = run_client(the_lab, "ab", "-q", *options, "-n", "3000", "-c", "32",
                             f"http://{V4}/1k.bin")
            assert re.search(r"Complete requests:\s+3000\b", out), out
            assert re.search(r"Failed requests:\s+0\b", out), out


def h2load_sees_no_error(the_lab):
    with server(the_lab):
        out = run_client(the_lab, "h2load", "--h1", "-n", "5000", "-c", "16", "-m", "8",
                         f"http://{V4}/1k.bin", f"http://{V4}/one.txt")
        assert "5000 succeeded, 0 failed, 0 errored, 0 timeout" in out, out


def browsers_that_open_six_connections_are_served(the_lab):
    names = ("index.html", "one.txt", "1k.bin", "100k.bin", "large.bin", "sub/index.html")
    with server(the_lab):
        out = curl(the_lab, "--parallel", "--parallel-max", "6", "--compressed",
                   *(word for n in names for word in (f"http://{V4}/{n}", "-o", "/dev/null")),
                   "-w", "%{http_code} %{size_download}\n").decode()
        got = sorted(out.split("\n")[:-1])
        assert got == sorted(f"200 {len(FILES[n])}" for n in names), got


def large_files_are_intact_through_a_bad_wire(the_lab):
    size = 1 << 30 if LONG else 5 << 20
    path = f"{root.name}/far.bin"
    with open(path, "wb") as f:
        for _ in range(size >> 20):
            f.write(random.randbytes(1 << 20))
    want = hashlib.sha256()
    with open(path, "rb") as f:
        while chunk := f.read(1 << 20):
            want.update(chunk)
    for faults in ({}, {"loss": 10000}, {"reorder": 50000}, {"loss": 10000, "reorder": 50000}):
        with the_lab.relay(**faults), server(the_lab, ifaces=("s1",)):
            began = time.monotonic()
            argv = the_lab.inside(the_lab.client_ns, [
                "sh", "-c", f"curl -sS -m {PATIENCE * 30} http://{RELAYED}/far.bin | sha256sum"])
            done = subprocess.run(argv, capture_output=True, text=True, check=False,
                                  timeout=PATIENCE * 30)
            assert done.stdout.split()[0] == want.hexdigest(), f"{faults}: {done}"
            print(f"   {size >> 20} MiB, {faults or 'calm'}: {time.monotonic() - began:.1f} s")
    os.unlink(path)


TESTS = [
    every_file_arrives_by_curl,
    fields_are_right,
    head_has_no_body,
    requests_in_any_pieces_are_answered,
    long_pipelines_are_answered_in_order,
    errors_have_their_status,
    response_to_a_long_post_is_not_lost,
    bodies_of_gets_are_skipped,
    connections_stay_or_close_as_asked,
    same_source_port_comes_again_after_our_close,
    silent_clients_are_cut_off,
    file_that_shrinks_breaks_only_its_own_response,
    clients_that_go_in_the_middle_leave_nothing,
    wrk_sees_no_error,
    ab_sees_no_error,
    h2load_sees_no_error,
    browsers_that_open_six_connections_are_served,
    large_files_are_intact_through_a_bad_wire,
]

if __name__ == "__main__":
    with root:
        fill_root()
        sys.exit(run_tests(TESTS, "th", ("s0", "s1")))
