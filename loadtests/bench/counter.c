/* Many WebSocket clients in one process that do nothing but count what they get.
 *
 *   counter PORT PATH CLIENTS EVENTS HELLO [deflate]
 *
 * Each client shakes hands, sends HELLO as a text frame and awaits one frame, the answer. Then "ready" is printed, and EVENTS
 * further data frames are awaited on every connection; with EVENTS 0 the connections stand until standard input ends.
 * Prints one JSON object: frames, bytes, connections lost, the seconds from the first to the last frame, and for each event the
 * instant (CLOCK_REALTIME) at which the last client had it.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_S = 60, CLIENTS_AN_ADDRESS = 20000 };

struct client {
    int fd;
    int head_size;
    uint8_t head[10];
    uint64_t payload_left;
    long seen; /* data frames, the answer included */
};

static long events, answered, complete;
static double *last_at, first_frame, last_frame;
static uint64_t frames, bytes;

static double instant(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec + now.tv_nsec / 1e9;
}

static void die(const char *why)
{
    perror(why);
    exit(1);
}

static int dial(int port, int number)
{
    struct sockaddr_in here = {.sin_family = AF_INET}, there = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK + number / CLIENTS_AN_ADDRESS);
    there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)&here, sizeof here) || connect(fd, (struct sockaddr *)&there, sizeof there))
        die("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static void shake_hands(int fd, const char *path, int deflate)
{
    char text[8192];
    int size = snprintf(text, sizeof text,
                        "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n%s\r\n",
                        path, deflate ? "Sec-WebSocket-Extensions: permessage-deflate\r\n" : "");
    if (send(fd, text, size, MSG_NOSIGNAL) != size)
        die("handshake");
    for (size = 0; size < 4 || memcmp(text + size - 4, "\r\n\r\n", 4); size++)
        if (size == sizeof text || recv(fd, text + size, 1, 0) != 1)
            die("handshake");
    if (!strstr(text, " 101 ")) {
        fprintf(stderr, "%.*s\n", size, text);
        exit(1);
    }
}

static void say(int fd, const char *text)
{
    size_t size = strlen(text), head = 2;
    uint8_t frame[1024] = {0x81, (uint8_t)(0x80 | size)};
    if (size > sizeof frame - 16)
        die("HELLO is too long");
    if (size > 125) {
        frame[1] = 0x80 | 126;
        frame[2] = size >> 8;
        frame[3] = size;
        head = 4;
    }
    memcpy(frame + head + 4, text, size); /* the mask between is zero */
    if (send(fd, frame, head + 4 + size, MSG_NOSIGNAL) < 0)
        die("send");
}

static void count(struct client *one)
{
    int opcode = one->head[0] & 15;
    if (opcode == 9) {
        uint8_t pong[6] = {0x8a, 0x80};
        send(one->fd, pong, sizeof pong, MSG_NOSIGNAL);
    }
    if (opcode > 2)
        return;
    if (one->seen++ == 0) {
        answered++;
        return;
    }
    frames++;
    last_frame = instant();
    if (!first_frame)
        first_frame = last_frame;
    if (one->seen - 1 <= events)
        last_at[one->seen - 2] = last_frame;
    if (one->seen - 1 == events)
        complete++;
}

static int head_needs(const struct client *one)
{
    if (one->head_size < 2)
        return 2;
    int length = one->head[1] & 127;
    return length == 127 ? 10 : length == 126 ? 4 : 2;
}

static void begin_payload(struct client *one)
{
    one->payload_left = one->head[1] & 127;
    if (one->payload_left >= 126) {
        uint64_t length = 0;
        for (int place = 2; place < one->head_size; place++)
            length = length << 8 | one->head[place];
        one->payload_left = length;
    }
    one->head_size = 0;
    count(one);
}

static void take(struct client *one, const uint8_t *data, ssize_t size)
{
    while (size > 0) {
        if (one->payload_left) {
            ssize_t part = one->payload_left < (uint64_t)size ? (ssize_t)one->payload_left : size;
            one->payload_left -= part, data += part, size -= part;
            continue;
        }
        one->head[one->head_size++] = *data++, size--;
        if (one->head_size == head_needs(one))
            begin_payload(one);
    }
}

static int turn(int watched, long *lost)
{
    static uint8_t buffer[1 << 18];
    struct epoll_event ready[256];
    int number = epoll_wait(watched, ready, 256, 100);
    for (int place = 0; place < number; place++) {
        struct client *one = ready[place].data.ptr;
        if (!one)
            return 0; /* standard input has ended */
        ssize_t size = recv(one->fd, buffer, sizeof buffer, 0);
        if (size > 0) {
            bytes += size;
            take(one, buffer, size);
        } else if (size == 0 || errno != EAGAIN) {
            ++*lost;
            close(one->fd);
        }
    }
    return 1;
}

int main(int argc, char **argv)
{
    if (argc < 6)
        return 2;
    int port = atoi(argv[1]), clients = atoi(argv[3]), watched = epoll_create1(0);
    long lost = 0;
    struct client *all = calloc(clients, sizeof *all);
    struct epoll_event on_input = {.events = EPOLLIN | EPOLLHUP};
    events = atol(argv[4]);
    last_at = calloc(events + 1, sizeof *last_at);
    for (int number = 0; number < clients; number++) {
        struct epoll_event on_data = {.events = EPOLLIN, .data.ptr = &all[number]};
        all[number].fd = dial(port, number);
        shake_hands(all[number].fd, argv[2], argc > 6);
        say(all[number].fd, argv[5]);
        fcntl(all[number].fd, F_SETFL, O_NONBLOCK);
        epoll_ctl(watched, EPOLL_CTL_ADD, all[number].fd, &on_data);
    }
    double deadline = instant() + PATIENCE_S;
    while (answered < clients && instant() < deadline)
        turn(watched, &lost);
    uint64_t before = bytes;
    puts("ready");
    fflush(stdout);
    if (events)
        for (deadline = instant() + PATIENCE_S; complete + lost < clients && instant() < deadline;)
            turn(watched, &lost);
    else
        for (epoll_ctl(watched, EPOLL_CTL_ADD, 0, &on_input); turn(watched, &lost);)
            ;
    printf("{\"frames\":%lu,\"bytes\":%lu,\"lost\":%ld,\"span_s\":%.6f,\"last_at\":[", frames, bytes - before, lost, last_frame - first_frame);
    for (long place = 0; place < events; place++)
        printf("%s%.6f", place ? "," : "", last_at[place]);
    puts("]}");
    return complete == clients || !events ? 0 : 1;
}
