/* sign_up_operations.c - SignUp, and the code by mail that makes an account of it. */
#include "identity/operations.h"

#include <string.h>
#include <strings.h>

#include "identity/password.h"
#include "mail/mail.h"

/* ---- what comes in ---- */

struct sign_up {
    struct given given;
    const char *client_id, *username, *password;
    struct attribute *attributes;
    size_t attribute_count;
};
static const struct field sign_up_fields[] = {
    CLIENT_FIELD(sign_up),
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
    CLIENT_FIELD(confirm),
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
    CLIENT_FIELD(resend),
    FIELD(resend, "Username", username, FIELD_LINE, REQUIRED, 1, 254),
    FIELD_END
};
static const struct shape resend_shape = SHAPE(resend, "ResendConfirmationCode", resend_fields);

/* ---- signing up ---- */

static void mail_code(struct tx *tx, const struct account *account, const char *code)
{
    /* Nothing else in the text may look like a code: no address of the server, no name. */
    struct mail_message message = {
        .to = account->email,
        .subject = "Your confirmation code",
        .text = arena_printf(tx->arena,
                             "Welcome to Usher. Your confirmation code is\n\n    %s\n\n"
                             "It works for %d hours. If you did not sign up, you need not do anything.\n",
                             code, CODE_SIGN_UP_HOURS),
        .id = id_new(tx->now_ms),
        .account = account->id,
    };

    mail_ask(tx, &message);
}

static enum err sign_up_look(struct req *req, struct tx *tx, struct call *call)
{
    const struct sign_up *in = call->in;
    struct account there, *account = &call->account;
    const char *fault;

    *account = (struct account){ .id = id_new(tx->now_ms), .email = in->username, .groups = GROUP_ATTENDEES };
    account->email_key = account_fold_email(req->arena, in->username);
    for (size_t i = 0; i < in->attribute_count; i++) {
        const char *wrong = attribute_take(account, in->username, &in->attributes[i]);

        if (wrong)
            return refuse(req, InvalidParameterException, "%s", wrong);
    }
    if (!account->email_key)
        return refuse(req, InvalidParameterException, "Username should be an email.");
    fault = password_fault(in->password, in->username, account->name);
    if (fault)
        return refuse(req, InvalidPasswordException, "Password did not conform with policy: %s", fault);

    call->known = account_by_email(tx, in->username, &there);
    if (!call->known)
        return ERR_OK;
    /* Until its code has run out, a sign-up that was never confirmed belongs to whoever made it: nobody else may
     * slip their own password under the code that the mailbox's owner is about to type. */
    if (there.status != ACCOUNT_UNCONFIRMED || code_live(tx, &there.id, CODE_SIGN_UP))
        return refuse(req, UsernameExistsException, NULL);
    account->id = there.id;
    return ERR_OK;
}

static enum err sign_up_work(struct req *req, struct call *call)
{
    const struct sign_up *in = call->in;

    call->account.password = password_hash(req->arena, identity_of(req)->password_cost, in->password);
    call_make_verifier(req, call, call->account.password, in->password);
    return call->account.password ? ERR_OK : ERR_BUSY;
}

static enum err sign_up_finish(struct req *req, struct tx *tx, struct call *call)
{
    const struct account *account = &call->account;

    /* Somebody may have been quicker meanwhile, in either way. */
    if (call->known && code_live(tx, &account->id, CODE_SIGN_UP))
        return refuse(req, UsernameExistsException, NULL);
    if (!(call->known ? account_replace_unconfirmed(tx, account) : account_insert(tx, account)))
        return refuse(req, UsernameExistsException, NULL);
    call_keep_verifier(tx, call, &account->id);
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
    const struct resend *in = call->in;
    const char *key = account_fold_email(req->arena, in->username);

    return code_mail_take(req, call, CODE_SIGN_UP, key ? key : in->username, tx->now_ms) ? ERR_OK : refuse(req, LimitExceededException, NULL);
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

const struct operation sign_up_operations[] = {
    { "SignUp", NULL, &sign_up_shape, .limit = "sign-up", .per_minute = 10, .look = sign_up_look, .lane = LANE_HASH, .work = sign_up_work,
      .finish = sign_up_finish },
    { "ConfirmSignUp", NULL, &confirm_shape, .limit = "code", .per_minute = 30, .look = confirm_look, .finish = confirm_finish },
    { "ResendConfirmationCode", NULL, &resend_shape, .limit = "resend", .per_minute = 10, .look = resend_look, .finish = resend_finish },
    OPERATION_END
};
