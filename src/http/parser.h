/*
 * parser.h - bytes of HTTP/1.x become calls. The seam: parser.c alone knows which library parses.
 *
 * What the library lets pass and two servers could read differently is refused
 * here: a space before a colon, a folded header. The rest of the framing rules
 * need the whole head and stand in head.c.
 */
#ifndef USHER_HTTP_PARSER_H
#define USHER_HTTP_PARSER_H

#include <http_parser.h>

#include "base/err.h"

struct parser {
    http_parser core;
    const char *begin;      /* of the bytes being fed */
    bool tail_has_lf;       /* the blanks at the end of the last feed hold a line end */
    enum err refusal;       /* what a callback refused with */
};

/* Pieces may be split anywhere and come in order. A callback that returns an error stops the message. */
struct parser_calls {
    void (*begin)(void *user);
    enum err (*target)(void *user, const char *at, size_t len);
    enum err (*field)(void *user, const char *at, size_t len);
    enum err (*value)(void *user, const char *at, size_t len);
    enum err (*head)(void *user); /* all headers are in */
    enum err (*body)(void *user, const char *at, size_t len);
};

enum parsed {
    PARSED_MORE,    /* everything was taken in, the message goes on */
    PARSED_MESSAGE, /* one message is complete; `*used` says where it ended */
    PARSED_BAD,     /* parser->refusal says why; nothing more can be read from this connection */
};

void parser_init(struct parser *parser);
enum parsed parser_feed(struct parser *parser, const struct parser_calls *calls, void *user, const char *data, size_t len, size_t *used);

const char *parser_method(const struct parser *parser); /* static text */
int parser_version(const struct parser *parser);        /* 10 * major + minor */
bool parser_chunked(const struct parser *parser);
/* Content-Length as the library read it, or -1. */
int64_t parser_content_length(const struct parser *parser);
/* By version and Connection header; valid from `head` on. */
bool parser_keeps_alive(const struct parser *parser);

#endif
