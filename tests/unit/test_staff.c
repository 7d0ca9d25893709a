/* Who may what at an event, how one becomes staff and ceases to be, and what a scanner's credential is worth when. */
#include "store_world.h"

#include "base/secret.h"
#include "events/event_change.h"
#include "events/staff.h"
#include "gate/device.h"
#include "identity/identity.h"

/* Accounts and devices tell http of what ended; there is no server here, but who was told of is remembered. */
static struct id told_of;
void http_epoch_raised(struct app *app, const struct id *account)
{
    (void)app;
    told_of = *account;
}

#define HOUR (INT64_C(3600) * 1000)
#define DAY (24 * HOUR)
#define SECRET_ROOM (SECRET_TEXT_LEN + 32)

enum person { ORGANIZER, ADMIN, MANAGER, GATE, STRANGER, PEOPLE };

struct company {
    struct world *world;
    struct id account[PEOPLE];
    unsigned groups[PEOPLE];
    struct id published, draft;
    int64_t start_ms; /* of both events, 30 days ahead; they end four hours later */
};

/* ---- steps as writes: each fills its results, which are judged behind the commit ---- */

static enum err write_(struct company *company, enum err (*run)(struct tx *tx, void *arg), void *arg)
{
    struct fault fault = { .arena = company->world->arena };

    return store_write_wait(company->world->store, company->world->arena, &fault, NULL, false, run, arg);
}

static enum err make_event(struct tx *tx, const struct company *company, enum event_status status, struct id *out)
{
    struct event_in in;
    struct event event;
    struct ticket_type_in type = { .name = "Standing", .quantity = 10 };
    enum err e;

    memset(&in, 0, sizeof in);
    in.given.bits = ~(uint64_t)0;
    in.title = "Night";
    in.status = (int)status;
    in.starts_at_ms = company->start_ms;
    in.ends_at_ms = company->start_ms + 4 * HOUR;
    in.timezone = "Europe/Berlin";
    in.currency = "EUR";
    in.capacity = 10;
    in.types = &type;
    in.type_count = 1;
    e = event_create(tx, &company->account[ORGANIZER], &in, &event);
    *out = event.id;
    return e;
}

static enum err found_company(struct tx *tx, void *arg)
{
    static const unsigned groups[PEOPLE] = { [ORGANIZER] = GROUP_ORGANIZERS, [ADMIN] = GROUP_ADMINS, [MANAGER] = GROUP_ATTENDEES, [GATE] = GROUP_ATTENDEES,
                                             [STRANGER] = GROUP_ORGANIZERS };
    static const char *const addresses[PEOPLE] = { "organizer@example.org", "admin@example.org", "manager@example.org", "Gate@example.org", "stranger@example.org" };
    struct company *company = arg;

    for (int i = 0; i < PEOPLE; i++) {
        enum err e = account_add(tx, addresses[i], "Somebody", groups[i], NULL, &company->account[i]);

        if (e)
            return e;
        company->groups[i] = groups[i];
    }
    return make_event(tx, company, EVENT_PUBLISHED, &company->published) || make_event(tx, company, EVENT_DRAFT, &company->draft) ? ERR_INTERNAL : ERR_OK;
}

/* The token in the newest invitation, as its reader would find it. */
SQL(test_newest_mail, "SELECT payload FROM job ORDER BY id DESC LIMIT 1");

static void read_token(struct tx *tx, char *out)
{
    struct query *q = query(tx, &test_newest_mail);
    const char *at = NULL;

    if (query_row(q))
        at = strstr(col_text(q, 0, tx->arena), "/invitations/");
    query_end(q);
    snprintf(out, SECRET_ROOM, "%.*s", at ? SECRET_TEXT_LEN : 0, at ? at + strlen("/invitations/") : "");
}

struct invitation {
    struct company *company;
    const struct id *event;
    enum person by, who; /* by: the organizer unless it says otherwise */
    const char *email;
    enum staff_role role;
    enum err invited, accepted;
    char token[SECRET_ROOM];
    struct id staff;
};

static enum err run_invite(struct tx *tx, void *arg)
{
    struct invitation *invitation = arg;
    struct event event;
    struct staff staff;

    tx->actor = invitation->company->account[invitation->by];
    invitation->invited = event_find(tx, invitation->event, &event) ? staff_invite(tx, &event, invitation->email, invitation->role, &staff) : ERR_INTERNAL;
    if (!invitation->invited) {
        invitation->staff = staff.id;
        read_token(tx, invitation->token);
    }
    return ERR_OK;
}

