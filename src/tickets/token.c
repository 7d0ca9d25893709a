/*
 * The text in a ticket's QR code, and the keys that make it believable.
 *
 *     version 1 | key id 1 | edition 1 | tail of the event id 8 | ticket id 16 | r 32 | s 32
 *
 * 91 bytes; in base32 (RFC 4648, upper case, without padding) 146 characters of
 * the QR alphanumeric set, without the spaces and signs that base45 has and
 * that get lost in forms and addresses.
 */
#include "tickets/tickets_inside.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"

#define TOKEN_VERSION 1
#define SIGNED_BYTES 27
#define TOKEN_BYTES (SIGNED_BYTES + GATE_SIGNATURE_BYTES)
_Static_assert((TOKEN_BYTES * 8 + 4) / 5 == TICKET_TOKEN_LEN, "base32 gives five bits a character");

static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

static void base32(const uint8_t in[TOKEN_BYTES], char out[TICKET_TOKEN_LEN + 1])
{
    unsigned held = 0, bits = 0;

    for (size_t i = 0; i < TOKEN_BYTES; i++) {
        held = held << 8 | in[i];
        for (bits += 8; bits >= 5; bits -= 5)
            *out++ = letters[held >> (bits - 5) & 31];
    }
    *out++ = letters[held << (5 - bits) & 31];
    *out = '\0';
}

/* Exactly one text for each token: the last character's spare bits must be zero. */
static bool base32_read(const char *text, uint8_t out[TOKEN_BYTES])
{
    unsigned held = 0, bits = 0;
    size_t n = 0;

    for (size_t i = 0; i < TICKET_TOKEN_LEN; i++) {
        char c = text[i];
        unsigned value;

        if (c >= 'A' && c <= 'Z')
            value = (unsigned)(c - 'A');
        else if (c >= 'a' && c <= 'z')
            value = (unsigned)(c - 'a');
        else if (c >= '2' && c <= '7')
            value = (unsigned)(c - '2') + 26;
        else
            return false;
        held = (held << 5 | value) & 0xfff;
        bits += 5;
        if (bits >= 8) {
            bits -= 8;
            out[n++] = (uint8_t)(held >> bits);
        }
    }
    assert(n == TOKEN_BYTES);
    return (held & ((1u << bits) - 1)) == 0;
}

void ticket_token(struct tickets *tickets, const struct id *event, const struct id *ticket, unsigned edition, char out[TICKET_TOKEN_LEN + 1])
{
    uint8_t token[TOKEN_BYTES] = { TOKEN_VERSION, (uint8_t)tickets->newest, (uint8_t)edition };

    memcpy(token + 3, event->byte + 8, 8);
    memcpy(token + 11, ticket->byte, 16);
    gate_key_sign(tickets->keys[tickets->newest], token, SIGNED_BYTES, token + SIGNED_BYTES);
    base32(token, out);
}

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool ticket_token_verify(struct tickets *tickets, const char *text, size_t len, struct ticket_token *out)
{
    uint8_t token[TOKEN_BYTES];
    const struct gate_key *key;

    while (len && blank(*text)) {
        text++;
        len--;
    }
    while (len && blank(text[len - 1]))
        len--;
    if (len != TICKET_TOKEN_LEN || !base32_read(text, token) || token[0] != TOKEN_VERSION)
        return false;
    key = tickets->keys[token[1]];
    if (!key || !gate_key_verify(key, token, SIGNED_BYTES, token + SIGNED_BYTES))
        return false;
    *out = (struct ticket_token){ .key_id = token[1], .edition = token[2] };
    memcpy(out->event_tail, token + 3, 8);
    memcpy(out->ticket.byte, token + 11, 16);
    return true;
}

/* ---- the keys of DIR/keys: gate-<id>.pem, id 1 to 255; the highest signs, all are good at the door ---- */

static bool key_id_of(const char *name, unsigned *out)
{
    int end = 0;

    return sscanf(name, "gate-%3u.pem%n", out, &end) == 1 && end > 0 && name[end] == '\0' && *out >= 1 && *out <= 255;
}

bool gate_keys_open(struct tickets *tickets, const char *dir, struct buf *error)
{
    char path[4096];
    struct dirent *entry;
    DIR *folder;
    bool good = true;

    snprintf(path, sizeof path, "%s/keys", dir);
    if ((mkdir(path, 0700) && errno != EEXIST) || !(folder = opendir(path))) {
        buf_printf(error, "The folder %s cannot be used: %s.", path, strerror(errno));
        return false;
    }
    while (good && (entry = readdir(folder))) {
        unsigned id;

        if (!key_id_of(entry->d_name, &id) || tickets->keys[id])
            continue;
        snprintf(path, sizeof path, "%s/keys/gate-%u.pem", dir, id);
        tickets->keys[id] = gate_key_load(path, false, error);
        good = tickets->keys[id] != NULL;
        tickets->newest = MAX(tickets->newest, id);
    }
    closedir(folder);
    if (good && !tickets->newest) {
        snprintf(path, sizeof path, "%s/keys/gate-1.pem", dir);
        tickets->keys[1] = gate_key_load(path, true, error);
        tickets->newest = 1;
        good = tickets->keys[1] != NULL;
    }
    return good;
}

void gate_keys_close(struct tickets *tickets)
{
    for (size_t i = 0; i < COUNT(tickets->keys); i++) {
        gate_key_free(tickets->keys[i]);
        tickets->keys[i] = NULL;
    }
}
