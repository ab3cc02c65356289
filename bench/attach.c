// SPDX-License-Identifier: BSD-2-Clause
/*
 * attach - keep one of the bench's XDP programs on an interface.
 *
 *	attach IFACE OBJECT PROGRAM	e.g. attach s0 bare_tx bare_tx
 *
 * Native mode, until a signal ends it; the program goes with the process.
 */
#include <stdint.h>

#include "bench/xdp_raw.h"

int main(int argc, char **argv)
{
	struct bpf_object *object;

	if (argc != 4)
		errx(2, "usage: attach IFACE OBJECT PROGRAM");
	object = xdp_raw_open(argv[2]);
	xdp_raw_load(object);
	xdp_raw_attach(object, argv[3], xdp_raw_ifindex(argv[1]));
	printf("attach: %s on %s\n", argv[3], argv[1]);
	fflush(stdout);
	pause();
	return 0;
}
