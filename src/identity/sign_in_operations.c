/*
 * sign_in_operations.c - InitiateAuth by password, and refreshing by both operations.
 *
 * A wrong password ends in `work`: it writes nothing, so that a guess costs no
 * commit and takes the same time whether there is such an account or not.
 */
#include "identity/operations.h"

#include "base/clock.h"
#include "identity/srp.h"

/* ---- what comes in ---- */

struct sign_in_parameters {
    struct given given;
    const char *username, *password;
};
static const struct field sign_in_parameter_fields[] = {
    FIELD(sign_in_parameters, "USERNAME", username, FIELD_LINE, REQUIRED, 1, 254),
    FIELD(sign_in_parameters, "PASSWORD", password, FIELD_TEXT, REQUIRED, 1, 4096),
    FIELD_END
};
static const struct shape sign_in_parameters_shape = SHAPE(sign_in_parameters, "SignInParameters", sign_in_parameter_fields);

struct sign_in {
    struct given given;
    const char *client_id;
    struct sign_in_parameters *parameters;
};
static const struct field sign_in_fields[] = {
    CLIENT_FIELD(sign_in),
    FIELD_SUB(sign_in, "AuthParameters", parameters, &sign_in_parameters_shape, REQUIRED),
    FIELD_END
};
static const struct shape sign_in_shape = SHAPE(sign_in, "SignIn", sign_in_fields);

struct refresh_parameters {
    struct given given;
    const char *token;
};
static const struct field refresh_parameter_fields[] = {
    FIELD(refresh_parameters, "REFRESH_TOKEN", token, FIELD_LINE, REQUIRED, 1, TOKEN_TEXT_MAX),
    FIELD_END
};
static const struct shape refresh_parameters_shape = SHAPE(refresh_parameters, "RefreshParameters", refresh_parameter_fields);

struct refresh_auth {
    struct given given;
    const char *client_id;
    struct refresh_parameters *parameters;
};
static const struct field refresh_auth_fields[] = {
    CLIENT_FIELD(refresh_auth),
    FIELD_SUB(refresh_auth, "AuthParameters", parameters, &refresh_parameters_shape, REQUIRED),
    FIELD_END
};
static const struct shape refresh_auth_shape = SHAPE(refresh_auth, "RefreshAuth", refresh_auth_fields);

struct get_tokens {
    struct given given;
    const char *client_id, *token;
};
static const struct field get_tokens_fields[] = {
    CLIENT_FIELD(get_tokens),
    FIELD(get_tokens, "RefreshToken", token, FIELD_LINE, REQUIRED, 1, TOKEN_TEXT_MAX),
    FIELD_END
};
static const struct shape get_tokens_shape = SHAPE(get_tokens, "GetTokensFromRefreshToken", get_tokens_fields);

/* ---- signing in ---- */

static enum err sign_in_look(struct req *req, struct tx *tx, struct call *call)
{
    const struct sign_in *in = call->in;
    struct srp_verifier verifier;
    struct totp totp;

    call_find_account(req, tx, call, in->parameters->username, ATTEMPT_PASSWORD);
    call->second_factor = totp_read(tx, &call->account.id, &totp) && totp.enabled;
    if (req->app->config->srp) {
        bool there = srp_read(tx, &call->account, &verifier); /* asked for any name: it takes the same time */

        call->srp_wanted = call->known && !there;
    }
    return guess_must_wait(req, call, ATTEMPT_PASSWORD, tx->now_ms) ? refuse(req, NotAuthorizedException, "Password attempts exceeded") : ERR_OK;
}

enum err call_password_was_right(struct req *req, struct call *call, const char *password, int64_t now_ms)
{
    const struct identity *identity = identity_of(req);

    guess_was_right(req, call, ATTEMPT_PASSWORD, now_ms);
    if (call->account.status == ACCOUNT_DISABLED)
        return refuse(req, NotAuthorizedException, "User is disabled.");
    /* Nobody but the owner has it in clear, and only now. A failure costs nothing: the old hash stands. */
    if (password && password_is_cheaper(call->account.password, identity->password_cost))
        call->new_password = password_hash(req->arena, identity->password_cost, password);
    if (password && (call->srp_wanted || call->new_password))
        call_make_verifier(req, call, call->new_password ? call->new_password : call->account.password, password);
    if (call->second_factor)
        return ERR_OK;
    call->session = session_new(&call->account, now_ms, req->app->config->refresh_token_seconds, &call->token);
    return call_sign_tokens(req, call);
}

static enum err sign_in_work(struct req *req, struct call *call)
{
    const struct identity *identity = identity_of(req);
    const struct sign_in *in = call->in;
    int64_t now_ms = clock_now_ms();

