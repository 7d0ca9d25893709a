/* account.c - the rows of accounts. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "identity/srp.h"

#define COLUMNS "account.id, account.email, account.email_key, account.name, account.locale, account.groups, account.status," \
                " account.password, account.epoch, account.failures, account.failed_at, account.created_at"

SQL(account_by_id_sql, "SELECT " COLUMNS " FROM account WHERE id = :id");
SQL(account_by_email_sql, "SELECT " COLUMNS " FROM account WHERE email_key = :email_key");
SQL(account_of_token_sql, "SELECT " COLUMNS " FROM account JOIN session ON session.account = account.id"
                          " WHERE account.id = :id AND account.epoch = :epoch AND account.status = 1"
                          " AND session.id = :session AND session.revoked_at IS NULL");
/* The same question where nothing is read but the answer: it stands before every write of a signed-in request. */
SQL(token_in_force_sql, "SELECT 1 FROM account JOIN session ON session.account = account.id"
                        " WHERE account.id = :id AND account.epoch = :epoch AND account.status = 1"
                        " AND session.id = :session AND session.revoked_at IS NULL");
SQL(account_insert_sql, "INSERT INTO account (id, email, email_key, name, locale, groups, status, password, epoch, created_at, updated_at)"
                        " VALUES (:id, :email, :email_key, :name, :locale, :groups, :status, :password, 0, :now, :now)"
                        " ON CONFLICT (email_key) DO NOTHING");
SQL(account_signed_in_sql, "UPDATE account SET failures = 0, failed_at = NULL"
                           " WHERE id = :id AND status = 1 AND epoch = :epoch AND password = :password");
SQL(account_rehash_sql, "UPDATE account SET password = :next WHERE id = :id AND password = :password");
SQL(account_reset_sql, "UPDATE account SET password = :password, epoch = epoch + 1, failures = 0, failed_at = NULL, updated_at = :now"
                       " WHERE id = :id AND status = 1");
SQL(account_change_sql, "UPDATE account SET password = :next, failures = 0, failed_at = NULL, updated_at = :now"
                        " WHERE id = :id AND status = 1 AND epoch = :epoch AND password = :password");
SQL(account_end_others_sql, "UPDATE session SET revoked_at = :now WHERE account = :id AND id <> :keep AND revoked_at IS NULL");
SQL(account_names_sql, "UPDATE account SET name = coalesce(:name, name), locale = coalesce(:locale, locale), updated_at = :now WHERE id = :id");
SQL(account_sells_sql, "SELECT 1 FROM event WHERE organizer = :id AND listed = 1 LIMIT 1");
SQL(account_delete_sql, "UPDATE account SET status = 2, deleted_at = :now, email = :gone, email_key = :gone, name = :name, locale = NULL,"
                        " password = '', epoch = epoch + 1, failures = 0, failed_at = NULL, updated_at = :now WHERE id = :id AND deleted_at IS NULL");
SQL(account_failures_sql, "UPDATE account SET failures = :failures, failed_at = :failed_at WHERE id = :id");
SQL(account_epoch_sql, "UPDATE account SET epoch = epoch + 1, updated_at = :now WHERE id = :id");
SQL(account_groups_sql, "UPDATE account SET groups = :groups, updated_at = :now WHERE email_key = :email_key");
SQL(account_disable_sql, "UPDATE account SET status = 2, epoch = epoch + 1, updated_at = :now WHERE email_key = :email_key");

char *account_fold_email(struct arena *arena, const char *email)
{
    utf8proc_uint8_t *folded = NULL;
    utf8proc_ssize_t len = utf8proc_map((const utf8proc_uint8_t *)email, 0, &folded,
                                        UTF8PROC_NULLTERM | UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD);
    char *out = len < 0 ? NULL : arena_copy(arena, folded, (size_t)len);

    free(folded);
    return out;
}

static void read_account(struct query *q, struct arena *arena, struct account *out)
{
    *out = (struct account){
        .id = col_id(q, 0),
        .email = col_text(q, 1, arena),
        .email_key = col_text(q, 2, arena),
        .name = col_text(q, 3, arena),
        .locale = col_text(q, 4, arena),
        .groups = (unsigned)col_int(q, 5),
        .status = (enum account_status)col_int(q, 6),
        .password = col_text(q, 7, arena),
        .epoch = col_int(q, 8),
        .failures = col_int(q, 9),
        .failed_at_ms = col_int(q, 10),
        .created_at_ms = col_int(q, 11),
    };
}

