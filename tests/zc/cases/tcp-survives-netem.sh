#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause
# Loss, delay, reordering and duplicates in both directions: what goes through
# tcp_proxy, other bytes each way at once, arrives as it was sent. In a long
# run also more of it, and in weathers for each that stand alone.
. "$(dirname "$0")/../lib.sh"
need "$fastsock" "$B/examples/tcp_proxy"

weathers=("loss 1%" "delay 5ms 2ms reorder 25% loss 0.5% duplicate 2%")
sizes=(1 20000 "$mega")
[ -z "$long" ] || {
	weathers+=("loss 0.1%" "loss 5%" "delay 20ms" "delay 10ms reorder 50%" "duplicate 10%"
		"delay 5ms 5ms" "delay 20ms loss 3% reorder 10% duplicate 1%")
	sizes+=(3 1447 65537 $((8 * mega)))
}
attach "$nic"
serve proxy tcp_proxy -p 9 -t "$peer4:5000"
for weather in "${weathers[@]}"; do
	weather "$nic" "$weather" "$weather"
	said=$(peer "${tcp[@]}" bulk "$nic4" 9 "${sizes[@]}" 2>&1) || fail "with netem $weather: $said"
	said=$(peer "${tcp[@]}" halves "$nic4" 9 2>&1) || fail "with netem $weather: $said"
	calm "$nic"
done
end_server
peer "${tcp[@]}" closed
"$fastsock" detach "$nic"
