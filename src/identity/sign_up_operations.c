/*
 * sign_up_operations.c - SignUp, and the code by mail that makes an account of it.
 *
 * A stranger learns nothing of whether there is an account with an address:
 * SignUp and ResendConfirmationCode leave the same rows and the same job for
 * any, and only the job looks; ConfirmSignUp counts a wrong code for any. The
 * owner of an account is told by mail that somebody tried.
 */
#include "identity/operations.h"

#include "base/clock.h"
#include "identity/password.h"
#include "identity/srp.h"
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

/* ---- the mail ---- */

/* Nothing else in these texts may look like a code: no address of the server, no name. */
static const char one_text[] = "Welcome to Usher. Your confirmation code is\n\n    %s\n\n"
                               "It works for %d hours. If you did not sign up, you need not do anything.\n";
static const char several_text[] =
    "Welcome to Usher. Your confirmation code is\n\n    %s\n\n"
    "It works for %d hours. More than one sign-up with your address is waiting, from different places, each with a code of its own.\n"
    "Type this one where you signed up last. Typed anywhere else it confirms your address, but takes over nobody's password.\n\n"
    "If you did not sign up, you need not do anything.\n";
static const char known_text[] =
    "Somebody, probably you, tried to sign up for Usher with your address. You have an account already, so nothing was changed.\n\n"
    "To get in, sign in with this address and your password. If you do not know it any more, ask for a new one at the\n"
    "sign-in page (\"Forgot password\").\n\nIf it was not you, you need not do anything: whoever it was did not learn that you have an account.\n";
static const char barred_text[] =
    "Somebody, probably you, tried to sign up for Usher with your address. Its account was disabled by those who run this server,\n"
    "so nothing was changed. If you think that is a mistake, please ask them.\n";

/* What goes to this address; false when that is nothing. */
static bool sign_up_message(struct tx *tx, const struct code_for *what, const char *email, struct mail_message *out)
{
    struct account account;
    bool own;

    if (account_by_email(tx, email, &account)) {
        bool barred = account.status == ACCOUNT_DISABLED;

        *out = (struct mail_message){ .to = account.email, .subject = barred ? "Your account is disabled" : "You already have an account",
                                      .text = barred ? barred_text : known_text };
        return true;
    }
    const char *code = code_live(tx, what);
    size_t waiting = sign_up_find(tx, &what->subject, &what->client, &account, &own);
    if (!code || !waiting)
        return false;
    *out = (struct mail_message){ .to = account.email, .subject = "Your confirmation code",
                                  .text = arena_printf(tx->arena, waiting > 1 ? several_text : one_text, code, CODE_SIGN_UP_HOURS) };
    return true;
}

enum err mail_sign_up(struct job *job)
{
    struct mail_message message;
    struct code_for what;
    const char *email;
    struct tx tx;

    if (!code_job_read(job, CODE_SIGN_UP, &what, &email))
        return ERR_OK;
    reader_begin(job->reader, &tx, job->arena, &job->fault);
    bool wanted = sign_up_message(&tx, &what, email, &message);
    reader_end(job->reader, &tx);
    return wanted ? code_job_send(job, &what, &message) : ERR_OK;
}

/* ---- signing up ---- */

static enum err sign_up_look(struct req *req, struct tx *tx, struct call *call)
{
    const struct sign_up *in = call->in;
    struct account *account = &call->account;

    *account = (struct account){ .id = id_new(tx->now_ms), .email = in->username, .groups = GROUP_ATTENDEES };
    account->email_key = account_fold_email(req->arena, in->username);
    for (size_t i = 0; i < in->attribute_count; i++) {
        const char *wrong = attribute_take(account, in->username, &in->attributes[i]);

        if (wrong)
            return refuse(req, InvalidParameterException, "%s", wrong);
    }
    if (!account->email_key)
        return refuse(req, InvalidParameterException, "Username should be an email.");
    const char *fault = password_fault(in->password, in->username, account->name);
    if (fault)
        return refuse(req, InvalidPasswordException, "Password did not conform with policy: %s", fault);
    return ERR_OK;
}

static enum err sign_up_work(struct req *req, struct call *call)
{
    const struct sign_up *in = call->in;

