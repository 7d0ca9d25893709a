/*
 * staff.h - who helps at an event: asked by mail, bound to the address, gone at once when removed.
 *
 *     (none) --invite--> INVITED --accept--> ACTIVE
 *                           |  ^
 *                   7 days  v  | resend                 any --remove--> (none)
 *                         EXPIRED (derived): also at once when who invited does not manage the event any more
 *
 * An invitation takes two things: the token from the mail, which works once and for 7 days, and a signed-in account with the address that it was
 * mailed to. A link that was forwarded or read over a shoulder so opens nothing, and nobody becomes staff without saying yes. Inviting
 * never looks whether the address has an account. It rests on the word of who sent it (or sent it again last), as a scanner device does: once that account
 * does not manage the event any more, it opens nothing, so that who is removed brings nobody in behind. Who accepted before stays, and is listed with
 * who invited.
 *
 * What a role may do is decided in event.c (event_for_gate, event_for_manager, event_for_owner); this file keeps the rows.
 */
#ifndef USHER_EVENTS_STAFF_H
#define USHER_EVENTS_STAFF_H

#include "events/event.h"

enum staff_role { STAFF_NONE = -1, STAFF_GATE, STAFF_MANAGER };
extern const char *const staff_role_words[]; /* "gate", "manager", NULL */

enum staff_status { STAFF_INVITED, STAFF_EXPIRED, STAFF_ACTIVE };
extern const char *const staff_status_words[];

/* Members and invitations of one event together. */
#define STAFF_MAX 100
/* Invitations mailed in 24 hours, by one account and to one address: nobody's mailbox is filled by us. Not with USHER_LIMITS off. */
#define STAFF_MAILS_BY_INVITER 100
#define STAFF_MAILS_TO_ADDRESS 5
#define STAFF_INVITATION_MS (INT64_C(7) * 24 * 3600 * 1000)
/* An invitation that nobody took goes so long after it ran out. */
#define STAFF_KEEP_EXPIRED_MS (INT64_C(30) * 24 * 3600 * 1000)

struct staff {
    struct id id, event;
    const char *email;
    const char *name;        /* the account's; NULL until it accepted */
    enum staff_role role;
    enum staff_status status;
    struct id account;       /* zero until accepted */
    struct id invited_by;
    int64_t invited_at_ms, expires_at_ms, accepted_at_ms;
};

/* What the account is at this event; STAFF_NONE for an invitation that is not accepted. */
enum staff_role staff_role_of(struct tx *tx, const struct id *event, const struct id *account);
/* Does it organize any event, or is it staff of one? */
bool staff_works_anywhere(struct tx *tx, const struct id *account);

bool staff_find(struct tx *tx, const struct id *event, const struct id *id, struct staff *out);
/* Of an event, all of them, by id. At most STAFF_MAX. */
size_t staff_of_event(struct tx *tx, const struct id *event, struct staff **out);
/* Events where the account is staff, newest event first. `page->id` is the last event's. */
size_t staff_of_account(struct tx *tx, const struct id *account, const struct page *page, struct staff **out, bool *more);

/* Ask somebody by mail. ERR_INVALID for the organizer's own address, ERR_CONFLICT where the address has a live invitation or is staff already,
 * the event is over (event_is_over) or has STAFF_MAX, ERR_TOO_MANY_REQUESTS beyond the limits of mail. */
enum err staff_invite(struct tx *tx, const struct event *event, const char *email, enum staff_role role, struct staff *out);
/* A new token in a new mail, seven more days; the older token is void. ERR_CONFLICT once it was accepted. */
enum err staff_resend(struct tx *tx, const struct event *event, struct staff *staff);
/* What a token is an invitation to. ERR_NOT_FOUND and ERR_CONFLICT as with staff_accept; an accepted one is found. */
enum err staff_look(struct tx *tx, const char *token, struct staff *out, struct event *event);
/*
 * Become staff. ERR_NOT_FOUND for a token that is none, was replaced, or whose invitation was withdrawn; ERR_FORBIDDEN for another's; ERR_CONFLICT when it
 * ran out, who sent it does not manage the event any more, or the event is over. Once more by the same account: ERR_OK, and nothing changes.
 */
enum err staff_accept(struct tx *tx, const struct id *account, const char *token, struct staff *out);
void staff_change_role(struct tx *tx, struct staff *staff, enum staff_role role);
void staff_remove(struct tx *tx, const struct staff *staff);
/* The account leaves events, its address with it, at most `limit` of them: for the deletion of an account. How many they were. */
int64_t staff_forget(struct tx *tx, const struct id *account, int64_t limit);

extern const struct route staff_routes[];
extern const struct answer_schema staff_schemas[];
extern const struct sweep staff_sweeps[];

#endif
