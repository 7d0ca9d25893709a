/*
 * account_operations.c - a forgotten password, a new one, the attributes that their owner may change, and leaving.
 *
 * A stranger who asks for a reset learns nothing of whether there is such an
 * account: any name gets the same rows, the same job and the same verdicts on
 * codes. Only the job looks whether there is anybody to write to.
 */
#include "identity/operations.h"

#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "identity/password.h"
#include "mail/mail.h"

/* ---- what comes in ---- */

struct forgot {
    struct given given;
    const char *client_id, *username;
};
static const struct field forgot_fields[] = {
    CLIENT_FIELD(forgot),
    FIELD(forgot, "Username", username, FIELD_LINE, REQUIRED, 1, 254),
    FIELD_END
};
static const struct shape forgot_shape = SHAPE(forgot, "ForgotPassword", forgot_fields);

struct reset {
    struct given given;
    const char *client_id, *username, *code, *password;
};
static const struct field reset_fields[] = {
    CLIENT_FIELD(reset),
    FIELD(reset, "Username", username, FIELD_LINE, REQUIRED, 1, 254),
    FIELD(reset, "ConfirmationCode", code, FIELD_LINE, REQUIRED, 1, 64),
    FIELD(reset, "Password", password, FIELD_TEXT, REQUIRED, 0, 4096), /* password_fault has the rule, and its own exception */
    FIELD_END
};
static const struct shape reset_shape = SHAPE(reset, "ConfirmForgotPassword", reset_fields);

struct change {
    struct given given;
    const char *token, *previous, *proposed;
};
static const struct field change_fields[] = {
    FIELD(change, "AccessToken", token, FIELD_LINE, REQUIRED, 1, TOKEN_TEXT_MAX),
    FIELD(change, "PreviousPassword", previous, FIELD_TEXT, REQUIRED, 0, 4096),
    FIELD(change, "ProposedPassword", proposed, FIELD_TEXT, REQUIRED, 0, 4096),
    FIELD_END
};
static const struct shape change_shape = SHAPE(change, "ChangePassword", change_fields);

struct update {
    struct given given;
    const char *token;
    struct attribute *attributes;
    size_t attribute_count;
};
static const struct field update_fields[] = {
    FIELD(update, "AccessToken", token, FIELD_LINE, REQUIRED, 1, TOKEN_TEXT_MAX),
    FIELD_MANY(update, "UserAttributes", attributes, attribute_count, FIELD_LIST, &attribute_shape, REQUIRED, 1, 25),
    FIELD_END
};
static const struct shape update_shape = SHAPE(update, "UpdateUserAttributes", update_fields);

/* ---- a forgotten password ---- */

/* May the account's password be reset? A disabled one's may not, and that is not told. */
static bool may_reset(const struct account *account)
{
    return account->status != ACCOUNT_DISABLED;
}

static enum err refuse_password(struct req *req, const char *fault)
{
    return refuse(req, InvalidPasswordException, "Password did not conform with policy: %s", fault);
}

static enum err forgot_look(struct req *req, struct tx *tx, struct call *call)
{
    const struct forgot *in = call->in;
    const char *key = account_fold_email(req->arena, in->username);

    return code_mail_take(req, call, CODE_RESET, key ? key : in->username, tx->now_ms) ? ERR_OK : refuse(req, LimitExceededException, NULL);
}

static enum err forgot_finish(struct req *req, struct tx *tx, struct call *call)
{
    const struct forgot *in = call->in;
    struct code_for what = code_for_name(req, call, CODE_RESET, in->username);

    code_make(tx, &what);
    code_job_ask(tx, "reset-mail", &what, in->username);

    struct buf *out = cognito_reply(req);
    json_open(out, NULL);
    cognito_delivery(out, req->arena, in->username);
    json_close(out);
    return ERR_OK;
}

/* Whom a reset is about: an account, or a sign-up that waits, for a code that goes to its address proves as much as its own. */
static bool reset_find(struct tx *tx, const struct code_for *what, const char *email, struct account *out)
{
    bool own;

    if (account_by_email(tx, email, out))
        return may_reset(out);
    return sign_up_find(tx, &what->subject, &what->client, out, &own) > 0;
}

enum err mail_reset(struct job *job)
{
    struct account account;
    const char *code = NULL;
    struct code_for what;
    const char *email;
    struct tx tx;

    if (!code_job_read(job, CODE_RESET, &what, &email))
        return ERR_OK;
    reader_begin(job->reader, &tx, job->arena, &job->fault);
    if (reset_find(&tx, &what, email, &account))
        code = code_live(&tx, &what);
    reader_end(job->reader, &tx);
    if (!code)
        return ERR_OK;

