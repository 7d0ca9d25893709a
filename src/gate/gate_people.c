/* gate_people.c - when a person's tickets went through a door. */
#include "gate/gate.h"
#include "registrations/registration_list.h"

/* A ticket's id is its registration's with a number in the last byte. */
SQL(person_check_ins_sql, "SELECT ticket, n, kind, at, scanned_at, gate FROM check_in WHERE event = :event AND ticket > :registration AND ticket <= :last"
                          " ORDER BY ticket, n");

/* Without the device and who scanned: those are somebody else's. */
static void write_check_ins(struct tx *tx, struct person_walk *walk, struct buf *out)
{
    struct registration_ref *refs = ARENA_ARRAY(tx->arena, PERSON_SLICE, struct registration_ref);
    size_t count = registrations_of_person(tx, walk, refs);

    for (size_t i = 0; i < count; i++) {
        struct query *q = query(tx, &person_check_ins_sql);
        struct id last = id_child(&refs[i].id, 255);

        bind_id(q, ":event", &refs[i].event);
        bind_id(q, ":registration", &refs[i].id);
        bind_id(q, ":last", &last);
        while (query_row(q)) {
            struct id ticket = col_id(q, 0);

            json_open(out, NULL);
            json_id(out, "ticketId", &ticket);
            json_str(out, "kind", col_int(q, 2) == 1 ? "admitted" : "undone");
            json_time(out, "at", col_int(q, 3));
            json_time_or_null(out, "scannedAt", col_int(q, 4));
            json_str(out, "gate", col_text(q, 5, tx->arena));
            json_close(out);
        }
        query_end(q);
    }
}

const struct person_part gate_people[] = {
    { .name = "checkIns", .holds = "check_in.ticket check_in.at check_in.gate", .write = write_check_ins,
      .kept = "The door's record of who was let in when: a ticket's number, and no name." },
    { .name = "scans", .holds = "check_in.actor check_in.device",
      .unexported = "Where you let others in at a door, your account's number stands beside their tickets; those are their organizer's record.",
      .kept = "The number of who scanned, so that a door can be accounted for." },
    PERSON_END
};
