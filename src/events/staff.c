/* staff.c - see staff.h. */
#include "events/staff.h"

#include <string.h>

#include "base/secret.h"
#include "base/zone.h"
#include "identity/identity.h"
#include "mail/mail.h"

const char *const staff_role_words[] = { "gate", "manager", NULL };
const char *const staff_status_words[] = { "invited", "expired", "active", NULL };

#define DAY_MS (INT64_C(24) * 3600 * 1000)
#define COLUMNS "s.id, s.event, s.email, s.role, s.account, s.invited_at, s.expires_at, s.accepted_at, a.name, s.invited_by"
#define FROM " FROM staff s LEFT JOIN account a ON a.id = s.account"

SQL(staff_role_sql, "SELECT role FROM staff WHERE account = :account AND event = :event");
SQL(staff_works_sql, "SELECT 1 FROM event WHERE organizer = :account UNION ALL SELECT 1 FROM staff WHERE account = :account LIMIT 1");
SQL(staff_by_id_sql, "SELECT " COLUMNS FROM " WHERE s.id = :id");
SQL(staff_by_hash_sql, "SELECT " COLUMNS FROM " WHERE s.hash = :hash");
SQL(staff_by_address_sql, "SELECT " COLUMNS FROM " WHERE s.event = :event AND s.email_key = :email_key");
SQL(staff_of_event_sql, "SELECT " COLUMNS FROM " WHERE s.event = :event ORDER BY s.id LIMIT :limit");
SQL(staff_of_account_sql, "SELECT " COLUMNS FROM " WHERE s.account = :account AND s.event < :before ORDER BY s.event DESC LIMIT :limit");
SQL(staff_count_sql, "SELECT count(*) FROM staff WHERE event = :event");
SQL(staff_insert_sql, "INSERT INTO staff (id, event, email, email_key, role, hash, expires_at, invited_by, invited_at)"
                      " VALUES (:id, :event, :email, :email_key, :role, :hash, :expires_at, :actor, :now)");
SQL(staff_renew_sql, "UPDATE staff SET hash = :hash, expires_at = :expires_at, invited_by = :actor, invited_at = :now WHERE id = :id AND account IS NULL");
SQL(staff_accept_sql, "UPDATE staff SET account = :account, accepted_at = :now WHERE id = :id AND account IS NULL");
SQL(staff_change_role_sql, "UPDATE staff SET role = :role WHERE id = :id");
SQL(staff_remove_sql, "DELETE FROM staff WHERE id = :id");
SQL(staff_forget_sql, "DELETE FROM staff WHERE id IN (SELECT id FROM staff WHERE account = :account LIMIT :limit)");
SQL(staff_remove_expired_sql, "DELETE FROM staff WHERE id IN (SELECT id FROM staff WHERE account IS NULL AND expires_at < :before LIMIT 100)");
SQL(staff_mails_by_sql, "SELECT count(*) FROM (SELECT 1 FROM staff_mail WHERE inviter = :inviter AND at > :since LIMIT :limit) AS recent");
SQL(staff_mails_to_sql, "SELECT count(*) FROM (SELECT 1 FROM staff_mail WHERE email_key = :email_key AND at > :since LIMIT :limit) AS recent");
SQL(staff_mail_insert_sql, "INSERT INTO staff_mail (id, inviter, email_key, at) VALUES (:id, :inviter, :email_key, :now)");
SQL(staff_mail_remove_sql, "DELETE FROM staff_mail WHERE id IN (SELECT id FROM staff_mail WHERE at < :before LIMIT 100)");

/* ---- reading ---- */

static void read_row(struct query *q, struct tx *tx, struct staff *out)
{
    *out = (struct staff){
        .id = col_id(q, 0), .event = col_id(q, 1), .email = col_text(q, 2, tx->arena), .role = (enum staff_role)col_int(q, 3),
        .account = col_id(q, 4), .invited_at_ms = col_int(q, 5), .expires_at_ms = col_int(q, 6), .accepted_at_ms = col_int(q, 7),
        .name = col_text(q, 8, tx->arena), .invited_by = col_id(q, 9),
    };
    out->status = out->accepted_at_ms ? STAFF_ACTIVE : out->expires_at_ms > tx->now_ms ? STAFF_INVITED : STAFF_EXPIRED;
}

