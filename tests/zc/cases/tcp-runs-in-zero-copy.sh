#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# TCP with a kernel peer, both directions in zero-copy by the kernel's word:
# tcp_echo as the server; then tcp_proxy, server and client at once, with bulk
# both ways, half-closed connections and resets.
. "$(dirname "$0")/../lib.sh"
need "$fastsock" "$B/examples/tcp_echo" "$B/examples/tcp_proxy"

attach "$nic"
serve echo tcp_echo -p 7
peer "${tcp[@]}" echo "$nic4" 7 1 1448 1449 100000 $((4 * mega))
peer "${tcp[@]}" echo "$nic6" 7 1 1428 1429 $((2 * mega))
steered $((6 * mega / 1448))
end_server

serve proxy tcp_proxy -p 9 -t "$peer4:5000"
peer "${tcp[@]}" bulk "$nic4" 9 1 100000 $((4 * mega))
peer "${tcp[@]}" halves "$nic4" 9
peer "${tcp[@]}" resets "$nic4" 9
steered $((7 * mega / 1448))
end_server
peer "${tcp[@]}" closed
"$fastsock" detach "$nic"
