/* operations.c - see operations.h: what several operations share. */
#include "identity/operations.h"

#include <sodium.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "identity/srp.h"
#include "mail/mail.h"

static const struct field with_access_token_fields[] = {
    FIELD(with_access_token, "AccessToken", token, FIELD_LINE, REQUIRED, 1, TOKEN_TEXT_MAX),
    FIELD_END
};
const struct shape with_access_token_shape = SHAPE(with_access_token, "AccessToken", with_access_token_fields);

/* ---- attributes ---- */

static const struct field attribute_fields[] = {
    FIELD(attribute, "Name", name, FIELD_LINE, REQUIRED, 1, 64),
    FIELD(attribute, "Value", value, FIELD_TEXT, OPTIONAL, 0, 254),
    FIELD_END
};
const struct shape attribute_shape = SHAPE(attribute, "Attribute", attribute_fields);

static bool is_locale(const char *text)
{
    size_t len = strlen(text);

    return len >= 2 && len <= 35 && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == len;
}

/* Whatever is not listed cannot be set: no group, no "email_verified". */
const char *attribute_take(struct account *account, const char *email, const struct attribute *attribute)
{
    const char *value = attribute->value ? attribute->value : "";

    if (strcmp(attribute->name, "email") == 0)
        return strcasecmp(value, email) == 0 ? NULL : "The attribute email must be the user name.";
    if (strcmp(attribute->name, "name") == 0) {
        account->name = *value ? value : NULL;
        return strpbrk(value, "\n\t") ? "The attribute name must be one line." : NULL;
    }
    if (strcmp(attribute->name, "locale") == 0) {
        account->locale = *value ? value : NULL;
        return *value && !is_locale(value) ? "The attribute locale is no language tag." : NULL;
    }
    if (strcmp(attribute->name, "custom:role") != 0)
        return "Attributes did not conform to the schema: only email, name, locale and custom:role may be set.";
    if (strcmp(value, "organizer") == 0)
        account->groups = GROUP_ORGANIZERS;
    else if (strcmp(value, "attendee") == 0)
        account->groups = GROUP_ATTENDEES;
    else
        return "The attribute custom:role must be organizer or attendee.";
    return NULL;
}

/* ---- who it is about ---- */

void call_find_account(struct req *req, struct tx *tx, struct call *call, const char *username, enum attempt_kind kind)
{
    const char *folded = account_fold_email(req->arena, username);

    struct id subject = identity_subject(identity_of(req), folded ? folded : username);
    struct account waiting = { 0 };
    bool own;

    /* Both are looked for, whether the first is there or not: it takes the same time. */
    size_t sign_ups = sign_up_find(tx, &subject, &call->client, &waiting, &own);
    call->waits = sign_ups && own;
    call->waiting = waiting;
    call->known = account_by_email(tx, username, &call->account);
    call->attempt = attempts_key(identity_of(req)->attempts, kind, folded ? folded : username, NULL);
    if (call->known)
        call->kept = (struct attempts_kept){ call->account.id, call->account.failures, call->account.failed_at_ms };
}

/* ---- guesses ---- */

/* The same guesses counted by address, or NULL where nothing is. */
static const struct attempt_key *by_client(struct req *req, const struct call *call, enum attempt_kind kind, enum attempt_kind *out,
                                           struct attempt_key *key)
{
    *out = kind == ATTEMPT_TOTP ? ATTEMPT_CLIENT_TOTP : ATTEMPT_CLIENT_PASSWORD;
    *key = attempts_key(identity_of(req)->attempts, *out, "", &call->client);
    return req->app->config->limits ? key : NULL;
}

/* One name from one address. */
static struct attempt_key by_name_and_client(struct req *req, const struct call *call)
{
    char name[2 * sizeof call->attempt.byte + 1];

    sodium_bin2hex(name, sizeof name, call->attempt.byte, sizeof call->attempt.byte);
    return attempts_key(identity_of(req)->attempts, ATTEMPT_CLIENT_NAME, name, &call->client);
}

bool guess_must_wait(struct req *req, const struct call *call, enum attempt_kind kind, int64_t now_ms)
{
    struct attempts *attempts = identity_of(req)->attempts;
    enum attempt_kind wide;
    struct attempt_key key;

    return attempts_wait_ms(attempts, kind, &call->attempt, &call->kept, now_ms) > 0 ||
           (by_client(req, call, kind, &wide, &key) && attempts_wait_ms(attempts, wide, &key, NULL, now_ms) > 0);
}

