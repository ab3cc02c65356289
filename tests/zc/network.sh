# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
#
# network.sh - the guest's network, as lib.sh draws it, and bad weather in it.

by_mac() { ip -br link | awk -v mac="$1" '$3 == mac { print $1 }'; }

nic() {	# MAC NAME NUMBER HOST
	local dev

	dev=$(by_mac "$1")
	[ -n "$dev" ] || { echo "inside: no NIC with the address $1"; exit 1; }
	ip link set "$dev" name "$2"
	if [ "$4" = 2 ]; then
		ip link set "$2" netns peer
		set -- "$@" -n peer
	fi
	ip "${@:5}" addr add "10.1.$3.$4/24" dev "$2"
	ip "${@:5}" addr add "fd0$3::$4/64" dev "$2" nodad
	ip "${@:5}" link set "$2" up
}

make_network() {
	local net

	ip netns add peer
	ip -n peer link set lo up
	for net in "1 zc" "2 cp" ${ZC_IGB:+"3 ig"}; do
		nic "52:54:00:00:0${net% *}:01" "${net#* }0" "${net% *}" 1
		nic "52:54:00:00:0${net% *}:02" "${net#* }1" "${net% *}" 2
	done
}

# weather IFACE TOWARDS FROM: netem at the peer's end of IFACE, each a string of
# its arguments, "" for none. A zero-copy transmission passes no qdisc of its own
# device, so both are at the peer's: what comes in there passes an ifb.
weather() {
	local at=${1%0}1

	calm "$1"
	ip netns exec peer ethtool -K "$at" gro off
	if [ -n "$2" ]; then
		ip -n peer link add weather type ifb
		ip -n peer link set weather up
		tc -n peer qdisc add dev weather root netem $2
		tc -n peer qdisc add dev "$at" handle ffff: ingress
		tc -n peer filter add dev "$at" parent ffff: matchall action mirred egress redirect dev weather
	fi
	[ -z "$3" ] || tc -n peer qdisc add dev "$at" root netem $3
}

calm() {	# IFACE
	local at=${1%0}1

	tc -n peer qdisc del dev "$at" root 2> /dev/null || :
	tc -n peer qdisc del dev "$at" ingress 2> /dev/null || :
	ip -n peer link del weather 2> /dev/null || :
}
