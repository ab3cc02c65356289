#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# libxdp's dispatcher works in the guest: two foreign programs on one NIC both
# see a packet. When this fails, the lane is broken, not the library.
. "$(dirname "$0")/../lib.sh"

xdp-loader load -m native "$nic" "$foreign_object" || fail "xdp-loader cannot load the first program"
xdp-loader load -m native "$nic" "$foreign_object" || fail "xdp-loader cannot load a second program beside the first"
peer ping -q -c 3 -i 0.2 -W 2 "$nic4" > "$work/ping" || fail "no ping through two XDP_PASS programs"

ids=$(bpftool map show name foreign_seen | awk -F: '/foreign_seen/ { print $1 }')
[ "$(echo "$ids" | wc -l)" = 2 ] || fail "expected two foreign_seen maps, found: $ids"
for id in $ids; do
	n=$(map_sum packets id "$id")
	[ "$n" -ge 3 ] || fail "a program of the chain saw $n packets of 3"
done
xdp-loader unload --all "$nic"
