/* One client of rtdash that follows a stream: what it asks after the handshake, and what it makes of answers and events. A session
 * outlives the connection, so that everything here may happen several times to one client.
 */
#include "websocket.h"

enum { ROOM = 4096 };
enum state { IDLE, DIALING, SHAKING, ASKING, FOLLOWING };

struct client {
    struct reader in;
    enum state state;
    int fd, number, is_resuming;
    char session[64], text[ROOM]; /* the head of the handshake's answer, or the message that is being read */
    size_t size;
    long seq, target;
    double back_at;
};

/* Of all clients: what they follow, how many do, or are on the way there, and what they have seen of it. */
static int following, in_flight;
static const char *channel;
static char epoch[64], venue[64];
static long highest, start = -1, lost, repeated, unrecovered, back;
static double last_event;

static void ask(struct client *one)
{
    char text[1024];
    int size = one->is_resuming
                   ? snprintf(text, sizeof text,
                              "{\"action\":\"resume\",\"session\":\"%s\",\"positions\":{\"%s\":{\"%s\":{\"epoch\":\"%s\",\"seq\":%ld}}}}",
                              one->session, venue, channel, epoch, one->seq)
                   : snprintf(text, sizeof text, "{\"action\":\"subscribe\",\"channels\":[\"%s\"]}", channel);
    say(one->fd, TEXT, text, size);
    one->state = ASKING;
}

/* The text value behind a key, or "". */
static void read_text(const char *text, const char *key, char *value, size_t room)
{
    const char *found = strstr(text, key);
    size_t size = found ? strcspn(found += strlen(key), "\"") : 0;
    snprintf(value, room, "%.*s", (int)size, found ? found : "");
}

static void look_whether_back(struct client *one)
{
    if (one->is_resuming && !one->back_at && one->seq >= one->target) {
        one->back_at = instant();
        back++;
    }
}

static void take_answer(struct client *one)
{
    const char *position = strstr(one->text, "\"seq\":");
    read_text(one->text, "\"session\":\"", one->session, sizeof one->session);
    if (!one->session[0] || !position) {
        fprintf(stderr, "not the answer that was expected: %s\n", one->text);
        exit(1);
    }
    if (one->is_resuming) {
        unrecovered += !strstr(one->text, "\"recovered\":{") || strstr(one->text, ":false") != NULL;
    } else {
        one->seq = atol(position + 6);
        read_text(one->text, "\"epoch\":\"", epoch, sizeof epoch);
        char key[128];
        snprintf(key, sizeof key, "\"venues\":{\"%s\":\"", channel);
        read_text(one->text, key, venue, sizeof venue);
        if (start < 0)
            start = highest = one->seq;
    }
    one->target = highest;
    one->state = FOLLOWING;
    following++;
    in_flight--;
    look_whether_back(one);
}

static void take_event(struct client *one)
{
    const char *found = strstr(one->text, "\"seq\":");
    if (!found)
        return;
    long seq = atol(found + 6);
    last_event = instant();
    if (seq <= one->seq) {
        repeated++;
        return;
    }
    lost += seq - one->seq - 1;
    one->seq = seq;
    if (seq > highest)
        highest = seq;
    look_whether_back(one);
}

static void take_piece(struct client *one, const struct piece *piece)
{
    if (piece->opcode == PING && piece->is_last)
        say(one->fd, PONG, piece->payload, piece->size);
    if (piece->opcode > BINARY)
        return;
    size_t size = piece->size < ROOM - 1 - one->size ? piece->size : ROOM - 1 - one->size;
    memcpy(one->text + one->size, piece->payload, size);
    one->size += size;
    if (!piece->is_last)
        return;
    one->text[one->size] = 0;
    one->size = 0;
    if (one->state == ASKING)
        take_answer(one);
    else
        take_event(one);
}

/* How much of the data belonged to the head of the handshake's answer; 0 when the server would not have us. */
static ssize_t take_head(struct client *one, const uint8_t *data, ssize_t size)
{
    for (ssize_t used = 0; used < size && one->size < ROOM - 1;) {
        one->text[one->size++] = data[used++];
        if (one->size < 4 || memcmp(one->text + one->size - 4, "\r\n\r\n", 4))
            continue;
        if (!memmem(one->text, one->size, " 101 ", 5))
            return 0;
        one->size = 0;
        ask(one);
        return used;
    }
    return one->size < ROOM - 1 ? size : 0;
}
