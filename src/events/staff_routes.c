/* staff_routes.c - an event's staff over HTTP: tables and thin handlers. */
#include "events/staff.h"
#include "identity/cognito.h"

/* Looks at invitations that one address may take: nobody guesses 256 bits, but nobody need try, either. */
#define LOOKS_A_MINUTE 30

static void staff_json(struct buf *out, const struct staff *staff)
{
    json_open(out, NULL);
    json_id(out, "staffId", &staff->id);
    json_id(out, "eventId", &staff->event);
    json_str(out, "email", staff->email);
    json_str(out, "name", staff->name);
    json_str(out, "role", staff_role_words[staff->role]);
    json_str(out, "status", staff_status_words[staff->status]);
    json_id(out, "invitedBy", &staff->invited_by);
    json_time(out, "invitedAt", staff->invited_at_ms);
    if (staff->status == STAFF_ACTIVE)
        json_nil(out, "expiresAt");
    else
        json_time(out, "expiresAt", staff->expires_at_ms);
    json_time_or_null(out, "acceptedAt", staff->accepted_at_ms);
    json_close(out);
}

static enum err reply_staff(struct req *req, int status, const struct staff *staff)
{
    staff_json(reply_json(req, status), staff);
    return ERR_OK;
}

/* ---- who may ---- */

/* A manager looks after the people at the gates; managers are the organizer's to choose. */
static enum err may_appoint(struct req *req, struct tx *tx, const struct id *event, enum staff_role role)
{
    if (role == STAFF_GATE)
        return event_for_manager(tx, &req->caller, event, NULL);
    return event_for_owner(tx, &req->caller, event, NULL) ? fail(tx, ERR_FORBIDDEN, "Managers are appointed by the event's organizer.") : ERR_OK;
}

/* ---- inviting and changing ---- */

static enum err list_staff(struct req *req, struct tx *tx)
{
    struct staff *rows;
    struct buf *out;
    size_t count;
    enum err e = event_for_manager(tx, &req->caller, &req->id[0], NULL);

    if (e)
        return e;
    count = staff_of_event(tx, &req->id[0], &rows);
    out = reply_json(req, 200);
    json_open(out, NULL);
    json_open_array(out, "items");
    for (size_t i = 0; i < count; i++)
        staff_json(out, &rows[i]);
    json_close_array(out);
    json_nil(out, "nextCursor");
    json_close(out);
    return ERR_OK;
}

struct staff_new {
    struct given given;
    const char *email;
    int role;
};
static const struct field staff_new_fields[] = {
    FIELD(staff_new, "email", email, FIELD_EMAIL, REQUIRED, 3, 254),
    FIELD_WORDS(staff_new, "role", role, REQUIRED, staff_role_words),
    FIELD_END
};
static const struct shape staff_new_shape = SHAPE(staff_new, "StaffNew", staff_new_fields);

static enum err invite(struct req *req, struct tx *tx)
{
    const struct staff_new *in = req->body;
    struct event event;
    struct staff staff;
    enum err e = event_for_manager(tx, &req->caller, &req->id[0], &event);

    if (!e)
        e = may_appoint(req, tx, &event.id, (enum staff_role)in->role);
    if (!e)
        e = staff_invite(tx, &event, in->email, (enum staff_role)in->role, &staff);
    return e ? e : reply_staff(req, 201, &staff);
}

/* The row that the path names, where the caller may appoint to its role. */
static enum err find_to_change(struct req *req, struct tx *tx, struct event *event, struct staff *out)
{
    enum err e = event_for_manager(tx, &req->caller, &req->id[0], event);

    if (e)
        return e;
    if (!staff_find(tx, &event->id, &req->id[1], out))
        return ERR_NOT_FOUND;
    return may_appoint(req, tx, &event->id, out->role);
}

static enum err resend(struct req *req, struct tx *tx)
{
    struct event event;
    struct staff staff;
    enum err e = find_to_change(req, tx, &event, &staff);

    if (!e)
        e = staff_resend(tx, &event, &staff);
    return e ? e : reply_staff(req, 200, &staff);
}

struct staff_patch {
    struct given given;
    int role;
};
static const struct field staff_patch_fields[] = { FIELD_WORDS(staff_patch, "role", role, REQUIRED, staff_role_words), FIELD_END };
static const struct shape staff_patch_shape = SHAPE(staff_patch, "StaffPatch", staff_patch_fields);

static enum err change_role(struct req *req, struct tx *tx)
{
    const struct staff_patch *in = req->body;
    struct staff staff;
    enum err e = event_for_owner(tx, &req->caller, &req->id[0], NULL);

    if (e)
        return e;
    if (!staff_find(tx, &req->id[0], &req->id[1], &staff))
        return ERR_NOT_FOUND;
    if (staff.role != (enum staff_role)in->role)
        staff_change_role(tx, &staff, (enum staff_role)in->role);
    return reply_staff(req, 200, &staff);
}

