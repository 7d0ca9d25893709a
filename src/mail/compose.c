/*
 * A message as bytes: RFC 5322 headers, RFC 2047 words for what is not ASCII,
 * RFC 2045 parts. Nothing that a person typed reaches a header but through
 * `header_text` or `mail_address_good`, so no one can add a header or a recipient.
 */
#include "mail/mail_inside.h"

#include <string.h>

#include <openssl/evp.h>

#include "base/clock.h"

#define LINE_MAX_BYTES 76
#define WORD_BYTES 45 /* 60 characters of base64; with its frame a word stays under the 75 of RFC 2047, 2 */

bool mail_address_good(const char *address)
{
    size_t len = strlen(address);
    const char *at = strchr(address, '@');

    if (len < 3 || len > 254 || !at || at == address || !at[1] || strchr(at + 1, '@'))
        return false;
    for (const char *c = address; *c; c++) {
        if (*c <= ' ' || *c >= 0x7f || strchr("<>()[]\\,;:\"", *c))
            return false;
    }
    return true;
}

/* ---- encodings ---- */

static void base64(struct buf *out, const void *data, size_t len)
{
    char *end = buf_reserve(out, 4 * ((len + 2) / 3) + 1);

    out->len += (size_t)EVP_EncodeBlock((unsigned char *)end, data, (int)len);
}

static void base64_lines(struct buf *out, struct bytes body)
{
    const char *at = body.data;

    for (size_t left = body.len; left;) {
        size_t n = MIN(left, (size_t)LINE_MAX_BYTES / 4 * 3);

        base64(out, at, n);
        buf_str(out, "\r\n");
        at += n;
        left -= n;
    }
}

/* Only printable ASCII, in lines short enough to go as they are, none of which could be a boundary. Code mails are such: what a person
 * or a program looks for stands there as written. */
static bool plain_lines(const char *text)
{
    size_t column = 0;

    for (; *text; text++) {
        if (column == 0 && strncmp(text, "--", 2) == 0)
            return false;
        column = *text == '\n' ? 0 : column + 1;
        if (column > LINE_MAX_BYTES || (*text != '\n' && *text != '\t' && (*text < ' ' || *text > '~')))
            return false;
    }
    return true;
}

static void plain(struct buf *out, const char *text)
{
    for (; *text; text++)
        *text == '\n' ? buf_str(out, "\r\n") : buf_char(out, *text);
    buf_str(out, "\r\n");
}

/* RFC 2045, 6.7. */
static void quoted_printable(struct buf *out, const char *text)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t column = 0;

    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        bool ends_line = text[1] == '\n' || text[1] == '\0' || (text[1] == '\r' && text[2] == '\n');
        bool as_is = (c >= '!' && c <= '~' && c != '=') || ((c == ' ' || c == '\t') && !ends_line);
        size_t need = as_is ? 1 : 3;

        if (c == '\r' && text[1] == '\n')
            continue;
        if (c == '\n') {
            buf_str(out, "\r\n");
            column = 0;
            continue;
        }
        if (column + need > LINE_MAX_BYTES - 1) {
            buf_str(out, "=\r\n");
            column = 0;
        }
        if (as_is) {
            buf_char(out, (char)c);
        } else {
            char escape[3] = { '=', hex[c >> 4], hex[c & 15] };

            buf_add(out, escape, sizeof escape);
        }
        column += need;
    }
    buf_str(out, "\r\n");
}

/* ---- headers ---- */

/* Controls become blanks: an unstructured header has one line. */
static char *one_line(struct arena *arena, const char *text)
{
    char *out = arena_strdup(arena, text);

    for (char *c = out; *c; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            *c = ' ';
    }
    return out;
}

static bool ascii(const char *text)
{
    for (; *text; text++) {
        if ((unsigned char)*text >= 0x7f || (unsigned char)*text < ' ')
            return false;
    }
    return true;
}

/* RFC 2047 words, a line each, split between characters (RFC 2047, 5). */
static void words(struct buf *out, const char *text)
{
    size_t left = strlen(text);
    bool first = true;

    while (left) {
        size_t n = MIN(left, (size_t)WORD_BYTES);

        while (n < left && n > 1 && ((unsigned char)text[n] & 0xc0) == 0x80)
            n--;
        buf_str(out, first ? "=?UTF-8?B?" : "\r\n =?UTF-8?B?");
        base64(out, text, n);
        buf_str(out, "?=");
        first = false;
        text += n;
        left -= n;
    }
}

static void header_text(struct buf *out, struct arena *arena, const char *name, const char *text)
{
    char *line = one_line(arena, text);

    buf_printf(out, "%s: ", name);
    if (ascii(line) && strlen(name) + 2 + strlen(line) <= LINE_MAX_BYTES && !strstr(line, "=?"))
        buf_str(out, line);
    else
        words(out, line);
    buf_str(out, "\r\n");
}

/* A name and an address; the name as a quoted string or as words. */
static void header_address(struct buf *out, struct arena *arena, const char *header, const char *name, const char *address)
{
    buf_printf(out, "%s: ", header);
    if (name && *name) {
        char *line = one_line(arena, name);

        if (ascii(line) && strlen(line) <= 60 && !strstr(line, "=?")) {
            buf_char(out, '"');
            for (const char *c = line; *c; c++) {
                if (*c == '"' || *c == '\\')
                    buf_char(out, '\\');
                buf_char(out, *c);
            }
            buf_char(out, '"');
        } else {
            words(out, line);
        }
        buf_str(out, "\r\n ");
    }
    buf_printf(out, "<%s>\r\n", address);
}