    /* Once more: of a hundred guesses sent at the same time, ninety find the door closed here. */
    if (guess_must_wait(req, call, ATTEMPT_PASSWORD, now_ms))
        return refuse(req, NotAuthorizedException, "Password attempts exceeded");
    if (password_matches(req->arena, call->known ? call->account.password : NULL, in->parameters->password, &identity->password_effort))
        return call_password_was_right(req, call, in->parameters->password, now_ms);
    /* Whoever signed up a moment ago is told that the code is missing, and told the same where somebody else has an account with the address: else a
     * sign-up and a sign-in would tell a stranger which addresses have one. For the same reason it neither counts nor forgives a guess. */
    if (call->waits && password_matches(req->arena, call->waiting.password, in->parameters->password, &identity->password_effort))
        return refuse(req, UserNotConfirmedException, NULL);
    guess_was_wrong(req, call, ATTEMPT_PASSWORD, now_ms);
    return refuse(req, NotAuthorizedException, NULL);
}

enum err call_sign_in(struct req *req, struct tx *tx, struct call *call)
{
    struct totp totp;

    if (!account_signed_in(tx, &call->account)) {
        struct account now;
        bool hashed_anew = account_by_id(tx, &call->account.id, &now) && now.status == ACCOUNT_CONFIRMED && now.epoch == call->account.epoch;

        /* By another sign-in or a new password this instant; the next try is judged afresh. */
        return hashed_anew ? ERR_BUSY : refuse(req, NotAuthorizedException, NULL);
    }
    if (call->new_password) {
        account_rehash_password(tx, &call->account, call->new_password);
        call->account.password = call->new_password;
    }
    call_keep_verifier(tx, call, &call->account.id);
    if (totp_read(tx, &call->account.id, &totp) && totp.enabled)
        return mfa_challenge(req, tx, &call->account, &totp);
    if (call->second_factor)
        return ERR_BUSY; /* it was switched off this instant: nothing is signed yet */
    session_insert(tx, &call->session);
    tx_note(tx, "account.signed-in", &call->account.id, &call->session.id);
    return call_reply_tokens(req, call, &call->token);
}

/* ---- refreshing ---- */

static enum err refuse_refresh(struct req *req, enum refresh_worth worth)
{
    if (worth == REFRESH_REUSED)
        return refuse(req, RefreshTokenReuseException, NULL);
    return refuse(req, NotAuthorizedException, worth == REFRESH_OVER ? "Refresh Token has been revoked" : "Invalid Refresh Token");
}

static enum err refresh_look(struct req *req, struct tx *tx, struct call *call, const char *text)
{
    enum refresh_worth worth = REFRESH_UNKNOWN;

    if (refresh_token_read(text, &call->token))
        worth = session_judge(tx, &call->token, &call->session, &call->account);
    if (worth == REFRESH_REUSED)
        call->lane = LANE_NONE; /* nothing to sign: on to the writer, which ends the session */
    else if (worth != REFRESH_CURRENT && worth != REFRESH_PREVIOUS)
        return refuse_refresh(req, worth);
    return ERR_OK;
}

static enum err refresh_auth_look(struct req *req, struct tx *tx, struct call *call)
{
    const struct refresh_auth *in = call->in;

    return refresh_look(req, tx, call, in->parameters->token);
}

static enum err get_tokens_look(struct req *req, struct tx *tx, struct call *call)
{
    const struct get_tokens *in = call->in;

    return refresh_look(req, tx, call, in->token);
}

static enum err refresh_finish(struct req *req, struct tx *tx, const struct call *call, bool rotate)
{
    struct session session;
    struct account account;
    enum refresh_worth worth = session_judge(tx, &call->token, &session, &account);

    if (worth == REFRESH_REUSED)
        session_revoke(tx, &session);
    if (worth != REFRESH_CURRENT && worth != REFRESH_PREVIOUS)
        return refuse_refresh(req, worth);
    if (!call->access_token)
        return ERR_BUSY; /* it was judged otherwise before; the next try is judged afresh */
    if (!rotate)
        return call_reply_tokens(req, call, NULL);

    struct refresh_token next = session_successor(identity_of(req), &call->token);
    if (worth == REFRESH_CURRENT)
        session_rotate(tx, &call->token, &next);
    return call_reply_tokens(req, call, &next);
}

static enum err refresh_auth_finish(struct req *req, struct tx *tx, struct call *call)
{
    return refresh_finish(req, tx, call, false);
}

static enum err get_tokens_finish(struct req *req, struct tx *tx, struct call *call)
{
    return refresh_finish(req, tx, call, true);
}

const struct operation sign_in_operations[] = {
    { "InitiateAuth", "USER_PASSWORD_AUTH", &sign_in_shape, .limit = "sign-in", .per_minute = 30, .look = sign_in_look, .lane = LANE_HASH,
      .work = sign_in_work, .finish = call_sign_in },
    { "InitiateAuth", "REFRESH_TOKEN_AUTH", &refresh_auth_shape, .look = refresh_auth_look, .lane = LANE_SIGN, .work = call_sign_tokens,
      .finish = refresh_auth_finish },
    { "InitiateAuth", "REFRESH_TOKEN", &refresh_auth_shape, .look = refresh_auth_look, .lane = LANE_SIGN, .work = call_sign_tokens,
      .finish = refresh_auth_finish },
    { "GetTokensFromRefreshToken", NULL, &get_tokens_shape, .look = get_tokens_look, .lane = LANE_SIGN, .work = call_sign_tokens,
      .finish = get_tokens_finish },
    OPERATION_END
};
