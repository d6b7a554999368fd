/* The reference for a stream echo: one thread, level-triggered epoll, one buffer for all connections.
 *
 *     epoll_echo PORT
 *
 * No framing, no limits, no counters: the least that a server can do for each read. What a peer does not take at once is
 * kept for it, and nothing more is read from it until it has gone. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFER = 65536, EVENTS = 256, BACKLOG = 4096 };

/* What one peer has not taken yet. Indexed by descriptor; NULL for nearly all, nearly always. */
struct rest {
    char *bytes;
    size_t from, to;
};

static struct rest *rests;
static char buffer[BUFFER];

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void watch(int poll, int how, int fd, unsigned events) {
    struct epoll_event event = {.events = events, .data.fd = fd};
    if (epoll_ctl(poll, how, fd, &event) < 0) fail("epoll_ctl");
}

static void leave(int fd) {
    free(rests[fd].bytes);
    rests[fd].bytes = NULL;
    close(fd);
}

static void greet(int poll, int listener) {
    int yes = 1;
    for (;;) {
        int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
        if (fd < 0) {
            if (errno == EAGAIN || errno == ECONNABORTED) return;
            fail("accept4");
        }
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        watch(poll, EPOLL_CTL_ADD, fd, EPOLLIN);
    }
}

static void answer(int poll, int fd) {
    ssize_t got = recv(fd, buffer, BUFFER, 0);
    if (got <= 0) {
        if (got == 0 || errno != EAGAIN) leave(fd);
        return;
    }
    ssize_t sent = send(fd, buffer, got, MSG_NOSIGNAL);
    if (sent == got) return;
    if (sent < 0 && errno != EAGAIN) {
        leave(fd);
        return;
    }
    if (sent < 0) sent = 0;
    struct rest *rest = &rests[fd];
    rest->bytes = malloc(got - sent);
    if (!rest->bytes) fail("malloc");
    memcpy(rest->bytes, buffer + sent, got - sent);
    rest->from = 0;
    rest->to = got - sent;
    watch(poll, EPOLL_CTL_MOD, fd, EPOLLOUT);
}

static void drain(int poll, int fd) {
    struct rest *rest = &rests[fd];
    ssize_t sent = send(fd, rest->bytes + rest->from, rest->to - rest->from, MSG_NOSIGNAL);
    if (sent < 0) {
        if (errno != EAGAIN) leave(fd);
        return;
    }
    rest->from += sent;
    if (rest->from < rest->to) return;
    free(rest->bytes);
    rest->bytes = NULL;
    watch(poll, EPOLL_CTL_MOD, fd, EPOLLIN);
}

int main(int count, char **words) {
    if (count != 2) {
        fprintf(stderr, "usage: epoll_echo PORT\n");
        return 2;
    }
    struct rlimit most;
    getrlimit(RLIMIT_NOFILE, &most);
    most.rlim_cur = most.rlim_max;
    setrlimit(RLIMIT_NOFILE, &most);
    rests = calloc(most.rlim_max, sizeof *rests);
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), poll = epoll_create1(0), yes = 1;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(atoi(words[1]))};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (!rests || listener < 0 || bind(listener, (struct sockaddr *)&at, sizeof at) < 0 || listen(listener, BACKLOG) < 0)
        fail("listen");
    watch(poll, EPOLL_CTL_ADD, listener, EPOLLIN);
    struct epoll_event events[EVENTS];
    for (;;) {
        int ready = epoll_wait(poll, events, EVENTS, -1);
        for (int one = 0; one < ready; one++) {
            int fd = events[one].data.fd;
            if (fd == listener)
                greet(poll, listener);
            else if (rests[fd].bytes)
                drain(poll, fd);
            else
                answer(poll, fd);
        }
    }
}
