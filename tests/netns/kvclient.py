# SPDX-License-Identifier: BSD-2-Clause
"""The key-value protocol in Python, written from doc/kv-wire.md and nothing else.

A Client asks and checks each reply against every rule of that page; what a
server says wrongly is a ProtocolError. respond() is the server's side of it.
"""
import itertools
import random
import struct
import time

HEADER = struct.Struct("!BBBBIHHI")
MAGIC, VERSION, REPLY = 0xf5, 1, 0x80
PING, GET, SET, DEL = range(4)
OK, NOT_FOUND, SHORT, BAD = range(4)
KEY_MAX, VALUE_MAX = 250, 1024
REQUEST_MAX = HEADER.size + KEY_MAX + VALUE_MAX
STATUSES = {PING: {OK}, GET: {OK, NOT_FOUND, SHORT}, SET: {OK}, DEL: {OK, NOT_FOUND}}


class ProtocolError(AssertionError):
    """A reply that the page does not allow."""


def request(op, ident, key=b"", value=b"", room=b""):
    """The bytes of a request; room, as bytes, follows the key of a GET."""
    value_len = len(value) if op == SET else 0
    return HEADER.pack(MAGIC, VERSION, op, 0, ident, len(key), value_len, 0) + key + value + room


def check(asked, reply):
    """Check a reply to a right request. Returns its status, value_len and value."""
    _, _, op, _, ident, key_len, _, _ = HEADER.unpack_from(asked)
    key = asked[HEADER.size:HEADER.size + key_len]
    if len(reply) > len(asked):
        raise ProtocolError(f"a reply of {len(reply)} bytes to a request of {len(asked)}")
    if len(reply) < HEADER.size:
        raise ProtocolError(f"a reply of {len(reply)} bytes")
    magic, version, got_op, status, got, got_key_len, value_len, reserved = \
        HEADER.unpack_from(reply)
    if (magic, version, got_op, got) != (MAGIC, VERSION, op | REPLY, ident) or reserved:
        raise ProtocolError(f"the header {reply[:HEADER.size].hex()} for {asked[:16].hex()}")
    if status not in STATUSES[op]:
        raise ProtocolError(f"status {status} for op {op}")
    if got_key_len != key_len or reply[HEADER.size:HEADER.size + key_len] != key:
        raise ProtocolError(f"another key: {reply[HEADER.size:].hex()}, not {key.hex()}")
    value = reply[HEADER.size + key_len:]
    if op == GET and status == OK:
        if value_len != len(value) or value_len > VALUE_MAX:
            raise ProtocolError(f"value_len {value_len}, but {len(value)} bytes follow")
    elif value:
        raise ProtocolError(f"{len(value)} bytes follow the key")
    elif op == GET and status == SHORT:
        if not len(asked) - HEADER.size - key_len < value_len <= VALUE_MAX:
            raise ProtocolError(f"SHORT for {value_len} bytes, which there was room for")
    elif value_len:
        raise ProtocolError(f"value_len {value_len} with status {status} of op {op}")
    return status, value_len, value


class Client:
    """Asks over a connected UDP socket, one request at a time."""

    def __init__(self, sock, timeout=0.5, tries=4):
        self.sock = sock
        self.timeout, self.tries = timeout, tries
        self.ids = itertools.count(random.getrandbits(32))
        self.repeated = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.sock.close()

    def wait(self, ident, timeout):
        """The datagram that carries this id, or None in time."""
        end = time.monotonic() + timeout
        while True:
            left = end - time.monotonic()
            if left <= 0:
                return None
            self.sock.settimeout(left)
            try:
                reply = self.sock.recv(2048)
            except (TimeoutError, ConnectionRefusedError):
                continue
            if len(reply) >= 8 and reply[0] == MAGIC and reply[4:8] == ident:
                return reply

    def raw(self, asked, timeout=None):
        """Send bytes once; the reply as it came, None for none."""
        self.sock.send(asked)
        return self.wait(asked[4:8], self.timeout if timeout is None else timeout)

    def ask(self, op, key=b"", value=b"", room=b""):
        timeout = self.timeout
        for attempt in range(self.tries):
            asked = request(op, next(self.ids) & 0xffffffff, key, value, room)
            reply = self.raw(asked, timeout)
            if reply is not None:
                return check(asked, reply)
            self.repeated += attempt + 1 < self.tries
            timeout *= 2
        raise TimeoutError(f"no reply to op {op}, key {key[:40]!r}")

    def ping(self, key=b""):
        self.ask(PING, key)

    def get(self, key, room=VALUE_MAX):
        """The value, None for no such key. Asks again as long as it is SHORT."""
        while True:
            status, value_len, value = self.ask(GET, key, room=bytes(room))
            if status != SHORT:
                return value if status == OK else None
            room = value_len

    def set(self, key, value):
        self.ask(SET, key, value)

    def delete(self, key):
        """False: there was no such key."""
        return self.ask(DEL, key)[0] == OK


def respond(store, asked):
    """A server: the reply to a datagram, from the dictionary store; None for none."""
    if len(asked) < HEADER.size or asked[0] != MAGIC or asked[2] & REPLY:
        return None
    _, version, op, status, ident, key_len, value_len, reserved = HEADER.unpack_from(asked)
    key, rest = asked[16:16 + key_len], asked[16 + key_len:]

    def reply(said, back=key, length=0, value=b""):
        return HEADER.pack(MAGIC, VERSION, op | REPLY, said, ident, len(back), length, 0) + \
            back + value

    if version != VERSION or status or reserved or op > DEL or key_len > KEY_MAX or \
            len(key) < key_len or (op != PING and not key) or \
            (value_len > min(VALUE_MAX, len(rest)) if op == SET else value_len):
        return reply(BAD, b"")
    if op == PING:
        return reply(OK)
    if op == SET:
        store[key] = rest[:value_len]
        return reply(OK)
    if key not in store:
        return reply(NOT_FOUND)
    if op == DEL:
        del store[key]
        return reply(OK)
    value = store[key]
    if len(value) > len(rest):
        return reply(SHORT, key, len(value))
    return reply(OK, key, len(value), value)
