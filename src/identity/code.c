/*
 * code.c - six digits that prove that somebody reads an account's mail.
 *
 * A code is kept as an HMAC under the server's secret: a plain hash of a million
 * possibilities would be no secret to a reader of the database.
 */
#include <openssl/crypto.h>
#include <string.h>

#include "base/random.h"
#include "identity/parts.h"

SQL(code_put_sql, "INSERT INTO account_code (account, purpose, n, hash, expires_at, attempts) VALUES (:account, :purpose, 0, :hash, :expires_at, 0)"
                  " ON CONFLICT (account, purpose, n) DO UPDATE SET hash = excluded.hash, expires_at = excluded.expires_at, attempts = 0");
SQL(code_read_sql, "SELECT hash, expires_at, attempts FROM account_code WHERE account = :account AND purpose = :purpose");
SQL(code_wrong_sql, "UPDATE account_code SET attempts = attempts + 1 WHERE account = :account AND purpose = :purpose");
SQL(code_drop_sql, "DELETE FROM account_code WHERE account = :account AND purpose = :purpose");

static void code_mac(struct tx *tx, const struct id *account, enum code_purpose purpose, const char *code, uint8_t out[32])
{
    identity_mac(tx->app->identity, purpose == CODE_SIGN_UP ? "code sign-up" : "code reset", account, code, strlen(code), out);
}

static struct query *code_query(struct tx *tx, struct sql *sql, const struct id *account, enum code_purpose purpose)
{
    struct query *q = query(tx, sql);

    bind_id(q, ":account", account);
    bind_int(q, ":purpose", purpose);
    return q;
}

const char *code_make(struct tx *tx, const struct id *account, enum code_purpose purpose)
{
    const char *code = arena_printf(tx->arena, "%06u", random_below(1000000));
    uint8_t mac[32];

    code_mac(tx, account, purpose, code, mac);
    struct query *q = code_query(tx, &code_put_sql, account, purpose);
    bind_blob(q, ":hash", mac, sizeof mac);
    bind_int(q, ":expires_at", tx->now_ms + (int64_t)CODE_HOURS * 3600 * 1000);
    query_run(q);
    return code;
}

/* The row, if it may still be used. */
static bool live_code(struct tx *tx, const struct id *account, enum code_purpose purpose, struct bytes *hash)
{
    struct query *q = code_query(tx, &code_read_sql, account, purpose);
    bool live = query_row(q) && tx->now_ms < col_int(q, 1) && col_int(q, 2) < CODE_ATTEMPTS_MAX;

    if (live)
        *hash = col_blob(q, 0, tx->arena);
    query_end(q);
    return live;
}

bool code_is_live(struct tx *tx, const struct id *account, enum code_purpose purpose)
{
    struct bytes hash;

    return live_code(tx, account, purpose, &hash);
}

enum code_verdict code_use(struct tx *tx, const struct id *account, enum code_purpose purpose, const char *code)
{
    struct bytes hash;
    uint8_t mac[32];

    if (!live_code(tx, account, purpose, &hash))
        return CODE_EXPIRED;
    code_mac(tx, account, purpose, code, mac);
    if (hash.len != sizeof mac || CRYPTO_memcmp(hash.data, mac, sizeof mac) != 0) {
        query_run(code_query(tx, &code_wrong_sql, account, purpose));
        return CODE_WRONG;
    }
    query_run(code_query(tx, &code_drop_sql, account, purpose));
    return CODE_GOOD;
}
