/*
 * session.c - a sign-in on one device, and the refresh tokens that follow one another in it.
 *
 * A refresh token is the session's id and 32 bytes that only its owner knows; the
 * row keeps SHA-256 of the whole. The successor is an HMAC of the token under the
 * server's secret: whoever presents the previous token within the grace gets the
 * very token that the first one got, and no row grows by it.
 */
#include <openssl/crypto.h>
#include <sodium.h>
#include <string.h>

#include "base/random.h"
#include "identity/parts.h"

#define COLUMNS "id, account, hash, previous_hash, rotated_at, epoch, auth_time, expires_at, revoked_at"

SQL(session_by_id_sql, "SELECT " COLUMNS " FROM session WHERE id = :id");
SQL(session_insert_sql, "INSERT INTO session (id, account, hash, epoch, auth_time, expires_at)"
                        " VALUES (:id, :account, :hash, :epoch, :auth_time, :expires_at)");
SQL(session_rotate_sql, "UPDATE session SET previous_hash = hash, hash = :next, rotated_at = :now"
                        " WHERE id = :id AND hash = :hash AND revoked_at IS NULL");
SQL(session_revoke_sql, "UPDATE session SET revoked_at = :now WHERE id = :id AND revoked_at IS NULL");
SQL(session_expired_sql, "DELETE FROM session WHERE id IN (SELECT id FROM session WHERE expires_at < :before ORDER BY expires_at LIMIT 100)");

enum { FRESH_MS = 15 * 60 * 1000 };

/* ---- the token's text: base64url of id and secret, 64 characters ---- */

enum { TOKEN_BYTES = 16 + REFRESH_SECRET_BYTES, TOKEN_TEXT = TOKEN_BYTES / 3 * 4, B64 = sodium_base64_VARIANT_URLSAFE_NO_PADDING };

bool refresh_token_read(const char *text, struct refresh_token *out)
{
    uint8_t raw[TOKEN_BYTES];
    size_t len = 0;
    const char *end = NULL;

    if (strlen(text) != TOKEN_TEXT || sodium_base642bin(raw, sizeof raw, text, TOKEN_TEXT, NULL, &len, &end, B64) != 0 || len != sizeof raw ||
        end != text + TOKEN_TEXT)
        return false;
    memcpy(out->session.byte, raw, 16);
    memcpy(out->secret, raw + 16, REFRESH_SECRET_BYTES);
    return true;
}

char *refresh_token_write(struct arena *arena, const struct refresh_token *token)
{
    uint8_t raw[TOKEN_BYTES];
    char *text = arena_alloc(arena, TOKEN_TEXT + 1);

    memcpy(raw, token->session.byte, 16);
    memcpy(raw + 16, token->secret, REFRESH_SECRET_BYTES);
    return sodium_bin2base64(text, TOKEN_TEXT + 1, raw, sizeof raw, B64);
}

static void hash_of(const struct refresh_token *token, uint8_t hash[32])
{
    crypto_hash_sha256_state state;

    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, token->session.byte, sizeof token->session.byte);
    crypto_hash_sha256_update(&state, token->secret, sizeof token->secret);
    crypto_hash_sha256_final(&state, hash);
}

struct refresh_token session_successor(const struct identity *identity, const struct refresh_token *token)
{
    struct refresh_token next = { .session = token->session };

    identity_mac(identity, "refresh", &token->session, token->secret, sizeof token->secret, next.secret);
    return next;
}

/* ---- rows ---- */

static bool session_by_id(struct tx *tx, const struct id *id, struct session *out)
{
    struct query *q = query(tx, &session_by_id_sql);

    bind_id(q, ":id", id);
    bool found = query_row(q);
    if (found) {
        struct bytes hash = col_blob(q, 2, tx->arena), previous = col_blob(q, 3, tx->arena);

        *out = (struct session){
            .id = *id, .account = col_id(q, 1), .rotated_at_ms = col_int(q, 4), .epoch = col_int(q, 5), .auth_time_ms = col_int(q, 6),
            .expires_at_ms = col_int(q, 7), .revoked_at_ms = col_int(q, 8),
        };
        if (hash.len == sizeof out->hash)
            memcpy(out->hash, hash.data, hash.len);
        if (previous.len == sizeof out->previous_hash)
            memcpy(out->previous_hash, previous.data, previous.len);
        else
            out->rotated_at_ms = 0;
    }
    query_end(q);
    return found;
}

enum refresh_worth session_judge(struct tx *tx, const struct refresh_token *token, struct session *session, struct account *account)
{
    uint8_t hash[32];

    if (!session_by_id(tx, &token->session, session) || !account_by_id(tx, &session->account, account))
        return REFRESH_UNKNOWN;
    if (session->revoked_at_ms || session->epoch != account->epoch || account->status != ACCOUNT_CONFIRMED ||
        tx->now_ms >= session->expires_at_ms)
        return REFRESH_OVER;
    hash_of(token, hash);
    if (CRYPTO_memcmp(hash, session->hash, sizeof hash) == 0)
        return REFRESH_CURRENT;
    if (session->rotated_at_ms && CRYPTO_memcmp(hash, session->previous_hash, sizeof hash) == 0 &&
        MAX(tx->now_ms - session->rotated_at_ms, 0) < (int64_t)tx->app->config->refresh_grace_seconds * 1000)
        return REFRESH_PREVIOUS;
    return REFRESH_REUSED;
}

struct session session_new(const struct account *account, int64_t now_ms, int64_t life_s, struct refresh_token *token)
{
    struct session session = {
        .id = id_new(now_ms), .account = account->id, .epoch = account->epoch, .auth_time_ms = now_ms, .expires_at_ms = now_ms + life_s * 1000,
    };

    token->session = session.id;
    random_bytes(token->secret, sizeof token->secret);
    hash_of(token, session.hash);
    return session;
}

void session_insert(struct tx *tx, const struct session *session)
{
    struct query *q = query(tx, &session_insert_sql);

    bind_id(q, ":id", &session->id);
    bind_id(q, ":account", &session->account);
    bind_blob(q, ":hash", session->hash, sizeof session->hash);
    bind_int(q, ":epoch", session->epoch);
    bind_int(q, ":auth_time", session->auth_time_ms);
    bind_int(q, ":expires_at", session->expires_at_ms);
    query_run(q);
}

bool session_rotate(struct tx *tx, const struct refresh_token *token, const struct refresh_token *successor)
{
    uint8_t hash[32], next[32];

    hash_of(token, hash);
    hash_of(successor, next);
    struct query *q = query(tx, &session_rotate_sql);
    bind_id(q, ":id", &token->session);
    bind_blob(q, ":hash", hash, sizeof hash);
    bind_blob(q, ":next", next, sizeof next);
    bind_int(q, ":now", tx->now_ms);
    return query_run(q) == 1;
}

void session_revoke(struct tx *tx, const struct session *session)
{
    struct query *q = query(tx, &session_revoke_sql);

    bind_id(q, ":id", &session->id);
    bind_int(q, ":now", tx->now_ms);
    query_run(q);
    account_tell(tx, &session->account);
}

bool session_is_fresh(struct tx *tx, const struct id *session)
{
    struct session found;

    return session_by_id(tx, session, &found) && tx->now_ms - found.auth_time_ms < FRESH_MS;
}

int64_t session_remove_expired(struct tx *tx)
{
    struct query *q = query(tx, &session_expired_sql);

    bind_int(q, ":before", tx->now_ms - (int64_t)24 * 3600 * 1000);
    return query_run(q);
}
