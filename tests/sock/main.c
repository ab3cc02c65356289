// SPDX-License-Identifier: BSD-2-Clause
/*
 * main.c - semantics --peer ADDRESS4 ADDRESS6: the other end, on stdin and stdout
 *          semantics --list: the names of the cases
 *          semantics TO FROM CASE...: plays cases with the peer behind the
 *              descriptors TO and FROM; the addresses are in the environment
 *
 * Each case is one paragraph of the transcript on stdout, between "case NAME"
 * and "end NAME". One that lasts too long ends the program, which then is started
 * again for the rest.
 */
#include "sem.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "peer.h"

enum {
	CASE_SECONDS = 7,
};

extern const struct sem_case *const __start_sem_cases[], *const __stop_sem_cases[];

uint16_t port, peer_port;
const char *sem_current;

static void too_long(int number)
{
	static const char text[] = "HANGS\n";

	(void)number;
	if (write(1, text, sizeof(text) - 1) < 0)
		_exit(4);
	_exit(3);
}

static int index_of(const char *name)
{
	for (int i = 0; __start_sem_cases + i < __stop_sem_cases; i++)
		if (!strcmp(__start_sem_cases[i]->name, name))
			return i;
	return -1;
}

static int play(const char *name)
{
	const int i = index_of(name);

	if (i < 0) {
		fprintf(stderr, "there is no case %s\n", name);
		return 2;
	}
	sem_current = name;
	port = (uint16_t)(7000 + 8 * i);
	peer_port = (uint16_t)(17000 + 8 * i);
	printf("case %s\n", name);
	fflush(stdout);
	alarm(CASE_SECONDS);
	__start_sem_cases[i]->run();
	alarm(0);
	signals_seen();
	quiet_peer("reset");
	printf("end %s\n", name);
	fflush(stdout);
	return 0;
}

int main(int argc, char **argv)
{
	int status = 0;

	if (argc == 4 && !strcmp(argv[1], "--peer"))
		return be_peer(argv[2], argv[3]);
	if (argc == 2 && !strcmp(argv[1], "--list")) {
		for (int i = 0; __start_sem_cases + i < __stop_sem_cases; i++)
			puts(__start_sem_cases[i]->name);
		return 0;
	}
	if (argc < 4)
		return 2;
	signal(SIGALRM, too_long);
	use_peer(atoi(argv[1]), atoi(argv[2]));
	for (int i = 3; i < argc && !status; i++)
		status = play(argv[i]);
	return status;
}
