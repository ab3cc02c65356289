// SPDX-License-Identifier: BSD-2-Clause
/*
 * iface.c - ask the kernel about an interface, by ioctl and /proc/sys.
 *
 * Not by /sys/class/net: that shows the network namespace in which /sys was
 * mounted, which `nsenter --net` leaves as it was. /proc/sys/net follows the
 * caller.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "steer/iface.h"
#include "steer/steer.h"

static int ask(int fd, unsigned long what, const char *ifname, struct ifreq *request)
{
	snprintf(request->ifr_name, sizeof(request->ifr_name), "%s", ifname);
	return ioctl(fd, what, request) ? -errno : 0;
}

static int ask_ethtool(int fd, const char *ifname, void *command)
{
	struct ifreq request = { .ifr_data = command };

	return ask(fd, SIOCETHTOOL, ifname, &request);
}

/* Only drivers whose queues can be set tell them by ethtool. */
static uint32_t count_queues_sysfs(const char *ifname)
{
	char path[80];
	uint32_t n = 0;

	do
		snprintf(path, sizeof(path), "/sys/class/net/%s/queues/rx-%u", ifname, n);
	while (!access(path, F_OK) && ++n < 4096);
	return n ? n : 1;
}

static uint32_t count_queues(int fd, const char *ifname)
{
	struct ethtool_channels channels = { .cmd = ETHTOOL_GCHANNELS };
	uint32_t n = 0;

	if (!ask_ethtool(fd, ifname, &channels))
		n = channels.rx_count + channels.combined_count;
	return n ? n : count_queues_sysfs(ifname);
}

static bool sysctl_is_on(const char *family, const char *ifname)
{
	char path[96], value = '0';
	int fd;

	snprintf(path, sizeof(path), "/proc/sys/net/%s/conf/%s/forwarding", family, ifname);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	if (read(fd, &value, 1) != 1)
		value = '0';
	close(fd);
	return value != '0';
}

uint64_t fs_steer_iface_netns(void)
{
	struct stat st;

	return stat("/proc/thread-self/ns/net", &st) ? 0 : st.st_ino;
}

bool fs_steer_iface_exists(const char *ifname)
{
	return if_nametoindex(ifname) != 0;
}

static int fill(struct fs_steer_iface *iface, int fd)
{
	struct ethtool_drvinfo driver = { .cmd = ETHTOOL_GDRVINFO };
	static const uint8_t none[6];
	struct ifreq request = { 0 };
	int err;

	err = ask(fd, SIOCGIFMTU, iface->name, &request);
	if (err)
		return err;
	iface->mtu = (uint32_t)request.ifr_mtu;
	err = ask(fd, SIOCGIFHWADDR, iface->name, &request);
	if (err)
		return err;
	memcpy(iface->mac, request.ifr_hwaddr.sa_data, sizeof(iface->mac));
	iface->has_mac = request.ifr_hwaddr.sa_family == ARPHRD_ETHER &&
			 memcmp(iface->mac, none, sizeof(none)) != 0;
	if (!ask_ethtool(fd, iface->name, &driver))
		snprintf(iface->driver, sizeof(iface->driver), "%.31s", driver.driver);
	else
		snprintf(iface->driver, sizeof(iface->driver), "unknown");
	iface->queues = count_queues(fd, iface->name);
	return 0;
}

int fs_steer_iface_get(struct fs_steer_iface *out, const char *ifname,
		       const struct fs_logger *log)
{
	struct fs_steer_iface iface = { 0 };
	int fd, err;

	if (!ifname || !*ifname || strlen(ifname) >= sizeof(iface.name))
		return fs_base_fail(log, -ENODEV,
			"\"%s\" is no interface name; `ip link` lists the interfaces",
			ifname ? ifname : "");
	snprintf(iface.name, sizeof(iface.name), "%s", ifname);
	iface.ifindex = if_nametoindex(ifname);
	if (!iface.ifindex)
		return fs_base_fail(log, -ENODEV,
			"there is no interface %s in this network namespace; `ip link` lists those that are",
			ifname);
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	err = fill(&iface, fd);
	close(fd);
	if (err)
		return fs_base_fail(log, err, "%s: the kernel does not describe it: %s", ifname,
				    strerror(-err));
	iface.forwards = sysctl_is_on("ipv4", ifname) || sysctl_is_on("ipv6", ifname);
	iface.netns = fs_steer_iface_netns();
	*out = iface;
	return 0;
}
