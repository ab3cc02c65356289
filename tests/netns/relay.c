// SPDX-License-Identifier: BSD-2-Clause
/*
 * relay - a bad wire between two interfaces of this namespace.
 *
 *	relay IF_A IF_B [--loss PPM] [--dup PPM] [--reorder PPM] [--delay US]
 *	      [--narrow BYTES] [--seed N]
 *
 * Each frame that comes in on one goes out on the other, in both directions,
 * after the delay; some are lost, sent twice, or held back for HOLD_US longer. From IF_B
 * nothing longer than --narrow gets through. The kernel here has no netem. SIGTERM makes it print what it did.
 *
 * The ends must not leave checksums or segmentation to the device: frames
 * are passed on as they are.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <getopt.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	FRAME_MAX = 9216,
	HOLD_US = 1000,
	BURST = 64,
	BUFFER = 8 << 20,
};

struct frame {
	struct frame *next;
	uint64_t due_ns;
	size_t len;
	uint8_t bytes[];
};

struct lane {			/* one direction */
	int from, to;
	size_t narrow;		/* bytes of a frame at most */
	struct frame *head;	/* by due time */
};

static struct {
	unsigned int loss, dup, reorder, delay_us, narrow;
	uint64_t seed;
} opts = { .seed = 1 };
static struct {
	unsigned long long in, out, lost, dup, reordered, refused;
} count;
static volatile sig_atomic_t stop;

static void on_signal(int sig)
{
	stop = sig;
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

/* xorshift64*: the same seed and the same frames, the same fate. */
static int chance(unsigned int ppm)
{
	opts.seed ^= opts.seed >> 12;
	opts.seed ^= opts.seed << 25;
	opts.seed ^= opts.seed >> 27;
	return (opts.seed * 2685821657736338717ull >> 32) % 1000000 < ppm;
}

static int open_packet(const char *ifname)
{
	struct sockaddr_ll addr = {
		.sll_family = AF_PACKET,
		.sll_protocol = htons(ETH_P_ALL),
		.sll_ifindex = (int)if_nametoindex(ifname),
	};
	const int one = 1, buffer = BUFFER;
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, 0);

	if (fd < 0 || !addr.sll_ifindex ||
	    setsockopt(fd, SOL_PACKET, PACKET_IGNORE_OUTGOING, &one, sizeof(one)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer)) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof(buffer)) ||
	    bind(fd, (struct sockaddr *)&addr, sizeof(addr)))
		err(1, "%s", ifname);
	return fd;
}

static void queue(struct lane *lane, const uint8_t *bytes, size_t len, uint64_t due_ns)
{
	struct frame *frame = malloc(sizeof(*frame) + len), **at = &lane->head;

	if (!frame)
		err(1, "malloc");
	while (*at && (*at)->due_ns <= due_ns)
		at = &(*at)->next;
	frame->next = *at;
	frame->due_ns = due_ns;
	frame->len = len;
	memcpy(frame->bytes, bytes, len);
	*at = frame;
}

static void take_in(struct lane *lane)
{
	uint8_t bytes[FRAME_MAX];

	for (int i = 0; i < BURST; i++) {
		ssize_t len = recv(lane->from, bytes, sizeof(bytes), 0);
		uint64_t due_ns = now_ns() + opts.delay_us * 1000ull;

		if (len <= 0)
			return;
		count.in++;
		if ((size_t)len > lane->narrow || chance(opts.loss)) {
			count.lost++;
			continue;
		}
		if (chance(opts.dup)) {
			count.dup++;
			queue(lane, bytes, (size_t)len, due_ns);
		}
		if (chance(opts.reorder)) {
			count.reordered++;
			due_ns += HOLD_US * 1000ull;
		}
		queue(lane, bytes, (size_t)len, due_ns);
	}
}

/* Returns when the next one is due, 0: none waits. */
static uint64_t put_out(struct lane *lane)
{
	struct frame *frame;

	while ((frame = lane->head) && frame->due_ns <= now_ns()) {
		if (send(lane->to, frame->bytes, frame->len, 0) < 0) {
			if (errno == EAGAIN || errno == ENOBUFS)
				return now_ns() + 50000;
			count.refused++;
		} else {
			count.out++;
		}
		lane->head = frame->next;
		free(frame);
	}
	return frame ? frame->due_ns : 0;
}

static void relay(int a, int b)
{
	struct lane lanes[2] = {
		{ .from = a, .to = b, .narrow = FRAME_MAX },
		{ .from = b, .to = a, .narrow = opts.narrow ? opts.narrow : FRAME_MAX },
	};
	struct pollfd fds[2] = { { .fd = a, .events = POLLIN }, { .fd = b, .events = POLLIN } };

	while (!stop) {
		uint64_t next = 0;

		for (int i = 0; i < 2; i++) {
			uint64_t due;

			take_in(&lanes[i]);
			due = put_out(&lanes[i]);
			next = due && (!next || due < next) ? due : next;
		}
		if (next) {
			uint64_t now = now_ns(), left = next > now ? next - now : 0;
			struct timespec ts = { (time_t)(left / 1000000000), (long)(left % 1000000000) };

			ppoll(fds, 2, &ts, NULL);
		} else {
			poll(fds, 2, -1);
		}
	}
}

int main(int argc, char **argv)
{
	static const struct option longopts[] = {
		{ "loss", required_argument, NULL, 'l' },
		{ "dup", required_argument, NULL, 'd' },
		{ "reorder", required_argument, NULL, 'r' },
		{ "delay", required_argument, NULL, 't' },
		{ "narrow", required_argument, NULL, 'n' },
		{ "seed", required_argument, NULL, 's' },
		{ 0 },
	};
	const struct sigaction action = { .sa_handler = on_signal };
	int opt, a, b;

	while ((opt = getopt_long(argc, argv, "", longopts, NULL)) != -1) {
		unsigned long n = optarg ? strtoul(optarg, NULL, 10) : 0;

		if (opt == 'l')
			opts.loss = (unsigned int)n;
		else if (opt == 'd')
			opts.dup = (unsigned int)n;
		else if (opt == 'r')
			opts.reorder = (unsigned int)n;
		else if (opt == 't')
			opts.delay_us = (unsigned int)n;
		else if (opt == 'n')
			opts.narrow = (unsigned int)n;
		else if (opt == 's')
			opts.seed = n ? n : 1;
	}
	if (argc - optind != 2)
		errx(2, "usage: relay IF_A IF_B [--loss PPM] [--dup PPM] [--reorder PPM] "
			"[--delay US] [--narrow BYTES] [--seed N]");
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	a = open_packet(argv[optind]);
	b = open_packet(argv[optind + 1]);
	printf("relay: ready\n");
	fflush(stdout);
	relay(a, b);
	printf("relay: %llu in, %llu out, %llu lost, %llu dup, %llu reordered, %llu refused\n",
	       count.in, count.out, count.lost, count.dup, count.reordered, count.refused);
	return 0;
}
