#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The echo answer runs in native XDP on a NIC with zero-copy: nobody listens
# on the port, every size comes back, and the program counts what it answered.
. "$(dirname "$0")/../lib.sh"
need "$fastsock"

attach "$nic"
native "$nic" || fail "the program is not attached in native mode"
"$fastsock" answer add -i "$nic" udp/7 echo
peer "${udp[@]}" sizes "$nic4" 7 1 1472
peer "${udp[@]}" sizes "$nic6" 7 1 1452
answered=$(stat_of "$nic" tx_echo)
[ "$answered" = 2924 ] || fail "2924 requests came back, tx_echo says $answered"
"$fastsock" detach "$nic"
