/*
 * mfa_operations.c - the second factor: enrolling an authenticator app, and answering its challenge at sign-in.
 *
 * Between the right password and the code nothing is stored: the Session that
 * the client brings back is sealed by us, names the account, its epoch and the
 * password that was right, and is worth nothing after three minutes, once it was
 * answered, or once there is another password. A wrong code leaves it as it is, so that a typing error does not
 * ask for the password again; wrong codes are counted by account.
 */
#include "identity/operations.h"

#include <sodium.h>
#include <string.h>

#include "base/clock.h"
#include "identity/srp.h"

/* ---- what comes in ---- */

struct verify {
    struct given given;
    const char *token, *code, *name;
};
static const struct field verify_fields[] = {
    FIELD(verify, "AccessToken", token, FIELD_LINE, REQUIRED, 1, TOKEN_TEXT_MAX),
    FIELD(verify, "UserCode", code, FIELD_LINE, REQUIRED, 1, 64),
    FIELD(verify, "FriendlyDeviceName", name, FIELD_LINE, OPTIONAL, 1, 100),
    FIELD_END
};
static const struct shape verify_shape = SHAPE(verify, "VerifySoftwareToken", verify_fields);

struct totp_settings {
    struct given given;
    bool enabled, preferred;
};
static const struct field totp_settings_fields[] = {
    FIELD(totp_settings, "Enabled", enabled, FIELD_BOOL, REQUIRED, 0, 0), /* what is not said must not switch it off */
    FIELD(totp_settings, "PreferredMfa", preferred, FIELD_BOOL, OPTIONAL, 0, 0),
    FIELD_END
};
static const struct shape totp_settings_shape = SHAPE(totp_settings, "SoftwareTokenMfaSettings", totp_settings_fields);

struct preference {
    struct given given;
    const char *token;
    struct totp_settings *totp;
};
static const struct field preference_fields[] = {
    FIELD(preference, "AccessToken", token, FIELD_LINE, REQUIRED, 1, TOKEN_TEXT_MAX),
    FIELD_SUB(preference, "SoftwareTokenMfaSettings", totp, &totp_settings_shape, OPTIONAL),
    FIELD_END
};
static const struct shape preference_shape = SHAPE(preference, "SetUserMFAPreference", preference_fields);

struct totp_responses {
    struct given given;
    const char *username, *code;
};
static const struct field totp_responses_fields[] = {
    FIELD(totp_responses, "USERNAME", username, FIELD_LINE, REQUIRED, 1, 254),
    FIELD(totp_responses, "SOFTWARE_TOKEN_MFA_CODE", code, FIELD_LINE, REQUIRED, 1, 64),
    FIELD_END
};
static const struct shape totp_responses_shape = SHAPE(totp_responses, "ChallengeResponses", totp_responses_fields);

struct totp_answer {
    struct given given;
    const char *client_id, *session;
    struct totp_responses *responses;
};
static const struct field totp_answer_fields[] = {
    CLIENT_FIELD(totp_answer),
    FIELD(totp_answer, "Session", session, FIELD_LINE, REQUIRED, 20, 2048),
    FIELD_SUB(totp_answer, "ChallengeResponses", responses, &totp_responses_shape, REQUIRED),
    FIELD_END
};
static const struct shape totp_answer_shape = SHAPE(totp_answer, "RespondToAuthChallenge", totp_answer_fields);

/* ---- the session between password and code ---- */

enum { CHALLENGE_MS = 3 * 60 * 1000, B64 = sodium_base64_VARIANT_URLSAFE_NO_PADDING };
#define LABEL "challenge totp"

struct challenge {
    struct id id, account;
    int64_t epoch, expires_at_ms;
    uint8_t password[PASSWORD_TAG_BYTES]; /* a new one leaves the epoch, for its owner's own session goes on */
};

enum err mfa_challenge(struct req *req, struct tx *tx, const struct account *account, const struct totp *totp)
{
    struct challenge challenge = { .id = id_new(tx->now_ms), .account = account->id, .epoch = account->epoch, .expires_at_ms = tx->now_ms + CHALLENGE_MS };
    password_tag(account->password, challenge.password);
    struct bytes sealed = identity_seal(identity_of(req), tx->arena, LABEL, &challenge, sizeof challenge);
    size_t room = sodium_base64_ENCODED_LEN(sealed.len, B64);
    char *text = arena_alloc(tx->arena, room);
    struct buf *out = cognito_reply(req);

