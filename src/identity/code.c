/*
 * code.c - six digits that prove that somebody reads an address's mail.
 *
 * A code is not kept at all. It is derived from 16 random bytes in its row by
 * an HMAC under the server's secret, so that neither the row, nor the job that
 * mails it, nor a backup of both tells it to whoever lacks that secret.
 *
 * Whoever asks gets a code of their own, so that a stranger's asking leaves the
 * owner's code as it is. Two counts bound guessing: what one client got wrong
 * (5 until it asks again), and what all others together got wrong at a client's
 * code (10). So a stranger can burn their own guesses and the others', and
 * never those of an owner who types the code where it was asked for.
 */
#include <openssl/crypto.h>
#include <string.h>

#include "base/random.h"
#include "identity/parts.h"

#define OF_NAME " WHERE subject = :subject AND purpose = :purpose"

SQL(code_put_sql, "INSERT INTO mail_code (subject, purpose, client, seed, expires_at, guesses) VALUES (:subject, :purpose, :client, :seed, :expires_at, 0)"
                  " ON CONFLICT (subject, purpose, client) DO UPDATE SET seed = excluded.seed, expires_at = excluded.expires_at, guesses = 0");
SQL(code_trim_sql, "DELETE FROM mail_code" OF_NAME " AND client IN"
                   " (SELECT client FROM mail_code" OF_NAME " ORDER BY expires_at DESC LIMIT 100 OFFSET 16)");
SQL(code_read_sql, "SELECT seed, expires_at FROM mail_code" OF_NAME " AND client = :client");
SQL(code_list_sql, "SELECT client, seed, expires_at, guesses FROM mail_code" OF_NAME " LIMIT 16");
SQL(code_wrong_sql, "UPDATE mail_code SET guesses = guesses + 1" OF_NAME " AND client <> :client AND expires_at > :now");
SQL(code_spend_sql, "UPDATE mail_code SET expires_at = :now" OF_NAME " AND expires_at > :now");
SQL(code_old_sql, "DELETE FROM mail_code WHERE (subject, purpose, client) IN"
                  " (SELECT subject, purpose, client FROM mail_code WHERE expires_at < :before ORDER BY expires_at LIMIT 100)");
SQL(guess_read_sql, "SELECT count FROM code_guess" OF_NAME " AND client = :client AND at > :since");
SQL(guess_add_sql, "INSERT INTO code_guess (subject, purpose, client, count, at) VALUES (:subject, :purpose, :client, 1, :now)"
                   " ON CONFLICT (subject, purpose, client) DO UPDATE SET at = excluded.at,"
                   " count = CASE WHEN code_guess.at > :since THEN code_guess.count + 1 ELSE 1 END");
SQL(guess_forget_sql, "DELETE FROM code_guess" OF_NAME " AND client = :client");
SQL(guess_old_sql, "DELETE FROM code_guess WHERE (subject, purpose, client) IN"
                   " (SELECT subject, purpose, client FROM code_guess WHERE at < :before ORDER BY at LIMIT 100)");

static const char *const labels[] = { [CODE_SIGN_UP] = "code sign-up", [CODE_RESET] = "code reset" };
static const int hours[] = { [CODE_SIGN_UP] = CODE_SIGN_UP_HOURS, [CODE_RESET] = CODE_RESET_HOURS };
static const int64_t day_ms = 24 * 3600 * 1000;

/* The six digits of a row. 2^32 is not a multiple of a million, which favours some codes by a part in 4,000: nothing to a guesser. */
static const char *code_of_seed(struct tx *tx, const struct code_for *what, struct bytes seed)
{
    uint8_t mac[32];

    identity_mac(tx->app->identity, labels[what->purpose], &what->subject, seed.data, seed.len, mac);
    uint32_t n = (uint32_t)mac[0] << 24 | (uint32_t)mac[1] << 16 | (uint32_t)mac[2] << 8 | mac[3];
    return arena_printf(tx->arena, "%06u", (unsigned)(n % 1000000));
}

static struct query *of_name(struct tx *tx, struct sql *sql, const struct code_for *what)
{
    struct query *q = query(tx, sql);

    bind_id(q, ":subject", &what->subject);
    bind_int(q, ":purpose", what->purpose);
    return q;
}