/* Behind the query, for it asks others. */
static void look_at_inviter(struct tx *tx, struct staff *staff)
{
    if (staff->status == STAFF_INVITED && !event_managed_by(tx, &staff->event, &staff->invited_by))
        staff->status = STAFF_EXPIRED;
}

static bool read_one(struct query *q, struct tx *tx, struct staff *out)
{
    bool found = query_row(q);

    if (found)
        read_row(q, tx, out);
    query_end(q);
    if (found)
        look_at_inviter(tx, out);
    return found;
}

enum staff_role staff_role_of(struct tx *tx, const struct id *event, const struct id *account)
{
    struct query *q = query(tx, &staff_role_sql);
    enum staff_role role = STAFF_NONE;

    bind_id(q, ":account", account);
    bind_id(q, ":event", event);
    if (query_row(q))
        role = (enum staff_role)col_int(q, 0);
    query_end(q);
    return role;
}

bool staff_works_anywhere(struct tx *tx, const struct id *account)
{
    struct query *q = query(tx, &staff_works_sql);
    bool works;

    bind_id(q, ":account", account);
    works = query_row(q);
    query_end(q);
    return works;
}

bool staff_find(struct tx *tx, const struct id *event, const struct id *id, struct staff *out)
{
    struct query *q = query(tx, &staff_by_id_sql);

    bind_id(q, ":id", id);
    return read_one(q, tx, out) && id_equal(&out->event, event);
}

static bool find_by_address(struct tx *tx, const struct id *event, const char *email_key, struct staff *out)
{
    struct query *q = query(tx, &staff_by_address_sql);

    bind_id(q, ":event", event);
    bind_text(q, ":email_key", email_key);
    return read_one(q, tx, out);
}

size_t staff_of_event(struct tx *tx, const struct id *event, struct staff **out)
{
    struct staff *rows = ARENA_ARRAY(tx->arena, STAFF_MAX, struct staff);
    struct query *q = query(tx, &staff_of_event_sql);
    size_t count = 0;

    bind_id(q, ":event", event);
    bind_int(q, ":limit", STAFF_MAX);
    while (count < STAFF_MAX && query_row(q))
        read_row(q, tx, &rows[count++]);
    query_end(q);
    for (size_t i = 0; i < count; i++)
        look_at_inviter(tx, &rows[i]);
    *out = rows;
    return count;
}

size_t staff_of_account(struct tx *tx, const struct id *account, const struct page *page, struct staff **out, bool *more)
{
    struct staff *rows = ARENA_ARRAY(tx->arena, (size_t)page->limit + 1, struct staff);
    struct query *q = query(tx, &staff_of_account_sql);
    size_t count = 0;
    struct id last;

    memset(&last, 0xFF, sizeof last);
    bind_id(q, ":account", account);
    bind_id(q, ":before", page->after ? &page->id : &last);
    bind_int(q, ":limit", page->limit + 1);
    while (count <= (size_t)page->limit && query_row(q))
        read_row(q, tx, &rows[count++]);
    query_end(q);
    *more = count > (size_t)page->limit;
    *out = rows;
    return *more ? (size_t)page->limit : count;
}

/* ---- the mail, and how many of them ---- */

static int64_t mails_since(struct tx *tx, struct sql *sql, const struct id *inviter, const char *email_key, int64_t limit)
{
    struct query *q = query(tx, sql);
    int64_t count = 0;

    if (inviter)
        bind_id(q, ":inviter", inviter);
    else
        bind_text(q, ":email_key", email_key);
    bind_int(q, ":since", tx->now_ms - DAY_MS);
    bind_int(q, ":limit", limit);
    if (query_row(q))
        count = col_int(q, 0);
    query_end(q);
    return count;
}

