// SPDX-License-Identifier: BSD-2-Clause
/* help.c - fastsock help [VERB]: what each verb is for, with examples. */
#include <string.h>

#include "cmd.h"

static const char overview[] =
"usage: fastsock VERB ...\n"
"\n"
"  attach IFACE     put the XDP program on an interface; it passes everything at first\n"
"  detach IFACE     take it off again, and leave nothing behind\n"
"  status [IFACE]   what runs, who receives, and why something is not fast\n"
"  rule             flows that are to be passed to the kernel, or dropped\n"
"  answer           flows that XDP answers by itself: echo, kv, your own program\n"
"  kv               keys that XDP answers; and a client for kv servers\n"
"  stats            what became of each packet\n"
"  capture          record the fast path's packets, which tcpdump does not see\n"
"  run -- COMMAND   a program, as it is, with its sockets on the fast path\n"
"  help VERB        more, with examples; VERB --help is the same\n"
"\n"
"  -i IFACE may be left out while one interface has fastsock. -v before the verb\n"
"  tells more. Exit status: 0 done, 1 failed, 2 wrong usage. See fastsock(8).\n"
"\n"
"  fastsock attach eth0\n"
"  fastsock answer add udp/7 echo\n"
"  fastsock run -i eth0 -- nginx -g 'daemon off;'\n"
"  fastsock stats --watch\n";

