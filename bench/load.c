/* Echo load: CONNECTIONS x FLIGHT messages of SIZE bytes under way, for SECONDS; prints messages a second that came back.
 *
 *     load PORT CONNECTIONS FLIGHT SIZE SECONDS
 *
 * One thread, epoll. What comes back is counted, and compared with what was sent. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct peer {
    int fd;
    size_t heard; /* bytes of the message that is coming back */
};

static double now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec + at.tv_nsec / 1e9;
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void send_all(int fd, const char *bytes, size_t length) {
    while (length > 0) {
        ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);
        if (sent < 0) fail("send");
        bytes += sent;
        length -= sent;
    }
}

int main(int count, char **words) {
    if (count != 6) {
        fprintf(stderr, "usage: load PORT CONNECTIONS FLIGHT SIZE SECONDS\n");
        return 2;
    }
    int port = atoi(words[1]), connections = atoi(words[2]), flight = atoi(words[3]), size = atoi(words[4]);
    double seconds = atof(words[5]);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    char *messages = malloc((size_t)size * flight), *buffer = malloc(65536);
    for (int at = 0; at < size * flight; at++) messages[at] = 'a' + at % size % 26;
    struct peer *peers = calloc(connections, sizeof *peers);
    int poll = epoll_create1(0), yes = 1;
    for (int at = 0; at < connections; at++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0) fail("connect");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        peers[at].fd = fd;
        struct epoll_event event = {.events = EPOLLIN, .data.ptr = &peers[at]};
        if (epoll_ctl(poll, EPOLL_CTL_ADD, fd, &event) < 0) fail("epoll_ctl");
    }
    for (int at = 0; at < connections; at++) send_all(peers[at].fd, messages, (size_t)size * flight);
    /* The first fifth is for warming up. */
    double began = now(), counted = began + seconds / 5, end = counted + seconds;
    unsigned long long total = 0;
    struct epoll_event events[256];
    for (double at = began; at < end; at = now()) {
        int ready = epoll_wait(poll, events, 256, 1000);
        for (int one = 0; one < ready; one++) {
            struct peer *peer = events[one].data.ptr;
            ssize_t got = recv(peer->fd, buffer, 65536, 0);
            if (got <= 0) fail("recv");
            for (ssize_t byte = 0; byte < got; byte++) {
                if (buffer[byte] != (char)('a' + (peer->heard + byte) % size % 26)) {
                    fprintf(stderr, "another byte came back\n");
                    return 1;
                }
            }
            size_t whole = (peer->heard + got) / size;
            peer->heard = (peer->heard + got) % size;
            if (at >= counted) total += whole;
            if (whole > 0) send_all(peer->fd, messages, whole * size);
        }
    }
    printf("%.0f\n", total / seconds);
    return 0;
}
