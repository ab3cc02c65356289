#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The key-value answer and examples/kv_server, asked by a client of its own.

    kt-PID-cli                                      kt-PID-srv
    +------------------------------------------+    +-----------------------------------+
    |  kvclient.py, sockets of the kernel       |    |  kv_server, or a KernelServer      |
    |  c0  10.77.0.1/24  fd77::1/64   XDP: pass |====|  s0  10.77.0.2/24  fd77::2/64  XDP |
    +------------------------------------------+    +-----------------------------------+

kv_fill publishes from a process beside. Who answered is told by the program's
counters, and by what the KernelServer says. What changes under load has
stamped values, which tell key and version under a checksum (kv_fill.c).
"""
# timeout: 400
import contextlib
import ctypes
import errno
import random
import socket
import sys
import time

import kvclient
from kvlab import FORK, PORT, V4, V6, Counted, Filler, KernelServer, KvLab, closing_process, \
    kv_answer, number_key, stamp, stamped_version, with_readers
from test_stack import FASTSOCK, lab, play

HOT = 16                    # of kv_server
IPV6_DSTOPTS = 59


# --- what is told by the operator ------------------------------------------------

def keys_that_the_operator_publishes_are_answered_by_xdp(the_lab):
    with kv_answer(the_lab):
        for key, value in (("colour", "green"), ("k", ""), ("K" * 250, "v" * 1024),
                           ("with blank", " \t\\"), ("naïve", "žluť")):
            the_lab.fastsock("kv", "set", "-i", "s0", key, value)
            try:
                for address in (V4, V6):
                    with Counted(the_lab) as counted, the_lab.client(address) as client:
                        assert client.get(key.encode()) == value.encode(), (key, address)
                    assert (counted.kv_hit, counted.tx_kv) == (1, 1), \
                        f"{key} by {address}: {counted.kv_hit} hits, {counted.tx_kv} answers"
                shown = the_lab.fastsock("kv", "get", "-i", "s0", key).stdout
                assert shown == value + "\n", shown
            finally:
                the_lab.fastsock("kv", "del", "-i", "s0", key)


def the_command_asks_over_a_kernel_socket(the_lab):
    store = {b"only-here": b"kernel's", b"long": b"k" * 1000}
    with kv_answer(the_lab), KernelServer(the_lab, store) as server:
        the_lab.fastsock("kv", "set", "-i", "s0", "colour", "green")
        the_lab.fastsock("kv", "set", "-i", "s0", "big", "B" * 1024)

        def kv(*argv, check=True):
            return the_lab.at(the_lab.client_ns, FASTSOCK, "kv", *argv, check=check)

        try:
            for where in (f"{V4}:{PORT}", f"[{V6}]:{PORT}"):
                with Counted(the_lab) as counted:
                    assert kv("get", where, "colour").stdout == "green\n"
                    assert kv("get", where, "big").stdout == "B" * 1024 + "\n"
                    assert where in kv("ping", where).stdout
                assert (counted.kv_hit, counted.kv_short, counted.kv_ping) == (2, 1, 1)
                assert server.seen == 0
                assert kv("get", where, "only-here").stdout == "kernel's\n"
                assert kv("get", where, "long").stdout == "k" * 1000 + "\n"
                done = kv("get", where, "nowhere", check=False)
                assert done.returncode == 1 and "nowhere" in done.stderr, done
                kv("set", where, "new", "one")
                assert server.store[b"new"] == b"one"
                kv("del", where, "new")
                assert b"new" not in server.store
                server.seen = 0
        finally:
            for key in ("colour", "big"):
                the_lab.fastsock("kv", "del", "-i", "s0", key)


# --- keys and values of all kinds ---------------------------------------------------

def odd_entries():
    """Each length of key and of value, and bytes that something might take for an end."""
    rng = random.Random(11)
    lengths = [(1 + n % 250, n) for n in range(1025)]
    lengths += [(n, rng.choice((0, 1, 2, 63, 64, 65, 1023, 1024))) for n in range(1, 251)]
    entries = {rng.randbytes(k): rng.randbytes(v) for k, v in lengths}
    for key in (b"a", b"a\0", b"a\0\0", b"\0", b"\0" * 8, b"\0" * 250, b"\xff" * 250, b"key",
                b"key\0", b"\n", b"\xf5\1\1\0", b"12345678", b"12345678\0"):
        entries[key] = b"value of " + key
    for value in (bytes(1024), b"\xff" * 1024, bytes(1), b"\xff" * 65, b"\xff\xfe" * 32):
        entries[b"odd" + rng.randbytes(5)] = value
    return entries


def every_length_and_every_byte_comes_back(the_lab):
    entries = odd_entries()
    with kv_answer(the_lab), Filler(the_lab) as filler:
        for key, value in entries.items():
            filler.set(key, value)
        for address in (V4, V6):
            with Counted(the_lab) as counted, the_lab.client(address) as client:
                for key, value in entries.items():
                    got = client.get(key)
                    assert got == value, f"{address} {key.hex()}: {got} is not {value}"
            assert counted.kv_hit == len(entries), f"{counted.kv_hit} of {len(entries)}"
        for key in entries:
            filler.delete(key)
        assert filler.tell("count")[:2] == [0, 0]


def lengths_that_cannot_be_are_refused(the_lab):
    with Filler(the_lab) as filler:
        for key, value in ((b"", b"v"), (b"k" * 251, b"v"), (b"k", b"v" * 1025)):
            try:
                filler.set(key, value)
                raise AssertionError(f"{len(key)}, {len(value)} was published")
            except OSError as e:
                assert e.errno == errno.EINVAL, e
        assert filler.tell("count")[:2] == [0, 0]


def too_little_room_is_short_and_asked_again_it_is_there(the_lab):
    values = {b"s%d" % n: bytes([n & 0xff]) * n for n in (1, 2, 63, 64, 65, 500, 1023, 1024)}
    with kv_answer(the_lab), Filler(the_lab) as filler, the_lab.client() as client:
        for key, value in values.items():
            filler.set(key, value)
        with Counted(the_lab) as counted:
            for key, value in values.items():
                for room in sorted({0, len(value) // 2, len(value) - 1}):
                    status, needed, _ = client.ask(kvclient.GET, key, room=b"\xaa" * room)
                    assert (status, needed) == (kvclient.SHORT, len(value)), (key, room)
                status, _, got = client.ask(kvclient.GET, key, room=b"\xaa" * needed)
                assert (status, got) == (kvclient.OK, value)
                assert client.get(key, room=0) == value
        assert counted.kv_hit == 2 * len(values) and counted.kv_miss == 0
        filler.empty(values)


def pings_are_answered_with_and_without_a_key(the_lab):
    with kv_answer(the_lab):
        for address in (V4, V6):
            with Counted(the_lab) as counted, the_lab.client(address) as client:
                for size in range(0, 251, 5):
                    client.ping(bytes(range(size)))
            assert counted.kv_ping == 51


def misses_pass_to_a_kernel_server(the_lab):
    rng = random.Random(5)
    store = {rng.randbytes(1 + n): b"kernel" + rng.randbytes(n * 4) for n in range(250)}
    with kv_answer(the_lab), KernelServer(the_lab, store) as server, Filler(the_lab) as filler:
        filler.set(b"published", b"by XDP")
        for address in (V4, V6):
            server.seen = 0
            with Counted(the_lab) as counted, the_lab.client(address) as client:
                for key, value in list(store.items()):
                    assert client.get(key) == value
                assert client.get(b"nowhere") is None
                client.set(b"new", b"value")
                assert client.get(b"new") == b"value"
                assert client.delete(b"new") and not client.delete(b"new")
                assert server.seen == len(store) + 5
                assert client.get(b"published") == b"by XDP"
            assert counted.kv_miss == len(store) + 5 and counted.kv_hit == 1
        filler.delete(b"published")


def what_is_not_right_is_not_answered_by_xdp(the_lab):
    with kv_answer(the_lab), Filler(the_lab) as filler, the_lab.client(timeout=0.05) as client:
        filler.set(b"key", b"value")
        right = kvclient.request(kvclient.GET, 0x01020304, b"key", room=bytes(16))
        assert client.raw(right) is not None
        with Counted(the_lab) as counted:
            for at, byte in ((0, 0xf4), (1, 0), (1, 2), (2, 0x81), (2, 4), (3, 1), (8, 1),
                             (9, 0), (9, 36), (10, 1), (11, 1), (12, 1), (15, 1)):
                spoilt = bytearray(right)
                spoilt[at] = byte
                assert client.raw(bytes(spoilt)) is None, f"byte {at}: {byte}"
            for size in range(16 + 3):
                assert client.raw(right[:size], timeout=0.005) is None, f"{size} bytes"
            long = kvclient.request(kvclient.GET, 9, b"key", room=bytes(1290 - 18))
            assert client.raw(long) is None, "1291 bytes were answered"
        assert counted.tx_kv == 0
        assert client.raw(long[:1290]) is not None
        filler.delete(b"key")


# --- kv_server ---------------------------------------------------------------------

def server_sets_gets_and_deletes(the_lab):
    entries = dict(list(odd_entries().items())[::5])
    with closing_process(the_lab.kv_server()):
        for address in (V4, V6):
            with the_lab.client(address) as client:
                client.ping()
                for key, value in entries.items():
                    assert client.get(key) is None
                    client.set(key, value)
                    assert client.get(key) == value
                for key, value in entries.items():
                    client.set(key, value[::-1])
                for key, value in entries.items():
                    assert client.get(key, room=0) == value[::-1]
                    assert client.delete(key)
                    assert client.get(key) is None
                    assert not client.delete(key)


def hot_keys_are_published_and_cold_ones_are_not(the_lab):
    with closing_process(the_lab.kv_server()), the_lab.client() as client, \
            Filler(the_lab) as filler:
        for n in range(20):
            client.set(b"hot%d" % n, b"h" * n * 50)
            client.set(b"cold%d" % n, b"c")
        with Counted(the_lab) as counted:
            for n in range(20):
                for _ in range(HOT):
                    assert client.get(b"hot%d" % n) == b"h" * n * 50
                client.get(b"cold%d" % n)
        assert counted.kv_hit == 0 and counted.kv_miss == 20 * (HOT + 1)
        with Counted(the_lab) as counted:
            for n in range(20):
                for _ in range(10):
                    assert client.get(b"hot%d" % n) == b"h" * n * 50
                client.get(b"cold%d" % n)
        assert counted.kv_hit == 200 and counted.kv_miss == 20
        assert sum(filler.tell("count")[:2]) == 20
        for n in range(20):
            client.delete(b"hot%d" % n)
        assert sum(filler.tell("count")[:2]) == 0, "deleted keys are still published"


def past_xdp(client, family):
    """Options in the IP header: XDP leaves such requests to the server."""
    if family == socket.AF_INET:
        client.sock.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, b"\1\1\1\0")
    else:
        client.sock.setsockopt(socket.IPPROTO_IPV6, IPV6_DSTOPTS, b"\0\0\1\4\0\0\0\0")
    return client


def both_requests(rng, entries):
    """Any request that XDP answers, and some that it does not."""
    key = rng.choice(list(entries))
    size = len(entries[key])
    room = rng.choice((0, size // 2, max(size - 1, 0), size, size + 1, 1024))
    ident = rng.getrandbits(32)
    kind = rng.randrange(10)
    if kind < 7:
        return kvclient.request(kvclient.GET, ident, key, room=rng.randbytes(room))
    if kind == 7:
        return kvclient.request(kvclient.PING, ident, rng.choice((b"", key)),
                                room=rng.randbytes(rng.randrange(30)))
    if kind == 8:
        return kvclient.request(kvclient.GET, ident, key + b"?", room=bytes(room % 200))
    spoilt = bytearray(kvclient.request(kvclient.GET, ident, key, room=bytes(room)))
    spoilt[rng.choice((1, 2, 3, 8, 9, 10, 11, 12, 15))] ^= 1 << rng.randrange(8)
    if spoilt[2] in (kvclient.SET, kvclient.DEL):
        spoilt[2] = kvclient.GET
    return bytes(spoilt)


def both_levels_answer_byte_for_byte_the_same(the_lab):
    rng = random.Random(23)
    entries = dict(rng.sample(list(odd_entries().items()), 60))
    with closing_process(the_lab.kv_server()):
        with the_lab.client() as client:
            for key, value in entries.items():
                client.set(key, value)
                for _ in range(HOT):
                    client.get(key)
        for address, family in ((V4, socket.AF_INET), (V6, socket.AF_INET6)):
            with the_lab.client(address, timeout=0.03) as fast, \
                    past_xdp(the_lab.client(address, timeout=0.03), family) as slow:
                asked = [both_requests(rng, entries) for _ in range(1500)]
                with Counted(the_lab) as by_xdp:
                    replies = [fast.raw(one) for one in asked]
                with Counted(the_lab) as by_server:
                    for one, reply in zip(asked, replies):
                        other = slow.raw(one)
                        assert other == reply, f"{one.hex()}: {reply} by XDP, {other} behind it"
                        assert reply is None or len(reply) <= len(one)
            assert by_xdp.kv_hit > 300 and by_xdp.kv_short > 200 and by_xdp.kv_ping > 100
            assert by_server.tx_kv == 0, "XDP answered a request with IP options"


# --- under load ----------------------------------------------------------------------

class History:
    """Shared between processes: for each key, which versions were begun and confirmed.

    A SET writes an even version, a DEL is an odd one.
    """

    def __init__(self, keys):
        self.begun = FORK.RawArray(ctypes.c_uint32, keys)
        self.confirmed = FORK.RawArray(ctypes.c_uint32, keys)

    def check(self, number, value, oldest):
        """Is a GET right that was sent when the version oldest was confirmed?"""
        newest = self.begun[number]
        if value is None:
            assert newest > oldest or oldest % 2, \
                f"NOT_FOUND for key {number}, which was set by version {oldest}"
            return
        version = stamped_version(number, value)
        assert oldest <= version <= newest, f"version {version} of key {number}, " \
            f"when {oldest} was confirmed and {newest} begun"


def change_hot_keys(client, history, keys, seconds):
    """Returns how many changes were made; each is read back at once."""
    rng = random.Random(3)
    end = time.monotonic() + seconds
    changes = 0
    while time.monotonic() < end:
        number = rng.randrange(keys)
        deletes = rng.randrange(4) == 0 and history.begun[number] % 2 == 0
        version = history.begun[number] // 2 * 2 + (1 if deletes else 2)
        history.begun[number] = version
        if deletes:
            assert client.delete(number_key(number)), f"DEL of {number} found nothing"
        else:
            client.set(number_key(number), stamp(number, version, rng.choice((12, 40, 64, 65,
                                                                             300, 1024))))
        history.confirmed[number] = version
        history.check(number, client.get(number_key(number), room=rng.choice((64, 1024))), version)
        changes += 1
    return changes


def own_changes_are_read_at_once_while_keys_are_hot(the_lab):
    keys = 6
    history = History(keys)

    def read(client, stop):
        rng = random.Random()
        count = 0
        while not stop.is_set():
            for _ in range(100):
                number = rng.randrange(keys)
                oldest = history.confirmed[number]
                history.check(number, client.get(number_key(number)), oldest)
                count += 1
        return count

    with closing_process(the_lab.kv_server()), the_lab.client(V4, timeout=2) as client, \
            Counted(the_lab) as counted:
        for number in range(keys):
            history.begun[number] = 2
            client.set(number_key(number), stamp(number, 2, 40))
            history.confirmed[number] = 2
        changes, reads = with_readers(
            the_lab, read, lambda: change_hot_keys(client, history, keys, 8), readers=3)
        assert client.repeated == 0, f"{client.repeated} requests had no reply in time"
    assert changes > 1000 and sum(reads) > 5000, (changes, reads)
    assert counted.kv_hit > 1000 and counted.kv_miss > 1000, (counted.kv_hit, counted.kv_miss)
    print(f"# {changes} changes, {sum(reads)} reads, {counted.kv_hit} by XDP, "
          f"{counted.kv_torn} torn", flush=True)


def churned(the_lab, filler, store, keys, withdraw_each):
    """Readers against kv_fill's churn. Misses are told by NOT_FOUND or by store."""
    def read(client, stop):
        newest = [0] * keys
        hits = 0
        misses = 0
        while not stop.is_set():
            for number in random.choices(range(keys), k=100):
                value = client.get(number_key(number))
                if value is None or value == store.get(number_key(number)):
                    misses += 1
                    continue
                version = stamped_version(number, value)
                assert version >= newest[number], \
                    f"version {version} of key {number} after {newest[number]}"
                newest[number] = version
                hits += 1
        return hits, misses

    with Counted(the_lab) as counted:
        done, results = with_readers(the_lab, read,
                                     lambda: filler.tell(f"churn {keys} 5000 {withdraw_each}"))
    hits, misses = (sum(column) for column in zip(*results))
    print(f"# {done[0]} changes, {hits} hits, {misses} misses, {counted.kv_torn} torn", flush=True)
    return hits, misses