/* Anybody may leave; whom else somebody may send away is as with appointing. */
static enum err may_remove(struct req *req, struct tx *tx)
{
    struct staff staff;
    enum err e = event_for_gate(tx, &req->caller, &req->id[0], NULL);

    if (e)
        return e;
    if (staff_find(tx, &req->id[0], &req->id[1], &staff))
        return id_equal(&staff.account, &req->caller.account) ? ERR_OK : may_appoint(req, tx, &req->id[0], staff.role);
    e = event_allow_manager(req, tx);
    return e ? e : ERR_NOT_FOUND;
}

static enum err remove_staff(struct req *req, struct tx *tx)
{
    struct staff staff;
    enum err e = may_remove(req, tx);

    if (e)
        return e;
    if (!staff_find(tx, &req->id[0], &req->id[1], &staff))
        return ERR_NOT_FOUND;
    staff_remove(tx, &staff);
    return reply_empty(req, 204);
}

/* ---- the invited ---- */

struct staff_acceptance {
    struct given given;
    const char *token;
};
static const struct field staff_acceptance_fields[] = { FIELD(staff_acceptance, "token", token, FIELD_LINE, REQUIRED, 1, 100), FIELD_END };
static const struct shape staff_acceptance_shape = SHAPE(staff_acceptance, "StaffAcceptance", staff_acceptance_fields);

static enum err limit_looks(struct req *req, struct tx *tx)
{
    return http_limit_take(req, "invitation", LOOKS_A_MINUTE) ? ERR_OK : ERR_TOO_MANY_REQUESTS;
}

/* What the page behind the mail's link shows before anybody has signed in: what it is about, and with which address to sign in, as far as a forwarded
 * link may tell. */
static enum err look_at_invitation(struct req *req, struct tx *tx)
{
    const struct staff_acceptance *in = req->body;
    struct staff staff;
    struct event event;
    struct buf *out;
    enum err e = staff_look(tx, in->token, &staff, &event);

    if (e)
        return e;
    out = reply_json(req, 200);
    json_open(out, NULL);
    json_str(out, "role", staff_role_words[staff.role]);
    json_str(out, "status", staff_status_words[staff.status]);
    json_str(out, "email", cognito_mask(req->arena, staff.email));
    json_time(out, "expiresAt", staff.expires_at_ms);
    json_open(out, "event");
    json_id(out, "eventId", &event.id);
    json_str(out, "title", event.title);
    json_time(out, "startsAt", event.starts_at_ms);
    json_str(out, "timezone", event.timezone);
    json_close(out);
    json_close(out);
    return ERR_OK;
}

/* As "where I am staff" lists it. */
static void staff_event_json(struct buf *out, struct req *req, const struct staff *staff, const struct event *event)
{
    json_open(out, NULL);
    json_id(out, "staffId", &staff->id);
    json_str(out, "role", staff_role_words[staff->role]);
    json_time(out, "acceptedAt", staff->accepted_at_ms);
    event_json(out, "event", req->app, event);
    json_close(out);
}

static enum err accept_invitation(struct req *req, struct tx *tx)
{
    const struct staff_acceptance *in = req->body;
    struct staff staff;
    struct event event;
    enum err e = staff_accept(tx, &req->caller.account, in->token, &staff);

    if (e)
        return e;
    if (!event_find(tx, &staff.event, &event))
        return ERR_NOT_FOUND;
    staff_event_json(reply_json(req, 200), req, &staff, &event);
    return ERR_OK;
}

struct my_staff_query {
    struct given given;
    int64_t limit;
    const char *cursor;
};
static const struct field my_staff_query_fields[] = { LIST_FIELDS(my_staff_query), FIELD_END };
static const struct shape my_staff_query_shape = SHAPE(my_staff_query, "MyStaffQuery", my_staff_query_fields);

static enum err list_my_staff(struct req *req, struct tx *tx)
{
    const struct my_staff_query *in = req->query;
    struct staff *rows;
    struct page page;
    struct buf *out;
    size_t count;
    bool more;
    enum err e = page_read(req, in->limit, in->cursor, &page);

    if (e)
        return e;
    count = staff_of_account(tx, &req->caller.account, &page, &rows, &more);
    out = reply_json(req, 200);
    json_open(out, NULL);
    json_open_array(out, "items");
    for (size_t i = 0; i < count; i++) {
        struct event event;

        if (event_find(tx, &rows[i].event, &event))
            staff_event_json(out, req, &rows[i], &event);
    }
    json_close_array(out);
    page_write_next(out, more, 0, more ? &rows[count - 1].event : NULL);
    json_close(out);
    return ERR_OK;
}

/* ---- tables ---- */

