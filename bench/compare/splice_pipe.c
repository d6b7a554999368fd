/* The reference for a pipe: stdin to a socket, or a socket to stdout, by splice(2), so that no byte enters the program.
 *
 *     splice_pipe PORT          stdin to 127.0.0.1:PORT, then the end, then the peer's end
 *     splice_pipe -l PORT       one connection at 127.0.0.1:PORT, to stdout
 *
 * Where neither end is a pipe, one of 1 MiB stands in between. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIPE = 1 << 20 };

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static int is_pipe(int fd) {
    struct stat about;
    return fstat(fd, &about) == 0 && S_ISFIFO(about.st_mode);
}

/* Moves some bytes; 0 at the end. */
static size_t move(int from, int to, size_t most) {
    for (;;) {
        ssize_t moved = splice(from, NULL, to, NULL, most, SPLICE_F_MOVE);
        if (moved >= 0) return moved;
        if (errno != EINTR) fail("splice");
    }
}

static void pass(int from, int to) {
    if (is_pipe(from) || is_pipe(to)) {
        while (move(from, to, PIPE) > 0) {}
        return;
    }
    int between[2];
    if (pipe(between) < 0) fail("pipe");
    fcntl(between[1], F_SETPIPE_SZ, PIPE);
    for (size_t held; (held = move(from, between[1], PIPE)) > 0;) {
        while (held > 0) held -= move(between[0], to, held);
    }
}

int main(int count, char **words) {
    int is_listening = count == 3 && strcmp(words[1], "-l") == 0;
    if (count != 2 && !is_listening) {
        fprintf(stderr, "usage: splice_pipe [-l] PORT\n");
        return 2;
    }
    int fd = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(atoi(words[count - 1]))};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (is_listening) {
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
        if (bind(fd, (struct sockaddr *)&at, sizeof at) < 0 || listen(fd, 1) < 0) fail("listen");
        int peer = accept(fd, NULL, NULL);
        if (peer < 0) fail("accept");
        pass(peer, STDOUT_FILENO);
        return 0;
    }
    if (connect(fd, (struct sockaddr *)&at, sizeof at) < 0) fail("connect");
    pass(STDIN_FILENO, fd);
    if (shutdown(fd, SHUT_WR) < 0) fail("shutdown");
    char rest;
    while (recv(fd, &rest, 1, 0) > 0) {}
    return 0;
}
