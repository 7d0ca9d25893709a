/* totp.c - codes of an authenticator app (RFC 6238, with the parameters that all apps share: SHA-1, six digits, 30 s), and what stands in for a lost one. */
#include <ctype.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

#include "base/random.h"
#include "identity/parts.h"

#define LABEL "totp secret"

SQL(totp_read_sql, "SELECT secret, pending, enabled, last_step, name, failures, failed_at FROM totp WHERE account = :account");
SQL(totp_begin_sql, "INSERT INTO totp (account, pending, made_at) VALUES (:account, :pending, :now)"
                    " ON CONFLICT (account) DO UPDATE SET pending = excluded.pending, made_at = excluded.made_at");
SQL(totp_prove_sql, "UPDATE totp SET secret = pending, pending = NULL, last_step = :step, name = :name WHERE account = :account AND pending IS NOT NULL");
SQL(totp_enable_sql, "UPDATE totp SET enabled = 1 WHERE account = :account AND secret IS NOT NULL");
SQL(totp_remove_sql, "DELETE FROM totp WHERE account = :account");
SQL(totp_use_sql, "UPDATE totp SET last_step = :step WHERE account = :account AND enabled = 1 AND last_step < :step");
SQL(totp_failures_sql, "UPDATE totp SET failures = :failures, failed_at = :failed_at WHERE account = :account");
SQL(totp_forgive_sql, "UPDATE totp SET failures = 0, failed_at = NULL WHERE account = :account AND failures > 0");
SQL(recovery_remove_sql, "DELETE FROM recovery_code WHERE account = :account");
SQL(recovery_make_sql, "INSERT INTO recovery_code (account, n, hash) VALUES (:account, :n, :hash)");
SQL(recovery_read_sql, "SELECT n FROM recovery_code WHERE account = :account AND hash = :hash AND used_at IS NULL");
SQL(recovery_use_sql, "UPDATE recovery_code SET used_at = :now WHERE account = :account AND hash = :hash AND used_at IS NULL");
SQL(recovery_left_sql, "SELECT count(*) FROM recovery_code WHERE account = :account AND used_at IS NULL");
SQL(challenge_spend_sql, "INSERT INTO spent_challenge (id, expires_at) VALUES (:id, :expires_at) ON CONFLICT (id) DO NOTHING");
SQL(challenge_spent_sql, "SELECT 1 FROM spent_challenge WHERE id = :id");
SQL(challenge_expired_sql, "DELETE FROM spent_challenge WHERE id IN"
                           " (SELECT id FROM spent_challenge WHERE expires_at < :now ORDER BY expires_at LIMIT 100)");

/* ---- codes ---- */

/* RFC 4226, 5.3 and 5.4. */
void totp_code(const uint8_t *secret, size_t len, int64_t step, char out[7])
{
    uint8_t counter[8], mac[EVP_MAX_MD_SIZE];
    unsigned mac_len = 0;

    for (int i = 0; i < 8; i++)
        counter[i] = (uint8_t)((uint64_t)step >> (56 - 8 * i));
    HMAC(EVP_sha1(), secret, (int)len, counter, sizeof counter, mac, &mac_len);
    const uint8_t *at = mac + (mac[19] & 15);
    uint32_t number = (uint32_t)(at[0] & 0x7f) << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
    snprintf(out, 7, "%06u", (unsigned)(number % 1000000));
}

int64_t totp_step(struct bytes secret, const char *code, int64_t now_ms, int64_t last_step)
{
    int64_t now = now_ms / 1000 / TOTP_STEP_SECONDS, found = 0;

    if (strlen(code) != 6)
        return 0;
    for (int64_t step = now - 1; step <= now + 1; step++) {
        char want[7];

        totp_code(secret.data, secret.len, step, want);
        if (CRYPTO_memcmp(want, code, 6) == 0 && step > last_step)
            found = step;
    }
    return found;
}

/* ---- rows ---- */

static struct query *of_account(struct tx *tx, struct sql *sql, const struct id *account)
{
    struct query *q = query(tx, sql);

    bind_id(q, ":account", account);
    return q;
}

bool totp_read(struct tx *tx, const struct id *account, struct totp *out)
{
    struct query *q = of_account(tx, &totp_read_sql, account);
    bool found = query_row(q);

    *out = (struct totp){ 0 };
    if (found) {
        struct bytes secret = col_blob(q, 0, tx->arena), pending = col_blob(q, 1, tx->arena);

        out->proven = identity_unseal(tx->app->identity, tx->arena, LABEL, secret, &out->secret);
        if (!identity_unseal(tx->app->identity, tx->arena, LABEL, pending, &out->pending))
            out->pending = (struct bytes){ 0 };
        out->enabled = col_int(q, 2) != 0;
        out->last_step = col_int(q, 3);
        out->name = col_text(q, 4, tx->arena);
        out->failures = col_int(q, 5);
        out->failed_at_ms = col_int(q, 6);
    }
    query_end(q);
    return found;
}

struct bytes totp_begin(struct tx *tx, const struct id *account)
{
    uint8_t *secret = arena_alloc(tx->arena, TOTP_SECRET_BYTES);

    random_bytes(secret, TOTP_SECRET_BYTES);
    struct bytes sealed = identity_seal(tx->app->identity, tx->arena, LABEL, secret, TOTP_SECRET_BYTES);
    struct query *q = of_account(tx, &totp_begin_sql, account);
    bind_blob(q, ":pending", sealed.data, sealed.len);
    bind_int(q, ":now", tx->now_ms);
    query_run(q);
    return (struct bytes){ secret, TOTP_SECRET_BYTES };
}