static const struct {
	const char *verb, *text;
} topics[] = {
{ "attach",
"fastsock attach IFACE [--mode native|skb|auto] [--alone]\n"
"fastsock attach --pass IFACE\n"
"\n"
"Loads the XDP program and attaches it. Without rules it passes every packet to the\n"
"kernel. It stays until `fastsock detach`, whatever happens to this process. Others'\n"
"programs are not touched: it joins them in libxdp's dispatcher, or says that it cannot.\n"
"\n"
"  --mode native   in the driver or not at all\n"
"  --mode skb      in the kernel's generic mode: any driver, but slower\n"
"  --mode auto     native, else skb with a warning (the default)\n"
"  --alone         not in libxdp's dispatcher: users' answers work everywhere\n"
"  --pass          a program that passes everything: for a veth whose peer answers by XDP\n"
"\n"
"examples:\n"
"  fastsock attach eth0\n"
"  ip netns exec client fastsock attach --pass veth1\n" },
{ "detach",
"fastsock detach IFACE\n"
"fastsock detach --all\n"
"\n"
"Takes our program, its maps and its pins away, and nothing of anybody else's. Works\n"
"too when the program or the interface has gone by other means.\n"
"\n"
"examples:\n"
"  fastsock detach eth0\n" },
{ "status",
"fastsock status [IFACE] [--json]\n"
"\n"
"Which program runs in which mode, the processes that receive (slots) and their AF_XDP\n"
"sockets, the rules, and notes: each a reason why something is not as fast as it could\n"
"be, and what to do. Then, of the processes of `fastsock run`, how many sockets were fast,\n"
"and why others were not: all processes, or with IFACE those that receive there.\n"
"\n"
"examples:\n"
"  fastsock status\n"
"  fastsock status --json | jq '.interfaces[].notes'\n" },
{ "rule",
"fastsock rule add [-i IFACE] FLOW pass|drop\n"
"fastsock rule del [-i IFACE] FLOW\n"
"fastsock rule list [-i IFACE]\n"
"\n"
"FLOW is the local end: udp/PORT (IPv4 and IPv6), udp/ADDR:PORT, tcp/..., icmp,\n"
"icmp/ADDR. An exact address comes before any address. A port without a rule passes.\n"
"  pass   to the kernel, even if a process would receive it on the fast path\n"
"  drop   in the driver\n"
"Ports that a process receives have rules of their own, which come and go with it.\n"
"\n"
"examples:\n"
"  fastsock rule add udp/4000 pass           # move a port to the kernel for a while\n"
"  fastsock rule add udp/[2001:db8::1]:1900 drop\n"
"  fastsock rule del udp/4000\n" },
{ "answer",
"fastsock answer add [-i IFACE] FLOW echo|kv|NAME|FILE.bpf.o [--rate PPS[:BURST]] [--name NAME]\n"
"fastsock answer del [-i IFACE] FLOW|NAME\n"
"fastsock answer list [-i IFACE]\n"
"\n"
"Packets of FLOW are answered by the XDP program itself and never reach a socket. What\n"
"it cannot answer goes to the process that receives that port, or to the kernel.\n"
"  echo         UDP echo (RFC 862) for a udp flow, ping replies for icmp;\n"
"               drops requests from its own port and other responders' (7, 13, 17, 19, 37)\n"
"  kv           GET of the keys that `fastsock kv set` publishes (doc/kv-wire.md)\n"
"  FILE.bpf.o   your own program (see bpf/fs_answer.bpf.h), loaded as NAME; the same name\n"
"               again replaces it without a gap\n"
"  --rate       answers a second for each source (IPv6: each /64), so that forged\n"
"               requests are no use to anybody; BURST at once, else a tenth of it\n"
"\n"
"examples:\n"
"  fastsock answer add udp/7 echo --rate 1000\n"
"  fastsock answer add icmp echo\n"
"  fastsock answer add udp/9000 kv && fastsock kv set greeting hello\n"
"  fastsock answer add udp/3478 answer_whoami.bpf.o --name whoami\n"
"  fastsock answer del udp/3478 && fastsock answer del whoami\n" },
{ "kv",
"fastsock kv set|get|del [-i IFACE] KEY [VALUE]\n"
"fastsock kv list [-i IFACE]\n"
"fastsock kv set|get|del HOST:PORT KEY [VALUE]\n"
"fastsock kv ping HOST:PORT\n"
"\n"
"Without HOST:PORT: the keys that are published on an interface. They are answered on\n"
"every port with `fastsock answer add udp/PORT kv`. Keys have up to 250 bytes, values up\n"
"to 1024.\n"
"With HOST:PORT: a client that asks a server over UDP, as any program would.\n"
"\n"
"examples:\n"
"  fastsock kv set -i eth0 greeting 'hello, world'\n"
"  fastsock kv get 192.0.2.1:9000 greeting      # from another host\n"
"  fastsock kv ping [2001:db8::1]:9000\n" },
{ "stats",
"fastsock stats [-i IFACE] [--all] [--watch[=SECONDS]] [--json]\n"
"\n"
"Each packet counts exactly one verdict, so that those add up to rx_packets; the lines\n"
"below the gap tell more. Counters of 0 are left out without --all. --watch prints rates.\n"
"\n"
"examples:\n"
"  fastsock stats\n"
"  fastsock stats --watch=5\n"
"  bpftool map dump pinned /sys/fs/bpf/fastsock/eth0/stats   # the same, for each CPU\n" },
{ "capture",
"fastsock capture [-i IFACE] -w FILE.pcapng|- [-c COUNT]\n"
"\n"
"Records what a rule steers or answers, the answers, and what fast processes send: none of\n"
"it passes the place where tcpdump listens. Costs nothing while nobody records. Ends with\n"
"^C or after COUNT packets.\n"
"\n"
"examples:\n"
"  fastsock capture -i eth0 -w fast.pcapng\n"
"  fastsock capture -w - | tcpdump -nr -\n" },
{ "run",
"fastsock run [-i IFACE]... [--spin USEC] [--only PORTS] [--queues N] [--why[=FILE]]\n"
"             [--config FILE] [--] COMMAND [ARGUMENT]...\n"
"\n"
"Runs COMMAND, unmodified, under the preload library: its TCP and UDP sockets whose traffic\n"
"goes by IFACE are carried by the fast path, and everything else by the kernel. Attaches\n"
"fastsock to IFACE if it is not, and then detaches it at the end, unless a process still\n"
"receives there. Signals reach COMMAND, its exit status is that of `fastsock run`; 127 and\n"
"126 say that there is no COMMAND, or that it cannot be run.\n"
"\n"
"  -i IFACE     several times, or eth0,eth1; without it the interfaces that are attached,\n"
"               and if there are none, every one that is up and whose driver can\n"
"  --spin USEC  poll so long before sleeping: faster answers, for CPU time\n"
"  --only PORTS only these local or remote ports: 80,443,8000-8010\n"
"  --queues N   the first N receive queues of each interface; else all of them. Of several\n"
"               processes the first has them, and the others stay in the kernel\n"
"  --why        at exit, tell on stderr how many sockets were fast, how many not, and why;\n"
"               --why=FILE appends to a file, which each process opens at its end\n"
"  --config FILE lines \"key = value\": ifaces, only, spin, queues, frames, why, log; without\n"
"               it /etc/fastsock.conf, if it is there\n"
"\n"
"The environment says the same: FASTSOCK_IFACES, FASTSOCK_ONLY, FASTSOCK_SPIN,\n"
"FASTSOCK_QUEUES, FASTSOCK_FRAMES, FASTSOCK_WHY, FASTSOCK_LOG. An option wins over it, and it wins\n"
"over the file.\n"
"\n"
"examples:\n"
"  fastsock run -i eth0 -- nginx -g 'daemon off;'\n"
"  fastsock run -i eth0 --spin 50 --only 6379 --why -- redis-server --port 6379\n"
"  fastsock run -- curl -sO http://192.0.2.1/large\n" },
};

int cmd_help(int argc, char **argv)
{
	if (argc < 2) {
		fputs(overview, argv ? stdout : stderr);
		return EXIT_OK;
	}
	for (size_t i = 0; i < sizeof(topics) / sizeof(topics[0]); i++) {
		if (strcmp(topics[i].verb, argv[1]) != 0)
			continue;
		fputs(topics[i].text, stdout);
		return EXIT_OK;
	}
	fprintf(stderr, "fastsock: error: there is no verb \"%s\"; `fastsock help` lists them\n", argv[1]);
	return EXIT_USAGE;
}
