/* token_operations.c - what somebody with a token in hand asks: who am I, sign me out here, or everywhere. */
#include "identity/operations.h"

#include <string.h>

struct revoke {
    struct given given;
    const char *client_id, *token;
};
static const struct field revoke_fields[] = {
    CLIENT_FIELD(revoke),
    FIELD(revoke, "Token", token, FIELD_LINE, REQUIRED, 1, TOKEN_TEXT_MAX),
    FIELD_END
};
static const struct shape revoke_shape = SHAPE(revoke, "RevokeToken", revoke_fields);

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
    struct totp totp;

    if (!call_find_by_access_token(req, tx, call))
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
    if (totp_read(tx, &account->id, &totp) && totp.enabled) {
        json_str(out, "PreferredMfaSetting", "SOFTWARE_TOKEN_MFA");
        json_open_array(out, "UserMFASettingList");
        json_str(out, NULL, "SOFTWARE_TOKEN_MFA");
        json_close_array(out);
    }
    json_close(out);
    return ERR_OK;
}

static enum err sign_out_look(struct req *req, struct tx *tx, struct call *call)
{
    call_find_by_access_token(req, tx, call);
    return ERR_OK;
}

/* Everywhere: each token and session up to now is void. */
static enum err sign_out_finish(struct req *req, struct tx *tx, struct call *call)
{
    if (!call_still_signed_in(req, tx, call))
        return ERR_OK;
    account_raise_epoch(tx, &call->account.id);
    tx_note(tx, "account.signed-out", &call->account.id, NULL);
    return cognito_reply_empty(req);
}

static enum err revoke_look(struct req *req, struct tx *tx, struct call *call)
{
    const struct revoke *in = call->in;

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

const struct operation token_operations[] = {
    { "GetUser", NULL, &with_access_token_shape, .by_token = true, .look = get_user_look },
    { "GlobalSignOut", NULL, &with_access_token_shape, .by_token = true, .look = sign_out_look, .finish = sign_out_finish },
    { "RevokeToken", NULL, &revoke_shape, .look = revoke_look, .finish = revoke_finish },
    OPERATION_END
};
