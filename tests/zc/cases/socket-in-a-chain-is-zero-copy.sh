#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Beside a foreign program the AF_XDP sockets still receive, in zero-copy: the
# redirect works from inside libxdp's dispatcher.
. "$(dirname "$0")/../lib.sh"
need "$fastsock" "$B/examples/udp_echo"

xdp-loader load -m native "$nic" "$foreign_object"
attach "$nic"
start echo "$B/examples/udp_echo" -i "$nic" -p 7
await 30 bound "$nic" || fail "udp_echo did not bind an AF_XDP socket"
[ "$(xsk_modes "$nic" | sort -u)" = zc ] || fail "udp_echo's socket is not zero-copy"
await 30 answers "$nic4" 7 || fail "nobody answers on $nic4"
before=$(stat_of "$nic" steer)
peer "${udp[@]}" sizes "$nic4" 7 1 200
after=$(stat_of "$nic" steer)
[ $((after - before)) = 200 ] || fail "of 200 requests $((after - before)) were steered"
stop "$pid"
"$fastsock" detach "$nic"
xdp-loader unload --all "$nic"
