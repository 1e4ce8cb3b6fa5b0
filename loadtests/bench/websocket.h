/* What the counting programs need of WebSocket (RFC 6455), from the client's side. Masks are zero: they protect nobody here. */
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

enum { CLIENTS_AN_ADDRESS = 20000, TEXT = 1, BINARY = 2, CLOSE = 8, PING = 9, PONG = 10 };

/* Where in a frame a connection is. */
struct reader {
    int head_size, is_in_payload;
    uint8_t head[10];
    uint64_t left;
};

/* A part of one frame's payload; `is_last` when the frame ends with it. */
struct piece {
    int opcode, is_last;
    const uint8_t *payload;
    size_t size;
};

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

/* A socket that connects, or does so soon when `flags` has SOCK_NONBLOCK; the number spreads many over addresses. */
static int dial(int port, int number, int flags)
{
    struct sockaddr_in here = {.sin_family = AF_INET}, there = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_STREAM | flags, 0), on = 1;
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK + number / CLIENTS_AN_ADDRESS);
    there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    /* The port is the kernel's to choose when it connects, as it is for a client that binds nothing: a port for bind() must be free of
     * all that was ever closed there, and among ten thousand of those the search took a whole processor. */
    if (fd < 0 || setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on) || bind(fd, (struct sockaddr *)&here, sizeof here))
        die("socket");
    if (connect(fd, (struct sockaddr *)&there, sizeof there) && errno != EINPROGRESS)
        die("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

static void greet(int fd, const char *path, const char *more)
{
    char text[4096];
    int size = snprintf(text, sizeof text,
                        "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n%s\r\n",
                        path, more);
    if (size >= (int)sizeof text || send(fd, text, size, MSG_NOSIGNAL) != size)
        die("handshake");
}

static void say(int fd, int opcode, const void *payload, size_t size)
{
    size_t head = 2;
    uint8_t frame[4096] = {0x80 | opcode, (uint8_t)(0x80 | size)};
    if (size > sizeof frame - 16)
        die("too long a message");
    if (size > 125) {
        frame[1] = 0x80 | 126;
        frame[2] = size >> 8;
        frame[3] = size;
        head = 4;
    }
    memcpy(frame + head + 4, payload, size);
    send(fd, frame, head + 4 + size, MSG_NOSIGNAL); /* who has gone is noticed by reading */
}

static int head_needs(const struct reader *in)
{
    if (in->head_size < 2)
        return 2;
    int length = in->head[1] & 127;
    return length == 127 ? 10 : length == 126 ? 4 : 2;
}

static uint64_t payload_length(const struct reader *in)
{
    uint64_t length = in->head[1] & 127;
    if (length < 126)
        return length;
    length = 0;
    for (int place = 2; place < in->head_size; place++)
        length = length << 8 | in->head[place];
    return length;
}

/* Read on: how many bytes of the data were used. There is no piece (opcode 0, not last) while a head is incomplete. */
static size_t read_piece(struct reader *in, const uint8_t *data, size_t size, struct piece *piece)
{
    size_t used = 0;
    *piece = (struct piece){0};
    if (!in->is_in_payload) {
        while (used < size && in->head_size < head_needs(in))
            in->head[in->head_size++] = data[used++];
        if (in->head_size < head_needs(in))
            return used;
        in->left = payload_length(in);
        in->is_in_payload = 1;
    }
    piece->opcode = in->head[0] & 15;
    piece->payload = data + used;
    piece->size = in->left < size - used ? in->left : size - used;
    in->left -= piece->size;
    if (!in->left) {
        piece->is_last = 1;
        in->head_size = in->is_in_payload = 0;
    }
    return used + piece->size;
}
