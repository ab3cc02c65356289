/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef TESTS_SOCK_PEER_H
#define TESTS_SOCK_PEER_H

/* The peer: commands from stdin, one a line, each answered by "RESULT ERRNO TEXT". */
int be_peer(const char *their_four, const char *their_six);
/* The other side: where it is to be reached. */
void use_peer(int to, int from);

#endif
