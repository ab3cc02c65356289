#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A virtio NIC without an IOMMU cannot do zero-copy: the same program runs
# there in copy mode, and fastsock status says so.
. "$(dirname "$0")/../lib.sh"
need "$fastsock" "$B/examples/udp_echo"

attach cp0
start echo "$B/examples/udp_echo" -i cp0 -p 7
await 30 bound cp0 || fail "udp_echo did not bind an AF_XDP socket"
[ "$(xsk_modes cp0 | sort -u)" = copy ] || fail "the kernel says zero-copy where it cannot be"
"$fastsock" status > "$work/status"
mode=$(told_mode cp0 < "$work/status")
[ "$mode" = copy ] || fail "fastsock status says '$mode' about a socket in copy mode"

await 30 answers 10.1.2.1 7 || fail "nobody answers on 10.1.2.1"
before=$(stat_of cp0 steer)
peer "${udp[@]}" sizes 10.1.2.1 7 1 200
after=$(stat_of cp0 steer)
[ $((after - before)) = 200 ] || fail "of 200 requests $((after - before)) were steered"
stop "$pid"
"$fastsock" detach cp0
