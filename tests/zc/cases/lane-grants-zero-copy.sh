#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# The guest's kernel grants zero-copy on the NIC that the other cases use, and
# copy mode only on cp0. When this fails, the lane is broken, not the library.
. "$(dirname "$0")/../lib.sh"

expect() {	# IFACE MODE ANSWER
	local got

	got=$("${python[@]}" "$here/xsk.py" "$1" "$2")
	[ "$got" = "$3" ] || fail "bind of $1 in mode $2: the kernel said $got instead of $3"
}

expect "$nic" zerocopy zerocopy
expect "$nic" auto zerocopy
expect "$nic" copy copy
expect cp0 zerocopy EINVAL
expect cp0 auto copy