static void header_date(struct buf *out, int64_t now_ms)
{
    static const char days[] = "SunMonTueWedThuFriSat", months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    struct civil at = clock_civil(now_ms);

    buf_printf(out, "Date: %.3s, %d %.3s %d %02d:%02d:%02d +0000\r\n", days + 3 * at.weekday, at.day, months + 3 * (at.month - 1), at.year, at.hour,
               at.minute, at.second);
}

/* The id in letters: a mail that carries a six-digit code has no other run of six digits anywhere. */
static char *letters_of(struct arena *arena, const struct id *id)
{
    char *out = arena_alloc(arena, sizeof id->byte * 2 + 1);

    for (size_t i = 0; i < sizeof id->byte; i++) {
        out[2 * i] = (char)('a' + (id->byte[i] >> 4));
        out[2 * i + 1] = (char)('a' + (id->byte[i] & 15));
    }
    return out;
}

/* ---- parts ---- */

static void text_part(struct buf *out, const char *type, const char *text)
{
    bool as_is = plain_lines(text);

    buf_printf(out, "Content-Type: %s; charset=utf-8\r\nContent-Transfer-Encoding: %s\r\n\r\n", type, as_is ? "7bit" : "quoted-printable");
    if (as_is)
        plain(out, text);
    else
        quoted_printable(out, text);
}

/* Text, and the same as HTML where there is one. */
static void body_part(struct buf *out, const struct mail_message *message, const char *letters)
{
    if (!message->html) {
        text_part(out, "text/plain", message->text);
        return;
    }
    /* "=_" occurs in neither quoted-printable nor base64 (RFC 2045, 6.7), so no line of a part can be a boundary. */
    buf_printf(out, "Content-Type: multipart/alternative;\r\n boundary=\"=_alternative_%s\"\r\n\r\n", letters);
    buf_printf(out, "--=_alternative_%s\r\n", letters);
    text_part(out, "text/plain", message->text);
    buf_printf(out, "\r\n--=_alternative_%s\r\n", letters);
    text_part(out, "text/html", message->html);
    buf_printf(out, "\r\n--=_alternative_%s--\r\n", letters);
}

static void attachment_part(struct buf *out, struct arena *arena, const struct mail_attachment *attachment)
{
    char *name = one_line(arena, attachment->filename);
    bool simple = ascii(name);

    buf_printf(out, "Content-Type: %s\r\nContent-Transfer-Encoding: base64\r\nContent-Disposition: attachment;\r\n filename", one_line(arena, attachment->content_type));
    if (simple) {
        for (char *c = name; *c; c++) {
            if (*c == '"' || *c == '\\')
                *c = '_';
        }
        buf_printf(out, "=\"%s\"\r\n\r\n", name);
    } else {
        buf_str(out, "*=UTF-8''"); /* RFC 2231, 4 */
        buf_url(out, name, NULL);
        buf_str(out, "\r\n\r\n");
    }
    base64_lines(out, attachment->body);
}

/* "Name <address>" or an address. */
static bool sender_read(struct arena *arena, const char *from, const char **name, const char **address)
{
    const char *open = strchr(from, '<');
    size_t len = strlen(from);

    *name = NULL;
    *address = from;
    if (open && len && from[len - 1] == '>') {
        size_t name_len = (size_t)(open - from);

        while (name_len && from[name_len - 1] == ' ')
            name_len--;
        *name = arena_copy(arena, from, name_len);
        *address = arena_copy(arena, open + 1, len - (size_t)(open - from) - 2);
    }
    return mail_address_good(*address);
}

enum err mail_compose(struct arena *arena, const char *from, const struct mail_message *message, int64_t now_ms, struct bytes *out)
{
    struct buf text = buf_in(arena);
    const char *letters = letters_of(arena, &message->id), *from_name, *from_address;

    if (!sender_read(arena, from, &from_name, &from_address) || !mail_address_good(message->to))
        return ERR_INVALID;
    header_date(&text, now_ms);
    header_address(&text, arena, "From", from_name ? from_name : "Usher", from_address);
    header_address(&text, arena, "To", message->to_name, message->to);
    header_text(&text, arena, "Subject", message->subject);
    buf_printf(&text, "Message-ID: <%s@%s>\r\nMIME-Version: 1.0\r\nAuto-Submitted: auto-generated\r\n", letters, strchr(from_address, '@') + 1);
    if (!message->attachment_count) {
        body_part(&text, message, letters);
    } else {
        buf_printf(&text, "Content-Type: multipart/mixed;\r\n boundary=\"=_mixed_%s\"\r\n\r\n--=_mixed_%s\r\n", letters, letters);
        body_part(&text, message, letters);
        for (size_t i = 0; i < message->attachment_count; i++) {
            buf_printf(&text, "\r\n--=_mixed_%s\r\n", letters);
            attachment_part(&text, arena, &message->attachments[i]);
        }
        buf_printf(&text, "\r\n--=_mixed_%s--\r\n", letters);
    }
    *out = buf_bytes(&text);
    return ERR_OK;
}