def publishing_and_withdrawing_under_load_gives_no_wrong_answer(the_lab):
    keys = 16
    store = {number_key(n): b"kernel" + number_key(n) for n in range(0, keys, 2)}
    with kv_answer(the_lab), KernelServer(the_lab, store), Filler(the_lab) as filler:
        hits, misses = churned(the_lab, filler, store, keys, 3)
        assert hits > 1000 and misses > 100, (hits, misses)
        filler.empty(number_key(n) for n in range(keys))


def a_key_that_only_changes_is_never_missed(the_lab):
    keys = 16
    with kv_answer(the_lab), KernelServer(the_lab, {}), Filler(the_lab) as filler:
        filler.tell(f"fill 0 {keys}")
        hits, misses = churned(the_lab, filler, {}, keys, 0)
        assert hits > 1000 and misses == 0, f"{misses} misses, {hits} hits"
        filler.empty(number_key(n) for n in range(keys))


# --- the end of the server, and very many keys ---------------------------------------

def killed_server_leaves_hot_keys_to_xdp_and_misses_to_the_kernel(the_lab):
    process = the_lab.kv_server()
    with closing_process(process), the_lab.client() as client:
        for n in range(10):
            client.set(b"hot%d" % n, b"h%d" % n)
            client.set(b"cold%d" % n, b"c%d" % n)
            for _ in range(HOT):
                client.get(b"hot%d" % n)
        process.child.kill()
        process.child.wait()
        with Counted(the_lab) as counted:
            for n in range(10):
                assert client.get(b"hot%d" % n) == b"h%d" % n
        assert counted.kv_hit == 10
        with KernelServer(the_lab, {b"cold3": b"kernel's"}) as server:
            assert client.get(b"cold3") == b"kernel's"
            assert client.get(b"cold4") is None
            assert client.get(b"hot4") == b"h4"
            assert server.seen == 2
    the_next_server_knows_what_is_published(the_lab)


