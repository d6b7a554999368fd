/* The generator for TLS, with OpenSSL's library: closed loop, one thread, blocking sockets taken in turn.
 *
 *     tls_load PORT SUITE echo|reversed CONNECTIONS FLIGHT SECONDS    lines of 64 bytes, FLIGHT under way on each connection
 *     tls_load PORT SUITE send CONNECTIONS BYTES                      BYTES in all, then close_notify and the end
 *
 * TLS 1.3 with SUITE alone. Every byte that comes back is compared; `reversed` expects each line turned round, as
 * `openssl s_server -rev` does. What `send` sends counts from 0 to 250 over and over, so that the receiver can compare it.
 * The first fifth of the time is for warming up. Prints one JSON object. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { LINE = 64, MOST = 1024, CHUNK = 251 * 1024 };

static double now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec + at.tv_nsec / 1e9;
}

static void wrong(const char *what) {
    fprintf(stderr, "tls_load: %s\n", what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

static SSL *dial(SSL_CTX *context, int port) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0), yes = 1;
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) < 0) wrong("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    SSL *tls = SSL_new(context);
    if (!tls || !SSL_set_fd(tls, fd) || SSL_connect(tls) != 1) wrong("handshake");
    return tls;
}

static void put(SSL *tls, const char *bytes, size_t length) {
    size_t done;
    if (length > 0 && SSL_write_ex(tls, bytes, length, &done) != 1) wrong("write");
}

static void echo(SSL **each, int connections, int flight, double seconds, int is_reversed) {
    static char sent[LINE * MOST], expected[LINE * MOST * 2], got[LINE * MOST];
    int heard[MOST] = {0};
    struct pollfd ready[MOST];
    for (int at = 0; at < LINE * MOST; at++) sent[at] = at % LINE == LINE - 1 ? '\n' : 'a' + (at % LINE) % 26;
    for (int at = 0; at < LINE * MOST * 2; at++) {
        int place = at % LINE;
        expected[at] = place == LINE - 1 ? '\n' : sent[is_reversed ? LINE - 2 - place : place];
    }
    for (int one = 0; one < connections; one++) {
        ready[one] = (struct pollfd){.fd = SSL_get_fd(each[one]), .events = POLLIN};
        put(each[one], sent, (size_t)LINE * flight);
    }
    double began = now(), counted = began + seconds / 5, at = began;
    unsigned long long total = 0;
    while ((at = now()) < counted + seconds) {
        if (poll(ready, connections, 5000) < 1) wrong("nothing came for 5 s");
        for (int one = 0; one < connections; one++) {
            if (!(ready[one].revents & (POLLIN | POLLHUP | POLLERR))) continue;
            int whole = 0;
            do {
                size_t length;
                if (SSL_read_ex(each[one], got, sizeof got, &length) != 1) wrong("the server ended a connection");
                if (memcmp(got, expected + heard[one], length) != 0) wrong("another byte came back");
                whole += (heard[one] + length) / LINE;
                heard[one] = (heard[one] + length) % LINE;
            } while (SSL_pending(each[one]) > 0 && whole < flight);
            if (whole > flight) wrong("more came back than was sent");
            put(each[one], sent, (size_t)LINE * whole);
            if (at >= counted) total += whole;
        }
    }
    printf("{\"rate\": %.1f}\n", total / (at - counted));
}

static void send_all(SSL *tls, unsigned long long bytes) {
    static char chunk[CHUNK];
    for (int at = 0; at < CHUNK; at++) chunk[at] = (char)(at % 251);
    double began = now();
    for (unsigned long long left = bytes; left > 0;) {
        size_t length = left < CHUNK ? left : CHUNK;
        put(tls, chunk, length);
        left -= length;
    }
    /* All of it is read when the server has seen the end, and ends as well. */
    SSL_shutdown(tls);
    shutdown(SSL_get_fd(tls), SHUT_WR);
    char rest[4096];
    while (recv(SSL_get_fd(tls), rest, sizeof rest, 0) > 0) {}
    printf("{\"rate\": %.1f}\n", bytes / (now() - began));
}

int main(int count, char **words) {
    if (count < 6) {
        fprintf(stderr, "usage: tls_load PORT SUITE echo|reversed|send CONNECTIONS FLIGHT|BYTES [SECONDS]\n");
        return 2;
    }
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    int connections = atoi(words[4]);
    if (!context || !SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) || !SSL_CTX_set_ciphersuites(context, words[2]))
        wrong("suite");
    if (connections < 1 || connections > MOST) wrong("1 to 1,024 connections");
    SSL *each[MOST];
    for (int one = 0; one < connections; one++) each[one] = dial(context, atoi(words[1]));
    if (strcmp(words[3], "send") == 0)
        send_all(each[0], strtoull(words[5], NULL, 10));
    else if (count == 7 && atoi(words[5]) <= MOST / 2)
        echo(each, connections, atoi(words[5]), atof(words[6]), strcmp(words[3], "reversed") == 0);
    else
        wrong("usage");
    return 0;
}