static enum err run_accept(struct tx *tx, void *arg)
{
    struct invitation *invitation = arg;
    struct staff staff;

    invitation->accepted = staff_accept(tx, &invitation->company->account[invitation->who], invitation->token, &staff);
    return ERR_OK;
}

static void join(struct company *company, const struct id *event, enum person who, const char *email, enum staff_role role)
{
    struct invitation invitation = { .company = company, .event = event, .who = who, .email = email, .role = role };

    assert_int_equal(write_(company, run_invite, &invitation), ERR_OK);
    assert_int_equal(invitation.invited, ERR_OK);
    assert_int_equal(write_(company, run_accept, &invitation), ERR_OK);
    assert_int_equal(invitation.accepted, ERR_OK);
}

static struct company *company_new(void)
{
    static struct config config = { .limits = true };
    struct company *company = calloc(1, sizeof *company);

    assert_non_null(company);
    company->world = world_new();
    company->world->app.config = &config;
    company->world->app.public_url = "https://tickets.example.org";
    company->world->app.http = (struct http *)company; /* not NULL, so that http_epoch_raised above is told */
    store_rerun_for_tests(company->world->store, true); /* whatever is done here must bear to be done twice */
    store_start(company->world->store);
    company->start_ms = (clock_now_ms() / HOUR) * HOUR + 30 * DAY;
    assert_int_equal(write_(company, found_company, company), ERR_OK);
    return company;
}

static void company_free(struct company *company)
{
    clock_set_offset_ms(0);
    world_free(company->world);
    free(company);
}

static struct company *company_with_staff(void)
{
    struct company *company = company_new();

    join(company, &company->published, MANAGER, "manager@example.org", STAFF_MANAGER);
    join(company, &company->draft, MANAGER, "manager@example.org", STAFF_MANAGER);
    join(company, &company->published, GATE, "gate@example.org", STAFF_GATE);
    join(company, &company->draft, GATE, "gate@example.org", STAFF_GATE);
    return company;
}

/* ---- rights ---- */

struct question {
    struct caller caller;
    const struct id *event;
    enum err got[3];
};

static void ask(struct company *company, struct question *question)
{
    struct fault fault = { .arena = company->world->arena };
    struct event event;
    struct tx tx = { .app = &company->world->app };

    reader_begin(company->world->reader, &tx, company->world->arena, &fault);
    question->got[0] = event_for_gate(&tx, &question->caller, question->event, NULL);
    question->got[1] = event_for_manager(&tx, &question->caller, question->event, NULL);
    question->got[2] = event_for_owner(&tx, &question->caller, question->event, &event);
    reader_end(company->world->reader, &tx);
}

static void each_role_has_its_rights_and_no_more(void **state)
{
    enum { OK = ERR_OK, NO = ERR_FORBIDDEN, NONE = ERR_NOT_FOUND };
    static const struct { enum person who; int published[3], draft[3]; } row[] = { /* at the gate, managing, owning */
        { ORGANIZER, { OK, OK, OK }, { OK, OK, OK } },
        { ADMIN,     { OK, OK, OK }, { OK, OK, OK } },
        { MANAGER,   { OK, OK, NO }, { OK, OK, NO } },
        { GATE,      { OK, NO, NO }, { OK, NO, NO } },
        { STRANGER,  { NO, NO, NO }, { NONE, NONE, NONE } },
    };
    struct company *company = company_with_staff();
    struct id nothing = id_new(clock_now_ms());

    for (size_t i = 0; i < COUNT(row); i++) {
        struct question question = { .caller = { .account = company->account[row[i].who], .groups = company->groups[row[i].who] } };

        question.event = &company->published;
        ask(company, &question);
        for (int right = 0; right < 3; right++)
            assert_int_equal(question.got[right], row[i].published[right]);
        question.event = &company->draft;
        ask(company, &question);
        for (int right = 0; right < 3; right++)
            assert_int_equal(question.got[right], row[i].draft[right]);
        question.event = &nothing;
        ask(company, &question);
        for (int right = 0; right < 3; right++)
            assert_int_equal(question.got[right], ERR_NOT_FOUND);
    }
    company_free(company);
}

struct dismissal {
    struct company *company;
    enum err before, after;
};