def the_next_server_knows_what_is_published(the_lab):
    """Else it would confirm a SET or DEL, and XDP answer with the old value."""
    with closing_process(the_lab.kv_server()), the_lab.client() as client, \
            Filler(the_lab) as filler:
        for n in range(5):
            client.set(b"hot%d" % n, b"new%d" % n)
            assert client.get(b"hot%d" % n) == b"new%d" % n, "an old value after a new SET"
        for n in range(10):
            deleted = client.delete(b"hot%d" % n)
            assert client.get(b"hot%d" % n) is None, "a value after DEL"
            assert deleted, "DEL says NOT_FOUND for what was there"
        assert sum(filler.tell("count")[:2]) == 0


def a_million_keys_are_published_asked_for_and_withdrawn(the_lab):
    million, sample = 1000000, 20000
    with kv_answer(the_lab), Filler(the_lab) as filler, the_lab.client() as client:
        start = time.monotonic()
        filler.tell(f"fill 0 {million}")
        filled = time.monotonic()
        assert filler.tell("count")[0] == million
        chosen = random.Random(9).sample(range(million), sample)
        asked = time.monotonic()
        with Counted(the_lab) as counted:
            for number in chosen:
                value = client.get(number_key(number), room=64)
                assert stamped_version(number, value) == 1
        assert counted.kv_hit == sample, counted.kv_hit
        with KernelServer(the_lab, {}):
            assert client.get(number_key(million)) is None
            drain = time.monotonic()
            filler.tell(f"drain 0 {million}")
            assert filler.tell("count")[:2] == [0, 0]
            for number in chosen[:100]:
                assert client.get(number_key(number)) is None
        print(f"# published in {filled - start:.1f} s, asked in {drain - asked:.1f} s, "
              f"withdrawn in {time.monotonic() - drain:.1f} s", flush=True)