    sodium_bin2base64(text, room, sealed.data, sealed.len, B64);
    json_open(out, NULL);
    json_str(out, "ChallengeName", "SOFTWARE_TOKEN_MFA");
    json_open(out, "ChallengeParameters");
    if (totp->name)
        json_str(out, "FRIENDLY_DEVICE_NAME", totp->name);
    json_id(out, "USER_ID_FOR_SRP", &account->id);
    json_close(out);
    json_str(out, "Session", text);
    json_close(out);
    return ERR_OK;
}

static bool challenge_read(struct req *req, const char *text, struct challenge *out)
{
    uint8_t raw[256];
    size_t len = 0;
    const char *end = NULL;
    struct bytes plain;

    if (sodium_base642bin(raw, sizeof raw, text, strlen(text), NULL, &len, &end, B64) != 0 || *end)
        return false;
    if (!identity_unseal(identity_of(req), req->arena, LABEL, (struct bytes){ raw, len }, &plain) || plain.len != sizeof *out)
        return false;
    memcpy(out, plain.data, sizeof *out);
    return true;
}

static bool is_name_of(struct req *req, const struct account *account, const char *username)
{
    const char *folded = account_fold_email(req->arena, username);
    struct id id;

    if (id_parse(username, strlen(username), &id)) {
        struct id user = srp_user(identity_of(req), account->email_key); /* some clients go on with USER_ID_FOR_SRP */

        return id_equal(&id, &account->id) || id_equal(&id, &user);
    }
    return folded && strcmp(folded, account->email_key) == 0;
}

/* Is the challenge for the account as it is now? */
static bool challenge_stands(const struct challenge *challenge, const struct account *account)
{
    uint8_t tag[PASSWORD_TAG_BYTES];

    password_tag(account->password, tag);
    return account->status == ACCOUNT_CONFIRMED && account->epoch == challenge->epoch && memcmp(tag, challenge->password, sizeof tag) == 0;
}

/* Whose guesses are counted, and what the row remembers of them. */
static void count_by(struct req *req, struct call *call, const struct totp *totp)
{
    char text[ID_TEXT_LEN + 1];

    id_format(&call->account.id, text);
    call->attempt = attempts_key(identity_of(req)->attempts, ATTEMPT_TOTP, text, NULL);
    call->kept = (struct attempts_kept){ call->account.id, totp->failures, totp->failed_at_ms };
}

static enum err answer_look(struct req *req, struct tx *tx, struct call *call)
{
    const struct totp_answer *in = call->in;
    struct challenge challenge;
    struct totp totp;

    if (!challenge_read(req, in->session, &challenge) || !account_by_id(tx, &challenge.account, &call->account) ||
        !challenge_stands(&challenge, &call->account) || !is_name_of(req, &call->account, in->responses->username) || !totp_read(tx, &challenge.account, &totp) || !totp.enabled ||
        challenge_is_spent(tx, &challenge.id))
        return refuse(req, NotAuthorizedException, "Invalid session for the user.");
    if (tx->now_ms >= challenge.expires_at_ms)
        return refuse(req, NotAuthorizedException, "Invalid session for the user, session is expired.");
    count_by(req, call, &totp);
    if (guess_must_wait(req, call, ATTEMPT_TOTP, tx->now_ms))
        return refuse(req, LimitExceededException, NULL);

    call->totp_step = totp_step(totp.secret, in->responses->code, tx->now_ms, totp.last_step);
    if (!call->totp_step && !recovery_good(tx, &challenge.account, in->responses->code)) {
        if (!guess_was_wrong(req, call, ATTEMPT_TOTP, tx->now_ms))
            return refuse(req, CodeMismatchException, NULL);
        call->lane = LANE_NONE; /* on to the writer, which warns the owner */
        return ERR_OK;
    }
    guess_was_right(req, call, ATTEMPT_TOTP, tx->now_ms);
    call->challenge = challenge.id;
    call->challenge_expires_at_ms = challenge.expires_at_ms;
    call->session = session_new(&call->account, tx->now_ms, req->app->config->refresh_token_seconds, &call->token);
    return ERR_OK;
}

/* Whoever guesses here has the password. Told once, when the door closes: until a right code, or a day without a wrong one, it does not close
 * for the first time again. */
static void warn_of_guesses(struct tx *tx, const struct account *account)
{
    account_notify(tx, account, "Somebody knows your password",
                   "Somebody signed in to your Usher account with your password and then guessed wrong at the code of your\n"
                   "authenticator app, several times. They were not let in, and must wait longer and longer between guesses.\n\n"
                   "If it was not you, your password is known to somebody else: ask for a new one at the sign-in page at once.\n");
    tx_note(tx, "account.totp-guessed", &account->id, NULL);
}

