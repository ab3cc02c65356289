#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Echo servers in the forms that Python has, and who asks them.

serve plain|threading|forking|asyncio|multiprocessing|udp   on port 9000
ask|ask-asyncio HOST N      N connections, a megabyte there and back on each
ask-udp HOST N              N datagrams
"""
import asyncio
import hashlib
import multiprocessing
import random
import signal
import socket
import socketserver
import sys
import threading

PORT = 9000
BYTES = 1 << 20


def quietly(_sig, _frame):
    raise SystemExit(0)


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(65536):
            self.request.sendall(data)


class Plain(socketserver.TCPServer):
    allow_reuse_address = True
    request_queue_size = 128


class Threading(socketserver.ThreadingMixIn, Plain):
    daemon_threads = True


class Forking(socketserver.ForkingMixIn, Plain):
    max_children = 100


async def echo_stream(reader, writer):
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def serve_asyncio():
    server = await asyncio.start_server(echo_stream, "", PORT, backlog=128)
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, server.close)
    try:
        async with server:
            await server.serve_forever()
    except asyncio.CancelledError:
        pass


def accept_and_echo(listener):
    signal.signal(signal.SIGTERM, quietly)
    while True:
        conn, _ = listener.accept()
        with conn:
            while data := conn.recv(65536):
                conn.sendall(data)


def serve_multiprocessing():
    listener = socket.create_server(("", PORT), backlog=128)
    workers = [multiprocessing.Process(target=accept_and_echo, args=(listener,)) for _ in range(3)]
    for w in workers:
        w.start()
    try:
        signal.pause()
    finally:
        for w in workers:
            w.terminate()
            w.join()


def serve_udp():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind(("", PORT))
    while True:
        data, peer = s.recvfrom(65536)
        s.sendto(data, peer)


def serve(form):
    signal.signal(signal.SIGINT, quietly)
    if form == "asyncio":
        asyncio.run(serve_asyncio())
    elif form == "multiprocessing":
        serve_multiprocessing()
    elif form == "udp":
        serve_udp()
    else:
        kind = {"plain": Plain, "threading": Threading, "forking": Forking}[form]
        with kind(("", PORT), Echo) as server:
            server.serve_forever()


def payload(i):
    return random.Random(i).randbytes(BYTES)


def ask_one(host, i, right):
    data = payload(i)
    with socket.create_connection((host, PORT), 30) as s:
        sender = threading.Thread(target=lambda: (s.sendall(data), s.shutdown(socket.SHUT_WR)))
        sender.start()
        got = b"".join(iter(lambda: s.recv(65536), b""))
        sender.join()
    if hashlib.sha256(got).digest() == hashlib.sha256(data).digest():
        right.append(i)


def ask(host, n):
    right = []
    threads = [threading.Thread(target=ask_one, args=(host, i, right)) for i in range(n)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    print("all right" if len(right) == n else f"{len(right)} of {n}")


async def ask_stream(host, i):
    data = payload(i)
    reader, writer = await asyncio.open_connection(host, PORT)

    async def send():
        writer.write(data)
        await writer.drain()
        writer.write_eof()
    sending = asyncio.ensure_future(send())
    got = await reader.read()
    await sending
    writer.close()
    return got == data


async def ask_asyncio(host, n):
    right = await asyncio.gather(*(ask_stream(host, i) for i in range(n)))
    print("all right" if all(right) else f"{sum(right)} of {n}")


def ask_udp(host, n):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(5)
    s.connect((host, PORT))
    for i in range(n):
        data = random.Random(i).randbytes(1 + i * 7)
        s.send(data)
        assert s.recv(65536) == data
    print("all right")


if __name__ == "__main__":
    if sys.argv[1] == "serve":
        serve(sys.argv[2])
    elif sys.argv[1] == "ask":
        ask(sys.argv[2], int(sys.argv[3]))
    elif sys.argv[1] == "ask-udp":
        ask_udp(sys.argv[2], int(sys.argv[3]))
    else:
        asyncio.run(ask_asyncio(sys.argv[2], int(sys.argv[3])))
