#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
# timeout: 240
"""fastsock run: what it attaches, hands on, and leaves behind.

The lab is drawn in applab.py, with nothing attached; these run at the server.
"""
import os
import re
import signal
import subprocess
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import applab                                             # noqa: E402
from applab import CLIENT, FASTSOCK, SERVER, eventually, run_tests     # noqa: E402


def run(the_lab, *argv, env=None, seconds=60, status=0):
    """fastsock run ...: what it says."""
    done = subprocess.run(the_lab.inside(the_lab.server_ns, [FASTSOCK, "run", *argv]), env={**os.environ, **(env or {})},
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=seconds, check=False)
    assert done.returncode == status, f"{argv}: {done}"
    return done.stdout + done.stderr


def attached(the_lab):
    return "s0: attached" in the_lab.at(the_lab.server_ns, FASTSOCK, "status", "s0", check=False).stdout


def detach(the_lab):
    the_lab.at(the_lab.server_ns, FASTSOCK, "detach", "s0", check=False)


def exit_status_passes_through(the_lab):
    plain = f"{the_lab.root.name}/plain"
    with open(plain, "w", encoding="ascii") as f:
        f.write("no program\n")
    for argv in (("-i", "s0"), ()):     # as a parent; and, attached, in its place
        for want in (0, 1, 3, 200):
            run(the_lab, *argv, "--", "sh", "-c", f"exit {want}", status=want)
        run(the_lab, *argv, "--", "/nonexistent", status=127)
        run(the_lab, *argv, "--", plain, status=126)
        run(the_lab, *argv, "--", "sh", "-c", "kill -USR1 $$", status=-signal.SIGUSR1)
        if argv:
            assert not attached(the_lab)
            the_lab.at(the_lab.server_ns, FASTSOCK, "attach", "s0")
    assert attached(the_lab), "what was attached before was detached"
    detach(the_lab)


def signals_pass_through(the_lab):
    script = "trap 'echo got $0; exit 5' TERM; trap 'echo usr1' USR1; echo ready; while :; do sleep 0.1; done"
    child = subprocess.Popen(the_lab.inside(the_lab.server_ns, [FASTSOCK, "run", "-i", "s0", "--", "bash", "-c", script, "it"]),
                             stdout=subprocess.PIPE, text=True, start_new_session=True)
    try:
        assert child.stdout.readline() == "ready\n"
        child.send_signal(signal.SIGUSR1)
        assert child.stdout.readline() == "usr1\n"
        child.send_signal(signal.SIGTERM)
        assert child.stdout.readline() == "got it\n"
        assert child.wait(20) == 5
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
    assert not attached(the_lab)


INTERRUPTED = """
import select, signal, socket, sys
def late(*_):
    raise TimeoutError
signal.signal(signal.SIGALRM, late)
listener = socket.create_server(("0.0.0.0", 8080))
epoll, poll = select.epoll(), select.poll()
for waiting in (epoll, poll):
    waiting.register(listener, select.POLLIN)
for wait in (epoll.poll, poll.poll, listener.accept, lambda: select.select([listener], [], [])):
    for after in (0.003, 0.02):
        signal.setitimer(signal.ITIMER_REAL, after)
        try:
            wait()
            sys.exit("it did not wait")
        except TimeoutError:
            pass
signal.signal(signal.SIGALRM, signal.SIG_IGN)
signal.setitimer(signal.ITIMER_REAL, 0.02)
assert not epoll.poll(0.1) and not poll.poll(100)
"""


def signals_interrupt_who_spins(the_lab):
    """As they do who sleeps: what a handler does is heard of, what is ignored is not."""
    run(the_lab, "-i", "s0", "--spin", "200000", "--", "/usr/bin/python3", "-c", INTERRUPTED, seconds=20)


