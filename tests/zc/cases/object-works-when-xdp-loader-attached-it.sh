#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The object that xdp-loader attached and pinned, as its documentation says:
# with empty maps it passes everything, and fastsock finds the maps and uses
# them. In this guest it runs inside libxdp's dispatcher.
. "$(dirname "$0")/../lib.sh"
need "$fastsock" "$B/bpf/fastsock.bpf.o"

mkdir -p /sys/fs/bpf/fastsock
xdp-loader load -m native -p "/sys/fs/bpf/fastsock/$nic" "$nic" "$B/bpf/fastsock.bpf.o"
await 30 carrier "$nic" || fail "no link after xdp-loader load"
peer ping -q -c 3 -i 0.2 -W 2 "$nic4" > "$work/ping" || fail "no ping through a program with empty maps"
"$fastsock" answer add -i "$nic" udp/7 echo
peer "${udp[@]}" sizes "$nic4" 7 1 100
answered=$(stat_of "$nic" tx_echo)
[ "$answered" = 100 ] || fail "100 requests came back, tx_echo says $answered"
xdp-loader unload --all "$nic"
rm -r "/sys/fs/bpf/fastsock/$nic"	# xdp-loader leaves what -p pinned
