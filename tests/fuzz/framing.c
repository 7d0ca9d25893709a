/*
 * HTTP framing. The input is fed to a parser whole, and to another in pieces of a size that its first byte chooses: both must see the same
 * messages, and refuse at the same place with the same answer.
 */
#include "fuzz.h"
#include "http/parser.h"

/* What a parser's calls said, written down. */
struct seen {
    struct buf text;
    int part; /* what the last piece belonged to: pieces of one thing are joined */
};

static enum err piece(struct seen *seen, int part, const char *at, size_t len)
{
    if (seen->part != part)
        buf_printf(&seen->text, "\n%c ", part);
    seen->part = part;
    buf_add(&seen->text, at, len);
    return ERR_OK;
}

static void begin(void *user)
{
    struct seen *seen = user;

    seen->part = 0;
    buf_str(&seen->text, "\nbegin");
}
static enum err target(void *user, const char *at, size_t len)
{
    return piece(user, 'T', at, len);
}
static enum err field(void *user, const char *at, size_t len)
{
    return piece(user, 'F', at, len);
}
static enum err value(void *user, const char *at, size_t len)
{
    return piece(user, 'V', at, len);
}
static enum err head(void *user)
{
    struct seen *seen = user;

    seen->part = 'H';
    buf_str(&seen->text, "\nhead");
    return ERR_OK;
}
static enum err body(void *user, const char *at, size_t len)
{
    return piece(user, 'B', at, len);
}
static const struct parser_calls calls = { begin, target, field, value, head, body };

/* All messages of the bytes; what was seen, in `arena`. */
static struct buf run(struct arena *arena, const char *data, size_t size, size_t step, int *messages)
{
    struct seen seen = { .text = buf_in(arena) };
    struct parser parser;
    enum parsed state = PARSED_MORE;
    size_t at = 0;

    *messages = 0;
    parser_init(&parser);
    while (at < size) {
        size_t len = MIN(step, size - at), used = 0;
        /* In a block of its own, so that reading behind a piece is a fault. */
        char *copy = malloc(len);

        HOLDS(copy);
        memcpy(copy, data + at, len);
        state = parser_feed(&parser, &calls, &seen, copy, len, &used);
        free(copy);
        HOLDS(used <= len);
        if (state == PARSED_BAD)
            break;
        at += used;
        if (state == PARSED_MESSAGE) {
            (*messages)++;
            seen.part = 0;
            buf_str(&seen.text, "\nend");
        } else {
            HOLDS(used == len);
        }
    }
    if (state == PARSED_BAD)
        buf_printf(&seen.text, "\nrefused %s", err_info(parser.refusal)->name);
    return seen.text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = fuzz_arena();
    struct buf whole, pieces;
    int messages, again;
    size_t step;

    if (size < 2)
        return 0;
    step = 1 + data[0] % 32;
    whole = run(arena, (const char *)data + 1, size - 1, size, &messages);
    pieces = run(arena, (const char *)data + 1, size - 1, step, &again);
    HOLDS(messages == again);
    /* A refusal inside a piece comes before what the piece held is told, so only whole messages are compared to the byte. */
    if (!(whole.len && memmem(whole.data, whole.len, "\nrefused", 8)))
        HOLDS(whole.len == pieces.len && (whole.len == 0 || memcmp(whole.data, pieces.data, whole.len) == 0));
    PLANT(messages >= 2 && memmem(data, size, "chunked", 7));
    return 0;
}
