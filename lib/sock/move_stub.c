#include "sock/sock.h"
int fs_tcp_move(struct fs_tcp *tcp, int fd) { (void)tcp; (void)fd; return -EOPNOTSUPP; }
void fs_sock_move_orphans(void) {}
