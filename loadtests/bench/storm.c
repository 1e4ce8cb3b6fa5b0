/* Many WebSocket clients of rtdash that all lose their connections at once and come back with their sessions, while events flow.
 *
 *   storm PORT PATH CLIENTS CHANNEL
 *
 * Each client subscribes; "ready" is printed. A line on standard input has all connections reset (RST), and dialed again in the same
 * instant, IN_FLIGHT at a time; each resumes its session from its position. Who has had the answer, and all that anybody had had
 * by then, is back. When all are, one JSON object is printed: seconds until the last (and the median) was back, attempts that failed,
 * resumes that were not recovered. After the next line all that is still under way is read, until QUIET_S have brought no event and
 * nobody is behind, and a second object tells the events of the stream, and how many of them were lost, repeated or behind at the end,
 * summed over the clients.
 */
#define _GNU_SOURCE
#include "following.h"

enum { IN_FLIGHT = 500, PATIENCE_S = 90, QUIET_S = 2 };
static int watched, port, clients, is_ended;
static const char *path;
static struct client *all, **waiting;
static int waiting_first, waiting_number;
static long failed;

static void watch(struct client *one, int operation, uint32_t what)
{
    struct epoll_event event = {.events = what, .data.ptr = one};
    epoll_ctl(watched, operation, one->fd, &event);
}

static void wait_in_line(struct client *one)
{
    one->state = IDLE;
    waiting[(waiting_first + waiting_number++) % clients] = one;
}

static void dial_next(void)
{
    struct client *one = waiting[waiting_first];
    waiting_first = (waiting_first + 1) % clients;
    waiting_number--;
    in_flight++;
    one->in = (struct reader){0};
    one->size = 0;
    one->state = DIALING;
    one->fd = dial(port, one->number, SOCK_NONBLOCK);
    watch(one, EPOLL_CTL_ADD, EPOLLOUT);
}

static void fail(struct client *one)
{
    failed++;
    one->is_resuming = one->session[0] != 0;
    if (one->state == FOLLOWING)
        following--;
    else
        in_flight--;
    close(one->fd);
    wait_in_line(one);
}

static void read_on(struct client *one)
{
    static uint8_t buffer[1 << 18];
    ssize_t size = recv(one->fd, buffer, sizeof buffer, 0), used = 0;
    if (size < 0 && errno == EAGAIN)
        return;
    if (size > 0 && one->state == SHAKING && !(used = take_head(one, buffer, size)))
        size = 0;
    if (size <= 0) {
        fail(one);
        return;
    }
    while (used < size) {
        struct piece piece;
        used += read_piece(&one->in, buffer + used, size - used, &piece);
        take_piece(one, &piece);
    }
}

static void finish_dialing(struct client *one)
{
    int error = 0;
    socklen_t length = sizeof error;
    getsockopt(one->fd, SOL_SOCKET, SO_ERROR, &error, &length);
    if (error) {
        fail(one);
        return;
    }
    greet(one->fd, path, "");
    one->state = SHAKING;
    watch(one, EPOLL_CTL_MOD, EPOLLIN);
}

/* Returns whether a line has come on standard input. */
static int turn(void)
{
    struct epoll_event ready[256];
    while (waiting_number && in_flight < IN_FLIGHT)
        dial_next();
    int has_line = 0, number = epoll_wait(watched, ready, 256, 100);
    for (int place = 0; place < number; place++) {
        struct client *one = ready[place].data.ptr;
        char line[64];
        if (!one && read(0, line, sizeof line) <= 0)
            is_ended = 1;
        if (!one)
            has_line = 1;
        else if (one->state == DIALING)
            finish_dialing(one);
        else
            read_on(one);
    }
    return has_line;
}

static void reset_all(void)
{
    struct linger reset = {.l_onoff = 1, .l_linger = 0};
    for (int number = 0; number < clients; number++) {
        struct client *one = &all[number];
        setsockopt(one->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
        close(one->fd);
        one->is_resuming = 1;
        wait_in_line(one);
    }
    following = in_flight = 0;
}

static int by_return(const void *one, const void *other)
{
    double difference = ((const struct client *)one)->back_at - ((const struct client *)other)->back_at;
    return (difference > 0) - (difference < 0);
}

static void storm(void)
{
    double dropped_at = instant();
    failed = 0;
    reset_all();
    while (back < clients && instant() < dropped_at + PATIENCE_S)
        turn();
    struct client *sorted = malloc(clients * sizeof *sorted);
    memcpy(sorted, all, clients * sizeof *sorted);
    qsort(sorted, clients, sizeof *sorted, by_return);
    printf("{\"back\":%ld,\"back_s\":%.3f,\"median_s\":%.3f,\"failed\":%ld,\"unrecovered\":%ld}\n", back,
           sorted[clients - 1].back_at - dropped_at, sorted[clients / 2].back_at - dropped_at, failed, unrecovered);
    fflush(stdout);
    free(sorted);
}

/* How many events that somebody has had others have not, summed over the clients. */
static long count_behind(void)
{
    long behind = 0;
    for (int number = 0; number < clients; number++)
        behind += highest - all[number].seq;
    return behind;
}

int main(int argc, char **argv)
{
    if (argc != 5)
        return 2;
    port = atoi(argv[1]), path = argv[2], clients = atoi(argv[3]), channel = argv[4], watched = epoll_create1(0);
    all = calloc(clients, sizeof *all);
    waiting = calloc(clients, sizeof(struct client *));
    for (int number = 0; number < clients; number++) {
        all[number].number = number;
        wait_in_line(&all[number]);
    }
    for (double deadline = instant() + PATIENCE_S; following < clients && instant() < deadline;)
        turn();
    if (following < clients) {
        fprintf(stderr, "only %d of %d clients were let in\n", following, clients);
        return 1;
    }
    puts("ready");
    fflush(stdout);
    struct epoll_event on_input = {.events = EPOLLIN | EPOLLHUP};
    epoll_ctl(watched, EPOLL_CTL_ADD, 0, &on_input);
    while (!turn())
        ;
    if (!is_ended)
        storm();
    while (!is_ended && !turn())
        ;
    for (double deadline = instant() + PATIENCE_S; (instant() < last_event + QUIET_S || count_behind()) && instant() < deadline;)
        turn();
    printf("{\"events\":%ld,\"lost\":%ld,\"repeated\":%ld,\"behind\":%ld}\n", highest - start, lost, repeated, count_behind());
    return 0;
}
