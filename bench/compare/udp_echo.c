/* The reference for a datagram echo: one recvfrom and one sendto a datagram.
 *
 *     udp_echo PORT
 *
 * Its receive buffer is as large as it asks for (root), so that it loses nothing that a client keeps under way. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

int main(int count, char **words) {
    if (count != 2) {
        fprintf(stderr, "usage: udp_echo PORT\n");
        return 2;
    }
    static char buffer[65536];
    int fd = socket(AF_INET, SOCK_DGRAM, 0), room = 4 << 20;
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(atoi(words[1]))}, from;
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof room);
    if (fd < 0 || bind(fd, (struct sockaddr *)&at, sizeof at) < 0) {
        perror("bind");
        return 1;
    }
    for (;;) {
        socklen_t length = sizeof from;
        ssize_t got = recvfrom(fd, buffer, sizeof buffer, 0, (struct sockaddr *)&from, &length);
        if (got >= 0) sendto(fd, buffer, got, 0, (struct sockaddr *)&from, length);
    }
}
