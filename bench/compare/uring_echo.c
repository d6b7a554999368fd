/* An echo for comparison: one thread of io_uring, with multishot accept and receive, a ring of shared buffers, and one send
 * under way for each connection. Bytes pass through as they come; nothing is cut, limited or counted.
 *
 *     uring_echo PORT */
#include <arpa/inet.h>
#include <errno.h>
#include <liburing.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUFFERS = 16384, EACH = 4096, SOCKETS = 65536, ENTRIES = 8192, GROUP = 0 };
enum { ACCEPT, RECEIVE, SEND };

/* What waits to be sent on one connection: buffers, in order. */
static struct connection {
    int first, last, is_sending, is_starved;
} connections[SOCKETS];

static int following[BUFFERS];
static unsigned lengths[BUFFERS];
static char memory[BUFFERS][EACH] __attribute__((aligned(4096)));
static struct io_uring ring;
static struct io_uring_buf_ring *shared;
static int starved[SOCKETS], starved_count;

static void fail(const char *what, int error) {
    fprintf(stderr, "uring_echo: %s: %s\n", what, strerror(error));
    exit(1);
}

static struct io_uring_sqe *entry(int kind, int fd) {
    struct io_uring_sqe *sqe = io_uring_get_sqe(&ring);
    if (!sqe) {
        io_uring_submit(&ring);
        sqe = io_uring_get_sqe(&ring);
        if (!sqe) fail("the queue is full", ENOBUFS);
    }
    io_uring_sqe_set_data64(sqe, (uint64_t)kind << 32 | (uint32_t)fd);
    return sqe;
}

static void receive(int fd) {
    struct io_uring_sqe *sqe = entry(RECEIVE, fd);
    uint64_t data = sqe->user_data;
    io_uring_prep_recv_multishot(sqe, fd, NULL, 0, 0);
    sqe->flags |= IOSQE_BUFFER_SELECT;
    sqe->buf_group = GROUP;
    io_uring_sqe_set_data64(sqe, data);
}

static void send_first(int fd) {
    struct connection *connection = &connections[fd];
    int buffer = connection->first;
    struct io_uring_sqe *sqe = entry(SEND, fd);
    uint64_t data = sqe->user_data;
    io_uring_prep_send(sqe, fd, memory[buffer], lengths[buffer], MSG_WAITALL | MSG_NOSIGNAL);
    io_uring_sqe_set_data64(sqe, data);
    connection->is_sending = 1;
}

static void give_back(int buffer) {
    io_uring_buf_ring_add(shared, memory[buffer], EACH, buffer, io_uring_buf_ring_mask(BUFFERS), 0);
    io_uring_buf_ring_advance(shared, 1);
    if (starved_count > 0) {
        int fd = starved[--starved_count];
        connections[fd].is_starved = 0;
        receive(fd);
    }
}

static void end(int fd) {
    struct connection *connection = &connections[fd];
    for (int buffer = connection->first; buffer >= 0; buffer = following[buffer]) give_back(buffer);
    connection->first = connection->last = -1;
    close(fd);
}

static void received(int fd, int result, unsigned flags) {
    struct connection *connection = &connections[fd];
    if (result == -ENOBUFS) {
        if (!connection->is_starved) starved[starved_count++] = fd;
        connection->is_starved = 1;
        return;
    }
    if (result <= 0) {
        if (!connection->is_sending) end(fd);
        return;
    }
    int buffer = flags >> IORING_CQE_BUFFER_SHIFT;
    lengths[buffer] = result;
    following[buffer] = -1;
    if (connection->first < 0)
        connection->first = buffer;
    else
        following[connection->last] = buffer;
    connection->last = buffer;
    if (!connection->is_sending) send_first(fd);
    if (!(flags & IORING_CQE_F_MORE)) receive(fd);
}

static void sent(int fd, int result) {
    struct connection *connection = &connections[fd];
    connection->is_sending = 0;
    if (result < 0) return end(fd);
    int buffer = connection->first;
    connection->first = following[buffer];
    give_back(buffer);
    if (connection->first >= 0) send_first(fd);
}

static void accepted(int listener, int result, unsigned flags) {
    if (result >= 0 && result < SOCKETS) {
        connections[result] = (struct connection){.first = -1, .last = -1};
        receive(result);
    }
    if (!(flags & IORING_CQE_F_MORE)) io_uring_prep_multishot_accept(entry(ACCEPT, listener), listener, NULL, NULL, 0);
}

int main(int count, char **words) {
    if (count != 2) {
        fprintf(stderr, "usage: uring_echo PORT\n");
        return 2;
    }
    struct rlimit most;
    getrlimit(RLIMIT_NOFILE, &most);
    most.rlim_cur = most.rlim_max;
    setrlimit(RLIMIT_NOFILE, &most);
    int yes = 1, error, listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(atoi(words[1]))};
    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    if (bind(listener, (struct sockaddr *)&at, sizeof at) < 0 || listen(listener, 4096) < 0) fail("listen", errno);
    struct io_uring_params params = {.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE};
    params.cq_entries = 65536;
    if ((error = io_uring_queue_init_params(ENTRIES, &ring, &params)) < 0) fail("io_uring", -error);
    size_t size = BUFFERS * sizeof(struct io_uring_buf);
    shared = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE, -1, 0);
    if (shared == MAP_FAILED) fail("mmap", errno);
    struct io_uring_buf_reg about = {.ring_addr = (uintptr_t)shared, .ring_entries = BUFFERS, .bgid = GROUP};
    if ((error = io_uring_register_buf_ring(&ring, &about, 0)) < 0) fail("buffers", -error);
    io_uring_buf_ring_init(shared);
    for (int buffer = 0; buffer < BUFFERS; buffer++)
        io_uring_buf_ring_add(shared, memory[buffer], EACH, buffer, io_uring_buf_ring_mask(BUFFERS), buffer);
    io_uring_buf_ring_advance(shared, BUFFERS);
    accepted(listener, -1, 0);
    for (;;) {
        error = io_uring_submit_and_wait(&ring, 1);
        if (error < 0 && error != -EINTR) fail("wait", -error);
        struct io_uring_cqe *cqe;
        unsigned head, seen = 0;
        io_uring_for_each_cqe(&ring, head, cqe) {
            int fd = (uint32_t)cqe->user_data, kind = cqe->user_data >> 32;
            if (kind == RECEIVE)
                received(fd, cqe->res, cqe->flags);
            else if (kind == SEND)
                sent(fd, cqe->res);
            else
                accepted(listener, cqe->res, cqe->flags);
            seen++;
        }
        io_uring_cq_advance(&ring, seen);
    }
}