/* Counted in the rows, so that neither a restart nor many events give more. */
static enum err take_mail(struct tx *tx, const char *email_key)
{
    struct id id = id_new(tx->now_ms);
    struct query *q;

    if (tx->app->config->limits) {
        tx->fault->retry_after_s = 3600;
        if (mails_since(tx, &staff_mails_by_sql, &tx->actor, NULL, STAFF_MAILS_BY_INVITER) >= STAFF_MAILS_BY_INVITER)
            return fail(tx, ERR_TOO_MANY_REQUESTS, "You sent %d invitations in the last 24 hours; no more go out for now.", STAFF_MAILS_BY_INVITER);
        if (mails_since(tx, &staff_mails_to_sql, NULL, email_key, STAFF_MAILS_TO_ADDRESS) >= STAFF_MAILS_TO_ADDRESS)
            return fail(tx, ERR_TOO_MANY_REQUESTS, "This address was sent %d invitations in the last 24 hours; no more go to it for now.", STAFF_MAILS_TO_ADDRESS);
        tx->fault->retry_after_s = 0;
    }
    q = query(tx, &staff_mail_insert_sql);
    bind_id(q, ":id", &id);
    bind_id(q, ":inviter", &tx->actor);
    bind_text(q, ":email_key", email_key);
    bind_int(q, ":now", tx->now_ms);
    query_run(q);
    return ERR_OK;
}

static const char *when_text(struct arena *arena, const struct event *event)
{
    static const char *const months[] = { "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December" };
    const struct zone *zone = zone_find(event->timezone);
    struct civil at = zone ? zone_civil(zone, event->starts_at_ms) : clock_civil(event->starts_at_ms);

    return arena_printf(arena, "%d %s %d, %02d:%02d (%s)", at.day, months[at.month - 1], at.year, at.hour, at.minute, zone ? event->timezone : "UTC");
}

/* The title is a line (FIELD_LINE), so that it cannot begin paragraphs of its own. No run of six digits but the token's own, which is no code. */
static void mail_invitation(struct tx *tx, const struct event *event, const struct staff *staff, const char *token)
{
    const char *what = staff->role == STAFF_MANAGER ? "to help manage this event, with its registrations, refunds and gates"
                                                    : "to check tickets at the gate of this event";
    struct mail_message message = {
        .to = staff->email,
        .subject = arena_printf(tx->arena, "You are invited to the staff of %s", event->title),
        .text = arena_printf(tx->arena,
                             "You are invited %s:\n\n%s\n%s\n\n"
                             "To accept, open this address, and sign in or sign up with %s (no other address works):\n\n%s/invitations/%s\n\n"
                             "The invitation works once, for seven days. If you do not know what it is about, you need not do anything: without you\n"
                             "nothing happens.\n",
                             what, event->title, when_text(tx->arena, event), staff->email, tx->app->public_url, token),
        .id = id_new(tx->now_ms),
    };

    mail_ask(tx, &message);
}

/* ---- inviting ---- */

static enum err refuse_if_over(struct tx *tx, const struct event *event)
{
    if (!event_is_over(event, tx->now_ms))
        return ERR_OK;
    return fail(tx, ERR_CONFLICT, "The event is %s.", event->status == EVENT_CANCELLED ? "cancelled" : "over");
}

static enum err may_invite(struct tx *tx, const struct event *event, const char *email_key)
{
    struct account organizer;
    enum err e = refuse_if_over(tx, event);

    if (e)
        return e;
    if (account_by_id(tx, &event->organizer, &organizer) && strcmp(organizer.email_key, email_key) == 0) {
        fault_field(tx->fault, "/email", "organizer", "This is the organizer's own address.");
        return ERR_INVALID;
    }
    return ERR_OK;
}

static int64_t staff_count(struct tx *tx, const struct id *event)
{
    struct query *q = query(tx, &staff_count_sql);
    int64_t count = 0;

    bind_id(q, ":event", event);
    if (query_row(q))
        count = col_int(q, 0);
    query_end(q);
    return count;
}