/* In one transaction, as a scan that waited behind the removal would meet it. */
static enum err run_dismiss(struct tx *tx, void *arg)
{
    struct dismissal *dismissal = arg;
    struct caller caller = { .account = dismissal->company->account[GATE], .groups = GROUP_ATTENDEES };
    struct staff *rows;
    size_t count = staff_of_event(tx, &dismissal->company->published, &rows);

    dismissal->before = event_for_gate(tx, &caller, &dismissal->company->published, NULL);
    for (size_t i = 0; i < count; i++)
        if (id_equal(&rows[i].account, &caller.account))
            staff_remove(tx, &rows[i]);
    dismissal->after = event_for_gate(tx, &caller, &dismissal->company->published, NULL);
    return ERR_OK;
}

static void who_is_removed_is_refused_in_the_same_batch(void **state)
{
    struct company *company = company_with_staff();
    struct dismissal dismissal = { .company = company };

    assert_int_equal(write_(company, run_dismiss, &dismissal), ERR_OK);
    assert_int_equal(dismissal.before, ERR_OK);
    assert_int_equal(dismissal.after, ERR_FORBIDDEN);
    company_free(company);
}

/* ---- invitations ---- */

static void turn_clock(const struct company *company, int64_t before_start_ms)
{
    clock_set_offset_ms(0);
    clock_set_offset_ms(company->start_ms - before_start_ms - clock_now_ms());
}

static enum err accept(struct company *company, struct invitation *invitation, enum person who)
{
    invitation->who = who;
    assert_int_equal(write_(company, run_accept, invitation), ERR_OK);
    return invitation->accepted;
}

static void an_invitation_is_its_addressees_for_seven_days(void **state)
{
    static const struct { int64_t before_start_ms; enum person who; enum err want; } row[] = {
        { 20 * DAY, STRANGER, ERR_FORBIDDEN },
        { 13 * DAY - 1000, STRANGER, ERR_FORBIDDEN },
        { 13 * DAY - 1000, GATE, ERR_CONFLICT },  /* it ran out */
        { 13 * DAY + 1000, GATE, ERR_OK },
        { 12 * DAY, GATE, ERR_OK },               /* accepted once, it stays accepted */
        { 12 * DAY, STRANGER, ERR_FORBIDDEN },
        { -2 * DAY, GATE, ERR_OK },
    };
    struct company *company = company_new();
    struct invitation invitation = { .company = company, .event = &company->published, .email = "GATE@EXAMPLE.ORG", .role = STAFF_GATE };

    turn_clock(company, 20 * DAY);
    assert_int_equal(write_(company, run_invite, &invitation), ERR_OK);
    assert_int_equal(invitation.invited, ERR_OK);
    assert_int_equal(strlen(invitation.token), SECRET_TEXT_LEN);
    for (size_t i = 0; i < COUNT(row); i++) {
        turn_clock(company, row[i].before_start_ms);
        assert_int_equal(accept(company, &invitation, row[i].who), row[i].want);
    }
    company_free(company);
}

SQL(move_address, "UPDATE account SET email = :email, email_key = :email WHERE id = :id");

static enum err run_move(struct tx *tx, void *arg)
{
    const struct invitation *invitation = arg;
    struct query *q = query(tx, &move_address);

    bind_text(q, ":email", invitation->email);
    bind_id(q, ":id", &invitation->company->account[invitation->who]);
    query_run(q);
    return ERR_OK;
}

/* Another issuer may change a person's address; who helps already is not staff a second time by it. */
static void nobody_is_staff_of_an_event_twice(void **state)
{
    struct company *company = company_with_staff();
    struct invitation invitation = { .company = company, .event = &company->published, .who = GATE, .email = "moved@example.org", .role = STAFF_MANAGER };

    assert_int_equal(write_(company, run_invite, &invitation), ERR_OK);
    assert_int_equal(invitation.invited, ERR_OK);
    assert_int_equal(write_(company, run_move, &invitation), ERR_OK);
    assert_int_equal(accept(company, &invitation, GATE), ERR_CONFLICT);
    company_free(company);
}

static enum err invite(struct company *company, const struct id *event, const char *email)
{
    struct invitation invitation = { .company = company, .event = event, .email = email, .role = STAFF_GATE };

    assert_int_equal(write_(company, run_invite, &invitation), ERR_OK);
    return invitation.invited;
}

