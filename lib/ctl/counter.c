// SPDX-License-Identifier: BSD-2-Clause
/* counter.c - the program's counters with the names that bpf/fs_abi.h gives. */
#include <errno.h>

#include "ctl/ctl.h"

#define NAME(name, text) [FS_STAT_##name] = #name,
#define TEXT(name, text) [FS_STAT_##name] = text,

static const char *const names[FS_STAT_COUNT] = {
	[FS_STAT_rx_packets] = "rx_packets",
	FS_VERDICTS(NAME)
	FS_DETAILS(NAME)
};

static const char *const texts[FS_STAT_COUNT] = {
	[FS_STAT_rx_packets] = "packets seen",
	FS_VERDICTS(TEXT)
	FS_DETAILS(TEXT)
};

const char *fs_ctl_counter_name(unsigned int index)
{
	return index < FS_STAT_COUNT ? names[index] : NULL;
}

const char *fs_ctl_counter_text(unsigned int index)
{
	return index < FS_STAT_COUNT ? texts[index] : NULL;
}

int fs_ctl_counter_is_verdict(unsigned int index)
{
	return index > FS_STAT_rx_packets && index < FS_STAT_verdicts_end;
}

int fs_ctl_counters(struct fs_ctl *ctl, uint64_t *values, unsigned int n)
{
	uint64_t all[FS_STAT_COUNT];
	int err = fs_ctl_need_maps(ctl);

	if (!err)
		err = fs_steer_stats(ctl->steer, all);
	if (err)
		return err;
	memcpy(values, all, MIN(n, (unsigned int)FS_STAT_COUNT) * sizeof(*values));
	return FS_STAT_COUNT;
}
