/*
 * identity_routes.c - the operations of Cognito's wire, and where the pool's public keys are found.
 *
 * All operations share one address, so the route's three steps look the
 * operation up in a table of their own and carry out its steps:
 *
 *     look     in a snapshot: read what the request is about; refuse what can be refused at once
 *     work     on LANE_HASH for what hashes a password, on LANE_SIGN for what only signs; others have none
 *     finish   in the writer's transaction: change rows, answer
 *
 * A step that answers is the last one. A wrong password ends in `work`: it
 * writes nothing, so that a guess costs no commit and takes the same time
 * whether there is such an account or not.
 */
#include <assert.h>
#include <jansson.h>
#include <string.h>

#include "base/clock.h"
#include "identity/cognito.h"
#include "identity/parts.h"
#include "identity/password.h"
#include "mail/mail.h"

struct operation;
struct call {
    const struct operation *operation;
    enum lane lane;
    void *in;                    /* the operation's body, read by its shape */
    bool known;                  /* there is such an account: */
    struct account account;
    struct attempt_key attempt;  /* the name, for counting */
    struct attempts_kept kept;
    struct refresh_token token;
    struct session session;
    char *access_token, *id_token;
};

typedef enum err step(struct req *req, struct tx *tx, struct call *call);

struct operation {
    const char *name, *flow;     /* flow: AuthFlow's value, where the operation has one */
    const struct shape *shape;
    const char *limit;           /* NULL: none; else what is counted, and how many a minute an address may */
    int per_minute;
    step *look;
    enum lane lane;
    enum err (*work)(struct req *req, struct call *call);
    step *finish;
};

static struct identity *identity_of(const struct req *req)
{
    return req->app->identity;
}

/* ---- what comes in; each body but those with an access token begins with the client's id ---- */

struct for_client {
    struct given given;
    const char *client_id;
};

struct attribute {
    struct given given;
    const char *name, *value;
};
static const struct field attribute_fields[] = {
    FIELD(attribute, "Name", name, FIELD_LINE, REQUIRED, 1, 64),
    FIELD(attribute, "Value", value, FIELD_TEXT, OPTIONAL, 0, 254),
    FIELD_END
};
static const struct shape attribute_shape = SHAPE(attribute, "Attribute", attribute_fields);

struct sign_up {
    struct given given;
    const char *client_id, *username, *password;
    struct attribute *attributes;
    size_t attribute_count;
};
static const struct field sign_up_fields[] = {
    FIELD(sign_up, "ClientId", client_id, FIELD_LINE, REQUIRED, 1, 128),
    FIELD(sign_up, "Username", username, FIELD_EMAIL, REQUIRED, 3, 254),
    FIELD(sign_up, "Password", password, FIELD_TEXT, REQUIRED, 0, 4096), /* password_fault has the rule, and its own exception */
    FIELD_MANY(sign_up, "UserAttributes", attributes, attribute_count, FIELD_LIST, &attribute_shape, OPTIONAL, 0, 25),
    FIELD_END
};
static const struct shape sign_up_shape = SHAPE(sign_up, "SignUp", sign_up_fields);

struct confirm {
    struct given given;
    const char *client_id, *username, *code;
};
static const struct field confirm_fields[] = {
    FIELD(confirm, "ClientId", client_id, FIELD_LINE, REQUIRED, 1, 128),
    FIELD(confirm, "Username", username, FIELD_LINE, REQUIRED, 1, 254),
    FIELD(confirm, "ConfirmationCode", code, FIELD_LINE, REQUIRED, 1, 64),
    FIELD_END
};
static const struct shape confirm_shape = SHAPE(confirm, "ConfirmSignUp", confirm_fields);