static void whom_to_invite_has_its_rules(void **state)
{
    struct company *company = company_new();

    turn_clock(company, 20 * DAY);
    assert_int_equal(invite(company, &company->published, "ORGANIZER@example.org"), ERR_INVALID);
    assert_int_equal(invite(company, &company->published, "new@example.org"), ERR_OK);
    assert_int_equal(invite(company, &company->published, "New@Example.org"), ERR_CONFLICT);
    assert_int_equal(invite(company, &company->draft, "new@example.org"), ERR_OK);
    turn_clock(company, 13 * DAY - 1000);
    assert_int_equal(invite(company, &company->published, "new@example.org"), ERR_OK); /* the first ran out */
    turn_clock(company, -4 * HOUR - DAY + 1000);
    assert_int_equal(invite(company, &company->published, "late@example.org"), ERR_OK);
    turn_clock(company, -4 * HOUR - DAY - 1000);
    assert_int_equal(invite(company, &company->published, "late2@example.org"), ERR_CONFLICT); /* over */
    company_free(company);
}

struct dropping {
    struct company *company;
    const char *email;
};

SQL(test_drop_staff, "DELETE FROM staff WHERE email_key = :email_key AND event = :event");

static enum err run_drop(struct tx *tx, void *arg)
{
    const struct dropping *dropping = arg;
    struct query *q = query(tx, &test_drop_staff);

    bind_text(q, ":email_key", dropping->email);
    bind_id(q, ":event", &dropping->company->published);
    query_run(q);
    return ERR_OK;
}

static void a_mailbox_is_not_filled_by_inviting_and_removing(void **state)
{
    struct company *company = company_new();
    struct dropping dropping = { company, "victim@example.org" };
    char email[40];

    turn_clock(company, 20 * DAY);
    for (int i = 0; i < STAFF_MAILS_TO_ADDRESS; i++) {
        assert_int_equal(invite(company, &company->published, "victim@example.org"), ERR_OK);
        assert_int_equal(write_(company, run_drop, &dropping), ERR_OK);
    }
    assert_int_equal(invite(company, &company->published, "victim@example.org"), ERR_TOO_MANY_REQUESTS);
    for (int i = STAFF_MAILS_TO_ADDRESS; i < STAFF_MAILS_BY_INVITER; i++) {
        snprintf(email, sizeof email, "other-%d@example.org", i);
        assert_int_equal(invite(company, &company->published, email), ERR_OK);
    }
    assert_int_equal(invite(company, &company->draft, "one-too-many@example.org"), ERR_TOO_MANY_REQUESTS);
    turn_clock(company, 19 * DAY - 1000);
    assert_int_equal(invite(company, &company->published, "victim@example.org"), ERR_OK);
    company_free(company);
}

/* ---- scanner devices ---- */

struct scanner {
    struct company *company;
    enum person maker;
    struct device device;
    enum err made, claimed, claimed_twice;
    char code[SECRET_ROOM], credential[SECRET_ROOM];
};

static enum err run_make(struct tx *tx, void *arg)
{
    struct scanner *scanner = arg;
    struct event event;
    const char *code = "";

    tx->actor = scanner->company->account[scanner->maker];
    scanner->made = event_find(tx, &scanner->company->published, &event) ? device_make(tx, &event, "Phone", "North", &scanner->device, &code) : ERR_INTERNAL;
    snprintf(scanner->code, sizeof scanner->code, "%s", code);
    return ERR_OK;
}

/* Twice in one transaction: two phones that read the same picture. */
static enum err run_claim(struct tx *tx, void *arg)
{
    struct scanner *scanner = arg;
    struct device device;
    const char *credential = "", *second;

    scanner->claimed = device_claim(tx, scanner->code, &device, &credential);
    snprintf(scanner->credential, sizeof scanner->credential, "%s", scanner->claimed ? "" : credential);
    scanner->claimed_twice = device_claim(tx, scanner->code, &device, &second);
    return ERR_OK;
}

static enum err run_revoke(struct tx *tx, void *arg)
{
    struct scanner *scanner = arg;

    device_revoke(tx, &scanner->device);
    return ERR_OK;
}

static enum err run_provision(struct tx *tx, void *arg)
{
    struct scanner *scanner = arg;
    struct event event;
    const char *code = "";

    tx->actor = scanner->company->account[scanner->maker];
    scanner->made = event_find(tx, &scanner->company->published, &event) ? device_provision(tx, &event, &scanner->device, &code) : ERR_INTERNAL;
    snprintf(scanner->code, sizeof scanner->code, "%s", code);
    return ERR_OK;
}