static enum err answer_finish(struct req *req, struct tx *tx, struct call *call)
{
    const struct totp_answer *in = call->in;
    struct account account;

    if (call->lane == LANE_NONE) {
        warn_of_guesses(tx, &call->account);
        return refuse(req, CodeMismatchException, NULL);
    }
    if (!account_by_id(tx, &call->account.id, &account) || account.epoch != call->account.epoch || account.status != ACCOUNT_CONFIRMED ||
        strcmp(account.password, call->account.password) != 0)
        return refuse(req, NotAuthorizedException, "Invalid session for the user.");
    /* Each session once, each step once, each recovery code once, however many arrive at the same time. The session first: of two answers to one
     * session the second must not use a recovery code up. */
    bool by_recovery = !call->totp_step;
    if (!challenge_spend(tx, &call->challenge, call->challenge_expires_at_ms))
        return refuse(req, NotAuthorizedException, "Invalid session for the user.");
    if (by_recovery ? !recovery_use(tx, &account.id, in->responses->code) : !totp_use(tx, &account.id, call->totp_step))
        return refuse(req, CodeMismatchException, NULL);
    if (by_recovery)
        account_notify(tx, &account, "A recovery code was used",
                    arena_printf(tx->arena,
                                 "Somebody signed in to your Usher account with a recovery code instead of the authenticator app.\n"
                                 "Unused codes left: %d.\n\nIf it was not you, ask for a new password at the sign-in page at once.\n",
                                 (int)recovery_left(tx, &account.id)));
    totp_forgive(tx, &account.id);
    session_insert(tx, &call->session);
    tx_note(tx, "account.signed-in", &account.id, &call->session.id);
    return call_reply_tokens(req, call, &call->token);
}

/* ---- enrolling ---- */

/* Cognito takes any access token here. False when it answered with an exception. */
static bool is_fresh(struct req *req, struct tx *tx, const struct call *call)
{
    if (session_is_fresh(tx, &call->claims.session))
        return true;
    refuse(req, NotAuthorizedException, "Sign in again first: the second factor is changed within 15 minutes of signing in.");
    return false;
}

/* What is signed in elsewhere was let in by what was asked for before, on a phone perhaps that was lost. */
static void factor_changed(struct tx *tx, const struct call *call, const char *subject, const char *text, const char *note)
{
    account_end_others(tx, &call->account.id, &call->claims.session);
    account_notify(tx, &call->account, subject, text);
    tx_note(tx, note, &call->account.id, NULL);
}

static enum err preference_look(struct req *req, struct tx *tx, struct call *call)
{
    call_find_by_access_token(req, tx, call);
    return ERR_OK;
}

static enum err associate_look(struct req *req, struct tx *tx, struct call *call)
{
    if (call_find_by_access_token(req, tx, call))
        is_fresh(req, tx, call);
    return ERR_OK;
}

/* RFC 4648, 6, without padding: 20 bytes are 32 letters. */
static const char *base32(struct arena *arena, struct bytes bytes)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    char *out = arena_alloc(arena, bytes.len * 8 / 5 + 2);
    const uint8_t *byte = bytes.data;
    size_t len = 0;
    uint32_t bits = 0;
    int count = 0;

    for (size_t i = 0; i < bytes.len; i++) {
        bits = bits << 8 | byte[i];
        for (count += 8; count >= 5; count -= 5)
            out[len++] = letters[bits >> (count - 5) & 31];
    }
    if (count)
        out[len++] = letters[bits << (5 - count) & 31];
    out[len] = 0;
    return out;
}

static enum err associate_finish(struct req *req, struct tx *tx, struct call *call)
{
    if (!call_still_signed_in(req, tx, call))
        return ERR_OK;
    struct bytes secret = totp_begin(tx, &call->account.id);
    struct buf *out = cognito_reply(req);
    json_open(out, NULL);
    json_str(out, "SecretCode", base32(tx->arena, secret));
    json_close(out);
    return ERR_OK;
}

/* The step of the code that proves the secret which waits, or 0. */
static int64_t proving_step(struct tx *tx, const struct call *call)
{
    const struct verify *in = call->in;
    struct totp totp;

    return totp_read(tx, &call->account.id, &totp) && totp.pending.len ? totp_step(totp.pending, in->code, tx->now_ms, 0) : 0;
}

static enum err verify_look(struct req *req, struct tx *tx, struct call *call)
{
    struct totp totp;

