#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
"""xsk.py IFACE MODE - what AF_XDP does the kernel grant on queue 0 of IFACE?

MODE is zerocopy, copy or auto. Prints "zerocopy" or "copy", as the kernel
reports after the bind, or the name of the error with which it refused. It uses none
of the project's code: it tells a broken lane from a broken library.
"""
import ctypes
import errno
import mmap
import os
import socket
import struct
import sys

AF_XDP = 44
SOL_XDP = 283
XDP_RX_RING, XDP_UMEM_REG, XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING = 2, 4, 5, 6
XDP_OPTIONS = 8
BIND_FLAGS = {"auto": 0, "copy": 1 << 1, "zerocopy": 1 << 2}
CHUNKS, CHUNK_BYTES = 64, 4096


def granted(iface, mode):
    area = mmap.mmap(-1, CHUNKS * CHUNK_BYTES)
    where = ctypes.addressof(ctypes.c_char.from_buffer(area))
    s = socket.socket(AF_XDP, socket.SOCK_RAW, 0)
    # struct xdp_umem_reg: addr, len, chunk_size, headroom, flags, tx_metadata_len
    s.setsockopt(SOL_XDP, XDP_UMEM_REG,
                 struct.pack("QQIIII", where, len(area), CHUNK_BYTES, 0, 0, 0))
    for ring in (XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING, XDP_RX_RING):
        s.setsockopt(SOL_XDP, ring, struct.pack("I", CHUNKS))
    # struct sockaddr_xdp: family, flags, ifindex, queue, shared umem's fd
    to = struct.pack("HHIII", AF_XDP, BIND_FLAGS[mode], socket.if_nametoindex(iface), 0, 0)
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.bind(s.fileno(), to, len(to)):
        return errno.errorcode[ctypes.get_errno()]
    options, = struct.unpack("I", s.getsockopt(SOL_XDP, XDP_OPTIONS, 4))
    return "zerocopy" if options & 1 else "copy"


if __name__ == "__main__":
    print(granted(*sys.argv[1:3]), flush=True)
    os._exit(0)  # the socket still uses the area that a tidy exit would free