    /* Nothing else in the text may look like a code. */
    struct mail_message message = {
        .to = account.email,
        .subject = "Your code for a new password",
        .text = arena_printf(job->arena,
                             "Somebody asked for a new password for your Usher account. The code for it is\n\n    %s\n\n"
                             "It works for one hour. If it was not you, you need not do anything: your password stays as it is.\n",
                             code),
    };
    return code_job_send(job, &what, &message);
}

static enum err reset_look(struct req *req, struct tx *tx, struct call *call)
{
    const struct reset *in = call->in;
    const char *fault = password_fault(in->password, in->username, NULL);

    /* Before any look at the account or the code: a weak password neither uses a code up nor tells whether it was right, nor anybody's name. */
    if (fault)
        return refuse_password(req, fault);
    struct code_for what = code_for_name(req, call, CODE_RESET, in->username);
    const char *key = account_fold_email(req->arena, in->username);
    struct id asked_by;

    call->account.email_key = key ? key : in->username;
    call->attempt = attempts_key(identity_of(req)->attempts, ATTEMPT_PASSWORD, call->account.email_key, NULL);
    /* Nothing is hashed for a wrong code; the writer counts it. */
    if (code_judge(tx, &what, in->code, &asked_by) != CODE_GOOD)
        call->lane = LANE_NONE;
    return ERR_OK;
}

static enum err reset_work(struct req *req, struct call *call)
{
    const struct reset *in = call->in;

    call->new_password = password_hash(req->arena, identity_of(req)->password_cost, in->password);
    call_make_verifier(req, call, call->new_password, in->password);
    return call->new_password ? ERR_OK : ERR_BUSY;
}

/* A warning to whoever reads the account's mail. */
static void mail_changed(struct tx *tx, const struct account *account)
{
    account_notify(tx, account, "Your password was changed",
                   "The password of your Usher account was changed just now. Sessions on other devices have ended.\n\n"
                   "If it was not you, ask for a new password at the sign-in page at once: this mailbox is all that it takes.\n");
}

struct forgiving {
    struct attempts *attempts;
    struct attempt_key key;
};

/* Behind the commit: a locked-out owner who proved the mailbox may sign in at once. */
static void forgive(struct app *app, void *arg)
{
    const struct forgiving *forgiving = arg;

    attempts_clear(forgiving->attempts, ATTEMPT_PASSWORD, &forgiving->key);
}

/* A sign-up that waited becomes an account by this. False when there is nobody any more: then nobody was mailed the code, it was guessed. */
static bool reset_password(struct tx *tx, const struct code_for *what, const char *email, const char *password, struct account *account)
{
    if (!reset_find(tx, what, email, account))
        return false;
    if (account->status == ACCOUNT_CONFIRMED)
        return account_reset_password(tx, &account->id, password);
    account->status = ACCOUNT_CONFIRMED;
    account->password = password;
    sign_up_remove(tx, &what->subject);
    return account_insert(tx, account);
}

static enum err reset_finish(struct req *req, struct tx *tx, struct call *call)
{
    const struct reset *in = call->in;
    struct code_for what = code_for_name(req, call, CODE_RESET, in->username);
    struct account account;
    struct id asked_by;

    if (call->lane == LANE_NONE && code_judge(tx, &what, in->code, &asked_by) == CODE_GOOD)
        return ERR_BUSY; /* it was judged otherwise before; the next try is judged afresh */
    enum code_verdict verdict = code_use(tx, &what, in->code, &asked_by);
    if (verdict != CODE_GOOD)
        return refuse_code(req, verdict);
    if (!reset_password(tx, &what, in->username, call->new_password, &account))
        return refuse_code(req, CODE_WRONG);
    call_keep_verifier(tx, call, &account.id);

    struct forgiving *forgiving = ARENA_NEW(tx->arena, struct forgiving);
    *forgiving = (struct forgiving){ identity_of(req)->attempts, call->attempt };
    tx_after_commit(tx, forgive, forgiving);
    mail_changed(tx, &account);
    tx_note(tx, "account.password-reset", &account.id, NULL);
    return cognito_reply_empty(req);
}

/* ---- a new password, with the old one at hand ---- */

static enum err change_look(struct req *req, struct tx *tx, struct call *call)
{
    const struct change *in = call->in;

    if (!call_find_by_access_token(req, tx, call))
        return ERR_OK;
    const char *fault = password_fault(in->proposed, call->account.email, call->account.name);
    if (fault)
        return refuse_password(req, fault);
    call->known = true;
    call->attempt = attempts_key(identity_of(req)->attempts, ATTEMPT_PASSWORD, call->account.email_key, NULL);
    call->kept = (struct attempts_kept){ call->account.id, call->account.failures, call->account.failed_at_ms };
    return guess_must_wait(req, call, ATTEMPT_PASSWORD, tx->now_ms) ? refuse(req, LimitExceededException, NULL) : ERR_OK;
}