TESTS = [
    keys_that_the_operator_publishes_are_answered_by_xdp,
    the_command_asks_over_a_kernel_socket,
    every_length_and_every_byte_comes_back,
    lengths_that_cannot_be_are_refused,
    too_little_room_is_short_and_asked_again_it_is_there,
    pings_are_answered_with_and_without_a_key,
    misses_pass_to_a_kernel_server,
    what_is_not_right_is_not_answered_by_xdp,
    server_sets_gets_and_deletes,
    hot_keys_are_published_and_cold_ones_are_not,
    both_levels_answer_byte_for_byte_the_same,
    own_changes_are_read_at_once_while_keys_are_hot,
    publishing_and_withdrawing_under_load_gives_no_wrong_answer,
    a_key_that_only_changes_is_never_missed,
    killed_server_leaves_hot_keys_to_xdp_and_misses_to_the_kernel,
    a_million_keys_are_published_asked_for_and_withdrawn,
]


@contextlib.contextmanager
def passing(name):
    with KvLab(name) as the_lab:
        the_lab.at(the_lab.client_ns, FASTSOCK, "attach", "--pass", "c0")
        yield the_lab
        the_lab.fastsock("detach", "s0", check=False)
        the_lab.at(the_lab.client_ns, FASTSOCK, "detach", "c0", check=False)


if __name__ == "__main__":
    sys.exit(play.play(TESTS, "kt", passing, before=KvLab.afresh))
