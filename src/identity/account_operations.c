/*
 * account_operations.c - a forgotten password, a new one, the attributes that their owner may change, and leaving.
 *
 * A stranger who asks for a reset learns nothing of whether there is such an
 * account: a name without one gets a decoy's id, and with it the same rows, the
 * same job and the same verdicts on codes. Only the job looks whether there is
 * anybody to write to.
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

/* The account that a reset is about, or the decoy that stands for none. A disabled account cannot be reset, and does not say so. */
static struct id reset_subject(struct req *req, struct tx *tx, const char *username, struct account *account)
{
    const char *key = account_fold_email(req->arena, username);

    if (account_by_email(tx, username, account) && account->status != ACCOUNT_DISABLED)
        return account->id;
    *account = (struct account){ 0 };
    return identity_decoy(identity_of(req), key ? key : username);
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
    struct account account;
    struct id subject = reset_subject(req, tx, in->username, &account);
    char *text = arena_alloc(tx->arena, ID_TEXT_LEN + 1);

    code_make(tx, &subject, CODE_RESET);
    id_format(&subject, text);
    job_ask(tx, "reset-mail", text, NULL, 0);

    struct buf *out = cognito_reply(req);
    json_open(out, NULL);
    cognito_delivery(out, req->arena, in->username);
    json_close(out);
    return ERR_OK;
}

/* Job "reset-mail", its key the subject's id. A decoy has nobody to write to. */
static enum err mail_reset(struct job *job)
{
    struct account account;
    const char *code = NULL;
    struct id subject;
    struct tx tx;

    if (!id_parse(job->key, strlen(job->key), &subject))
        return ERR_OK;
    reader_begin(job->reader, &tx, job->arena, &job->fault);
    if (account_by_id(&tx, &subject, &account))
        code = code_live(&tx, &subject, CODE_RESET);
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
    /* A job that is done twice sends the same message twice; another asking, or another code, is another message. */
    const char *what = arena_printf(job->arena, "%" PRId64 " %s", job->id, code);
    uint8_t mac[32];
    identity_mac(job->app->identity, "mail reset", &subject, what, strlen(what), mac);
    memcpy(message.id.byte, mac, sizeof message.id.byte);
    return mail_send(job->app->mail, job->arena, &message, clock_now_ms());
}

const struct job_kind identity_jobs[] = {
    { "reset-mail", LANE_SWEEP, mail_reset, 90 },
    { "forget", LANE_SWEEP, leave_run_forget, 180 },
    JOB_KIND_END
};

static enum err refuse_code(struct req *req, enum code_verdict verdict)
{
    return verdict == CODE_EXPIRED ? refuse(req, ExpiredCodeException, NULL) : refuse(req, CodeMismatchException, NULL);
}

static enum err reset_look(struct req *req, struct tx *tx, struct call *call)
{
    const struct reset *in = call->in;
    const char *fault = password_fault(in->password, in->username, NULL);

    /* Before any look at the account or the code: a weak password neither uses a code up nor tells whether it was right, nor anybody's name. */
    if (fault)
        return refuse_password(req, fault);
    call->session.account = reset_subject(req, tx, in->username, &call->account);
    call->attempt = attempts_key(identity_of(req)->attempts, ATTEMPT_PASSWORD, call->account.email_key ? call->account.email_key : "", NULL);
    /* Nothing is hashed for a wrong code; the writer counts it. */
    if (code_judge(tx, &call->session.account, CODE_RESET, in->code) != CODE_GOOD)
        call->lane = LANE_NONE;
    return ERR_OK;
}

static enum err reset_work(struct req *req, struct call *call)
{
    const struct reset *in = call->in;

    call->new_password = password_hash(req->arena, identity_of(req)->password_cost, in->password);
    if (!id_is_zero(&call->account.id))
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

static enum err reset_finish(struct req *req, struct tx *tx, struct call *call)
{
    const struct reset *in = call->in;
    struct account account;
    struct id subject = reset_subject(req, tx, in->username, &account);

    if (call->lane == LANE_NONE && code_judge(tx, &subject, CODE_RESET, in->code) == CODE_GOOD)
        return ERR_BUSY; /* it was judged otherwise before; the next try is judged afresh */
    enum code_verdict verdict = code_use(tx, &subject, CODE_RESET, in->code);
    if (verdict != CODE_GOOD)
        return refuse_code(req, verdict);
    /* A decoy's code that somebody guessed is wrong like any other. */
    if (id_is_zero(&account.id) || !account_reset_password(tx, &account.id, call->new_password))
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
    guess_was_right(req, call, ATTEMPT_PASSWORD);
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
