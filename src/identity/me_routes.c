/* me_routes.c - what a signed-in person asks of his own account and Cognito's wire has no word for. */
#include "identity/operations.h"

static enum err make_recovery_codes(struct req *req, struct tx *tx)
{
    const struct id *account = &req->caller.account;
    struct account owner;
    struct totp totp;

    if (!account_by_id(tx, account, &owner) || !totp_read(tx, account, &totp) || !totp.enabled)
        return fail(tx, ERR_CONFLICT, "Two-factor sign-in is not switched on.");
    if (!session_is_fresh(tx, &req->caller.session))
        return fail(tx, ERR_FORBIDDEN, "Sign in again first: recovery codes are given out within 15 minutes of signing in.");

    const char **codes = recovery_make(tx, account);
    account_notify(tx, &owner, "New recovery codes were made",
                   "Ten new recovery codes were made for your Usher account just now; older ones work no longer.\n\n"
                   "If it was not you, ask for a new password at the sign-in page at once.\n");
    struct buf *out = reply_json(req, 200);
    json_open(out, NULL);
    json_open_array(out, "recoveryCodes");
    for (int i = 0; i < RECOVERY_CODES; i++)
        json_str(out, NULL, codes[i]);
    json_close_array(out);
    json_close(out);
    tx_note(tx, "account.recovery-codes", account, NULL);
    return ERR_OK;
}

static enum err show_mfa(struct req *req, struct tx *tx)
{
    struct totp totp;
    struct buf *out = reply_json(req, 200);

    json_open(out, NULL);
    json_bool(out, "totpEnabled", totp_read(tx, &req->caller.account, &totp) && totp.enabled);
    json_int(out, "recoveryCodesLeft", recovery_left(tx, &req->caller.account));
    json_close(out);
    return ERR_OK;
}

/* As DeleteUser, and for people of another issuer, who have no other way: their account there is not ours to delete. */
static enum err leave(struct req *req, struct tx *tx)
{
    struct account account;

    if (!account_by_id(tx, &req->caller.account, &account))
        return ERR_NOT_FOUND;
    enum err e = account_leave(tx, &account);
    return e ? e : reply_empty(req, 204);
}

/* Writes of identity belong to the account. */
static enum err key_of_caller(struct req *req, struct tx *tx, struct id *out)
{
    *out = req->caller.account;
    return ERR_OK;
}

const struct route me_routes[] = {
    { "GET", "/v1/me/mfa", READ, show_mfa, .who = WHO_SIGNED_IN, .summary = "Own second factor: is it on, and how many recovery codes are left",
      .answer = "SecondFactor" },
    { "POST", "/v1/me/recovery-codes", WRITE, make_recovery_codes, .who = WHO_SIGNED_IN, .key = key_of_caller, .secret = true,
      .summary = "Ten new recovery codes in place of all older ones, shown this once", .answer = "RecoveryCodes" },
    { "DELETE", "/v1/me", WRITE, leave, .who = WHO_SIGNED_IN, .key = key_of_caller, .urgent = true,
      .summary = "Delete your account for good; refused while events that you published are to come", .answer_status = 204 },
    { "GET", "/v1/me/export", WORK, NULL, export_work, .lane = LANE_SCAN, .before_reads = true, .who = WHO_SIGNED_IN, .hourly = 6,
      .hourly_name = "export", .summary = "Everything that is held on you, as one document; six times an hour", .answer = "PersonExport" },
    ROUTE_END
};

const struct answer_schema me_schemas[] = {
    { "SecondFactor", "{\"type\":\"object\",\"required\":[\"totpEnabled\",\"recoveryCodesLeft\"],\"properties\":{"
                      "\"totpEnabled\":{\"type\":\"boolean\"},\"recoveryCodesLeft\":{\"type\":\"integer\"}}}" },
    { "RecoveryCodes", "{\"type\":\"object\",\"required\":[\"recoveryCodes\"],\"properties\":{"
                       "\"recoveryCodes\":{\"type\":\"array\",\"minItems\":10,\"maxItems\":10,\"items\":{\"type\":\"string\"}}}}" },
    { "PersonExport", "{\"type\":\"object\",\"required\":[\"exportedAt\",\"account\",\"sessions\",\"events\",\"registrations\",\"tickets\",\"payments\","
                      "\"refunds\",\"checkIns\",\"mailsWaiting\",\"notIncluded\"],\"properties\":{"
                      "\"exportedAt\":{\"type\":\"string\",\"format\":\"date-time\"},\"account\":{\"type\":\"object\"},"
                      "\"registrations\":{\"type\":\"array\",\"items\":{\"$ref\":\"#/components/schemas/Registration\"}},"
                      "\"notIncluded\":{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"what\",\"why\"],\"properties\":{"
                      "\"what\":{\"type\":\"string\"},\"why\":{\"type\":\"string\"}}}}},\"additionalProperties\":{\"type\":\"array\"}}" },
    { NULL, NULL },
};
