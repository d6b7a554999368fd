/* The generator of all comparisons: closed loop, one thread, epoll. Every byte that comes back is compared.
 *
 *     load tcp    [flags]   connections that each keep FLIGHT messages under way
 *     load udp    [flags]   the same with datagrams, sent and received in trains (UDP_SEGMENT, UDP_GRO)
 *     load accept [flags]   connect, one message, its answer, close; CONNECTIONS at a time
 *     load hold   [flags]   one message on each connection, then "held" on stdout, until stdin ends
 *
 *     -p PORT  -c CONNECTIONS  -f FLIGHT  -s SIZE  -d SECONDS  -n MESSAGES (instead of seconds)
 *     -m REQUEST -a ANSWER   one request and its answer instead of an echo of numbered lines; \r and \n are written so
 *
 * Lines are numbered, PERIOD different ones, and connections start at different places: what is lost, doubled, or another
 * connection's is another byte than the one expected. Prints one JSON object: messages a second after the warm-up (a fifth
 * of the time), percentiles of the time from send to answer (buckets 3 % wide at most, one clock reading a wake-up), and
 * the share of a CPU it took itself. A wrong byte, an end or a reset: exit 1. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BUFFER = 65536, EVENTS = 256, PERIOD = 251, TRAIN = 60, LOST_AFTER_MS = 200, SUB = 32, BUCKETS = 60 * SUB };

/* A batch that was sent in one go: how many of it are still out, and when it left, in units of 64 ns. */
struct batch {
    uint32_t count, at;
};

struct peer {
    int fd;
    uint32_t sent, heard; /* places in the cycle of requests and of answers, in bytes */
    uint32_t head, tail;  /* of `batches`, a ring of FLIGHT + 1 */
    struct batch *batches;
    uint32_t *numbers; /* of datagrams under way, by slot */
    uint32_t *left;    /* when each left */
    uint64_t moved;    /* when something last came, ns */
};

static int port, connections = 1, flight = 1, size = 64;
static double seconds = 2;
static unsigned long long most;
static char *request, *answer;
/* The cycle, and behind it so much of it again that a whole buffer can be sent or compared from any place in it. */
static char *requests, *answers;
static uint32_t request_size, answer_size, request_cycle, answer_cycle;
static char buffer[BUFFER];
static uint64_t histogram[BUCKETS], began, counted_from;
static unsigned long long total, started;

static uint64_t now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec * 1000000000ull + at.tv_nsec;
}

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static void wrong(const char *what) {
    fprintf(stderr, "load: %s\n", what);
    exit(1);
}

static void *room(size_t count, size_t each) {
    void *got = calloc(count, each);
    if (!got) fail("calloc");
    return got;
}

/* Log-linear: SUB buckets for each power of two, from 64 ns on. */
static void record(uint32_t ticks, uint64_t count) {
    int power = 0;
    uint64_t value = ticks;
    while (value >= 2 * SUB) value >>= 1, power++;
    histogram[value < SUB ? value : (uint64_t)power * SUB + value] += count;
}

static double percentile(double share) {
    uint64_t all = 0, seen = 0;
    for (int at = 0; at < BUCKETS; at++) all += histogram[at];
    for (int at = 0; at < BUCKETS; at++) {
        seen += histogram[at];
        if (seen > 0 && seen >= share * all) {
            int power = at < 2 * SUB ? 0 : at / SUB - 1;
            return ((double)(at - power * SUB) + 0.5) * (1ull << power) * 0.064;
        }
    }
    return 0;
}

static void report(unsigned long long lost) {
    double taken = (now() - counted_from) / 1e9;
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    double cpu = used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
    printf("{\"rate\": %.1f, \"messages\": %llu, \"p50_us\": %.2f, \"p90_us\": %.2f, \"p99_us\": %.2f, \"p999_us\": %.2f, "
           "\"lost\": %llu, \"cpu\": %.3f}\n",
           total / taken, total, percentile(0.5), percentile(0.9), percentile(0.99), percentile(0.999), lost,
           cpu / ((now() - began) / 1e9));
}

static char *unescaped(const char *text) {
    char *bytes = room(strlen(text) + 1, 1), *to = bytes;
    for (; *text; text++) {
        if (*text == '\\' && (text[1] == 'r' || text[1] == 'n'))
            *to++ = *++text == 'r' ? '\r' : '\n';
        else
            *to++ = *text;
    }
    return bytes;
}