/* A new token goes into the row and the mail. */
static void renew(struct tx *tx, struct sql *sql, const struct event *event, struct staff *staff, const char *email_key)
{
    char *token = secret_make(tx->arena, "");
    uint8_t hash[SECRET_HASH_BYTES];
    struct query *q = query(tx, sql);

    secret_hash(token, strlen(token), hash);
    staff->status = STAFF_INVITED;
    staff->invited_by = tx->actor;
    staff->invited_at_ms = tx->now_ms;
    staff->expires_at_ms = tx->now_ms + STAFF_INVITATION_MS;
    bind_id(q, ":id", &staff->id);
    bind_blob(q, ":hash", hash, sizeof hash);
    bind_int(q, ":expires_at", staff->expires_at_ms);
    bind_id(q, ":actor", &tx->actor);
    bind_int(q, ":now", tx->now_ms);
    if (sql == &staff_insert_sql) {
        bind_id(q, ":event", &event->id);
        bind_text(q, ":email", staff->email);
        bind_text(q, ":email_key", email_key);
        bind_int(q, ":role", staff->role);
    }
    query_run(q);
    mail_invitation(tx, event, staff, token);
    tx_note(tx, "staff.invited", &staff->id, &event->id);
}

enum err staff_invite(struct tx *tx, const struct event *event, const char *email, enum staff_role role, struct staff *out)
{
    char *email_key = account_fold_email(tx->arena, email); /* FIELD_EMAIL saw to its UTF-8 */
    enum err e = may_invite(tx, event, email_key);

    if (e)
        return e;
    if (find_by_address(tx, &event->id, email_key, out)) {
        if (out->status != STAFF_EXPIRED)
            return fail(tx, ERR_CONFLICT, "This address is %s already.", out->status == STAFF_ACTIVE ? "staff" : "invited");
        staff_remove(tx, out);
    }
    if (staff_count(tx, &event->id) >= STAFF_MAX)
        return fail(tx, ERR_CONFLICT, "An event has at most %d staff, invitations counted.", STAFF_MAX);
    e = take_mail(tx, email_key);
    if (e)
        return e;
    *out = (struct staff){ .id = id_new(tx->now_ms), .event = event->id, .email = email, .role = role };
    renew(tx, &staff_insert_sql, event, out, email_key);
    return ERR_OK;
}

enum err staff_resend(struct tx *tx, const struct event *event, struct staff *staff)
{
    enum err e = refuse_if_over(tx, event);

    if (e)
        return e;
    if (staff->status == STAFF_ACTIVE)
        return fail(tx, ERR_CONFLICT, "The invitation was accepted.");
    e = take_mail(tx, account_fold_email(tx->arena, staff->email));
    if (e)
        return e;
    renew(tx, &staff_renew_sql, event, staff, NULL);
    return ERR_OK;
}

/* ---- accepting ---- */

static bool find_by_token(struct tx *tx, const char *token, struct staff *out)
{
    uint8_t hash[SECRET_HASH_BYTES];
    struct query *q = query(tx, &staff_by_hash_sql);

    secret_hash(token, strlen(token), hash);
    bind_blob(q, ":hash", hash, sizeof hash);
    return read_one(q, tx, out);
}

/* Is it the address that the invitation was mailed to? */
static bool is_addressee(struct tx *tx, const struct id *account, const struct staff *staff)
{
    struct account owner;

    return account_by_id(tx, account, &owner) && strcmp(owner.email_key, account_fold_email(tx->arena, staff->email)) == 0;
}

/* Found, whether it is still good or not. */
static enum err find_invitation(struct tx *tx, const char *token, struct staff *out, struct event *event)
{
    if (find_by_token(tx, token, out) && event_find(tx, &out->event, event))
        return ERR_OK;
    return fail(tx, ERR_NOT_FOUND, "There is no such invitation: it was withdrawn, or a newer mail took its place.");
}

