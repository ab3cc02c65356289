/* SPDX-License-Identifier: BSD-2-Clause */
/* cpu.h - what a processor is told while its thread spins. */
#ifndef FS_BASE_CPU_H
#define FS_BASE_CPU_H

#if defined(__x86_64__) || defined(__i386__)
static inline void fs_cpu_relax(void)
{
	__builtin_ia32_pause();
}
#elif defined(__aarch64__)
static inline void fs_cpu_relax(void)
{
	__asm__ volatile("yield");
}
#else
static inline void fs_cpu_relax(void)
{
}
#endif

#endif
