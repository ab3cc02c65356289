#!/bin/bash
# SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
# libxdp before 1.5.5 cannot chain the object with users' answers: attach takes
# the plain one, and says so where it matters. Alone, users' answers run.
. "$(dirname "$0")/../lib.sh"
whoami=$B/examples/answer_whoami.bpf.o
need "$fastsock" "$whoami"

attach "$nic"
if "$fastsock" answer add -i "$nic" udp/3478 "$whoami" > "$work/add" 2>&1; then
	"$fastsock" status "$nic" > "$work/status"
	! grep -q 'cannot be loaded' "$work/status" || fail "status says that users' answers cannot be loaded, but one was"
	"$fastsock" detach "$nic"
else
	grep -q -- '--alone' "$work/add" || fail "the refusal does not name --alone: $(cat "$work/add")"
	"$fastsock" status "$nic" > "$work/status"
	grep -q -- '--alone' "$work/status" || fail "status does not say why users' answers are not available"
	[ -z "$(find "/sys/fs/bpf/fastsock/$nic" -name 'answer*')" ] || fail "pins of an answer are left"
	"$fastsock" detach "$nic"
fi

"$fastsock" attach --alone "$nic" || fail "fastsock attach --alone failed"
await 15 carrier "$nic" || fail "no link after attach --alone"
"$fastsock" answer add -i "$nic" udp/3478 "$whoami" --name whoami
reply=$(peer /usr/bin/python3 - "$nic4" <<'EOF'
import socket, sys
sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sock.settimeout(3)
sock.sendto(b"who?0001" + bytes(20), (sys.argv[1], 3478))
print(sock.recv(2048)[:8].decode())
EOF
) || fail "nobody answers who?"
[ "$reply" = "you!0001" ] || fail "the answer is '$reply'"
"$fastsock" detach "$nic"