    /* Here, not in `look`: who is told that the lane is full has used nothing up. */
    if (!code_mail_take(req, call, CODE_SIGN_UP, call->account.email_key, clock_now_ms()))
        return refuse(req, LimitExceededException, NULL);
    call->account.password = password_hash(req->arena, identity_of(req)->password_cost, in->password);
    call_make_verifier(req, call, call->account.password, in->password);
    call->account.verifier = call->srp_verifier;
    return call->account.password ? ERR_OK : ERR_BUSY;
}

static enum err sign_up_finish(struct req *req, struct tx *tx, struct call *call)
{
    const struct account *account = &call->account;
    struct code_for what = code_for_name(req, call, CODE_SIGN_UP, account->email);

    sign_up_put(tx, &what.subject, &what.client, account);
    code_make(tx, &what);
    code_job_ask(tx, "sign-up-mail", &what, account->email);
    tx_note(tx, "account.signed-up", &account->id, NULL);

    struct buf *out = cognito_reply(req);
    json_open(out, NULL);
    cognito_delivery(out, req->arena, account->email);
    json_bool(out, "UserConfirmed", false);
    json_id(out, "UserSub", &account->id);
    json_close(out);
    return ERR_OK;
}

/* ---- the code comes back ---- */

/* Of several sign-ups with one address the code's is meant. Its password counts where the code was typed from where it was chosen, or where there
 * is no other: else a stranger who signs up behind the owner could have the owner type the stranger's code. */
static bool password_is_sure(const struct code_for *what, const struct id *asked_by, size_t waiting, bool own)
{
    return waiting == 1 || (own && id_equal(asked_by, &what->client));
}

static void ask_for_password(struct tx *tx, const struct account *account)
{
    account_notify(tx, account, "Your address is confirmed: choose a password",
                   "Your address is confirmed. More than one sign-up with it was waiting, from different places, and the code was not typed where\n"
                   "its sign-up was made. So that nobody else's password opens your account, none of them was taken.\n\n"
                   "Please ask for a new password at the sign-in page (\"Forgot password\"), and sign in with that.\n");
}

static enum err confirm_finish(struct req *req, struct tx *tx, struct call *call)
{
    const struct confirm *in = call->in;
    struct code_for what = code_for_name(req, call, CODE_SIGN_UP, in->username);
    struct account account, there;
    struct id asked_by;
    bool own;

    enum code_verdict verdict = code_use(tx, &what, in->code, &asked_by);
    if (verdict != CODE_GOOD)
        return refuse_code(req, verdict);
    size_t waiting = sign_up_find(tx, &what.subject, &asked_by, &account, &own);
    /* Nobody was mailed the code of a name that has an account, or no sign-up: a good one was guessed, and is wrong like any other. */
    if (!waiting || account_by_email(tx, in->username, &there))
        return refuse_code(req, CODE_WRONG);
    bool sure = password_is_sure(&what, &asked_by, waiting, own);
    account.status = ACCOUNT_CONFIRMED;
    account.password = sure ? account.password : NULL;
    if (!account_insert(tx, &account))
        return refuse_code(req, CODE_WRONG);
    if (!sure)
        ask_for_password(tx, &account);
    else if (account.verifier.len)
        srp_keep(tx, &account.id, account.verifier);
    sign_up_remove(tx, &what.subject);
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
    struct code_for what = code_for_name(req, call, CODE_SIGN_UP, in->username);

    code_make(tx, &what);
    code_job_ask(tx, "sign-up-mail", &what, in->username);

    struct buf *out = cognito_reply(req);
    json_open(out, NULL);
    cognito_delivery(out, req->arena, in->username);
    json_close(out);
    return ERR_OK;
}

const struct operation sign_up_operations[] = {
    { "SignUp", NULL, &sign_up_shape, .limit = "sign-up", .per_minute = 10, .look = sign_up_look, .lane = LANE_HASH, .work = sign_up_work,
      .finish = sign_up_finish },
    { "ConfirmSignUp", NULL, &confirm_shape, .limit = "code", .per_minute = 30, .finish = confirm_finish },
    { "ResendConfirmationCode", NULL, &resend_shape, .limit = "resend", .per_minute = 10, .look = resend_look, .finish = resend_finish },
    OPERATION_END
};
