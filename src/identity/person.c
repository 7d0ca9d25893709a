/* person.c - what this room holds on a person: the account with its second factor, and the sessions. */
#include "identity/parts.h"

#include "http/spool.h"

SQL(person_account_sql, "SELECT email, name, locale, groups, status, failures, failed_at, created_at, updated_at FROM account WHERE id = :id");
SQL(person_totp_sql, "SELECT enabled, name, made_at, failures, failed_at FROM totp WHERE account = :account");
SQL(person_sessions_sql, "SELECT id, auth_time, rotated_at, expires_at, revoked_at FROM session WHERE account = :account AND id > :after"
                         " ORDER BY id LIMIT :limit");
SQL(person_sessions_remove_sql, "DELETE FROM session WHERE id IN (SELECT id FROM session WHERE account = :account LIMIT :limit)");

static void write_second_factor(struct tx *tx, const struct id *account, struct buf *out)
{
    struct query *q = query(tx, &person_totp_sql);
    bool there;

    bind_id(q, ":account", account);
    there = query_row(q);
    json_open(out, "secondFactor");
    json_bool(out, "totpEnabled", there && col_int(q, 0));
    json_str(out, "deviceName", there ? col_text(q, 1, tx->arena) : NULL);
    json_time_or_null(out, "since", there ? col_int(q, 2) : 0);
    json_int(out, "failedCodes", there ? col_int(q, 3) : 0);
    json_time_or_null(out, "lastFailedCodeAt", there ? col_int(q, 4) : 0);
    query_end(q);
    json_int(out, "recoveryCodesLeft", recovery_left(tx, account));
    json_close(out);
}

static void write_account(struct tx *tx, struct person_walk *walk, struct buf *out)
{
    static const char *const words[] = { "unconfirmed", "confirmed", "disabled" };
    struct query *q = query(tx, &person_account_sql);

    bind_id(q, ":id", &walk->account);
    if (query_row(q)) {
        json_id(out, "accountId", &walk->account);
        json_str(out, "email", col_text(q, 0, tx->arena));
        json_str(out, "name", col_text(q, 1, tx->arena));
        json_str(out, "locale", col_text(q, 2, tx->arena));
        json_open_array(out, "groups");
        jwt_groups_json(out, (unsigned)col_int(q, 3));
        json_close_array(out);
        json_str(out, "status", words[col_int(q, 4)]);
        json_int(out, "failedSignIns", col_int(q, 5));
        json_time_or_null(out, "lastFailedSignInAt", col_int(q, 6));
        json_time(out, "createdAt", col_int(q, 7));
        json_time(out, "updatedAt", col_int(q, 8));
    }
    query_end(q);
    write_second_factor(tx, &walk->account, out);
}

static void write_sessions(struct tx *tx, struct person_walk *walk, struct buf *out)
{
    struct query *q = query(tx, &person_sessions_sql);
    int count = 0;

    bind_id(q, ":account", &walk->account);
    bind_id(q, ":after", &walk->after);
    bind_int(q, ":limit", PERSON_SLICE);
    for (; query_row(q); count++) {
        walk->after = col_id(q, 0);
        json_open(out, NULL);
        json_id(out, "sessionId", &walk->after);
        json_time(out, "signedInAt", col_int(q, 1));
        json_time_or_null(out, "lastRefreshAt", col_int(q, 2));
        json_time(out, "expiresAt", col_int(q, 3));
        json_time_or_null(out, "signedOutAt", col_int(q, 4));
        json_close(out);
    }
    query_end(q);
    walk->more = count == PERSON_SLICE;
}

struct removal {
    const struct id *account;
    int64_t removed;
};

static enum err remove_sessions(struct tx *tx, void *arg)
{
    struct removal *removal = arg;
    struct query *q = query(tx, &person_sessions_remove_sql);

    bind_id(q, ":account", removal->account);
    bind_int(q, ":limit", PERSON_SLICE);
    removal->removed = query_run(q);
    return ERR_OK;
}

static enum err forget_sessions(struct person_walk *walk)
{
    struct removal removal = { .account = &walk->account };
    enum err e = store_write_wait(walk->app->store, walk->arena, walk->fault, &walk->account, false, remove_sessions, &removal);

    walk->more = removal.removed == PERSON_SLICE;
    return e;
}

