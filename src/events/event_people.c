/* event_people.c - the events that a person organizes, and those where the person helps. */
#include "events/event_list.h"
#include "events/staff.h"

static void write_events(struct tx *tx, struct person_walk *walk, struct buf *out)
{
    struct page page = { .limit = PERSON_SLICE, .after = !id_is_zero(&walk->after), .at = walk->after_n, .id = walk->after };
    struct event_page events;

    event_list_of_organizer(tx, &walk->account, -1, &page, &events);
    for (size_t i = 0; i < events.count; i++) {
        json_open(out, NULL);
        json_id(out, "eventId", &events.items[i].id);
        json_str(out, "title", events.items[i].title);
        json_str(out, "status", event_status_words[events.items[i].status]);
        json_time(out, "startsAt", events.items[i].starts_at_ms);
        json_time(out, "createdAt", events.items[i].created_at_ms);
        json_close(out);
    }
    walk->more = events.more;
    walk->after = events.next_id;
    walk->after_n = events.next_at;
}

/* ---- staff ---- */

static void write_staff(struct tx *tx, struct person_walk *walk, struct buf *out)
{
    struct page page = { .limit = PERSON_SLICE, .after = !id_is_zero(&walk->after), .id = walk->after };
    struct staff *rows;
    size_t count = staff_of_account(tx, &walk->account, &page, &rows, &walk->more);

    for (size_t i = 0; i < count; i++) {
        json_open(out, NULL);
        json_id(out, "eventId", &rows[i].event);
        json_str(out, "email", rows[i].email);
        json_str(out, "role", staff_role_words[rows[i].role]);
        json_time(out, "invitedAt", rows[i].invited_at_ms);
        json_time(out, "acceptedAt", rows[i].accepted_at_ms);
        json_close(out);
    }
    if (count)
        walk->after = rows[count - 1].event;
}

struct leaving {
    const struct id *account;
    int64_t left;
};

static enum err leave_staff(struct tx *tx, void *arg)
{
    struct leaving *leaving = arg;

    leaving->left = staff_forget(tx, leaving->account, PERSON_SLICE);
    return ERR_OK;
}

static enum err forget_staff(struct person_walk *walk)
{
    struct leaving leaving = { &walk->account, 0 };
    enum err e = store_write_wait(walk->app->store, walk->arena, walk->fault, &walk->account, false, leave_staff, &leaving);

    walk->more = leaving.left == PERSON_SLICE;
    return e;
}

const struct person_part event_people[] = {
    { .name = "events", .holds = "event.organizer", .write = write_events,
      .kept = "Orders hang on an event: it stays, under the number of who organized it. Nobody can leave while one is still to come." },
    { .name = "staffAt", .holds = "staff.account staff.email staff.email_key staff.role staff.invited_at staff.accepted_at", .write = write_staff,
      .forget = forget_staff },
    { .name = "madeForEvents", .holds = "staff.invited_by staff_mail.inviter device.made_by",
      .unexported = "Beside the staff and the scanners that you set up for an event stands your account's number; they are the event's.",
      .kept = "The number of who invited or set up, so that an event can be accounted for." },
    PERSON_END
};