const struct route staff_routes[] = {
    { .method = "GET", .path = "/v1/events/{eventId}/staff", .kind = READ, .handler = list_staff, .who = WHO_SIGNED_IN, .allow = event_allow_manager,
      .summary = "Who helps at the event, and who is invited to", .answer = "StaffList" },
    { .method = "POST", .path = "/v1/events/{eventId}/staff", .kind = WRITE, .handler = invite, .who = WHO_SIGNED_IN, .allow = event_allow_manager,
      .body = &staff_new_shape, .key = event_key, .summary = "Invite somebody to the staff by mail", .answer = "Staff", .answer_status = 201 },
    { .method = "PATCH", .path = "/v1/events/{eventId}/staff/{staffId}", .kind = WRITE, .handler = change_role, .who = WHO_SIGNED_IN, .allow = event_allow_owner,
      .body = &staff_patch_shape, .key = event_key, .summary = "Change what a member of the staff may do", .answer = "Staff" },
    { .method = "DELETE", .path = "/v1/events/{eventId}/staff/{staffId}", .kind = WRITE, .handler = remove_staff, .who = WHO_SIGNED_IN, .allow = may_remove,
      .key = event_key, .urgent = true, .summary = "Remove a member of the staff, withdraw an invitation, or leave", .answer_status = 204 },
    { .method = "POST", .path = "/v1/events/{eventId}/staff/{staffId}/resend", .kind = WRITE, .handler = resend, .who = WHO_SIGNED_IN, .allow = event_allow_manager,
      .key = event_key, .summary = "Mail an invitation again, with a new link", .answer = "Staff" },
    { .method = "POST", .path = "/v1/staff-invitations/accept", .kind = WRITE, .handler = accept_invitation, .who = WHO_SIGNED_IN,
      .body = &staff_acceptance_shape, .summary = "Accept an invitation with the token from its mail", .answer = "StaffOfEvent" },
    { .method = "POST", .path = "/v1/staff-invitations/look", .kind = READ, .handler = look_at_invitation, .allow = limit_looks,
      .body = &staff_acceptance_shape, .summary = "What an invitation is to, by the token from its mail", .answer = "StaffInvitation" },
    { .method = "GET", .path = "/v1/me/staff", .kind = SCAN, .handler = list_my_staff, .who = WHO_SIGNED_IN, .query = &my_staff_query_shape,
      .summary = "Events where you are staff, newest first", .answer = "StaffOfEventList" },
    ROUTE_END
};

#define TEXT_OR_NULL "{\"type\":[\"string\",\"null\"]}"
#define UUID "{\"type\":\"string\",\"format\":\"uuid\"}"
#define TIME "{\"type\":\"string\",\"format\":\"date-time\"}"
#define TIME_OR_NULL "{\"type\":[\"string\",\"null\"],\"format\":\"date-time\"}"
#define ROLE "{\"enum\":[\"gate\",\"manager\"]}"
#define LIST_OF(name) \
    "{\"type\":\"object\",\"required\":[\"items\",\"nextCursor\"],\"properties\":{\"items\":{\"type\":\"array\",\"items\":" \
    "{\"$ref\":\"#/components/schemas/" name "\"}},\"nextCursor\":" TEXT_OR_NULL "}}"

const struct answer_schema staff_schemas[] = {
    { "Staff",
      "{\"type\":\"object\",\"required\":[\"staffId\",\"eventId\",\"email\",\"name\",\"role\",\"status\",\"invitedBy\",\"invitedAt\",\"expiresAt\",\"acceptedAt\"],"
      "\"properties\":{\"staffId\":" UUID ",\"eventId\":" UUID ",\"email\":{\"type\":\"string\"},\"name\":" TEXT_OR_NULL ",\"role\":" ROLE
      ",\"status\":{\"enum\":[\"invited\",\"expired\",\"active\"]},\"invitedBy\":" UUID ",\"invitedAt\":" TIME ",\"expiresAt\":" TIME_OR_NULL
      ",\"acceptedAt\":" TIME_OR_NULL "}}" },
    { "StaffList", LIST_OF("Staff") },
    { "StaffOfEvent",
      "{\"type\":\"object\",\"required\":[\"staffId\",\"role\",\"acceptedAt\",\"event\"],\"properties\":{\"staffId\":" UUID ",\"role\":" ROLE
      ",\"acceptedAt\":" TIME ",\"event\":{\"$ref\":\"#/components/schemas/Event\"}}}" },
    { "StaffInvitation",
      "{\"type\":\"object\",\"required\":[\"role\",\"status\",\"email\",\"expiresAt\",\"event\"],\"properties\":{\"role\":" ROLE
      ",\"status\":{\"enum\":[\"invited\",\"active\"]},\"email\":{\"type\":\"string\"},\"expiresAt\":" TIME ",\"event\":{\"type\":\"object\","
      "\"required\":[\"eventId\",\"title\",\"startsAt\",\"timezone\"],\"properties\":{\"eventId\":" UUID ",\"title\":{\"type\":\"string\"},\"startsAt\":" TIME ",\"timezone\":{\"type\":\"string\"}}}}}" },
    { "StaffOfEventList", LIST_OF("StaffOfEvent") },
    { NULL, NULL },
};