static void set_up(struct company *company, enum person maker, struct scanner *out)
{
    *out = (struct scanner){ .company = company, .maker = maker };
    assert_int_equal(write_(company, run_make, out), ERR_OK);
    assert_int_equal(out->made, ERR_OK);
    assert_int_equal(write_(company, run_claim, out), ERR_OK);
    assert_int_equal(out->claimed, ERR_OK);
    assert_int_equal(out->claimed_twice, ERR_NOT_FOUND);
}

struct standing {
    struct caller caller;
    enum err known, still_valid, at_gate, elsewhere, managing;
};

/* What a credential is worth on a snapshot. `before`: a caller that was remembered. */
static struct standing worth_of(struct company *company, const char *credential, const struct caller *before)
{
    struct fault fault = { .arena = company->world->arena };
    struct tx tx = { .app = &company->world->app };
    struct standing out = { .known = ERR_OK };

    reader_begin(company->world->reader, &tx, company->world->arena, &fault);
    out.known = gate_authenticate(&company->world->app, &tx, credential, strlen(credential), &out.caller);
    if (before)
        out.caller = *before;
    out.still_valid = gate_still_valid(&tx, &out.caller);
    out.at_gate = event_for_gate(&tx, &out.caller, &company->published, NULL);
    out.elsewhere = event_for_gate(&tx, &out.caller, &company->draft, NULL);
    out.managing = event_for_manager(&tx, &out.caller, &company->published, NULL);
    reader_end(company->world->reader, &tx);
    return out;
}

static void a_credential_keeps_one_gate_until_it_is_over(void **state)
{
    struct company *company = company_new();
    struct scanner scanner;
    struct standing standing;

    turn_clock(company, HOUR);
    set_up(company, ORGANIZER, &scanner);
    assert_true(id_equal(&told_of, &scanner.device.id));
    standing = worth_of(company, scanner.credential, NULL);
    assert_int_equal(standing.known, ERR_OK);
    assert_true(id_equal(&standing.caller.account, &scanner.device.id));
    assert_true(id_equal(&standing.caller.gate_of, &company->published));
    assert_true(standing.caller.expires_at_ms <= clock_now_ms() + 60000); /* looked up anew each minute */
    assert_int_equal(standing.still_valid, ERR_OK);
    assert_int_equal(standing.at_gate, ERR_OK);
    assert_int_equal(standing.elsewhere, ERR_NOT_FOUND);
    assert_int_equal(standing.managing, ERR_FORBIDDEN);
    turn_clock(company, -4 * HOUR - DAY + 1000);
    assert_int_equal(worth_of(company, scanner.credential, NULL).known, ERR_OK);
    assert_int_equal(worth_of(company, scanner.credential, &standing.caller).still_valid, ERR_OK);
    turn_clock(company, -4 * HOUR - DAY - 1000);
    assert_int_equal(worth_of(company, scanner.credential, &standing.caller).known, ERR_UNAUTHENTICATED);
    assert_int_equal(worth_of(company, scanner.credential, &standing.caller).still_valid, ERR_UNAUTHENTICATED);
    company_free(company);
}

static void what_was_remembered_of_a_device_ends_with_its_credential(void **state)
{
    struct company *company = company_new();
    struct scanner scanner;
    struct standing first, second;
    char old[SECRET_ROOM];

    turn_clock(company, HOUR);
    set_up(company, ORGANIZER, &scanner);
    first = worth_of(company, scanner.credential, NULL);
    memcpy(old, scanner.credential, sizeof old);
    memset(&told_of, 0, sizeof told_of);
    assert_int_equal(write_(company, run_provision, &scanner), ERR_OK);
    assert_true(id_equal(&told_of, &scanner.device.id));
    assert_int_equal(worth_of(company, old, &first.caller).known, ERR_UNAUTHENTICATED);
    assert_int_equal(worth_of(company, old, &first.caller).still_valid, ERR_UNAUTHENTICATED);
    assert_int_equal(write_(company, run_claim, &scanner), ERR_OK);
    assert_int_equal(scanner.claimed, ERR_OK);
    second = worth_of(company, scanner.credential, NULL);
    assert_int_equal(second.still_valid, ERR_OK);
    assert_int_equal(worth_of(company, old, &first.caller).still_valid, ERR_UNAUTHENTICATED); /* the device's, but of the older credential */
    assert_int_equal(write_(company, run_revoke, &scanner), ERR_OK);
    assert_int_equal(worth_of(company, scanner.credential, &second.caller).known, ERR_UNAUTHENTICATED);
    assert_int_equal(worth_of(company, scanner.credential, &second.caller).still_valid, ERR_UNAUTHENTICATED);
    assert_int_equal(write_(company, run_provision, &scanner), ERR_OK);
    company_free(company);
}