bool account_by_id(struct tx *tx, const struct id *id, struct account *out)
{
    struct query *q = query(tx, &account_by_id_sql);

    bind_id(q, ":id", id);
    bool found = query_row(q);
    if (found)
        read_account(q, tx->arena, out);
    query_end(q);
    return found;
}

bool account_by_email(struct tx *tx, const char *email, struct account *out)
{
    const char *key = account_fold_email(tx->arena, email);

    if (!key)
        return false;
    struct query *q = query(tx, &account_by_email_sql);
    bind_text(q, ":email_key", key);
    bool found = query_row(q);
    if (found)
        read_account(q, tx->arena, out);
    query_end(q);
    return found;
}

bool account_of_token(struct tx *tx, const struct id *id, int64_t epoch, const struct id *session, struct account *out)
{
    struct query *q = query(tx, out ? &account_of_token_sql : &token_in_force_sql);

    bind_id(q, ":id", id);
    bind_int(q, ":epoch", epoch);
    bind_id(q, ":session", session);
    bool found = query_row(q);
    if (found && out)
        read_account(q, tx->arena, out);
    query_end(q);
    return found;
}

/* ---- changes ---- */

/* Who gives no name goes by what stands before the '@': organizers' lists and tickets want one. */
static const char *name_or_default(struct tx *tx, const struct account *account)
{
    const char *at = strrchr(account->email, '@');

    return account->name ? account->name : arena_copy(tx->arena, account->email, at ? (size_t)(at - account->email) : strlen(account->email));
}

bool account_insert(struct tx *tx, const struct account *account)
{
    const char *name = name_or_default(tx, account);
    struct query *q = query(tx, &account_insert_sql);

    bind_id(q, ":id", &account->id);
    bind_text(q, ":email", account->email);
    bind_text(q, ":email_key", account->email_key);
    bind_text(q, ":name", name);
    bind_text(q, ":locale", account->locale);
    bind_int(q, ":groups", account->groups);
    bind_int(q, ":status", account->status);
    bind_text(q, ":password", account->password ? account->password : "");
    bind_int(q, ":now", tx->now_ms);
    return query_run(q) == 1;
}

bool account_signed_in(struct tx *tx, const struct account *account)
{
    struct query *q = query(tx, &account_signed_in_sql);

    bind_id(q, ":id", &account->id);
    bind_int(q, ":epoch", account->epoch);
    bind_text(q, ":password", account->password);
    return query_run(q) == 1;
}

void account_rehash_password(struct tx *tx, const struct account *account, const char *password)
{
    struct query *q = query(tx, &account_rehash_sql);

    bind_id(q, ":id", &account->id);
    bind_text(q, ":password", account->password);
    bind_text(q, ":next", password);
    query_run(q);
}

bool account_reset_password(struct tx *tx, const struct id *id, const char *password)
{
    struct query *q = query(tx, &account_reset_sql);

    bind_id(q, ":id", id);
    bind_text(q, ":password", password);
    bind_int(q, ":now", tx->now_ms);
    if (query_run(q) != 1)
        return false;
    account_tell(tx, id);
    return true;
}

void account_end_others(struct tx *tx, const struct id *id, const struct id *keep)
{
    struct query *q = query(tx, &account_end_others_sql);

    bind_id(q, ":id", id);
    bind_id(q, ":keep", keep);
    bind_int(q, ":now", tx->now_ms);
    query_run(q);
    account_tell(tx, id);
}

bool account_change_password(struct tx *tx, const struct account *account, const char *password, const struct id *keep)
{
    struct query *q = query(tx, &account_change_sql);

    bind_id(q, ":id", &account->id);
    bind_int(q, ":epoch", account->epoch);
    bind_text(q, ":password", account->password);
    bind_text(q, ":next", password);
    bind_int(q, ":now", tx->now_ms);
    if (query_run(q) != 1)
        return false;
    account_end_others(tx, &account->id, keep);
    return true;
}

void account_set_names(struct tx *tx, const struct id *id, const char *name, const char *locale)
{
    struct query *q = query(tx, &account_names_sql);

    bind_id(q, ":id", id);
    bind_text(q, ":name", name);
    bind_text(q, ":locale", locale);
    bind_int(q, ":now", tx->now_ms);
    query_run(q);
}

bool account_sells(struct tx *tx, const struct id *id)
{
    struct query *q = query(tx, &account_sells_sql);

    bind_id(q, ":id", id);
    bool sells = query_row(q);
    query_end(q);
    return sells;
}

