/* ticket_people.c - a person's tickets in the export, and the PDFs that bear a name of somebody who left. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "events/event_list.h"
#include "objects/objects.h"
#include "registrations/registration_list.h"
#include "tickets/tickets_inside.h"

/* Without the code: it opens the door, and an export lies about on disks. */
static void write_tickets(struct tx *tx, struct person_walk *walk, struct buf *out)
{
    struct ticket_filter everything = { .by_status = false };
    struct page page = { .limit = PERSON_SLICE, .after = !id_is_zero(&walk->after), .at = walk->after_n, .id = walk->after };
    struct ticket *tickets;
    size_t count = tickets_of_account(tx, &walk->account, &everything, &page, &tickets, &walk->more);

    for (size_t i = 0; i < count; i++) {
        const struct ticket *ticket = &tickets[i];
        struct id type = id_child(&ticket->registration.event, ticket->row.type);

        json_open(out, NULL);
        json_id(out, "ticketId", &ticket->id);
        json_id(out, "registrationId", &ticket->registration.id);
        json_id(out, "eventId", &ticket->registration.event);
        json_str(out, "eventTitle", ticket->event.title);
        json_time(out, "eventStartsAt", ticket->event.starts_at_ms);
        json_id(out, "ticketTypeId", &type);
        json_str(out, "attendeeName", ticket->attendee_name);
        json_str(out, "status", ticket_status_words[ticket->row.status]);
        json_time_or_null(out, "usedAt", ticket->row.used_at_ms);
        json_str(out, "usedGate", ticket->row.used_gate);
        json_close(out);
    }
    if (count) {
        walk->after = tickets[count - 1].registration.id;
        walk->after_n = tickets[count - 1].row.n;
    }
}

/* ---- leaving ---- */

struct gone {
    struct app *app;
    const char *folder;                 /* the objects' */
    const struct registration_ref *refs; /* of one event, ordered by id; NULL: everybody's */
    size_t count;
};

static int by_id(const void *a, const void *b)
{
    return id_compare(&((const struct registration_ref *)a)->id, &((const struct registration_ref *)b)->id);
}

/* An object is named "<ticket>-<hash>.pdf". Nobody may be sent to one that is not there any more. */
static bool is_gone(void *arg, const char *name)
{
    const struct gone *gone = arg;
    struct registration_ref ref;
    char key[256];

    if (strlen(name) < ID_TEXT_LEN || !id_parse(name, ID_TEXT_LEN, &ref.id))
        return false;
    ref.id = id_parent(&ref.id);
    if (gone->refs && !bsearch(&ref, gone->refs, gone->count, sizeof ref, by_id))
        return false;
    snprintf(key, sizeof key, "%s/%s", gone->folder, name);
    ticket_pdf_forget(gone->app, key);
    return true;
}

static enum err clear(struct person_walk *walk, const struct id *event, const struct registration_ref *refs, size_t count)
{
    struct gone gone = { walk->app, ticket_pdf_folder(walk->arena, event), refs, count };

    return objects_clear(walk->app->objects, gone.folder, is_gone, &gone);
}

/* The names are out of the rows by now (registrations stand before tickets), so what is drawn from here on bears none. */
static enum err forget_own(struct person_walk *walk)
{
    struct registration_ref *refs = ARENA_ARRAY(walk->arena, PERSON_SLICE, struct registration_ref);
    size_t count = registrations_of_person_by_event(walk, refs), from = 0, upto;
    enum err e = ERR_OK;

    for (; from < count && !e; from = upto) {
        for (upto = from; upto < count && id_equal(&refs[upto].event, &refs[from].event);)
            upto++;
        e = clear(walk, &refs[from].event, refs + from, upto - from);
    }
    return e;
}

/* An event may have 50,000 of them. */
#define EVENTS_A_SLICE 5

/* A ticket names its organizer: those of the person's events are drawn anew when somebody asks for them. */
static enum err forget_organized(struct person_walk *walk)
{
    struct page page = { .limit = EVENTS_A_SLICE, .after = !id_is_zero(&walk->after), .at = walk->after_n, .id = walk->after };
    struct tx tx = { .app = walk->app };
    struct event_page events;
    enum err e = ERR_OK;

    reader_begin(walk->reader, &tx, walk->arena, walk->fault);
    event_list_of_organizer(&tx, &walk->account, -1, &page, &events);
    reader_end(walk->reader, &tx);
    for (size_t i = 0; i < events.count && !e; i++)
        e = clear(walk, &events.items[i].id, NULL, 0);
    walk->more = events.more;
    walk->after = events.next_id;
    walk->after_n = events.next_at;
    return e;
}

const struct person_part ticket_people[] = {
    { .name = "tickets", .holds = "ticket.registration ticket.used_at ticket.used_gate", .write = write_tickets, .forget = forget_own },
    { .name = "organizerOnTickets", .holds = "", .unexported = "The PDFs of tickets hold nothing that does not stand here.",
      .forget = forget_organized },
    { .name = "receipts", .holds = "receipt.registration receipt.content", .unexported = "What a receipt says stands with its registration.",
      .kept = "A receipt is accounting: the law wants it kept as it was given, with the buyer's name, for the organizer's years." },
    PERSON_END
};