void totp_prove(struct tx *tx, const struct id *account, int64_t step, const char *name)
{
    struct query *q = of_account(tx, &totp_prove_sql, account);

    bind_int(q, ":step", step);
    bind_text(q, ":name", name);
    query_run(q);
}

void totp_enable(struct tx *tx, const struct id *account)
{
    query_run(of_account(tx, &totp_enable_sql, account));
}

bool totp_remove(struct tx *tx, const struct id *account)
{
    query_run(of_account(tx, &recovery_remove_sql, account));
    return query_run(of_account(tx, &totp_remove_sql, account)) == 1;
}

bool totp_use(struct tx *tx, const struct id *account, int64_t step)
{
    struct query *q = of_account(tx, &totp_use_sql, account);

    bind_int(q, ":step", step);
    return query_run(q) == 1;
}

void totp_keep_failures(struct tx *tx, const struct attempts_kept *kept)
{
    struct query *q = of_account(tx, &totp_failures_sql, &kept->account);

    bind_int(q, ":failures", kept->failures);
    bind_time_or_null(q, ":failed_at", kept->failures ? kept->failed_at_ms : 0);
    query_run(q);
}

void totp_forgive(struct tx *tx, const struct id *account)
{
    query_run(of_account(tx, &totp_forgive_sql, account));
}

/* ---- recovery codes: 50 random bits in Crockford's base32, kept as an HMAC under the server's secret ---- */

static const char crockford[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

enum { RECOVERY_CHARS = 10 };

/* The ten letters without dashes and blanks, and with Crockford's readings of what is misread; false when they are not ten. */
static bool recovery_letters(const char *text, char out[RECOVERY_CHARS + 1])
{
    size_t len = 0;

    for (; *text; text++) {
        char c = (char)toupper((unsigned char)*text);

        if (c == '-' || c == ' ')
            continue;
        c = c == 'O' ? '0' : c == 'I' || c == 'L' ? '1' : c;
        if (len == RECOVERY_CHARS || !strchr(crockford, c))
            return false;
        out[len++] = c;
    }
    out[len] = 0;
    return len == RECOVERY_CHARS;
}

static void recovery_mac(struct tx *tx, const struct id *account, const char *letters, uint8_t out[32])
{
    identity_mac(tx->app->identity, "recovery code", account, letters, RECOVERY_CHARS, out);
}

const char **recovery_make(struct tx *tx, const struct id *account)
{
    const char **codes = ARENA_ARRAY(tx->arena, RECOVERY_CODES, const char *);

    query_run(of_account(tx, &recovery_remove_sql, account));
    for (int n = 0; n < RECOVERY_CODES; n++) {
        char letters[RECOVERY_CHARS + 1] = { 0 };
        uint8_t mac[32];

        for (int i = 0; i < RECOVERY_CHARS; i++)
            letters[i] = crockford[random_below(32)];
        recovery_mac(tx, account, letters, mac);
        struct query *q = of_account(tx, &recovery_make_sql, account);
        bind_int(q, ":n", n);
        bind_blob(q, ":hash", mac, sizeof mac);
        query_run(q);
        codes[n] = arena_printf(tx->arena, "%.5s-%s", letters, letters + 5);
    }
    return codes;
}

/* The statement bound to the row of this code; NULL when it cannot be one. */
static struct query *recovery_query(struct tx *tx, struct sql *sql, const struct id *account, const char *code)
{
    char letters[RECOVERY_CHARS + 1];
    uint8_t *mac = arena_alloc(tx->arena, 32); /* bound, so it must outlive this function */

    if (!recovery_letters(code, letters))
        return NULL;
    recovery_mac(tx, account, letters, mac);
    struct query *q = of_account(tx, sql, account);
    bind_blob(q, ":hash", mac, 32);
    return q;
}

bool recovery_good(struct tx *tx, const struct id *account, const char *code)
{
    struct query *q = recovery_query(tx, &recovery_read_sql, account, code);

    if (!q)
        return false;
    bool good = query_row(q);
    query_end(q);
    return good;
}

bool recovery_use(struct tx *tx, const struct id *account, const char *code)
{
    struct query *q = recovery_query(tx, &recovery_use_sql, account, code);

    if (!q)
        return false;
    bind_int(q, ":now", tx->now_ms);
    return query_run(q) == 1;
}

int64_t recovery_left(struct tx *tx, const struct id *account)
{
    struct query *q = of_account(tx, &recovery_left_sql, account);
    int64_t left = query_row(q) ? col_int(q, 0) : 0;

    query_end(q);
    return left;
}

/* ---- challenges that were answered ---- */

bool challenge_spend(struct tx *tx, const struct id *challenge, int64_t expires_at_ms)
{
    struct query *q = query(tx, &challenge_spend_sql);

    bind_id(q, ":id", challenge);
    bind_int(q, ":expires_at", expires_at_ms);
    return query_run(q) == 1;
}

bool challenge_is_spent(struct tx *tx, const struct id *challenge)
{
    struct query *q = query(tx, &challenge_spent_sql);

    bind_id(q, ":id", challenge);
    bool spent = query_row(q);
    query_end(q);
    return spent;
}

int64_t challenge_remove_expired(struct tx *tx)
{
    struct query *q = query(tx, &challenge_expired_sql);

    bind_int(q, ":now", tx->now_ms);
    return query_run(q);
}