void account_delete(struct tx *tx, const struct id *id)
{
    char text[ID_TEXT_LEN + 1];

    id_format(id, text);
    const char *gone = arena_printf(tx->arena, "deleted:%s", text); /* no address, so no sign-up can ask for it; and disabled */
    struct query *q = query(tx, &account_delete_sql);
    bind_id(q, ":id", id);
    bind_text(q, ":gone", gone);
    bind_text(q, ":name", "Former user");
    bind_int(q, ":now", tx->now_ms);
    query_run(q);
    totp_remove(tx, id);
    srp_remove(tx, id);
    account_tell(tx, id);
}

void account_keep_failures(struct tx *tx, const struct attempts_kept *kept)
{
    struct query *q = query(tx, &account_failures_sql);

    bind_id(q, ":id", &kept->account);
    bind_int(q, ":failures", kept->failures);
    bind_time_or_null(q, ":failed_at", kept->failures ? kept->failed_at_ms : 0);
    query_run(q);
}

static void tell_http(struct app *app, void *arg)
{
    http_epoch_raised(app, arg);
}

void account_tell(struct tx *tx, const struct id *id)
{
    /* The arena outlives the commit: after-commit calls come before the replies. */
    if (tx->app && tx->app->http)
        tx_after_commit(tx, tell_http, arena_copy(tx->arena, id, sizeof *id));
}

void account_raise_epoch(struct tx *tx, const struct id *id)
{
    struct query *q = query(tx, &account_epoch_sql);

    bind_id(q, ":id", id);
    bind_int(q, ":now", tx->now_ms);
    query_run(q);
    account_tell(tx, id);
}

/* ---- from the shell ---- */

bool account_email_good(const char *email)
{
    size_t len = strlen(email);
    const char *at = strrchr(email, '@');

    if (len < 3 || len > 254 || !at || at == email || !at[1])
        return false;
    for (const char *c = email; *c; c++) {
        if ((unsigned char)*c <= ' ' || *c == 0x7f || strchr("<>()[],;:\\\"", *c))
            return false;
    }
    return true;
}

/* Does another issuer say who people are and what they may? */
static bool has_issuer(const struct tx *tx)
{
    return tx->app && tx->app->config && tx->app->config->oidc_issuer;
}

enum err account_add(struct tx *tx, const char *email, const char *name, unsigned groups, const char *password_hash, struct id *out)
{
    struct account account = {
        .id = id_new(tx->now_ms), .email = email, .name = name, .groups = groups, .status = ACCOUNT_CONFIRMED, .password = password_hash,
    };

    if (has_issuer(tx))
        return fail(tx, ERR_CONFLICT, "accounts are made at the issuer that USHER_OIDC_ISSUER names");
    account.email_key = account_email_good(email) ? account_fold_email(tx->arena, email) : NULL;
    if (!account.email_key)
        return fail(tx, ERR_INVALID, "this is not an e-mail address");
    if (!account_insert(tx, &account))
        return fail(tx, ERR_CONFLICT, "there is an account with this address");
    tx_note(tx, "account.added", &account.id, NULL);
    *out = account.id;
    return ERR_OK;
}

bool account_by_email_or_id(struct tx *tx, const char *text, struct account *out)
{
    struct id id;

    return id_parse(text, strlen(text), &id) ? account_by_id(tx, &id, out) : account_by_email(tx, text, out);
}

/* The id, read before the change and told after it. */
static enum err change_by_email(struct tx *tx, struct sql *sql, const char *email, const unsigned *groups, const char *note)
{
    struct account account;

    if (!account_by_email_or_id(tx, email, &account))
        return fail(tx, ERR_NOT_FOUND, "there is no account with this address");
    struct query *q = query(tx, sql);
    bind_text(q, ":email_key", account.email_key);
    bind_int(q, ":now", tx->now_ms);
    if (groups)
        bind_int(q, ":groups", *groups);
    query_run(q);
    tx_note(tx, note, &account.id, NULL);
    account_tell(tx, &account.id);
    return ERR_OK;
}

/* Tokens in hand stay good: what their owner may do is read from the row, not from the token. */
enum err account_set_groups(struct tx *tx, const char *email, unsigned groups)
{
    if (has_issuer(tx))
        return fail(tx, ERR_CONFLICT, "groups are given at the issuer that USHER_OIDC_ISSUER names");
    return change_by_email(tx, &account_groups_sql, email, &groups, "account.groups");
}

enum err account_disable(struct tx *tx, const char *email)
{
    return change_by_email(tx, &account_disable_sql, email, NULL, "account.disabled");
}