def daemon_keeps_the_interface(the_lab):
    said = run(the_lab, "-i", "s0", "--", "/usr/bin/python3", "-c",
               "import os, socket, time\n"
               "s = socket.create_server(('', 7777))\n"
               "if os.fork(): os._exit(0)\n"
               "s.settimeout(4)\n"
               "os.dup2(os.open('/dev/null', os.O_RDWR), 1); os.dup2(1, 2)\n"
               "try: s.accept()\n"
               "except TimeoutError: pass\n")
    assert "s0 stays attached" in said, said
    assert attached(the_lab)
    assert eventually(lambda: ":7777 " not in the_lab.at(the_lab.server_ns, "ss", "-Hltn").stdout, 20)
    detach(the_lab)


def wrong_use_says_so(the_lab):
    for argv in ((), ("--spin", "x", "true"), ("-i", "no-such-link", "true"), ("--only", "80,x", "true"),
                 ("--config", "/nonexistent", "true"), ("--nonsense", "true"), ("--why=/nonexistent/why", "true"),
                 ("--why=/", "true")):
        done = subprocess.run(the_lab.inside(the_lab.server_ns, [FASTSOCK, "run", *argv]), capture_output=True,
                              text=True, timeout=60, check=False)
        assert done.returncode in (1, 2) and "fastsock" in done.stderr, (argv, done)
    assert not attached(the_lab)


def options_win_over_environment_and_file(the_lab):
    path = f"{the_lab.root.name}/fastsock.conf"
    with open(path, "w", encoding="ascii") as f:
        f.write("# a file\nspin = 10\nonly=80 # and no more\n\nFASTSOCK_QUEUES = 1\n")
    said = run(the_lab, "--config", path, "--spin", "30", "-i", "s0", "--", "env",
               env={"FASTSOCK_SPIN": "20", "FASTSOCK_ONLY": "443"})
    for line in ("FASTSOCK_SPIN=30", "FASTSOCK_ONLY=443", "FASTSOCK_QUEUES=1", "FASTSOCK_IFACES=s0"):
        assert f"{line}\n" in said, (line, said)
    with open(path, "w", encoding="ascii") as f:
        f.write("spin = 1\nspeed = 2\n")
    assert "line 2" in run(the_lab, "--config", path, "true", status=1)


def preload_list_grows(the_lab):
    said = run(the_lab, "-i", "s0", "--", "env", env={"LD_PRELOAD": "/lib/x86_64-linux-gnu/libdl.so.2"})
    assert re.search(r"^LD_PRELOAD=/lib/x86_64-linux-gnu/libdl.so.2:/\S+/libfastsock-preload.so$", said, re.M), said


def programs_without_network_open_nothing(the_lab):
    the_lab.at(the_lab.server_ns, FASTSOCK, "attach", "s0")
    out = f"{the_lab.root.name}/trace"
    for argv in (("ls", "/"), ("sh", "-c", "echo x | cat")):
        run(the_lab, "-i", "s0", "--why", "--", "strace", "-f", "-o", out, *argv)
        with open(out, encoding="utf-8", errors="replace") as f:
            calls = f.read()
        for name in ("socket(", "bpf(", "epoll_create", "clone3"):
            assert name not in calls or name == "clone3", f"{argv}: {name}"
    detach(the_lab)


def kernel_serves_what_no_interface_can(the_lab):
    """Without an interface, and without privilege: as without us, and it says why."""
    for argv, env in ((("-i", "s0"), {}), ((), {})):
        why = f"{the_lab.root.name}/why"
        # Not another user's: what it loads may lie where only root may look.
        drop = ("setpriv", "--bounding-set=-all", "--inh-caps=-all") if argv else ()
        with the_lab.client("/usr/bin/python3", "-m", "http.server", "8080", port=8080, fast=False, good=(-15,)):
            said = run(the_lab, *argv, f"--why={why}", "--only", "8080", "--", *drop, "curl", "-sS", "-o", "/dev/null", "-w",
                       "%{http_code}", f"http://{CLIENT}:8080/", env=env)
        assert said.endswith("200"), said
        with open(why, encoding="utf-8") as f:
            told = f.read()
        assert ("no_privilege" in told or "no_stack" in told) if argv else "fast" in told, told
        os.unlink(why)