static struct query *of_client(struct tx *tx, struct sql *sql, const struct code_for *what)
{
    struct query *q = of_name(tx, sql, what);

    bind_id(q, ":client", &what->client);
    return q;
}

const char *code_make(struct tx *tx, const struct code_for *what)
{
    uint8_t *seed = arena_alloc(tx->arena, CODE_SEED_BYTES);

    random_bytes(seed, CODE_SEED_BYTES);
    struct query *q = of_client(tx, &code_put_sql, what);
    bind_blob(q, ":seed", seed, CODE_SEED_BYTES);
    bind_int(q, ":expires_at", tx->now_ms + (int64_t)hours[what->purpose] * 3600 * 1000);
    query_run(q);
    query_run(of_name(tx, &code_trim_sql, what));
    query_run(of_client(tx, &guess_forget_sql, what));
    return code_of_seed(tx, what, (struct bytes){ seed, CODE_SEED_BYTES });
}

const char *code_live(struct tx *tx, const struct code_for *what)
{
    struct query *q = of_client(tx, &code_read_sql, what);
    const char *code = query_row(q) && tx->now_ms < col_int(q, 1) ? code_of_seed(tx, what, col_blob(q, 0, tx->arena)) : NULL;

    query_end(q);
    return code;
}

/* Wrong guesses of this client since it last asked; those of a day ago are forgotten. */
static int64_t guesses_of(struct tx *tx, const struct code_for *what)
{
    struct query *q = of_client(tx, &guess_read_sql, what);

    bind_int(q, ":since", tx->now_ms - day_ms);
    int64_t guesses = query_row(q) ? col_int(q, 0) : 0;
    query_end(q);
    return guesses;
}

enum code_verdict code_judge(struct tx *tx, const struct code_for *what, const char *code, struct id *asked_by)
{
    enum code_verdict verdict = CODE_WRONG;

    if (guesses_of(tx, what) >= CODE_GUESSES_MAX)
        return CODE_EXPIRED;
    struct query *q = of_name(tx, &code_list_sql, what);
    while (query_row(q)) {
        struct id client = col_id(q, 0);
        const char *right = code_of_seed(tx, what, col_blob(q, 1, tx->arena));
        bool live = tx->now_ms < col_int(q, 2) && (id_equal(&client, &what->client) || col_int(q, 3) < CODE_OTHERS_GUESSES_MAX);

        if (strlen(code) != strlen(right) || CRYPTO_memcmp(code, right, strlen(right)) != 0)
            continue;
        if (live) {
            *asked_by = client;
            verdict = CODE_GOOD;
        } else if (verdict == CODE_WRONG) {
            verdict = CODE_EXPIRED;
        }
    }
    query_end(q);
    return verdict;
}

static void count_wrong(struct tx *tx, const struct code_for *what)
{
    struct query *q = of_client(tx, &guess_add_sql, what);

    bind_int(q, ":now", tx->now_ms);
    bind_int(q, ":since", tx->now_ms - day_ms);
    query_run(q);
    q = of_client(tx, &code_wrong_sql, what);
    bind_int(q, ":now", tx->now_ms);
    query_run(q);
}

/* All codes for this, whoever asked: what they were for is done. Their rows stay a while, to tell a code that is over from one that is wrong. */
static void spend(struct tx *tx, const struct code_for *what)
{
    struct query *q = of_name(tx, &code_spend_sql, what);

    bind_int(q, ":now", tx->now_ms);
    query_run(q);
    query_run(of_client(tx, &guess_forget_sql, what));
}

enum code_verdict code_use(struct tx *tx, const struct code_for *what, const char *code, struct id *asked_by)
{
    enum code_verdict verdict = code_judge(tx, what, code, asked_by);

    if (verdict == CODE_WRONG)
        count_wrong(tx, what);
    if (verdict == CODE_GOOD)
        spend(tx, what);
    return verdict;
}

static int64_t remove_old(struct tx *tx, struct sql *sql)
{
    struct query *q = query(tx, sql);

    bind_int(q, ":before", tx->now_ms - day_ms);
    return query_run(q);
}

int64_t code_remove_old(struct tx *tx)
{
    return MAX(remove_old(tx, &code_old_sql), remove_old(tx, &guess_old_sql));
}