/* Fills the cycles. One request or PERIOD numbered lines; then the same again for as much as one buffer takes. */
static void prepare(void) {
    int kinds = request ? 1 : PERIOD;
    request_size = request ? strlen(request) : (uint32_t)size;
    answer_size = request ? strlen(answer) : (uint32_t)size;
    if (request_size < 1 || answer_size < 1) wrong("an empty message");
    request_cycle = request_size * kinds;
    answer_cycle = answer_size * kinds;
    size_t of_requests = request_cycle + (size_t)request_size * flight + BUFFER, of_answers = answer_cycle + BUFFER;
    requests = room(of_requests, 1);
    answers = room(of_answers, 1);
    for (size_t at = 0; at < of_requests; at++) {
        uint32_t number = at / request_size % kinds, place = at % request_size;
        if (request)
            requests[at] = request[place];
        else if (place + 1 == request_size)
            requests[at] = '\n';
        else
            requests[at] = place < 3 ? '0' + number / (place == 0 ? 100 : place == 1 ? 10 : 1) % 10 : 'a' + (place + number) % 26;
    }
    for (size_t at = 0; at < of_answers; at++) answers[at] = request ? answer[at % answer_size] : requests[at % answer_cycle];
}

static struct sockaddr_in target(void) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return to;
}

static void watch(int poll, struct peer *peer, unsigned events, int how) {
    struct epoll_event event = {.events = events, .data.ptr = peer};
    if (epoll_ctl(poll, how, peer->fd, &event) < 0) fail("epoll_ctl");
}

static void dial(struct peer *peer) {
    struct sockaddr_in to = target();
    int yes = 1;
    peer->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (peer->fd < 0 || connect(peer->fd, (struct sockaddr *)&to, sizeof to) < 0) fail("connect");
    setsockopt(peer->fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
}

static void send_all(int fd, const char *bytes, size_t length) {
    while (length > 0) {
        ssize_t sent = send(fd, bytes, length, MSG_NOSIGNAL);
        if (sent < 0) fail("send");
        bytes += sent;
        length -= sent;
    }
}

/* With -n the last messages are fewer. */
static uint32_t allowed(uint32_t wanted) {
    if (most > 0 && started + wanted > most) wanted = most - started;
    started += wanted;
    return wanted;
}

static void refill(struct peer *peer, uint32_t wanted, uint64_t at) {
    uint32_t count = allowed(wanted);
    if (count == 0) return;
    peer->batches[peer->head] = (struct batch){count, at >> 6};
    peer->head = peer->head == (uint32_t)flight ? 0 : peer->head + 1;
    send_all(peer->fd, requests + peer->sent, (size_t)count * request_size);
    peer->sent = (peer->sent + count * request_size) % request_cycle;
}

static uint32_t hear(struct peer *peer, uint64_t at) {
    ssize_t got = recv(peer->fd, buffer, BUFFER, 0);
    if (got < 0) fail("recv");
    if (got == 0) wrong("the server ended a connection");
    if (memcmp(buffer, answers + peer->heard, got) != 0) wrong("another byte came back");
    uint32_t whole = (peer->heard % answer_size + got) / answer_size;
    peer->heard = (peer->heard + got) % answer_cycle;
    int is_counted = at >= counted_from;
    for (uint32_t left = whole; left > 0;) {
        if (peer->tail == peer->head) wrong("more came back than was sent");
        struct batch *batch = &peer->batches[peer->tail];
        uint32_t taken = left < batch->count ? left : batch->count;
        if (is_counted) record((uint32_t)(at >> 6) - batch->at, taken);
        left -= taken;
        batch->count -= taken;
        if (batch->count == 0) peer->tail = peer->tail == (uint32_t)flight ? 0 : peer->tail + 1;
    }
    if (is_counted) total += whole;
    return whole;
}

static int is_over(uint64_t at) {
    return most > 0 ? total >= most : at >= counted_from + (uint64_t)(seconds * 1e9);
}

static void begin(void) {
    began = now();
    counted_from = most > 0 ? began : began + (uint64_t)(seconds * 1e9 / 5);
}

static void tcp(int poll, struct peer *peers) {
    for (int one = 0; one < connections; one++) {
        dial(&peers[one]);
        peers[one].batches = room(flight + 1, sizeof(struct batch));
        peers[one].sent = one % (request_cycle / request_size) * request_size;
        peers[one].heard = one % (answer_cycle / answer_size) * answer_size;
        watch(poll, &peers[one], EPOLLIN, EPOLL_CTL_ADD);
    }
    begin();
    for (int one = 0; one < connections; one++) refill(&peers[one], flight, now());
    struct epoll_event events[EVENTS];
    for (uint64_t at = now(); !is_over(at);) {
        int ready = epoll_wait(poll, events, EVENTS, 5000);
        if (ready == 0) wrong("nothing came for 5 s");
        at = now();
        for (int one = 0; one < ready; one++) {
            struct peer *peer = events[one].data.ptr;
            uint32_t whole = hear(peer, at);
            if (whole > 0) refill(peer, whole, at);
        }
    }
    report(0);
}

/* Addresses of our own, one after the other: ports of one would run out while they wait in TIME-WAIT. On loopback the
 * handshake is over when connect() returns, so nothing is gained by not waiting for it, and this program is what would be
 * measured if it did more. */
static void call(int poll, struct peer *peer, uint64_t at) {
    static uint32_t calls;
    int yes = 1;
    struct sockaddr_in to = target(), from = {.sin_family = AF_INET};
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + calls++ % 200);
    peer->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (peer->fd < 0) fail("socket");
    setsockopt(peer->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &yes, sizeof yes);
    if (bind(peer->fd, (struct sockaddr *)&from, sizeof from) < 0) fail("bind");
    if (connect(peer->fd, (struct sockaddr *)&to, sizeof to) < 0) fail("connect");
    peer->moved = at;
    peer->heard = 0;
    send_all(peer->fd, requests, request_size);
    watch(poll, peer, EPOLLIN, EPOLL_CTL_ADD);
}

