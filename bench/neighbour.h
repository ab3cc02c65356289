/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * neighbour.h - what a program that writes whole frames has to know: its own
 * addresses, the next hop's, and the sum over a header.
 */
#ifndef FS_BENCH_NEIGHBOUR_H
#define FS_BENCH_NEIGHBOUR_H

#include <arpa/inet.h>
#include <err.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/if_ether.h>

enum {
	NEIGHBOUR_TRIES = 50,
};

/* One's complement sum of native-order words; the length may be odd. */
static inline uint64_t sum_add(uint64_t sum, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint32_t word;

	for (; len >= sizeof(word); p += sizeof(word), len -= sizeof(word)) {
		memcpy(&word, p, sizeof(word));
		sum += word;
	}
	word = 0;
	memcpy(&word, p, len);
	return sum + word;
}

static inline uint16_t sum_fold(uint64_t sum)
{
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 32) + (sum & 0xffffffff);
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	sum = (sum >> 16) + (sum & 0xffff);
	return (uint16_t)sum;
}

/* Hardware and IPv4 address of an interface. */
static inline void neighbour_own(const char *ifname, uint8_t mac[ETH_ALEN], uint32_t *ip)
{
	struct ifreq req = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	snprintf(req.ifr_name, sizeof(req.ifr_name), "%s", ifname);
	if (fd < 0 || ioctl(fd, SIOCGIFHWADDR, &req))
		err(1, "hardware address of %s", ifname);
	memcpy(mac, req.ifr_hwaddr.sa_data, ETH_ALEN);
	if (ioctl(fd, SIOCGIFADDR, &req))
		err(1, "IPv4 address of %s", ifname);
	memcpy(ip, &((struct sockaddr_in *)(void *)&req.ifr_addr)->sin_addr, sizeof(*ip));
	close(fd);
}

static inline bool neighbour_parse(const char *text, uint8_t *mac)
{
	return sscanf(text, "%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", mac, mac + 1, mac + 2, mac + 3,
		      mac + 4, mac + 5) == ETH_ALEN;
}

static inline bool neighbour_find(const char *ip, uint8_t *mac)
{
	char line[256], at[64], text[64];
	FILE *f = fopen("/proc/self/net/arp", "r");
	unsigned int flags;
	bool found = false;

	while (f && !found && fgets(line, sizeof(line), f))
		found = sscanf(line, "%63s %*s %x %63s", at, &flags, text) == 3 && flags & 2 &&
			!strcmp(at, ip) && neighbour_parse(text, mac);
	if (f)
		fclose(f);
	return found;
}

/* The kernel resolves when it has something to send: to the discard port. */
static inline void neighbour_ask(const struct sockaddr_in *server, uint8_t *mac)
{
	struct sockaddr_in discard = *server;
	char ip[INET_ADDRSTRLEN];
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	discard.sin_port = htons(9);
	inet_ntop(AF_INET, &server->sin_addr, ip, sizeof(ip));
	for (int i = 0; i < NEIGHBOUR_TRIES; i++) {
		if (neighbour_find(ip, mac)) {
			close(fd);
			return;
		}
		sendto(fd, ip, 1, 0, (struct sockaddr *)&discard, sizeof(discard));
		usleep(20000);
	}
	errx(1, "%s does not answer ARP; give its address by --peer-mac", ip);
}

/* @text, or NULL: what the kernel knows. */
static inline void neighbour_mac(const struct sockaddr_in *server, const char *text, uint8_t *mac)
{
	if (!text)
		neighbour_ask(server, mac);
	else if (!neighbour_parse(text, mac))
		errx(2, "%s is not a hardware address", text);
}

#endif