struct resend {
    struct given given;
    const char *client_id, *username;
};
static const struct field resend_fields[] = {
    FIELD(resend, "ClientId", client_id, FIELD_LINE, REQUIRED, 1, 128),
    FIELD(resend, "Username", username, FIELD_LINE, REQUIRED, 1, 254),
    FIELD_END
};
static const struct shape resend_shape = SHAPE(resend, "ResendConfirmationCode", resend_fields);

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
    FIELD(sign_in, "ClientId", client_id, FIELD_LINE, REQUIRED, 1, 128),
    FIELD_SUB(sign_in, "AuthParameters", parameters, &sign_in_parameters_shape, REQUIRED),
    FIELD_END
};
static const struct shape sign_in_shape = SHAPE(sign_in, "SignIn", sign_in_fields);

enum { TOKEN_MAX = 8192 };

struct refresh_parameters {
    struct given given;
    const char *token;
};
static const struct field refresh_parameter_fields[] = {
    FIELD(refresh_parameters, "REFRESH_TOKEN", token, FIELD_LINE, REQUIRED, 1, TOKEN_MAX),
    FIELD_END
};
static const struct shape refresh_parameters_shape = SHAPE(refresh_parameters, "RefreshParameters", refresh_parameter_fields);

struct refresh_auth {
    struct given given;
    const char *client_id;
    struct refresh_parameters *parameters;
};
static const struct field refresh_auth_fields[] = {
    FIELD(refresh_auth, "ClientId", client_id, FIELD_LINE, REQUIRED, 1, 128),
    FIELD_SUB(refresh_auth, "AuthParameters", parameters, &refresh_parameters_shape, REQUIRED),
    FIELD_END
};
static const struct shape refresh_auth_shape = SHAPE(refresh_auth, "RefreshAuth", refresh_auth_fields);

struct with_refresh_token {
    struct given given;
    const char *client_id, *token;
};
static const struct field get_tokens_fields[] = {
    FIELD(with_refresh_token, "ClientId", client_id, FIELD_LINE, REQUIRED, 1, 128),
    FIELD(with_refresh_token, "RefreshToken", token, FIELD_LINE, REQUIRED, 1, TOKEN_MAX),
    FIELD_END
};
static const struct shape get_tokens_shape = SHAPE(with_refresh_token, "GetTokensFromRefreshToken", get_tokens_fields);
static const struct field revoke_fields[] = {
    FIELD(with_refresh_token, "ClientId", client_id, FIELD_LINE, REQUIRED, 1, 128),
    FIELD(with_refresh_token, "Token", token, FIELD_LINE, REQUIRED, 1, TOKEN_MAX),
    FIELD_END
};
static const struct shape revoke_shape = SHAPE(with_refresh_token, "RevokeToken", revoke_fields);

struct with_access_token {
    struct given given;
    const char *token;
};
static const struct field access_fields[] = {
    FIELD(with_access_token, "AccessToken", token, FIELD_LINE, REQUIRED, 1, TOKEN_MAX),
    FIELD_END
};
static const struct shape access_shape = SHAPE(with_access_token, "AccessToken", access_fields);

/* ---- who it is about ---- */

/* Find the account of a name; a name without one is counted just the same. */
static void find_account(struct req *req, struct tx *tx, struct call *call, const char *username, enum attempt_kind kind)
{
    const char *folded = account_fold_email(req->arena, username);

    call->known = account_by_email(tx, username, &call->account);
    call->attempt = attempts_key(identity_of(req)->attempts, kind, folded ? folded : username);
    if (call->known)
        call->kept = (struct attempts_kept){ call->account.id, call->account.failures, call->account.failed_at_ms };
}