static void accepted(int poll, struct peer *peers) {
    begin();
    for (int one = 0; one < connections; one++) call(poll, &peers[one], began);
    struct epoll_event events[EVENTS];
    for (uint64_t at = now(); !is_over(at);) {
        int ready = epoll_wait(poll, events, EVENTS, 5000);
        if (ready == 0) wrong("nothing came for 5 s");
        at = now();
        for (int one = 0; one < ready; one++) {
            struct peer *peer = events[one].data.ptr;
            ssize_t got = recv(peer->fd, buffer, BUFFER, MSG_DONTWAIT);
            if (got < 0) fail("recv");
            if (got == 0 || peer->heard + got > answer_size) wrong("not the answer that was expected");
            if (memcmp(buffer, answers + peer->heard, got) != 0) wrong("another byte came back");
            peer->heard += got;
            if (peer->heard < answer_size) continue;
            close(peer->fd);
            if (at >= counted_from) {
                total++;
                record((at - peer->moved) >> 6, 1);
            }
            call(poll, peer, at);
        }
    }
    report(0);
}

static void hold(struct peer *peers) {
    for (int one = 0; one < connections; one++) {
        dial(&peers[one]);
        send_all(peers[one].fd, requests, request_size);
        for (uint32_t heard = 0; heard < answer_size;) {
            ssize_t got = recv(peers[one].fd, buffer, answer_size - heard, 0);
            if (got <= 0 || memcmp(buffer, answers + heard, got) != 0) wrong("not the answer that was expected");
            heard += got;
        }
    }
    printf("held\n");
    fflush(stdout);
    while (read(STDIN_FILENO, buffer, BUFFER) > 0) {}
}

/* Datagrams carry their slot and a number that grows; the rest is the line of that number. */
static void write_datagram(char *to, uint32_t slot, uint32_t number) {
    memcpy(to, requests + (size_t)(number % PERIOD) * size, size);
    memcpy(to, &slot, 4);
    memcpy(to + 4, &number, 4);
}

static void send_train(struct peer *peer, const uint32_t *slots, int count, uint64_t at) {
    for (int from = 0; from < count;) {
        int some = count - from, most_bytes = 60000 / size;
        if (some > TRAIN) some = TRAIN;
        if (some > most_bytes) some = most_bytes;
        for (int one = 0; one < some; one++) {
            uint32_t slot = slots[from + one];
            write_datagram(buffer + (size_t)one * size, slot, ++peer->numbers[slot]);
            peer->left[slot] = at >> 6;
        }
        if (send(peer->fd, buffer, (size_t)some * size, 0) < 0 && errno != ENOBUFS && errno != EAGAIN) fail("send");
        from += some;
    }
}

