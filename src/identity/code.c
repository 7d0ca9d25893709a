/*
 * code.c - six digits that prove that somebody reads an account's mail.
 *
 * A code is not kept at all. It is derived from 16 random bytes in its row by
 * an HMAC under the server's secret, so that neither the row, nor the job that
 * mails it, nor a backup of both tells it to whoever lacks that secret. The
 * column is still called hash, for it once held one; such rows are of no use.
 */
#include <openssl/crypto.h>
#include <string.h>

#include "base/random.h"
#include "identity/parts.h"

SQL(code_put_sql, "INSERT INTO account_code (account, purpose, hash, expires_at, attempts) VALUES (:account, :purpose, :hash, :expires_at, 0)"
                  " ON CONFLICT (account, purpose) DO UPDATE SET hash = excluded.hash, expires_at = excluded.expires_at, attempts = 0");
SQL(code_read_sql, "SELECT hash, expires_at, attempts FROM account_code WHERE account = :account AND purpose = :purpose");
SQL(code_wrong_sql, "UPDATE account_code SET attempts = attempts + 1 WHERE account = :account AND purpose = :purpose");
SQL(code_drop_sql, "DELETE FROM account_code WHERE account = :account AND purpose = :purpose");

static const char *const labels[] = { [CODE_SIGN_UP] = "code sign-up", [CODE_RESET] = "code reset" };
static const int hours[] = { [CODE_SIGN_UP] = CODE_SIGN_UP_HOURS, [CODE_RESET] = CODE_RESET_HOURS };

/* The six digits of a row. 2^32 is not a multiple of a million, which favours some codes by a part in 4,000: nothing to a guesser. */
static const char *code_of_seed(struct tx *tx, const struct id *account, enum code_purpose purpose, const uint8_t seed[CODE_SEED_BYTES])
{
    uint8_t mac[32];

    identity_mac(tx->app->identity, labels[purpose], account, seed, CODE_SEED_BYTES, mac);
    uint32_t n = (uint32_t)mac[0] << 24 | (uint32_t)mac[1] << 16 | (uint32_t)mac[2] << 8 | mac[3];
    return arena_printf(tx->arena, "%06u", (unsigned)(n % 1000000));
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
    uint8_t seed[CODE_SEED_BYTES];

    random_bytes(seed, sizeof seed);
    struct query *q = code_query(tx, &code_put_sql, account, purpose);
    bind_blob(q, ":hash", seed, sizeof seed);
    bind_int(q, ":expires_at", tx->now_ms + (int64_t)hours[purpose] * 3600 * 1000);
    query_run(q);
    return code_of_seed(tx, account, purpose, seed);
}

const char *code_live(struct tx *tx, const struct id *account, enum code_purpose purpose)
{
    struct query *q = code_query(tx, &code_read_sql, account, purpose);
    const char *code = NULL;

    if (query_row(q) && tx->now_ms < col_int(q, 1) && col_int(q, 2) < CODE_ATTEMPTS_MAX) {
        struct bytes seed = col_blob(q, 0, tx->arena);

        if (seed.len == CODE_SEED_BYTES)
            code = code_of_seed(tx, account, purpose, seed.data);
    }
    query_end(q);
    return code;
}

enum code_verdict code_judge(struct tx *tx, const struct id *account, enum code_purpose purpose, const char *code)
{
    const char *live = code_live(tx, account, purpose);

    if (!live)
        return CODE_EXPIRED;
    return strlen(code) == strlen(live) && CRYPTO_memcmp(code, live, strlen(live)) == 0 ? CODE_GOOD : CODE_WRONG;
}

enum code_verdict code_use(struct tx *tx, const struct id *account, enum code_purpose purpose, const char *code)
{
    enum code_verdict verdict = code_judge(tx, account, purpose, code);

    if (verdict == CODE_WRONG)
        query_run(code_query(tx, &code_wrong_sql, account, purpose));
    if (verdict == CODE_GOOD)
        query_run(code_query(tx, &code_drop_sql, account, purpose));
    return verdict;
}
