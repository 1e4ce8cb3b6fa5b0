/* What no server can undercut: one process that does nothing but send() the same bytes to so many sockets of another.
 *
 *   floor SOCKETS ROUNDS BYTES A_SECOND
 *
 * Prints one JSON object: microseconds of CPU a send, and the median and p99 milliseconds that a round over all sockets takes.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double seconds(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec + now.tv_nsec / 1e9;
}

static int ascending(const void *one, const void *other)
{
    double difference = *(const double *)one - *(const double *)other;
    return (difference > 0) - (difference < 0);
}

static int swallow(struct sockaddr_in there, int sockets, uint64_t expected)
{
    static char buffer[1 << 18];
    struct epoll_event ready[256];
    int watched = epoll_create1(0);
    for (int number = 0; number < sockets; number++) {
        struct epoll_event on_data = {.events = EPOLLIN, .data.fd = socket(AF_INET, SOCK_STREAM, 0)};
        if (connect(on_data.data.fd, (struct sockaddr *)&there, sizeof there))
            return 1;
        epoll_ctl(watched, EPOLL_CTL_ADD, on_data.data.fd, &on_data);
    }
    while (expected) {
        int number = epoll_wait(watched, ready, 256, -1);
        for (int place = 0; place < number; place++)
            expected -= recv(ready[place].data.fd, buffer, sizeof buffer, 0);
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 5)
        return 2;
    int sockets = atoi(argv[1]), rounds = atoi(argv[2]), size = atoi(argv[3]), rate = atoi(argv[4]), on = 1;
    int listener = socket(AF_INET, SOCK_STREAM, 0), *fds = calloc(sockets, sizeof *fds);
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof here;
    bind(listener, (struct sockaddr *)&here, sizeof here);
    listen(listener, 4096);
    getsockname(listener, (struct sockaddr *)&here, &length);
    if (!fork())
        return swallow(here, sockets, (uint64_t)sockets * rounds * size);
    for (int number = 0; number < sockets; number++) {
        fds[number] = accept(listener, NULL, NULL);
        setsockopt(fds[number], IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    }
    char *message = calloc(1, size);
    double *took = calloc(rounds, sizeof *took), cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    for (int round = 0; round < rounds; round++) {
        double start = seconds(CLOCK_MONOTONIC);
        for (int number = 0; number < sockets; number++)
            send(fds[number], message, size, MSG_NOSIGNAL);
        took[round] = (seconds(CLOCK_MONOTONIC) - start) * 1e3;
        if (rate)
            usleep(1000000 / rate);
    }
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    wait(NULL);
    qsort(took, rounds, sizeof *took, ascending);
    printf("{\"cpu_us\":%.3f,\"round_p50_ms\":%.3f,\"round_p99_ms\":%.3f}\n", cpu * 1e6 / sockets / rounds, took[rounds / 2],
           took[(int)(rounds * 0.99)]);
    return 0;
}
