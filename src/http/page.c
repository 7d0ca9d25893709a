/*
 * page.c - cursors: where a list goes on.
 *
 * A cursor is the sort key of the last row written: 8 bytes of time and 16 of
 * id, as unpadded base64url (32 characters). It is opaque to clients and holds
 * nothing that they could not see; a forged one shows other rows of the same
 * list, never another list.
 */
#include "http/req.h"

#include <string.h>

#define CURSOR_BYTES 24
#define CURSOR_TEXT 32
#define LIMIT_DEFAULT 20

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void page_write_next(struct buf *out, bool more, int64_t at, const struct id *id)
{
    unsigned char raw[CURSOR_BYTES];
    char text[CURSOR_TEXT + 1];

    if (!more) {
        json_nil(out, "nextCursor");
        return;
    }
    for (int i = 0; i < 8; i++)
        raw[i] = (unsigned char)((uint64_t)at >> (56 - 8 * i));
    memcpy(raw + 8, id->byte, sizeof id->byte);
    for (size_t i = 0, o = 0; i < CURSOR_BYTES; i += 3) {
        uint32_t bits = (uint32_t)raw[i] << 16 | (uint32_t)raw[i + 1] << 8 | raw[i + 2];

        for (int shift = 18; shift >= 0; shift -= 6)
            text[o++] = alphabet[bits >> shift & 63];
    }
    json_strn(out, "nextCursor", text, CURSOR_TEXT);
}

static bool cursor_read(const char *text, int64_t *at, struct id *id)
{
    unsigned char raw[CURSOR_BYTES];
    uint64_t time = 0;

    if (strlen(text) != CURSOR_TEXT)
        return false;
    for (size_t i = 0, o = 0; i < CURSOR_TEXT; i += 4) {
        uint32_t bits = 0;

        for (size_t j = 0; j < 4; j++) {
            const char *found = strchr(alphabet, text[i + j]);

            if (!found)
                return false;
            bits = bits << 6 | (uint32_t)(found - alphabet);
        }
        raw[o++] = (unsigned char)(bits >> 16);
        raw[o++] = (unsigned char)(bits >> 8);
        raw[o++] = (unsigned char)bits;
    }
    for (int i = 0; i < 8; i++)
        time = time << 8 | raw[i];
    *at = (int64_t)time;
    memcpy(id->byte, raw + 8, sizeof id->byte);
    return true;
}

enum err page_read(struct req *req, int64_t limit, const char *cursor, struct page *out)
{
    *out = (struct page){ .limit = limit ? limit : LIMIT_DEFAULT };
    if (!cursor)
        return ERR_OK;
    out->after = true;
    if (cursor_read(cursor, &out->at, &out->id))
        return ERR_OK;
    fault_field(&req->fault, "cursor", "format", "This is not a cursor that a list gave out.");
    return ERR_INVALID;
}