const struct person_part identity_people[] = {
    { .name = "account",
      .holds = "account.id account.email account.email_key account.name account.locale account.groups account.status account.failures"
               " account.failed_at account.created_at account.updated_at totp.account totp.enabled totp.name totp.made_at totp.failures totp.failed_at recovery_code.account",
      .write = write_account, .single = true,
      .kept = "The row stays as a number that orders hang on; everything in it that tells who it was went with the deletion's own transaction." },
    { .name = "sessions", .holds = "session.id session.account session.auth_time session.rotated_at session.expires_at session.revoked_at",
      .write = write_sessions, .forget = forget_sessions },
    { .name = "secrets",
      .holds = "account.password totp.secret totp.pending recovery_code.hash session.hash session.previous_hash"
               " srp_verifier.account srp_verifier.sealed",
      .unexported = "Your password, codes, tokens and the secret of your authenticator app are kept only in forms that nobody can read, and not given out.",
      .kept = "They went with the deletion's own transaction, or with their session." },
    { .name = "codes",
      .holds = "mail_code.subject mail_code.client mail_code.seed mail_code.expires_at mail_code.guesses code_guess.subject code_guess.client code_guess.count"
               " code_guess.at sign_up.subject sign_up.client sign_up.id sign_up.email sign_up.name sign_up.locale sign_up.groups sign_up.password sign_up.verifier sign_up.created_at",
      .unexported = "Codes that were mailed, guesses at them and sign-ups that nobody confirmed say nothing of who asked, so they are not given out as yours.",
      .kept = "They are gone a day after they ran out, whatever becomes of an account." },
    PERSON_END
};

/* ---- the export ---- */

/* One slice in a snapshot of its own. The writer of JSON looks at the last byte for whether a comma is due, so each piece begins with the one before's. */
static void export_slice(struct spool *spool, struct person_walk *walk, const struct person_part *part, char *last)
{
    struct buf out = buf_in(walk->arena);
    struct tx tx = { .app = walk->app };

    buf_char(&out, *last);
    walk->more = false;
    reader_begin(walk->reader, &tx, walk->arena, walk->fault);
    part->write(&tx, walk, &out);
    if (tx_failed(&tx) && !spool->outcome)
        spool->outcome = ERR_INTERNAL;
    reader_end(walk->reader, &tx);
    spool_add(spool, out.data + 1, out.len - 1);
    *last = out.data[out.len - 1];
}

static void export_part(struct spool *spool, struct person_walk *walk, const struct person_part *part, char *last)
{
    struct buf head = buf_in(walk->arena);

    buf_char(&head, *last);
    if (part->single)
        json_open(&head, part->name);
    else
        json_open_array(&head, part->name);
    spool_add(spool, head.data + 1, head.len - 1);
    *last = head.data[head.len - 1];
    walk->after = (struct id){ { 0 } };
    walk->after_n = 0;
    do {
        arena_reset(walk->arena);
        export_slice(spool, walk, part, last);
    } while (walk->more && !spool->outcome);
    *last = part->single ? '}' : ']';
    spool_add(spool, last, 1);
}

/* What is held and not given out, and why. */
static void export_rest(struct buf *out, const struct app *app)
{
    json_open_array(out, "notIncluded");
    for (const struct person_part *const *table = app->people; table && *table; table++)
        for (const struct person_part *part = *table; part->name; part++)
            if (!part->write) {
                json_open(out, NULL);
                json_str(out, "what", part->name);
                json_str(out, "why", part->unexported);
                json_close(out);
            }
    json_close_array(out);
    json_close(out);
}

enum err export_work(struct req *req)
{
    struct person_walk walk = { .app = req->app, .reader = req->reader, .arena = arena_new(1 << 16), .fault = &req->fault,
                                .account = req->caller.account };
    struct buf head = buf_in(req->arena), rest = buf_in(req->arena);
    struct spool spool;
    char last;

    spool_open(&spool, req);
    json_open(&head, NULL);
    json_time(&head, "exportedAt", req->now_ms);
    spool_add(&spool, head.data, head.len);
    last = head.data[head.len - 1];
    for (const struct person_part *const *table = req->app->people; table && *table; table++)
        for (const struct person_part *part = *table; part->name && !spool.outcome; part++)
            if (part->write)
                export_part(&spool, &walk, part, &last);
    arena_free(walk.arena);
    buf_char(&rest, last);
    export_rest(&rest, req->app);
    spool_add(&spool, rest.data + 1, rest.len - 1);
    return spool_reply(&spool, "application/json", "usher-export.json");
}
