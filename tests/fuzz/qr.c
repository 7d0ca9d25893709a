/*
 * QR tokens. The input as a scanner's text: it must be taken apart without harm, and is never good unless we signed it. Its first bytes
 * also make a token of ours, which must verify as what it was made of, and not once one of its characters is another.
 */
#include "fuzz.h"
#include "tickets/ticket.h"

static struct tickets *opened(void)
{
    static struct tickets *tickets;
    static struct app app;
    static struct config config;

    if (!tickets) {
        char folder[] = "/tmp/usher-fuzz-XXXXXX";
        struct buf error = buf_heap();

        HOLDS(mkdtemp(folder));
        app.config = &config;
        tickets = tickets_open(&app, folder, &error);
        if (!tickets)
            fprintf(stderr, "%s\n", error.data);
        HOLDS(tickets);
    }
    return tickets;
}

static bool is_token_character(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= '2' && c <= '7');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tickets *tickets = opened();
    struct ticket_token token;
    struct id event, ticket;
    char text[TICKET_TOKEN_LEN + 1];
    unsigned edition, at;

    HOLDS(!ticket_token_verify(tickets, (const char *)data, size, &token));
    if (size < 36)
        return 0;
    memcpy(&event, data, 16);
    memcpy(&ticket, data + 16, 16);
    edition = data[32];
    at = data[33] % TICKET_TOKEN_LEN;
    ticket_token(tickets, &event, &ticket, edition, text);
    HOLDS(strlen(text) == TICKET_TOKEN_LEN);
    HOLDS(ticket_token_verify(tickets, text, TICKET_TOKEN_LEN, &token));
    HOLDS(id_equal(&token.ticket, &ticket) && token.edition == edition && memcmp(token.event_tail, event.byte + 8, 8) == 0);
    PLANT(token.edition == 7 && at >= 3 && at < 19);
    /* The last character's low bits carry nothing: only its upper three are data. */
    if (at == TICKET_TOKEN_LEN - 1 || (char)data[34] == text[at])
        return 0;
    text[at] = (char)data[34];
    if (is_token_character(text[at]))
        HOLDS(!ticket_token_verify(tickets, text, TICKET_TOKEN_LEN, &token));
    return 0;
}
