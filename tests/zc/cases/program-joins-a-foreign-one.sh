#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# fastsock attaches to a NIC where somebody else's program is: libxdp chains
# both, both see every packet, and detach leaves the foreign one as it was.
. "$(dirname "$0")/../lib.sh"
need "$fastsock"

xdp-loader load -m native "$nic" "$foreign_object"
foreign=$(foreign_id)
attach "$nic"
"$fastsock" answer add -i "$nic" udp/7 echo
both_run "$nic"
"$fastsock" detach "$nic"
foreign_alone "$nic" "$foreign"
xdp-loader unload --all "$nic"