static enum err refuse_if_past(struct tx *tx, const struct staff *staff, const struct event *event)
{
    enum err e = staff->status == STAFF_ACTIVE ? ERR_OK : refuse_if_over(tx, event);

    if (e || staff->status != STAFF_EXPIRED)
        return e;
    if (staff->expires_at_ms > tx->now_ms)
        return fail(tx, ERR_CONFLICT, "Who sent this invitation does not manage the event any more; ask for a new one.");
    return fail(tx, ERR_CONFLICT, "The invitation has run out; ask for a new one.");
}

enum err staff_look(struct tx *tx, const char *token, struct staff *out, struct event *event)
{
    enum err e = find_invitation(tx, token, out, event);

    return e ? e : refuse_if_past(tx, out, event);
}

enum err staff_accept(struct tx *tx, const struct id *account, const char *token, struct staff *out)
{
    struct event event;
    struct query *q;
    enum err e = find_invitation(tx, token, out, &event);

    if (e)
        return e;
    if (!is_addressee(tx, account, out))
        return fail(tx, ERR_FORBIDDEN, "This invitation was mailed to another address than the one that you are signed in with.");
    if (out->status == STAFF_ACTIVE)
        return id_equal(&out->account, account) ? ERR_OK : ERR_FORBIDDEN;
    e = refuse_if_past(tx, out, &event);
    if (e)
        return e;
    if (staff_role_of(tx, &out->event, account) != STAFF_NONE)
        return fail(tx, ERR_CONFLICT, "You help at this event already, by an invitation to an address that was yours before.");
    q = query(tx, &staff_accept_sql);
    bind_id(q, ":id", &out->id);
    bind_id(q, ":account", account);
    bind_int(q, ":now", tx->now_ms);
    query_run(q);
    tx_note(tx, "staff.accepted", &out->id, &out->event);
    q = query(tx, &staff_by_id_sql);
    bind_id(q, ":id", &out->id);
    return read_one(q, tx, out) ? ERR_OK : ERR_INTERNAL;
}

/* ---- changing ---- */

void staff_change_role(struct tx *tx, struct staff *staff, enum staff_role role)
{
    struct query *q = query(tx, &staff_change_role_sql);

    bind_id(q, ":id", &staff->id);
    bind_int(q, ":role", role);
    query_run(q);
    staff->role = role;
    tx_note(tx, "staff.role", &staff->id, &staff->event);
}

void staff_remove(struct tx *tx, const struct staff *staff)
{
    struct query *q = query(tx, &staff_remove_sql);

    bind_id(q, ":id", &staff->id);
    query_run(q);
    tx_note(tx, "staff.removed", &staff->id, &staff->event);
}

int64_t staff_forget(struct tx *tx, const struct id *account, int64_t limit)
{
    struct query *q = query(tx, &staff_forget_sql);

    bind_id(q, ":account", account);
    bind_int(q, ":limit", limit);
    return query_run(q);
}

/* ---- every so often ---- */

struct removal {
    struct sql *sql;
    int64_t keep_ms, removed;
};

static enum err remove_old(struct tx *tx, void *arg)
{
    struct removal *removal = arg;
    struct query *q = query(tx, removal->sql);

    bind_int(q, ":before", tx->now_ms - removal->keep_ms);
    removal->removed = query_run(q);
    return ERR_OK;
}

static void sweep_old(struct app *app, struct reader *reader, struct arena *arena)
{
    static const struct id any;
    struct removal removals[] = { { &staff_remove_expired_sql, STAFF_KEEP_EXPIRED_MS, 0 }, { &staff_mail_remove_sql, DAY_MS, 0 } };

    for (size_t i = 0; i < COUNT(removals); i++)
        do {
            if (store_write_wait(app->store, arena, NULL, &any, false, remove_old, &removals[i]) != ERR_OK)
                return;
        } while (removals[i].removed == 100);
}

const struct sweep staff_sweeps[] = {
    { .name = "staff-old", .every_ms = 10 * 60 * 1000, .run = sweep_old },
    SWEEP_END
};