static int hear_train(struct peer *peer, uint32_t *slots, uint64_t at) {
    char control[CMSG_SPACE(sizeof(int))], expected[BUFFER];
    struct iovec piece = {.iov_base = buffer, .iov_len = BUFFER};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    ssize_t got = recvmsg(peer->fd, &message, MSG_DONTWAIT);
    if (got < 0) {
        if (errno == EAGAIN) return 0;
        fail("recvmsg");
    }
    int each = got, count = 0;
    for (struct cmsghdr *one = CMSG_FIRSTHDR(&message); one; one = CMSG_NXTHDR(&message, one))
        if (one->cmsg_level == SOL_UDP && one->cmsg_type == UDP_GRO) memcpy(&each, CMSG_DATA(one), sizeof each);
    if (each != size || got % size != 0) wrong("datagrams were merged or cut");
    for (ssize_t from = 0; from < got; from += size) {
        uint32_t slot, number;
        memcpy(&slot, buffer + from, 4);
        memcpy(&number, buffer + from + 4, 4);
        if (slot >= (uint32_t)flight) wrong("another byte came back");
        write_datagram(expected, slot, number);
        if (memcmp(expected, buffer + from, size) != 0) wrong("another byte came back");
        if (number != peer->numbers[slot]) continue; /* it was taken for lost, and came after all */
        if (at >= counted_from) {
            total++;
            record((uint32_t)(at >> 6) - peer->left[slot], 1);
        }
        slots[count++] = slot;
    }
    return count;
}

static void udp(int poll, struct peer *peers) {
    struct sockaddr_in to = target();
    int yes = 1, bytes = 4 << 20;
    unsigned long long lost = 0;
    uint32_t slots[BUFFER];
    if (size < 12 || most > 0 || request || flight > 1024) wrong("udp: at least 12 bytes, 1,024 in flight at most, no -n, no -m");
    begin();
    for (int one = 0; one < connections; one++) {
        struct peer *peer = &peers[one];
        peer->fd = socket(AF_INET, SOCK_DGRAM, 0);
        if (peer->fd < 0 || connect(peer->fd, (struct sockaddr *)&to, sizeof to) < 0) fail("connect");
        if (setsockopt(peer->fd, SOL_UDP, UDP_GRO, &yes, sizeof yes) < 0) fail("UDP_GRO");
        if (setsockopt(peer->fd, SOL_UDP, UDP_SEGMENT, &size, sizeof size) < 0) fail("UDP_SEGMENT");
        setsockopt(peer->fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes);
        peer->numbers = room(flight, 4);
        peer->left = room(flight, 4);
        watch(poll, peer, EPOLLIN, EPOLL_CTL_ADD);
        for (int slot = 0; slot < flight; slot++) slots[slot] = slot;
        send_train(peer, slots, flight, now());
    }
    struct epoll_event events[EVENTS];
    uint64_t looked = now();
    for (uint64_t at = looked; !is_over(at);) {
        int ready = epoll_wait(poll, events, EVENTS, LOST_AFTER_MS / 2);
        at = now();
        for (int one = 0; one < ready; one++) {
            struct peer *peer = events[one].data.ptr;
            for (int count; (count = hear_train(peer, slots, at)) > 0; at = now()) send_train(peer, slots, count, at);
        }
        if (at - looked < LOST_AFTER_MS / 2 * 1000000ull) continue;
        looked = at;
        for (int one = 0; one < connections; one++) {
            int count = 0;
            for (int slot = 0; slot < flight; slot++)
                if ((uint32_t)(at >> 6) - peers[one].left[slot] > LOST_AFTER_MS * 15625u) slots[count++] = slot;
            lost += count;
            send_train(&peers[one], slots, count, at);
        }
    }
    report(lost);
}

int main(int count, char **words) {
    int flag;
    const char *mode = count > 1 ? words[1] : "";
    for (optind = 2; (flag = getopt(count, words, "p:c:f:s:d:n:m:a:")) != -1;) {
        switch (flag) {
        case 'p': port = atoi(optarg); break;
        case 'c': connections = atoi(optarg); break;
        case 'f': flight = atoi(optarg); break;
        case 's': size = atoi(optarg); break;
        case 'd': seconds = atof(optarg); break;
        case 'n': most = strtoull(optarg, NULL, 10); break;
        case 'm': request = unescaped(optarg); break;
        case 'a': answer = unescaped(optarg); break;
        default: return 2;
        }
    }
    if (port < 1 || connections < 1 || flight < 1 || size < 5 || size > BUFFER || !request != !answer) {
        fprintf(stderr, "usage: load tcp|udp|accept|hold -p PORT [-c N] [-f N] [-s BYTES] [-d SECONDS | -n N] [-m REQUEST -a ANSWER]\n");
        return 2;
    }
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    prepare();
    struct peer *peers = room(connections, sizeof *peers);
    int poll = epoll_create1(0);
    if (strcmp(mode, "tcp") == 0)
        tcp(poll, peers);
    else if (strcmp(mode, "udp") == 0)
        udp(poll, peers);
    else if (strcmp(mode, "accept") == 0)
        accepted(poll, peers);
    else if (strcmp(mode, "hold") == 0)
        hold(peers);
    else
        return 2;
    return 0;
}