    if (!call_find_by_access_token(req, tx, call) || !is_fresh(req, tx, call))
        return ERR_OK;
    totp_read(tx, &call->account.id, &totp);
    count_by(req, call, &totp);
    if (guess_must_wait(req, call, ATTEMPT_TOTP, tx->now_ms))
        return refuse(req, LimitExceededException, NULL);
    if (!proving_step(tx, call)) {
        guess_was_wrong(req, call, ATTEMPT_TOTP, tx->now_ms);
        return refuse(req, EnableSoftwareTokenMFAException, NULL);
    }
    return ERR_OK;
}

/* The step that proves a secret is used up by it: the same code does not sign in as well. */
static enum err verify_finish(struct req *req, struct tx *tx, struct call *call)
{
    const struct verify *in = call->in;
    struct totp totp;

    if (!call_still_signed_in(req, tx, call))
        return ERR_OK;
    int64_t proof = proving_step(tx, call);
    if (!proof)
        return refuse(req, EnableSoftwareTokenMFAException, NULL);
    if (totp_read(tx, &call->account.id, &totp) && totp.enabled)
        factor_changed(tx, call, "Your authenticator app was replaced",
                       "Signing in to your Usher account now takes the codes of another authenticator app. Sessions on other devices have ended.\n\n"
                       "If it was not you, ask for a new password at the sign-in page at once.\n", "account.totp-replaced");
    totp_prove(tx, &call->account.id, proof, in->name);
    tx_note(tx, "account.totp-proven", &call->account.id, NULL);

    struct buf *out = cognito_reply(req);
    json_open(out, NULL);
    json_str(out, "Status", "SUCCESS");
    json_close(out);
    return ERR_OK;
}

static enum err preference_finish(struct req *req, struct tx *tx, struct call *call)
{
    const struct preference *in = call->in;
    struct totp totp;

    if (!call_still_signed_in(req, tx, call))
        return ERR_OK;
    if (!in->totp)
        return cognito_reply_empty(req);
    bool there = totp_read(tx, &call->account.id, &totp);
    if (in->totp->enabled && !(there && totp.proven))
        return refuse(req, InvalidParameterException, "User has not verified software token mfa");
    if (in->totp->enabled != totp.enabled && !is_fresh(req, tx, call))
        return ERR_OK;
    if (in->totp->enabled && !totp.enabled) {
        totp_enable(tx, &call->account.id);
        factor_changed(tx, call, "Two-factor sign-in is on",
                       "From now on signing in to your Usher account takes a code of your authenticator app. Sessions on other devices have ended.\n\n"
                       "If it was not you who switched this on, ask for a new password at the sign-in page at once.\n", "account.totp-on");
    } else if (!in->totp->enabled && there) {
        totp_remove(tx, &call->account.id); /* also what was never switched on */
        if (totp.enabled)
            factor_changed(tx, call, "Two-factor sign-in is off",
                           "Signing in to your Usher account takes the password alone again. Sessions on other devices have ended.\n\n"
                           "If it was not you who switched this off, ask for a new password at the sign-in page at once.\n", "account.totp-off");
    }
    return cognito_reply_empty(req);
}

/* ---- from the shell ---- */

enum err account_take_factor_off(struct tx *tx, const char *email)
{
    struct account account;

    if (!account_by_email_or_id(tx, email, &account))
        return fail(tx, ERR_NOT_FOUND, "there is no account with this address");
    if (!totp_remove(tx, &account.id)) /* nothing is read: on a stopped folder the key that opens secrets is not at hand */
        return fail(tx, ERR_NOT_FOUND, "this account has no second factor");
    account_notify(tx, &account, "Two-factor sign-in is off",
                   "Signing in to your Usher account takes the password alone again: who runs this server switched it off, as is done\n"
                   "for somebody who lost the authenticator app and the recovery codes.\n\n"
                   "If it was not you who asked for that, ask for a new password at the sign-in page at once.\n");
    tx_note(tx, "account.totp-off", &account.id, NULL);
    return ERR_OK;
}

const struct operation mfa_operations[] = {
    { "AssociateSoftwareToken", NULL, &with_access_token_shape, .by_token = true, .limit = "account", .per_minute = 30, .look = associate_look,
      .finish = associate_finish },
    { "VerifySoftwareToken", NULL, &verify_shape, .by_token = true, .limit = "code", .per_minute = 30, .look = verify_look, .finish = verify_finish },
    { "SetUserMFAPreference", NULL, &preference_shape, .by_token = true, .limit = "account", .per_minute = 30, .look = preference_look,
      .finish = preference_finish },
    { "RespondToAuthChallenge", "SOFTWARE_TOKEN_MFA", &totp_answer_shape, .limit = "code", .per_minute = 30, .look = answer_look, .lane = LANE_SIGN,
      .work = call_sign_tokens, .finish = answer_finish },
    OPERATION_END
};