/* The account of an access token in force. False when it answered with an exception. */
static bool find_by_access_token(struct req *req, struct tx *tx, struct call *call)
{
    const struct with_access_token *in = call->in;
    const struct jwt_pool *pool = &identity_of(req)->pool;
    int64_t now_ms = clock_now_ms();
    size_t len = strlen(in->token);
    struct jwt_claims claims;

    if (!identity_keys_ready(identity_of(req)))
        refuse(req, NotAuthorizedException, "Invalid Access Token");
    else if (!jwt_verify(pool, req->arena, in->token, len, now_ms, &claims) || claims.use != JWT_ACCESS)
        refuse(req, NotAuthorizedException,
               jwt_is_expired(pool, req->arena, in->token, len, now_ms) ? "Access Token has expired" : "Invalid Access Token");
    else if (!account_of_token(tx, &claims.account, claims.epoch, &claims.session, &call->account))
        refuse(req, NotAuthorizedException, "Access Token has been revoked");
    return req->reply.status == 0;
}

/* ---- tokens ---- */

/* Sign the two tokens of a session; 270-540 us. */
static enum err sign_tokens(struct req *req, struct call *call)
{
    const struct jwt_pool *pool = &identity_of(req)->pool;
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

    identity_keys_wait(identity_of(req));
    call->access_token = jwt_sign(pool, req->arena, &claims);
    claims.use = JWT_ID;
    claims.id = id_new(now_ms);
    call->id_token = jwt_sign(pool, req->arena, &claims);
    return call->access_token && call->id_token ? ERR_OK : ERR_INTERNAL;
}

/* `refresh` NULL: the client keeps the one it has. */
static enum err reply_tokens(struct req *req, const struct call *call, const struct refresh_token *refresh)
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

/* ---- signing up ---- */

static bool is_locale(const char *text)
{
    size_t len = strlen(text);

    return len >= 2 && len <= 35 && strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") == len;
}

