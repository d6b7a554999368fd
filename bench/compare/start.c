/* How long a program takes from its start to its end.
 *
 *     start TIMES PROGRAM WORDS...
 *
 * Prints the median of TIMES runs, in microseconds. All three streams are /dev/null; how it ends does not matter, but a
 * program that cannot be started is an error. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

extern char **environ;

static double now(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return at.tv_sec * 1e6 + at.tv_nsec / 1e3;
}

static int ascending(const void *one, const void *other) {
    double a = *(const double *)one, b = *(const double *)other;
    return (a > b) - (a < b);
}

int main(int count, char **words) {
    int times = count > 2 ? atoi(words[1]) : 0;
    if (times < 1) {
        fprintf(stderr, "usage: start TIMES PROGRAM WORDS...\n");
        return 2;
    }
    posix_spawn_file_actions_t streams;
    posix_spawn_file_actions_init(&streams);
    for (int fd = 0; fd < 3; fd++) posix_spawn_file_actions_addopen(&streams, fd, "/dev/null", O_RDWR, 0);
    double *taken = calloc(times, sizeof *taken);
    for (int one = 0; one < times; one++) {
        pid_t child;
        int how;
        double began = now();
        int refused = posix_spawnp(&child, words[2], &streams, NULL, words + 2, environ);
        if (refused != 0) {
            fprintf(stderr, "%s: %s\n", words[2], strerror(refused));
            return 1;
        }
        waitpid(child, &how, 0);
        taken[one] = now() - began;
    }
    qsort(taken, times, sizeof *taken, ascending);
    printf("{\"median_us\": %.1f}\n", taken[times / 2]);
    return 0;
}
