#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# http_server in zero-copy and curl on the kernel's TCP: a file arrives as it
# is, in calm, and with loss and reordering in both directions.
. "$(dirname "$0")/../lib.sh"
need "$fastsock" "$B/examples/http_server"

fetch() {	# FILE WHEN
	local got

	got=$(peer curl -sS -m 600 "http://$nic4:80/$1" | sha256sum) || fail "curl failed $2"
	[ "$got" = "$(sha256sum < "$work/root/$1")" ] || fail "$1 arrived otherwise $2"
}

mkdir "$work/root"
head -c $((16 * mega)) /dev/urandom > "$work/root/large"
head -c "$mega" /dev/urandom > "$work/root/small"
attach "$nic"
serve http http_server -p 80 --root "$work/root"
fetch large "in calm"
weather "$nic" "delay 5ms reorder 10% loss 1%" "loss 1%"
fetch small "in bad weather"
[ -z "$long" ] || fetch large "in bad weather"
calm "$nic"
end_server
peer "${tcp[@]}" closed
"$fastsock" detach "$nic"
