#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# kill -9 of a zero-copy program under traffic: the kernel's own server gets
# the traffic at once, and a new program binds the same queue again. Three
# rounds, then a clean end.
. "$(dirname "$0")/../lib.sh"
need "$fastsock" "$B/examples/udp_echo"

expect() {	# WHO WHEN
	local got

	got=$(peer "${udp[@]}" ask "$nic4" 7 20)
	[[ $got == *"$1=20"* ]] || fail "20 requests $2: $got"
}

attach "$nic"
start load "${in_peer[@]}" "${udp[@]}" load "$nic4" 7
load=$pid
for round in 1 2 3; do
	start echo "$B/examples/udp_echo" -i "$nic" -p 7
	echo=$pid
	await 30 bound "$nic" || fail "round $round: udp_echo did not bind an AF_XDP socket"
	[ "$(xsk_modes "$nic" | sort -u)" = zc ] || fail "round $round: not zero-copy"
	await 30 answers "$nic4" 7 || fail "round $round: udp_echo does not answer"
	before=$(stat_of "$nic" steer)
	expect fast "to udp_echo in round $round"
	after=$(stat_of "$nic" steer)
	[ $((after - before)) -ge 20 ] || fail "round $round: $((after - before)) requests were steered, the kernel did the rest"

	stop "$echo" KILL
	start server "${udp[@]}" serve 0.0.0.0 7
	await 30 grep -q ready "$work/server" || fail "the kernel's server cannot bind port 7 after kill -9"
	expect kernel "after kill -9 in round $round"
	attached "$nic" || fail "the program went away with the process"
	stop "$pid"
done
stop "$load"
read -r total < "$work/load" || fail "the load did not report"
[[ $total =~ fast=[1-9].*kernel=[1-9] ]] || fail "the load saw $total"
"$fastsock" detach "$nic"