/* Whoever found a phone unlocked must not guess the password here faster than at the sign-in: it counts there. */
static enum err change_work(struct req *req, struct call *call)
{
    const struct change *in = call->in;
    int64_t now_ms = clock_now_ms();

    if (guess_must_wait(req, call, ATTEMPT_PASSWORD, now_ms))
        return refuse(req, LimitExceededException, NULL);
    if (!password_matches(req->arena, call->account.password, in->previous, &identity_of(req)->password_effort)) {
        guess_was_wrong(req, call, ATTEMPT_PASSWORD, now_ms);
        return refuse(req, NotAuthorizedException, NULL);
    }
    guess_was_right(req, call, ATTEMPT_PASSWORD, now_ms);
    call->new_password = password_hash(req->arena, identity_of(req)->password_cost, in->proposed);
    call_make_verifier(req, call, call->new_password, in->proposed);
    return call->new_password ? ERR_OK : ERR_BUSY;
}

static enum err change_finish(struct req *req, struct tx *tx, struct call *call)
{
    struct account account;

    bool in_force = account_of_token(tx, &call->claims.account, call->claims.epoch, &call->claims.session, &account);

    if (in_force && strcmp(account.password, call->account.password) != 0)
        return ERR_BUSY; /* hashed anew or changed this instant; the next try is judged afresh */
    if (!in_force || !account_change_password(tx, &call->account, call->new_password, &call->claims.session))
        return refuse(req, NotAuthorizedException, "Access Token has been revoked");
    call_keep_verifier(tx, call, &account.id);
    mail_changed(tx, &account);
    tx_note(tx, "account.password-changed", &account.id, &call->claims.session);
    return cognito_reply_empty(req);
}

/* ---- attributes ---- */

/* What the request wants the account to be; NULL, or what is wrong with it. */
static const char *update_wanted(const struct call *call, struct account *out)
{
    const struct update *in = call->in;

    *out = (struct account){ 0 };
    for (size_t i = 0; i < in->attribute_count; i++) {
        const struct attribute *attribute = &in->attributes[i];
        const char *wrong = strcmp(attribute->name, "custom:role") == 0 ? "The attribute custom:role cannot be changed."
                                                                        : attribute_take(out, call->account.email, attribute);

        if (wrong)
            return wrong;
    }
    return NULL;
}

static enum err update_look(struct req *req, struct tx *tx, struct call *call)
{
    struct account wanted;

    if (!call_find_by_access_token(req, tx, call))
        return ERR_OK;
    const char *wrong = update_wanted(call, &wanted);
    return wrong ? refuse(req, InvalidParameterException, "%s", wrong) : ERR_OK;
}

static enum err update_finish(struct req *req, struct tx *tx, struct call *call)
{
    struct account wanted;

    if (!call_still_signed_in(req, tx, call))
        return ERR_OK;
    update_wanted(call, &wanted);
    account_set_names(tx, &call->account.id, wanted.name, wanted.locale);
    tx_note(tx, "account.updated", &call->account.id, NULL);

    struct buf *out = cognito_reply(req);
    json_open(out, NULL);
    json_open_array(out, "CodeDeliveryDetailsList");
    json_close_array(out);
    json_close(out);
    return ERR_OK;
}

/* ---- leaving ---- */

/* Buyers of an event to come must have somebody to turn to. */
static enum err delete_look(struct req *req, struct tx *tx, struct call *call)
{
    if (call_find_by_access_token(req, tx, call) && account_sells(tx, &call->account.id))
        return refuse(req, InvalidParameterException,
                      "This account has published events that have not ended: cancel them first, or wait until they are over.");
    return ERR_OK;
}

static enum err delete_finish(struct req *req, struct tx *tx, struct call *call)
{
    if (!call_still_signed_in(req, tx, call))
        return ERR_OK;
    if (account_leave(tx, &call->account))
        return ERR_BUSY; /* published this instant; the next try is told so */
    return cognito_reply_empty(req);
}

const struct operation account_operations[] = {
    { "ForgotPassword", NULL, &forgot_shape, .limit = "reset", .per_minute = 10, .look = forgot_look, .finish = forgot_finish },
    { "ConfirmForgotPassword", NULL, &reset_shape, .limit = "code", .per_minute = 30, .look = reset_look, .lane = LANE_HASH, .work = reset_work,
      .finish = reset_finish },
    { "ChangePassword", NULL, &change_shape, .by_token = true, .limit = "account", .per_minute = 30, .look = change_look, .lane = LANE_HASH, .work = change_work,
      .finish = change_finish },
    { "UpdateUserAttributes", NULL, &update_shape, .by_token = true, .limit = "account", .per_minute = 30, .look = update_look,
      .finish = update_finish },
    { "DeleteUser", NULL, &with_access_token_shape, .by_token = true, .limit = "account", .per_minute = 30, .look = delete_look,
      .finish = delete_finish },
    OPERATION_END
};
