#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A program on the stack door echoes every payload size to a kernel client,
# over IPv4 and IPv6, and both directions are zero-copy by the kernel's word.
. "$(dirname "$0")/../lib.sh"
need "$fastsock" "$B/examples/udp_echo"

attach "$nic"
start echo "$B/examples/udp_echo" -i "$nic" -p 7
await 30 bound "$nic" || fail "udp_echo did not bind an AF_XDP socket"
modes=$(xsk_modes "$nic" | sort -u)
[ "$modes" = zc ] || fail "the kernel says that udp_echo's socket is $modes, not zero-copy"
"$fastsock" status > "$work/status"
[ "$(told_mode "$nic" < "$work/status")" = zero-copy ] || fail "fastsock status does not say zero-copy"

await 30 answers "$nic4" 7 || fail "nobody answers on $nic4"
before=$(stat_of "$nic" steer)
peer "${udp[@]}" sizes "$nic4" 7 1 1472
peer "${udp[@]}" sizes "$nic6" 7 1 1452
after=$(stat_of "$nic" steer)
[ $((after - before)) = 2924 ] || fail "of 2924 requests $((after - before)) were steered, the rest went by the kernel"

stop "$pid"
"$fastsock" detach "$nic"