/* Put one attribute where it belongs; NULL, or what is wrong with it. Whatever is not listed cannot be set: no group, no "email_verified". */
static const char *take_attribute(struct account *account, const struct sign_up *in, const struct attribute *attribute)
{
    const char *value = attribute->value ? attribute->value : "";

    if (strcmp(attribute->name, "email") == 0)
        return strcasecmp(value, in->username) == 0 ? NULL : "The attribute email must be the user name.";
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

static void mail_code(struct tx *tx, const struct account *account, const char *code)
{
    /* Nothing else in the text may look like a code: no address of the server, no name. */
    struct mail_message message = {
        .to = account->email,
        .subject = "Your confirmation code",
        .text = arena_printf(tx->arena,
                             "Welcome to Usher. Your confirmation code is\n\n    %s\n\n"
                             "It works for %d hours. If you did not sign up, you need not do anything.\n",
                             code, CODE_HOURS),
        .id = id_new(tx->now_ms),
    };

    mail_ask(tx, &message);
}

static enum err sign_up_look(struct req *req, struct tx *tx, struct call *call)
{
    const struct sign_up *in = call->in;
    const char *fault = password_fault(in->password);
    struct account there, *account = &call->account;

    *account = (struct account){ .id = id_new(tx->now_ms), .email = in->username, .groups = GROUP_ATTENDEES };
    account->email_key = account_fold_email(req->arena, in->username);
    for (size_t i = 0; i < in->attribute_count; i++) {
        const char *wrong = take_attribute(account, in, &in->attributes[i]);

        if (wrong)
            return refuse(req, InvalidParameterException, "%s", wrong);
    }
    if (!account->email_key)
        return refuse(req, InvalidParameterException, "Username should be an email.");
    if (!fault && strcasecmp(in->password, in->username) == 0)
        fault = "Password must not be the e-mail address";
    if (fault)
        return refuse(req, InvalidPasswordException, "Password did not conform with policy: %s", fault);

    call->known = account_by_email(tx, in->username, &there);
    if (!call->known)
        return ERR_OK;
    /* Until its code has run out, a sign-up that was never confirmed belongs to whoever made it: nobody else may
     * slip their own password under the code that the mailbox's owner is about to type. */
    if (there.status != ACCOUNT_UNCONFIRMED || code_is_live(tx, &there.id, CODE_SIGN_UP))
        return refuse(req, UsernameExistsException, NULL);
    account->id = there.id;
    return ERR_OK;
}

static enum err sign_up_work(struct req *req, struct call *call)
{
    const struct sign_up *in = call->in;

    call->account.password = password_hash(req->arena, in->password);
    return call->account.password ? ERR_OK : ERR_BUSY;
}

static enum err sign_up_finish(struct req *req, struct tx *tx, struct call *call)
{
    const struct account *account = &call->account;

    /* Somebody may have been quicker meanwhile, in either way. */
    if (call->known && code_is_live(tx, &account->id, CODE_SIGN_UP))
        return refuse(req, UsernameExistsException, NULL);
    if (!(call->known ? account_replace_unconfirmed(tx, account) : account_insert(tx, account)))
        return refuse(req, UsernameExistsException, NULL);
    mail_code(tx, account, code_make(tx, &account->id, CODE_SIGN_UP));
    tx_note(tx, "account.signed-up", &account->id, NULL);

    struct buf *out = cognito_reply(req);
    json_open(out, NULL);
    cognito_delivery(out, req->arena, account->email);
    json_bool(out, "UserConfirmed", false);
    json_id(out, "UserSub", &account->id);
    json_close(out);
    return ERR_OK;
}

static enum err confirm_look(struct req *req, struct tx *tx, struct call *call)
{
    const struct confirm *in = call->in;

    call->known = account_by_email(tx, in->username, &call->account);
    return ERR_OK;
}

static enum err confirm_finish(struct req *req, struct tx *tx, struct call *call)
{
    const struct confirm *in = call->in;
    struct account account;

    if (!account_by_email(tx, in->username, &account))
        return refuse(req, CodeMismatchException, NULL);
    if (account.status != ACCOUNT_UNCONFIRMED)
        return refuse(req, NotAuthorizedException, "User cannot be confirmed. Current status is CONFIRMED");
    switch (code_use(tx, &account.id, CODE_SIGN_UP, in->code)) {
    case CODE_EXPIRED:
        return refuse(req, ExpiredCodeException, NULL);
    case CODE_WRONG:
        return refuse(req, CodeMismatchException, NULL);
    case CODE_GOOD:
        break;
    }
    account_confirm(tx, &account.id);
    tx_note(tx, "account.confirmed", &account.id, NULL);
    return cognito_reply_empty(req);
}

static enum err resend_look(struct req *req, struct tx *tx, struct call *call)
{
    static const struct attempts_kept none;
    struct attempts *attempts = identity_of(req)->attempts;
    const struct resend *in = call->in;

    find_account(req, tx, call, in->username, ATTEMPT_CODE_MAIL);
    if (call->known && call->account.status != ACCOUNT_UNCONFIRMED)
        return refuse(req, InvalidParameterException, "User is already confirmed.");
    if (attempts_wait_ms(attempts, ATTEMPT_CODE_MAIL, &call->attempt, &none, tx->now_ms) > 0)
        return refuse(req, LimitExceededException, NULL);
    attempts_add(attempts, ATTEMPT_CODE_MAIL, &call->attempt, &none, tx->now_ms);
    return ERR_OK;
}

static enum err resend_finish(struct req *req, struct tx *tx, struct call *call)
{
    const struct resend *in = call->in;
    struct account account;

    /* A name without an account gets the same answer, and no mail. */
    if (account_by_email(tx, in->username, &account) && account.status == ACCOUNT_UNCONFIRMED)
        mail_code(tx, &account, code_make(tx, &account.id, CODE_SIGN_UP));

    struct buf *out = cognito_reply(req);
    json_open(out, NULL);
    cognito_delivery(out, req->arena, in->username);
    json_close(out);
    return ERR_OK;
}

/* ---- signing in ---- */

static bool must_wait(struct req *req, const struct call *call, int64_t now_ms)
{
    return attempts_wait_ms(identity_of(req)->attempts, ATTEMPT_PASSWORD, &call->attempt, &call->kept, now_ms) > 0;
}

static enum err sign_in_look(struct req *req, struct tx *tx, struct call *call)
{
    const struct sign_in *in = call->in;

    find_account(req, tx, call, in->parameters->username, ATTEMPT_PASSWORD);
    return must_wait(req, call, tx->now_ms) ? refuse(req, NotAuthorizedException, "Password attempts exceeded") : ERR_OK;
}

static enum err sign_in_work(struct req *req, struct call *call)
{
    struct identity *identity = identity_of(req);
    const struct sign_in *in = call->in;
    int64_t now_ms = clock_now_ms();

    /* Once more: of a hundred guesses sent at the same time, ninety find the door closed here. */
    if (must_wait(req, call, now_ms))
        return refuse(req, NotAuthorizedException, "Password attempts exceeded");
    if (!password_matches(req->arena, call->known ? call->account.password : NULL, in->parameters->password)) {
        attempts_add(identity->attempts, ATTEMPT_PASSWORD, &call->attempt, &call->kept, now_ms);
        return refuse(req, NotAuthorizedException, NULL);
    }
    attempts_clear(identity->attempts, &call->attempt);
    if (call->account.status == ACCOUNT_UNCONFIRMED)
        return refuse(req, UserNotConfirmedException, NULL);
    if (call->account.status == ACCOUNT_DISABLED)
        return refuse(req, NotAuthorizedException, "User is disabled.");
    call->session = session_new(&call->account, now_ms, req->app->config->refresh_token_seconds, &call->token);
    return sign_tokens(req, call);
}

static enum err sign_in_finish(struct req *req, struct tx *tx, struct call *call)
{
    if (!account_signed_in(tx, &call->account))
        return refuse(req, NotAuthorizedException, NULL);
    session_insert(tx, &call->session);
    tx_note(tx, "account.signed-in", &call->account.id, &call->session.id);
    return reply_tokens(req, call, &call->token);
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
    const struct with_refresh_token *in = call->in;

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
        return reply_tokens(req, call, NULL);

    struct refresh_token next = session_successor(identity_of(req), &call->token);
    if (worth == REFRESH_CURRENT)
        session_rotate(tx, &call->token, &next);
    return reply_tokens(req, call, &next);
}

static enum err refresh_auth_finish(struct req *req, struct tx *tx, struct call *call)
{
    return refresh_finish(req, tx, call, false);
}

static enum err get_tokens_finish(struct req *req, struct tx *tx, struct call *call)
{
    return refresh_finish(req, tx, call, true);
}

/* ---- with a token in hand ---- */

static void attribute_json(struct buf *out, const char *name, const char *value)
{
    if (!value)
        return;
    json_open(out, NULL);
    json_str(out, "Name", name);
    json_str(out, "Value", value);
    json_close(out);
}

static enum err get_user_look(struct req *req, struct tx *tx, struct call *call)
{
    const struct account *account = &call->account;
    char sub[ID_TEXT_LEN + 1];

    if (!find_by_access_token(req, tx, call))
        return ERR_OK;
    id_format(&account->id, sub);
    struct buf *out = cognito_reply(req);
    json_open(out, NULL);
    json_str(out, "Username", sub);
    json_open_array(out, "UserAttributes");
    attribute_json(out, "sub", sub);
    attribute_json(out, "email", account->email);
    attribute_json(out, "email_verified", "true");
    attribute_json(out, "name", account->name);
    attribute_json(out, "locale", account->locale);
    attribute_json(out, "custom:role", account->groups & GROUP_ORGANIZERS ? "organizer" : "attendee");
    json_close_array(out);
    json_close(out);
    return ERR_OK;
}

static enum err sign_out_look(struct req *req, struct tx *tx, struct call *call)
{
    find_by_access_token(req, tx, call);
    return ERR_OK;
}

/* Everywhere: each token and session up to now is void. */
static enum err sign_out_finish(struct req *req, struct tx *tx, struct call *call)
{
    if (!find_by_access_token(req, tx, call))
        return ERR_OK;
    account_raise_epoch(tx, &call->account.id);
    tx_note(tx, "account.signed-out", &call->account.id, NULL);
    return cognito_reply_empty(req);
}

static enum err revoke_look(struct req *req, struct tx *tx, struct call *call)
{
    const struct with_refresh_token *in = call->in;

    if (refresh_token_read(in->token, &call->token)) {
        session_judge(tx, &call->token, &call->session, &call->account);
        return ERR_OK;
    }
    /* RFC 7009, 2.2: a token that is none is as good as revoked. But an access token lives on, so that must be said. */
    return strchr(in->token, '.') ? refuse(req, UnsupportedTokenTypeException, NULL) : cognito_reply_empty(req);
}

/* Here: this session's refresh tokens, and with them its access and id tokens. */
static enum err revoke_finish(struct req *req, struct tx *tx, struct call *call)
{
    struct session session;
    struct account account;
    enum refresh_worth worth = session_judge(tx, &call->token, &session, &account);

    if (worth == REFRESH_CURRENT || worth == REFRESH_PREVIOUS || worth == REFRESH_REUSED) {
        session_revoke(tx, &session);
        tx_note(tx, "session.revoked", &session.account, &session.id);
    }
    return cognito_reply_empty(req);
}

/* ---- the table, and the three steps of its route ---- */

static const struct operation operations[] = {
    { "SignUp", NULL, &sign_up_shape, "sign-up", 10, sign_up_look, LANE_HASH, sign_up_work, sign_up_finish },
    { "ConfirmSignUp", NULL, &confirm_shape, "code", 30, confirm_look, LANE_NONE, NULL, confirm_finish },
    { "ResendConfirmationCode", NULL, &resend_shape, "sign-up", 10, resend_look, LANE_NONE, NULL, resend_finish },
    { "InitiateAuth", "USER_PASSWORD_AUTH", &sign_in_shape, "sign-in", 30, sign_in_look, LANE_HASH, sign_in_work, sign_in_finish },
    { "InitiateAuth", "REFRESH_TOKEN_AUTH", &refresh_auth_shape, NULL, 0, refresh_auth_look, LANE_SIGN, sign_tokens, refresh_auth_finish },
    { "InitiateAuth", "REFRESH_TOKEN", &refresh_auth_shape, NULL, 0, refresh_auth_look, LANE_SIGN, sign_tokens, refresh_auth_finish },
    { "GetTokensFromRefreshToken", NULL, &get_tokens_shape, NULL, 0, get_tokens_look, LANE_SIGN, sign_tokens, get_tokens_finish },
    { "GetUser", NULL, &access_shape, NULL, 0, get_user_look, LANE_NONE, NULL, NULL },
    { "GlobalSignOut", NULL, &access_shape, NULL, 0, sign_out_look, LANE_NONE, NULL, sign_out_finish },
    { "RevokeToken", NULL, &revoke_shape, NULL, 0, revoke_look, LANE_NONE, NULL, revoke_finish },
};

/* The row for this request, or NULL with an exception answered. */
static const struct operation *find_operation(struct req *req, const struct json_t *document)
{
    const char *name = cognito_operation(req), *flow = json_string_value(json_object_get(document, "AuthFlow"));
    bool named = false;

    for (size_t i = 0; name && i < COUNT(operations); i++) {
        if (strcmp(operations[i].name, name) != 0)
            continue;
        if (!operations[i].flow || (flow && strcmp(operations[i].flow, flow) == 0))
            return &operations[i];
        named = true;
    }
    if (!named)
        refuse(req, UnknownOperationException, NULL);
    else if (flow)
        refuse(req, InvalidParameterException, "This auth flow is not enabled for this client.");
    else
        refuse(req, InvalidParameterException, "1 validation error detected: Value at 'AuthFlow' failed to satisfy constraint: it is required");
    return NULL;
}

static bool client_good(struct req *req, const struct call *call)
{
    const struct for_client *in = call->in;

    if (call->operation->shape == &access_shape || strcmp(in->client_id, identity_of(req)->client_id) == 0)
        return true;
    refuse(req, ResourceNotFoundException, NULL);
    return false;
}

static enum err begin(struct req *req, struct tx *tx)
{
    struct call *call = ARENA_NEW(req->arena, struct call);
    struct json_t *document = NULL;
    enum err e = json_parse(req->arena, req->body_bytes.data, req->body_bytes.len, &document, &req->fault);

    if (e)
        return e;
    call->operation = find_operation(req, document);
    if (!call->operation || !cognito_read(req, document, call->operation->shape, &call->in) || !client_good(req, call))
        return ERR_OK;
    if (call->operation->limit && !http_limit_take(req, call->operation->limit, call->operation->per_minute))
        return refuse(req, TooManyRequestsException, NULL);
    call->lane = call->operation->lane;
    req->state = call;
    return call->operation->look ? call->operation->look(req, tx, call) : ERR_OK;
}

static enum lane lane_of(struct req *req)
{
    const struct call *call = req->state;

    return call->lane;
}

static enum err work(struct req *req)
{
    struct call *call = req->state;

    return call->operation->work(req, call);
}

static enum err finish(struct req *req, struct tx *tx)
{
    struct call *call = req->state;

    assert(call->operation->finish);
    return call->operation->finish(req, tx, call);
}

/* Zero for a name without an account, which has nothing to write. */
static enum err key_of_account(struct req *req, struct tx *tx, struct id *out)
{
    const struct call *call = req->state;

    *out = call->account.id;
    return ERR_OK;
}

/* ---- the public keys ---- */

static enum err reply_document(struct req *req, const struct buf *document)
{
    struct buf *out = reply_json(req, 200);

    buf_add(out, document->data, document->len);
    reply_etag_of_body(req);
    return ERR_OK;
}

static enum err show_document(struct req *req, struct tx *tx)
{
    const struct identity *identity = identity_of(req);
    size_t pool_len = strlen(identity->pool_id);
    const char *rest = strncmp(req->rest, identity->pool_id, pool_len) == 0 ? req->rest + pool_len : "";

    if (strcmp(rest, "/.well-known/openid-configuration") == 0)
        return reply_document(req, &identity->configuration);
    if (strcmp(rest, "/.well-known/jwks.json") != 0)
        return ERR_NOT_FOUND;
    return identity_keys_ready(identity) ? reply_document(req, &identity->key_set) : ERR_OK;
}

/* Only in the first half second of the first start. */
static enum err wait_for_keys(struct req *req)
{
    identity_keys_wait(identity_of(req));
    return reply_document(req, &identity_of(req)->key_set);
}

#define OPERATIONS_ROUTE(path_, summary_)                                                                                           \
    { "POST", path_, WORK, begin, .work = work, .after = finish, .lane = LANE_HASH, .lane_of = lane_of, .before_reads = true,       \
      .body_type = "application/x-amz-json-1.1", .key = key_of_account, .urgent = true, .raw = true, .problem = cognito_problem,    \
      .summary = summary_ }

const struct route identity_routes[] = {
    OPERATIONS_ROUTE("/identity/", "Amazon Cognito's user pool operations, named by X-Amz-Target"),
    OPERATIONS_ROUTE("/identity", NULL),
    { "GET", "/identity/{path...}", WORK, show_document, .work = wait_for_keys, .lane = LANE_SIGN, .before_reads = true, .raw = true,
      .cache = CACHE_STATIC, .summary = "{poolId}/.well-known/jwks.json: the keys that tokens are verified by; openid-configuration beside it" },
    ROUTE_END
};