bool guess_was_wrong(struct req *req, const struct call *call, enum attempt_kind kind, int64_t now_ms)
{
    struct attempts *attempts = identity_of(req)->attempts;
    enum attempt_kind wide;
    struct attempt_key key;

    if (by_client(req, call, kind, &wide, &key)) {
        struct attempt_key own = by_name_and_client(req, call);

        attempts_add(attempts, wide, &key, NULL, now_ms);
        if (kind == ATTEMPT_PASSWORD)
            attempts_add(attempts, ATTEMPT_CLIENT_NAME, &own, NULL, now_ms);
    }
    return attempts_add(attempts, kind, &call->attempt, &call->kept, now_ms);
}

void guess_was_right(struct req *req, const struct call *call, enum attempt_kind kind, int64_t now_ms)
{
    struct attempts *attempts = identity_of(req)->attempts;
    struct attempt_key own = by_name_and_client(req, call), key;
    enum attempt_kind wide;

    attempts_clear(attempts, kind, &call->attempt);
    if (kind == ATTEMPT_PASSWORD && by_client(req, call, kind, &wide, &key))
        attempts_take_back(attempts, wide, &key, attempts_take_back(attempts, ATTEMPT_CLIENT_NAME, &own, INT64_MAX, now_ms), now_ms);
}

/* ---- verifiers ---- */

void call_make_verifier(struct req *req, struct call *call, const char *hash, const char *password)
{
    if (req->app->config->srp && hash)
        call->srp_verifier = srp_make(identity_of(req), req->arena, &call->account, hash, password);
}

void call_keep_verifier(struct tx *tx, const struct call *call, const struct id *account)
{
    if (call->srp_verifier.len)
        srp_keep(tx, account, call->srp_verifier);
}

/* ---- by token ---- */

bool call_still_signed_in(struct req *req, struct tx *tx, struct call *call)
{
    if (account_of_token(tx, &call->claims.account, call->claims.epoch, &call->claims.session, &call->account))
        return true;
    refuse(req, NotAuthorizedException, "Access Token has been revoked");
    return false;
}

bool call_find_by_access_token(struct req *req, struct tx *tx, struct call *call)
{
    const struct with_access_token *in = call->in;
    enum jwt_worth worth = identity_judge(identity_of(req), req->arena, in->token, strlen(in->token), &call->claims);

    if (worth == JWT_GOOD && call->claims.use == JWT_ACCESS)
        return call_still_signed_in(req, tx, call);
    refuse(req, NotAuthorizedException, worth == JWT_EXPIRED ? "Access Token has expired" : "Invalid Access Token");
    return false;
}

void account_notify(struct tx *tx, const struct account *account, const char *subject, const char *text)
{
    struct mail_message message = { .to = account->email, .subject = subject, .text = text, .id = id_new(tx->now_ms), .account = account->id };

    mail_ask(tx, &message);
}

/* ---- tokens ---- */

enum err call_sign_tokens(struct req *req, struct call *call)
{
    int64_t now_ms = clock_now_ms();
    struct jwt_claims claims = {
        .use = JWT_ACCESS,
        .account = call->account.id,
        .session = call->session.id,
        .event = req->request_id,
        .id = id_new(now_ms),
        .epoch = call->account.epoch,
        .groups = call->account.groups,
        .email = call->account.email,
        .name = call->account.name,
        .auth_time_s = call->session.auth_time_ms / 1000,
        .issued_at_s = now_ms / 1000,
        .expires_at_s = now_ms / 1000 + req->app->config->access_token_seconds,
    };

    call->access_token = identity_sign(identity_of(req), req->arena, &claims);
    claims.use = JWT_ID;
    claims.id = id_new(now_ms);
    call->id_token = identity_sign(identity_of(req), req->arena, &claims);
    return call->access_token && call->id_token ? ERR_OK : ERR_INTERNAL;
}

enum err call_reply_tokens(struct req *req, const struct call *call, const struct refresh_token *refresh)
{
    struct buf *out = cognito_reply(req);

    json_open(out, NULL);
    json_open(out, "ChallengeParameters");
    json_close(out);
    json_open(out, "AuthenticationResult");
    json_str(out, "AccessToken", call->access_token);
    json_int(out, "ExpiresIn", req->app->config->access_token_seconds);
    json_str(out, "IdToken", call->id_token);
    if (refresh)
        json_str(out, "RefreshToken", refresh_token_write(req->arena, refresh));
    json_str(out, "TokenType", "Bearer");
    json_close(out);
    json_close(out);
    return ERR_OK;
}
