#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# A published value is fetched by a kernel client over IPv4 and IPv6, and the
# answer came from XDP: nobody listens on the port.
. "$(dirname "$0")/../lib.sh"
need "$fastsock"

attach "$nic"
"$fastsock" answer add -i "$nic" udp/9000 kv
long=$(printf '%0900d' 7)
"$fastsock" kv set -i "$nic" greeting "hello, world"
"$fastsock" kv set -i "$nic" long "$long"

get() {	# HOST KEY VALUE
	local got

	got=$(peer "$fastsock" kv get "$1:9000" "$2") || fail "kv get $1:9000 $2 failed: $got"
	[ "$got" = "$3" ] || fail "kv get $1:9000 $2 gave '$got'"
}
get "$nic4" greeting "hello, world"
get "[$nic6]" greeting "hello, world"
get "$nic4" long "$long"
hits=$(stat_of "$nic" kv_hit)
[ "$hits" = 3 ] || fail "3 values were fetched, kv_hit says $hits"
! peer "$fastsock" kv get "$nic4:9000" nothing > "$work/nothing" 2>&1 ||
	fail "kv get of a key that is not there succeeded"
"$fastsock" detach "$nic"
