# SPDX-License-Identifier: BSD-2-Clause
"""An echo server of one thread, by selectors: echo.py PORT."""
import selectors
import socket
import sys

selector = selectors.DefaultSelector()
listener = socket.create_server(("0.0.0.0", int(sys.argv[1])), backlog=128)
listener.setblocking(False)
selector.register(listener, selectors.EVENT_READ)
while True:
    for key, _ in selector.select():
        if key.fileobj is listener:
            conn, _ = listener.accept()
            selector.register(conn, selectors.EVENT_READ)
            continue
        try:
            data = key.fileobj.recv(65536)
            if data:
                key.fileobj.setblocking(True)
                key.fileobj.sendall(data)
                key.fileobj.setblocking(False)
        except OSError:
            data = b""
        if not data:
            selector.unregister(key.fileobj)
            key.fileobj.close()
