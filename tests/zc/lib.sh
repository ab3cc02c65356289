# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# lib.sh - what every case in cases/ reads first. The network of the guest:
#
#	       root namespace            hub            namespace "peer"
#	zc0  10.1.1.1 fd01::1  <------------------->  zc1  10.1.1.2 fd01::2
#	cp0  10.1.2.1 fd02::1  <------------------->  cp1  10.1.2.2 fd02::2
#	ig0  10.1.3.1 fd03::1  <------------------->  ig1  10.1.3.2 fd03::2  (--igb)
#
# zc0 and zc1 are virtio NICs that can do AF_XDP zero-copy, cp0 and cp1 virtio
# NICs that cannot, ig0 and ig1 Intel 82576s that can. The kernel's own stack
# in "peer" is the client of every test.
#
# A case is a script whose exit status is the verdict: 0 passed, 77 skipped,
# everything else failed, with the reason as the last line it printed.
set -euo pipefail

cases=$(cd "$(dirname "$0")" && pwd -P)
here=${cases%/cases}
top=$(cd "$here/../.." && pwd -P)
work=$(mktemp -d)
fastsock=$B/bin/fastsock
foreign_object=$B/tests/zc/foreign.bpf.o
python=(/usr/bin/python3 -IS)	# starts in half the time
udp=("${python[@]}" "$here/udp.py")
tcp=("${python[@]}" "$here/tcp.py")
mega=1048576
long=${FS_TEST_LONG#0}	# not empty in a long run
. "$here/network.sh"
pids=()

fail() { echo "$*"; exit 1; }
skip() { echo "$*"; exit 77; }

# With --igb the cases that take whatever NIC does zero-copy take that one.
if [ -n "${ZC_IGB-}" ]; then
	nic=ig0 nic4=10.1.3.1 nic6=fd03::1 peer4=10.1.3.2
else
	nic=zc0 nic4=10.1.1.1 nic6=fd01::1 peer4=10.1.1.2
fi

in_peer=(nsenter --net=/run/netns/peer)
peer() { "${in_peer[@]}" "$@"; }

# need FILE...: the project's own files that this case is about.
need() {
	local file

	for file in "$@"; do
		[ -e "$file" ] || fail "${file#"$top/"} is not built"
	done
}

# start NAME COMMAND...: in the background, its output in $work/NAME. $pid is
# its process id. It ends with the case. A command, not a function such as peer:
# a signal would end the shell that runs that, and not what it runs.
start() {
	local name=$1
	shift

	"$@" > "$work/$name" 2>&1 &
	pid=$!
	pids+=("$pid")
}

# stop PID [SIGNAL]: and wait until it is gone.
stop() {
	kill -s "${2-TERM}" "$1" 2> /dev/null || :
	wait "$1" 2> /dev/null || :
}

# await SECONDS COMMAND...: until it succeeds; false when the time is over.
await() {
	local end=$((SECONDS + $1))
	shift

	until "$@" > /dev/null 2>&1; do
		[ $SECONDS -lt $end ] || return 1
		sleep 0.1
	done
}

carrier() { ip -br link show "$1" | grep -q LOWER_UP; }

# attach IFACE: an igb resets itself, its link is away for a second.
attach() {
	"$fastsock" attach "$1" || fail "fastsock attach $1 failed"
	await 30 carrier "$1" || fail "no link on $1 after attach"
}

attached() { ip link show "$1" | grep -q 'prog/xdp'; }
native() { attached "$1" && ! ip link show "$1" | grep -q xdpgeneric; }

# The kernel's own word on the AF_XDP sockets of an interface: one line each,
# "zc" or "copy".
xsk_modes() {
	ss --xdp -e -H | awk -v nic=" $1:q" '
		/^[^\t]/ { here = index($0, nic) }
		here && /zc:[01]/ { print /zc:1/ ? "zc" : "copy" }'
}

bound() { [ -n "$(xsk_modes "$1")" ]; }

# What `fastsock status` says about the sockets of an interface.
told_mode() {
	awk -v nic="$1" '
		/^[^ \t]/ { here = index($0, nic) == 1 }
		here' | { grep -oiE '(zero-?)?copy' || :; } | sort -u | paste -sd ' '
}

answers() { [[ $(peer "${udp[@]}" ask "$1" "$2" 1) == *lost=0 ]]; }

# map_sum FIELD MAP...: a field of a map, as bpftool names one, over all CPUs.
map_sum() {
	local field=$1
	shift

	bpftool map dump "$@" | awk -v f="\"$field\":" '
		$1 == f { sub(/,$/, "", $2); n += $2 }
		END { print n + 0 }'
}

stat_of() {	# IFACE COUNTER
	map_sum "$2" pinned "/sys/fs/bpf/fastsock/$1/stats"
}

# --- TCP examples ------------------------------------------------------------------

# serve NAME EXAMPLE OPTION...: on the NIC; its sockets must be zero-copy.
serve() {
	local name=$1 example=$2
	shift 2

	steered_before=$(stat_of "$nic" steer)
	start "$name" "$B/examples/$example" -i "$nic" "$@"
	server=$pid
	await 30 grep -q "port [0-9]" "$work/$name" || fail "$example does not listen"
	[ "$(xsk_modes "$nic" | sort -u)" = zc ] || fail "$example's socket is not zero-copy"
}

# steered N: so many at least came by the fast path, not by the kernel twin.
steered() {
	local n=$(($(stat_of "$nic" steer) - steered_before))

	[ $n -ge "$1" ] || fail "only $n packets of $1 were steered"
}

# It ends by itself, and well.
end_server() {
	kill "$server"
	wait "$server" || fail "the server ended with status $?"
}

# --- fastsock beside somebody else's program ---------------------------------------

foreign_id() { bpftool prog show name foreign | awk -F: '/foreign/ { print $1; exit }'; }
foreign_seen() { map_sum packets name foreign_seen; }

unloaded() { ! bpftool prog show name "$1" | grep -q .; }

# Each of 100 requests is answered by fastsock and counted by the foreign program.
both_run() {
	local seen answered

	seen=$(foreign_seen)
	answered=$(stat_of "$1" tx_echo)
	peer "${udp[@]}" sizes "$nic4" 7 1 100
	seen=$(($(foreign_seen) - seen))
	answered=$(($(stat_of "$1" tx_echo) - answered))
	[ "$answered" = 100 ] || fail "of 100 requests fastsock answered $answered"
	[ "$seen" -ge 100 ] || fail "of 100 requests the foreign program saw $seen"
}

# foreign_alone IFACE ID: the program with that id, and no other, sees packets.
foreign_alone() {
	local seen

	attached "$1" || fail "detach took the foreign program away as well"
	[ "$(foreign_id)" = "$2" ] || fail "detach replaced the foreign program"
	await 5 unloaded fastsock || fail "fastsock's program is still loaded after detach"
	seen=$(foreign_seen)
	peer ping -q -c 3 -i 0.2 -W 2 "$nic4" > "$work/ping" || fail "no ping through the foreign program after detach"
	[ $(($(foreign_seen) - seen)) -ge 3 ] || fail "the foreign program sees nothing after detach"
}

# --- the end of a case -------------------------------------------------------------

# Everything that was started ends, and the NICs are as they were. Whatever
# hides a trace of a passed case from the check in inside does not belong here.
finish() {
	local status=$? pid log

	trap - EXIT
	calm "$nic"
	for pid in "${pids[@]}"; do
		stop "$pid"
	done
	if [ $status != 0 ] && [ $status != 77 ]; then
		for log in "$work"/*; do
			[ ! -s "$log" ] || sed "s/^/${log##*/}| /" "$log" | tail -n 30
		done > /tmp/case.logs
	fi
	rm -rf "$work"
	exit $status
}
trap finish EXIT

await 30 carrier "$nic" && await 30 carrier cp0 || fail "the NICs have no link"
