/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cpu.h - the time, and who used the CPUs meanwhile.
 */
#ifndef FS_BENCH_CPU_H
#define FS_BENCH_CPU_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct cpu_seconds {
	double own, all, watched;
	double waited;		/* runnable without a CPU, both processes */
};

static inline uint64_t now_ns(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
}

/*
 * What a process ran and, added to @waited, what it waited for a CPU. To a few
 * milliseconds: the kernel brings both up to date by its tick.
 */
static inline double cpu_of(int pid, double *waited)
{
	unsigned long long ran = 0, delay = 0;
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/schedstat", pid);
	f = pid ? fopen(path, "r") : NULL;
	if (f && fscanf(f, "%llu %llu", &ran, &delay) != 2)
		ran = delay = 0;
	if (f)
		fclose(f);
	*waited += (double)delay / 1e9;
	return (double)ran / 1e9;
}

static inline double cpu_of_all(void)
{
	/* user, nice, system, (idle, iowait,) irq, softirq */
	unsigned long long t[7] = { 0 };
	FILE *f = fopen("/proc/stat", "r");

	if (f && fscanf(f, "cpu %llu %llu %llu %llu %llu %llu %llu", t, t + 1, t + 2, t + 3, t + 4,
			t + 5, t + 6) != 7)
		memset(t, 0, sizeof(t));
	if (f)
		fclose(f);
	return (double)(t[0] + t[1] + t[2] + t[5] + t[6]) / (double)sysconf(_SC_CLK_TCK);
}

/* @watch: a process, or 0. */
static inline struct cpu_seconds cpu_seconds(int watch)
{
	struct cpu_seconds s = { .all = cpu_of_all() };

	cpu_of(getpid(), &s.waited);
	s.own = (double)now_ns(CLOCK_PROCESS_CPUTIME_ID) / 1e9;
	s.watched = cpu_of(watch, &s.waited);
	return s;
}

#endif