static enum err run_demote(struct tx *tx, void *arg)
{
    struct company *company = arg;
    struct staff *rows;
    size_t count = staff_of_event(tx, &company->published, &rows);

    for (size_t i = 0; i < count; i++)
        if (id_equal(&rows[i].account, &company->account[MANAGER]))
            staff_change_role(tx, &rows[i], STAFF_GATE);
    return ERR_OK;
}

static void a_device_is_worth_what_its_maker_is(void **state)
{
    struct company *company = company_with_staff();
    struct scanner by_manager, by_organizer;

    turn_clock(company, HOUR);
    set_up(company, MANAGER, &by_manager);
    set_up(company, ORGANIZER, &by_organizer);
    assert_int_equal(worth_of(company, by_manager.credential, NULL).at_gate, ERR_OK);
    assert_int_equal(write_(company, run_demote, company), ERR_OK);
    assert_int_equal(worth_of(company, by_manager.credential, NULL).at_gate, ERR_FORBIDDEN);
    assert_int_equal(worth_of(company, by_organizer.credential, NULL).at_gate, ERR_OK);
    company_free(company);
}

static enum err run_disable(struct tx *tx, void *arg)
{
    (void)arg;
    return account_disable(tx, "manager@example.org");
}

/* However it came that who sent it does not manage any more. */
static void an_invitation_is_worth_what_its_sender_is(void **state)
{
    enum err (*const ends[])(struct tx *tx, void *arg) = { run_demote, run_disable };

    for (size_t i = 0; i < COUNT(ends); i++) {
        struct company *company = company_with_staff();
        struct invitation taken = { .company = company, .event = &company->published, .by = MANAGER, .email = "admin@example.org", .role = STAFF_GATE };
        struct invitation late = { .company = company, .event = &company->published, .by = MANAGER, .email = "stranger@example.org", .role = STAFF_GATE };

        turn_clock(company, 20 * DAY);
        assert_int_equal(write_(company, run_invite, &taken), ERR_OK);
        assert_int_equal(write_(company, run_invite, &late), ERR_OK);
        assert_int_equal(accept(company, &taken, ADMIN), ERR_OK);
        assert_int_equal(write_(company, ends[i], company), ERR_OK);
        assert_int_equal(accept(company, &late, STRANGER), ERR_CONFLICT);
        assert_int_equal(accept(company, &taken, ADMIN), ERR_OK);
        late.by = ORGANIZER;
        assert_int_equal(write_(company, run_invite, &late), ERR_OK); /* its place is free */
        assert_int_equal(late.invited, ERR_OK);
        assert_int_equal(accept(company, &late, STRANGER), ERR_OK);
        company_free(company);
    }
}

static void a_code_is_good_for_fifteen_minutes(void **state)
{
    static const struct { int64_t after_ms; enum err want; } row[] = { { DEVICE_CODE_MS - 2000, ERR_OK }, { DEVICE_CODE_MS + 2000, ERR_NOT_FOUND } };
    struct company *company = company_new();

    for (size_t i = 0; i < COUNT(row); i++) {
        struct scanner scanner = { .company = company, .maker = ORGANIZER };

        turn_clock(company, HOUR);
        assert_int_equal(write_(company, run_make, &scanner), ERR_OK);
        turn_clock(company, HOUR - row[i].after_ms);
        assert_int_equal(write_(company, run_claim, &scanner), ERR_OK);
        assert_int_equal(scanner.claimed, row[i].want);
    }
    company_free(company);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_role_has_its_rights_and_no_more),
        cmocka_unit_test(who_is_removed_is_refused_in_the_same_batch),
        cmocka_unit_test(an_invitation_is_its_addressees_for_seven_days),
        cmocka_unit_test(nobody_is_staff_of_an_event_twice),
        cmocka_unit_test(whom_to_invite_has_its_rules),
        cmocka_unit_test(a_mailbox_is_not_filled_by_inviting_and_removing),
        cmocka_unit_test(a_credential_keeps_one_gate_until_it_is_over),
        cmocka_unit_test(what_was_remembered_of_a_device_ends_with_its_credential),
        cmocka_unit_test(a_device_is_worth_what_its_maker_is),
        cmocka_unit_test(an_invitation_is_worth_what_its_sender_is),
        cmocka_unit_test(a_code_is_good_for_fifteen_minutes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
