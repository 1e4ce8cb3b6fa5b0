/* Many WebSocket clients in one process that do nothing but count what they get.
 *
 *   counter PORT PATH CLIENTS EVENTS HELLO [OPTION]...
 *
 * Each client shakes hands, sends HELLO as a text frame and awaits one frame, the answer. Then "ready" is printed, and EVENTS
 * further data frames are awaited on every connection; with EVENTS 0 the connections stand until standard input ends.
 * Prints one JSON object: frames, bytes, connections lost, the seconds from the first to the last frame, and for each event the
 * instant (CLOCK_REALTIME) at which the last client had it.
 *
 *   deflate          offer permessage-deflate; frames are counted, not inflated
 *   header=LINE      one more line of the handshake
 *   hex              HELLO is hexadecimal, and sent as a binary frame
 *   answers=NUMBER   so many frames are the answer
 *   message=BYTES    events have so many bytes of payload, however many share a frame or however few of them a frame holds
 *   places=NUMBER    a %d in HELLO becomes the client's number modulo NUMBER
 */
#define _GNU_SOURCE
#include "websocket.h"

enum { PATIENCE_S = 60 };

struct client {
    struct reader in;
    int fd;
    long answers; /* that still have to come */
    uint64_t payload;
    long seen;
};

static long events, message, answered, complete;
static double *last_at, first_frame, last_frame;
static uint64_t frames, bytes;

static void await_upgrade(int fd)
{
    char text[8192];
    int size;
    for (size = 0; size < 4 || memcmp(text + size - 4, "\r\n\r\n", 4); size++)
        if (size == sizeof text || recv(fd, text + size, 1, 0) != 1)
            die("handshake");
    if (!memmem(text, size, " 101 ", 5)) {
        fprintf(stderr, "%.*s\n", size, text);
        exit(1);
    }
}

static size_t from_hex(char *text)
{
    size_t size = strlen(text) / 2;
    for (size_t place = 0; place < size; place++) {
        char pair[3] = {text[2 * place], text[2 * place + 1]};
        text[place] = strtol(pair, NULL, 16);
    }
    return size;
}

static void count_event(struct client *one)
{
    frames++;
    last_frame = instant();
    if (!first_frame)
        first_frame = last_frame;
    if (++one->seen <= events)
        last_at[one->seen - 1] = last_frame;
    if (one->seen == events)
        complete++;
}

static void count(struct client *one, const struct piece *piece)
{
    if (piece->opcode == PING && piece->is_last)
        say(one->fd, PONG, piece->payload, piece->size);
    if (piece->opcode > BINARY)
        return;
    if (one->answers) {
        if (piece->is_last && --one->answers == 0)
            answered++;
    } else if (message) {
        for (one->payload += piece->size; one->payload >= (uint64_t)message; one->payload -= message)
            count_event(one);
    } else if (piece->is_last) {
        count_event(one);
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
            struct piece piece;
            bytes += size;
            for (ssize_t used = 0; used < size; count(one, &piece))
                used += read_piece(&one->in, buffer + used, size - used, &piece);
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
    int port = atoi(argv[1]), clients = atoi(argv[3]), watched = epoll_create1(0), is_hex = 0, places = 1;
    long lost = 0, answers = 1;
    char more[1024] = "", hello[4096];
    for (int place = 6; place < argc; place++) {
        if (!strcmp(argv[place], "deflate"))
            strcpy(more, "Sec-WebSocket-Extensions: permessage-deflate\r\n");
        if (!strncmp(argv[place], "header=", 7))
            snprintf(more, sizeof more, "%s\r\n", argv[place] + 7);
        is_hex |= !strcmp(argv[place], "hex");
        sscanf(argv[place], "answers=%ld", &answers);
        sscanf(argv[place], "message=%ld", &message);
        sscanf(argv[place], "places=%d", &places);
    }
    events = atol(argv[4]);
    struct client *all = calloc(clients, sizeof *all);
    struct epoll_event on_input = {.events = EPOLLIN | EPOLLHUP};
    last_at = calloc(events + 1, sizeof *last_at);
    for (int number = 0; number < clients; number++) {
        struct epoll_event on_data = {.events = EPOLLIN, .data.ptr = &all[number]};
        all[number].fd = dial(port, number, 0);
        all[number].answers = answers;
        answered += !answers;
        greet(all[number].fd, argv[2], more);
        await_upgrade(all[number].fd);
        size_t size = snprintf(hello, sizeof hello, argv[5], number % places);
        if (size)
            say(all[number].fd, is_hex ? BINARY : TEXT, hello, is_hex ? from_hex(hello) : size);
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
