#include "http/parser.h"

#include <string.h>

/* The library hands a callback its own struct and one user pointer; both of ours are reached through this. */
struct feed {
    struct parser *parser;
    const struct parser_calls *calls;
    void *user;
    bool complete;
};

static int carry(struct feed *feed, enum err e)
{
    if (e)
        feed->parser->refusal = e;
    return e != ERR_OK;
}

static int on_begin(http_parser *core)
{
    struct feed *feed = core->data;

    feed->calls->begin(feed->user);
    return 0;
}

static int on_target(http_parser *core, const char *at, size_t len)
{
    struct feed *feed = core->data;

    return carry(feed, feed->calls->target(feed->user, at, len));
}

/* RFC 9110, 5.6.2: a field name is a token. The library takes blanks in it, which would let "Content-Length : 4" through. */
static bool is_token(const char *at, size_t len)
{
    static const bool token[256] = {
        ['!'] = true, ['#'] = true, ['$'] = true, ['%'] = true, ['&'] = true, ['\''] = true, ['*'] = true, ['+'] = true, ['-'] = true,
        ['.'] = true, ['^'] = true, ['_'] = true, ['`'] = true, ['|'] = true, ['~'] = true,
        ['0' ... '9'] = true, ['A' ... 'Z'] = true, ['a' ... 'z'] = true,
    };

    for (size_t i = 0; i < len; i++)
        if (!token[(unsigned char)at[i]])
            return false;
    return true;
}

static int on_field(http_parser *core, const char *at, size_t len)
{
    struct feed *feed = core->data;

    if (!is_token(at, len))
        return carry(feed, ERR_BAD_REQUEST);
    return carry(feed, feed->calls->field(feed->user, at, len));
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* RFC 9112, 5.2: a line folded into the next one is refused. It shows by a line end among the blanks before a piece of a value. */
static bool is_folded(const struct parser *parser, const char *at)
{
    while (at > parser->begin && is_blank(at[-1]))
        if (*--at == '\n')
            return true;
    return at == parser->begin && parser->tail_has_lf;
}

static int on_value(http_parser *core, const char *at, size_t len)
{
    struct feed *feed = core->data;

    if (len && is_folded(feed->parser, at))
        return carry(feed, ERR_BAD_REQUEST);
    return carry(feed, feed->calls->value(feed->user, at, len));
}

static int on_head(http_parser *core)
{
    struct feed *feed = core->data;

    /* We speak nothing but HTTP: an Upgrade is not taken up, and the body that follows is a body (RFC 9110, 7.8). */
    core->upgrade = 0;
    return carry(feed, feed->calls->head(feed->user)) ? -1 : 0;
}

static int on_body(http_parser *core, const char *at, size_t len)
{
    struct feed *feed = core->data;

    return carry(feed, feed->calls->body(feed->user, at, len));
}

static int on_complete(http_parser *core)
{
    struct feed *feed = core->data;

    feed->complete = true;
    http_parser_pause(core, 1);
    return 0;
}

void parser_init(struct parser *parser)
{
    *parser = (struct parser){ .refusal = ERR_OK };
    http_parser_init(&parser->core, HTTP_REQUEST);
}

enum parsed parser_feed(struct parser *parser, const struct parser_calls *calls, void *user, const char *data, size_t len, size_t *used)
{
    static const http_parser_settings settings = {
        .on_message_begin = on_begin, .on_url = on_target, .on_header_field = on_field, .on_header_value = on_value,
        .on_headers_complete = on_head, .on_body = on_body, .on_message_complete = on_complete,
    };
    struct feed feed = { parser, calls, user, false };
    const char *end = data + len;

    parser->begin = data;
    parser->core.data = &feed;
    *used = http_parser_execute(&parser->core, &settings, data, len);
    parser->core.data = NULL;
    if (feed.complete) {
        /* A fresh state for the next message: nothing of this one can leak into it. */
        parser_init(parser);
        return PARSED_MESSAGE;
    }
    if (parser->refusal || HTTP_PARSER_ERRNO(&parser->core) != HPE_OK) {
        if (!parser->refusal)
            parser->refusal = HTTP_PARSER_ERRNO(&parser->core) == HPE_HEADER_OVERFLOW ? ERR_HEADERS_TOO_LARGE : ERR_BAD_REQUEST;
        return PARSED_BAD;
    }
    while (end > data && is_blank(end[-1]))
        if (*--end == '\n') {
            parser->tail_has_lf = true;
            return PARSED_MORE;
        }
    if (end > data)
        parser->tail_has_lf = false;
    return PARSED_MORE;
}

const char *parser_method(const struct parser *parser)
{
    return http_method_str((enum http_method)parser->core.method);
}

int parser_version(const struct parser *parser)
{
    return 10 * parser->core.http_major + parser->core.http_minor;
}

bool parser_chunked(const struct parser *parser)
{
    return parser->core.flags & F_CHUNKED;
}

int64_t parser_content_length(const struct parser *parser)
{
    return parser->core.flags & F_CONTENTLENGTH && parser->core.content_length <= INT64_MAX ? (int64_t)parser->core.content_length : -1;
}

bool parser_keeps_alive(const struct parser *parser)
{
    return http_should_keep_alive(&parser->core);
}
