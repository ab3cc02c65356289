#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Somebody else's program is loaded onto a NIC where fastsock is attached:
# both see every packet, and detach leaves the foreign one.
. "$(dirname "$0")/../lib.sh"
need "$fastsock"

attach "$nic"
"$fastsock" answer add -i "$nic" udp/7 echo
xdp-loader load -m native "$nic" "$foreign_object" || fail "xdp-loader cannot load a program beside fastsock"
foreign=$(foreign_id)
both_run "$nic"
"$fastsock" detach "$nic"
foreign_alone "$nic" "$foreign"
xdp-loader unload --all "$nic"
