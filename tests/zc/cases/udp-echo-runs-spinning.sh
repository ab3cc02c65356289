#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The same program with --spin: the receive path without sleep, in zero-copy.
. "$(dirname "$0")/../lib.sh"
need "$fastsock" "$B/examples/udp_echo"

attach "$nic"
start echo "$B/examples/udp_echo" -i "$nic" -p 7 --spin
await 30 bound "$nic" || fail "udp_echo --spin did not bind an AF_XDP socket"
[ "$(xsk_modes "$nic" | sort -u)" = zc ] || fail "udp_echo's socket is not zero-copy"
await 30 answers "$nic4" 7 || fail "nobody answers on $nic4"
before=$(stat_of "$nic" steer)
peer "${udp[@]}" sizes "$nic4" 7 1 500
after=$(stat_of "$nic" steer)
[ $((after - before)) = 500 ] || fail "of 500 requests $((after - before)) were steered"

stop "$pid"
"$fastsock" detach "$nic"