def report_that_cannot_be_written_is_told_on_stderr(the_lab):
    """When it is due the program is another user, who may not write there."""
    why = f"{the_lab.root.name}/roots"
    os.chmod(the_lab.root.name, 0o755)
    # By itself, when it has loaded what may lie where only root may look.
    said = run(the_lab, "-i", "s0", f"--why={why}", "--", "/usr/bin/python3", "-c",
               "import os, select, socket; os.setgroups([]); os.setgid(65534); os.setuid(65534); "
               "s = socket.create_server(('', 7777)); select.select([s], [], [], 0)")
    assert f"{why} cannot be written: Permission denied" in said and "TCP listeners" in said, said
    assert not os.path.exists(why)


def only_the_ports_that_were_chosen_are_fast(the_lab):
    with the_lab.client("/usr/bin/python3", "-m", "http.server", "8080", port=8080, fast=False, good=(-15,)):
        for ports, reason in (("80,8000-8079", "port"), ("443,8000-8090", "fast")):
            said = run(the_lab, "-i", "s0", "--why", "--only", ports, "--", "curl", "-sS", "-o", "/dev/null",
                       f"http://{CLIENT}:8080/")
            assert f"({reason})" in said, said


def children_and_streams_work(the_lab):
    """vfork, spawned programs, streams on descriptors; beside a live connection."""
    script = ("import socket, subprocess, os\n"
              f"s = socket.create_connection(('{CLIENT}', 8080))\n"
              "assert subprocess._USE_VFORK\n"
              "for _ in range(20):\n"
              "    assert subprocess.run(['sh', '-c', 'exit 7']).returncode == 7\n"
              "assert os.posix_spawn('/bin/true', ['true'], os.environ) > 0\n"
              "os.wait()\n"
              "s.sendall(b'GET / HTTP/1.0\\r\\n\\r\\n')\n"
              "assert b'200 OK' in s.makefile('rb').read()\n"
              "print('all right')\n")
    with the_lab.client("/usr/bin/python3", "-m", "http.server", "8080", port=8080, fast=False, good=(-15,)):
        said = run(the_lab, "-i", "s0", "--why", "--", "/usr/bin/python3", "-c", script)
        assert "all right" in said and "1 TCP connections: carried" in said, said
        assert "moved into the kernel" not in said, said


def connections_become_childrens_streams(the_lab):
    """By vfork, with the connection on stdin and stdout: inetd's way."""
    script = ("import socket, subprocess\n"
              "l = socket.create_server(('', 7070))\n"
              "print('ready', flush=True)\n"
              "for i in range(3):\n"
              "    s, _ = l.accept()\n"
              "    first = s.recv(6)\n"
              "    assert first == b'first\\n', first\n"
              "    assert subprocess.run(['cat'], stdin=s, stdout=s).returncode == 0\n"
              "    s.sendall(b'from the parent')\n"
              "    s.close()\n")
    with the_lab.server("/usr/bin/python3", "-c", script, port=7070) as server:
        for _ in range(3):
            got = the_lab.at(the_lab.client_ns, "sh", "-c",
                             f"(echo first; sleep 0.3; echo second; echo third) | nc -N {SERVER} 7070").stdout
            assert got == "second\nthird\nfrom the parent", got
        server.wait()
        server.went_fast(3)
        assert server.connections("handed_off") == 3, server.why()


TESTS = [
    exit_status_passes_through,
    signals_pass_through,
    signals_interrupt_who_spins,
    daemon_keeps_the_interface,
    wrong_use_says_so,
    options_win_over_environment_and_file,
    preload_list_grows,
    programs_without_network_open_nothing,
    kernel_serves_what_no_interface_can,
    report_that_cannot_be_written_is_told_on_stderr,
    only_the_ports_that_were_chosen_are_fast,
    children_and_streams_work,
    connections_become_childrens_streams,
]

if __name__ == "__main__":
    applab.AppLab.ATTACHED = ()
    sys.exit(run_tests(TESTS, "tr"))
