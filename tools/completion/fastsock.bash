# SPDX-License-Identifier: BSD-2-Clause
# bash completion for fastsock(8)

_fastsock_ifaces() {
	ip -o link show 2>/dev/null | sed -n 's/^[0-9]*: \([^:@]*\).*/\1/p'
}

_fastsock_attached() {
	fastsock status 2>/dev/null | sed -n 's/^\([^ ]*\): .*/\1/p'
}

_fastsock_flows() {	# rule|answer
	fastsock "$1" list 2>/dev/null | awk '$1 ~ "/|^icmp$" { print $1 }'
}

_fastsock() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local at=1 words= verb sub

	# -v stands before the verb.
	[ "$COMP_CWORD" -gt 1 ] && [ "${COMP_WORDS[1]}" = -v ] && at=2
	verb=${COMP_WORDS[at]} sub=${COMP_WORDS[at + 1]-}
	COMPREPLY=()
	# Behind "run ... --", another program's words.
	if [ "$verb" = run ]; then
		local i
		for ((i = at + 1; i < COMP_CWORD; i++)); do
			[ "${COMP_WORDS[i]}" = -- ] || continue
			_command_offset $((i + 1)) 2>/dev/null ||
				mapfile -t COMPREPLY < <(compgen -c -f -- "$cur")
			return
		done
	fi
	case $prev in
	-i|--interface)
		if [ "$verb" = run ]; then words=$(_fastsock_ifaces); else words=$(_fastsock_attached); fi
		;;
	--config) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	--spin|--only|--queues) return ;;
	--mode) words="native skb auto" ;;
	-w|--write) mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	--rate|--name|-c|--count) return ;;
	esac
	if [ -n "$words" ]; then
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
		return
	fi
	if [ "$COMP_CWORD" = "$at" ]; then
		words="attach detach status rule answer kv stats capture run help"
		[ "$at" = 2 ] || words="$words -v --version"
	else
		case $verb/$sub in
		attach/*) words="--mode --alone --pass $(_fastsock_ifaces)" ;;
		detach/*) words="--all $(_fastsock_attached)" ;;
		status/*) words="--json $(_fastsock_attached)" ;;
		stats/*) words="-i --all --watch --json" ;;
		capture/*) words="-i -w -c" ;;
		run/*) words="-i --spin --only --queues --why --config --" ;;
		help/*) words="attach detach status rule answer kv stats capture run" ;;
		rule/add) words="-i udp/ tcp/ icmp pass drop" ;;
		rule/del) words="-i $(_fastsock_flows rule)" ;;
		answer/add)
			words="-i udp/ icmp echo kv --rate --name"
			mapfile -t COMPREPLY < <(compgen -f -X '!*.o' -- "$cur")
			;;
		answer/del) words="-i $(_fastsock_flows answer)" ;;
		rule/list|answer/list|kv/list) words="-i" ;;
		rule/*|answer/*) words="add del list" ;;
		kv/set|kv/get|kv/del) words="-i" ;;
		kv/ping) return ;;
		kv/*) words="set get del list ping" ;;
		esac
	fi
	mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -W "$words" -- "$cur")
	# A flow goes on behind its slash.
	[[ ${#COMPREPLY[@]} != 1 || ${COMPREPLY[0]} != */ ]] || compopt -o nospace
}

complete -F _fastsock fastsock
