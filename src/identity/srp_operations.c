/*
 * srp_operations.c - InitiateAuth USER_SRP_AUTH, and the answer to its challenge PASSWORD_VERIFIER. See srp.h.
 *
 * Between the two nothing is stored: the SECRET_BLOCK that the client brings back
 * is sealed by us and holds what the server must remember, its own secret too. A
 * right answer uses it up for good (spent_challenge); a wrong one is counted as a
 * wrong password and uses it up in memory, for a guess costs no commit.
 *
 * A name without an account, and an account without a verifier, take the same
 * steps with a decoy's verifier, to the last comparison.
 *
 * A challenge is made for one password. A client that has signed up under the
 * name knows one that is not the account's, and must be told "not confirmed" for
 * it whether there is an account or not, while an owner who signed up by mistake
 * must still get in. So the two take turns: a challenge for the sign-up's
 * password first, after a wrong answer one for the account's (or a decoy's), and
 * after a wrong answer to that the sign-up's again. Whose turn it is follows from
 * this client's answers alone.
 */
#include "identity/operations.h"

#include <openssl/crypto.h>
#include <sodium.h>
#include <string.h>

#include "base/clock.h"
#include "identity/srp.h"

/* ---- what comes in ---- */

struct srp_parameters {
    struct given given;
    const char *username, *a;
};
static const struct field srp_parameter_fields[] = {
    FIELD(srp_parameters, "USERNAME", username, FIELD_LINE, REQUIRED, 1, 254),
    FIELD(srp_parameters, "SRP_A", a, FIELD_LINE, REQUIRED, 1, 1024),
    FIELD_END
};
static const struct shape srp_parameters_shape = SHAPE(srp_parameters, "SrpParameters", srp_parameter_fields);

struct srp_begin {
    struct given given;
    const char *client_id;
    struct srp_parameters *parameters;
};
static const struct field srp_begin_fields[] = {
    CLIENT_FIELD(srp_begin),
    FIELD_SUB(srp_begin, "AuthParameters", parameters, &srp_parameters_shape, REQUIRED),
    FIELD_END
};
static const struct shape srp_begin_shape = SHAPE(srp_begin, "SrpSignIn", srp_begin_fields);

struct srp_responses {
    struct given given;
    const char *username, *block, *timestamp, *signature;
};
static const struct field srp_response_fields[] = {
    FIELD(srp_responses, "USERNAME", username, FIELD_LINE, REQUIRED, 1, 254),
    FIELD(srp_responses, "PASSWORD_CLAIM_SECRET_BLOCK", block, FIELD_LINE, REQUIRED, 1, 4096),
    FIELD(srp_responses, "TIMESTAMP", timestamp, FIELD_LINE, REQUIRED, 1, 64),
    FIELD(srp_responses, "PASSWORD_CLAIM_SIGNATURE", signature, FIELD_LINE, REQUIRED, 1, 128),
    FIELD_END
};
static const struct shape srp_responses_shape = SHAPE(srp_responses, "PasswordVerifierResponses", srp_response_fields);

struct srp_answer {
    struct given given;
    const char *client_id;
    struct srp_responses *responses;
};
static const struct field srp_answer_fields[] = {
    CLIENT_FIELD(srp_answer),
    FIELD_SUB(srp_answer, "ChallengeResponses", responses, &srp_responses_shape, REQUIRED),
    FIELD_END
};
static const struct shape srp_answer_shape = SHAPE(srp_answer, "PasswordVerifierAnswer", srp_answer_fields);

/* ---- the secret block ---- */

enum {
    BLOCK_MS = 3 * 60 * 1000,
    CLOCK_MS = 15 * 60 * 1000, /* either way. The block tells by itself how old the challenge is; this only finds clocks that are badly wrong */
    B64 = sodium_base64_VARIANT_ORIGINAL,
};
#define LABEL "srp block"

struct block {
    struct id id, user;
    struct id account, sign_up;  /* that the name has, and that this client has waiting under it; zero: none */
    bool of_sign_up;             /* for whose password the challenge was made */
    struct attempt_key attempt;  /* the name's, as it was given: the answer may name it by USER_ID_FOR_SRP */
    uint8_t password[PASSWORD_TAG_BYTES]; /* the verifier's: which password that was */
    int64_t expires_at_ms;
    struct srp_secret secret;
};

/* What the steps of one request hand on. */
struct srp_call {
    struct srp_verifier verifier;   /* the account's or a decoy's; the sign-up's once that was chosen */
    bool genuine;                   /* not a decoy */
    struct srp_verifier of_sign_up; /* the one of this client's sign-up, where there is one: */
    bool signed_up;
    struct block block;
    struct bytes sealed;            /* the block as the client has it */
    uint8_t a[SRP_NUMBER_BYTES];
};

static struct bytes block_read(struct req *req, const char *text, struct block *out)
{
    uint8_t *raw = arena_alloc(req->arena, strlen(text));
    const char *end = NULL;
    struct bytes plain;
    size_t len = 0;

    if (sodium_base642bin(raw, strlen(text), text, strlen(text), NULL, &len, &end, B64) != 0 || *end ||
        !identity_unseal(identity_of(req), req->arena, LABEL, (struct bytes){ raw, len }, &plain) || plain.len != sizeof *out)
        return (struct bytes){ 0 };
    memcpy(out, plain.data, sizeof *out);
    return (struct bytes){ raw, len };
}

static struct attempt_key key_of_id(struct req *req, enum attempt_kind kind, const struct id *id)
{
    char text[ID_TEXT_LEN + 1];

    id_format(id, text);
    return attempts_key(identity_of(req)->attempts, kind, text, NULL);
}

/* ---- the challenge ---- */

static struct id user_of(struct req *req, const char *username)
{
    const char *folded = account_fold_email(req->arena, username);

    return srp_user(identity_of(req), folded ? folded : username);
}

/* The verifiers that a challenge may be made with. The decoy is made and both rows are looked for whoever it is: it takes the same time. */
static void find_verifiers(struct req *req, struct tx *tx, struct call *call, const struct id *user)
{
    struct srp_verifier decoy = srp_decoy(identity_of(req), user);
    struct srp_call *srp = call->srp;

    srp->genuine = srp_read(tx, &call->account, &srp->verifier) && call->known;
    if (!srp->genuine)
        srp->verifier = decoy;
    srp->signed_up = srp_read(tx, &call->waiting, &srp->of_sign_up) && call->waits;
}

/* Salt and user follow from the name, so one v is one password: where the sign-up's is the account's as well, a right answer proves that one. */
static bool sign_up_has_turn(struct req *req, const struct call *call, int64_t now_ms)
{
    const struct srp_call *srp = call->srp;
    struct attempt_key turn = key_of_id(req, ATTEMPT_SRP_TURN, &call->waiting.id);
    bool same = CRYPTO_memcmp(srp->verifier.v, srp->of_sign_up.v, sizeof srp->verifier.v) == 0;

    return srp->signed_up && !same && attempts_count(identity_of(req)->attempts, ATTEMPT_SRP_TURN, &turn, now_ms) == 0;
}

/* From here on the sign-up's verifier is the only one. */
static void take_sign_up(struct srp_call *srp)
{
    srp->verifier = srp->of_sign_up;
    srp->genuine = srp->signed_up;
}

static enum err srp_begin_look(struct req *req, struct tx *tx, struct call *call)
{
    const struct srp_begin *in = call->in;
    struct srp_call *srp = call->srp = ARENA_NEW(req->arena, struct srp_call);

    if (!srp_number_read(in->parameters->a, srp->a))
        return refuse(req, InvalidParameterException, "SRP_A must be a hexadecimal number between 0 and N.");
    call_find_account(req, tx, call, in->parameters->username, ATTEMPT_PASSWORD);
    if (guess_must_wait(req, call, ATTEMPT_PASSWORD, tx->now_ms))
        return refuse(req, NotAuthorizedException, "Password attempts exceeded");
    struct id user = user_of(req, in->parameters->username);
    find_verifiers(req, tx, call, &user);
    srp->block.of_sign_up = sign_up_has_turn(req, call, tx->now_ms);
    if (srp->block.of_sign_up)
        take_sign_up(srp);
    return ERR_OK;
}

static void json_hex(struct buf *out, struct arena *arena, const char *name, const uint8_t *bytes, size_t len)
{
    char *text = arena_alloc(arena, 2 * len + 1);

    json_str(out, name, sodium_bin2hex(text, 2 * len + 1, bytes, len));
}

static enum err reply_challenge(struct req *req, const struct call *call, const struct block *block, const uint8_t b[SRP_NUMBER_BYTES])
{
    const struct srp_begin *in = call->in;
    struct bytes sealed = identity_seal(identity_of(req), req->arena, LABEL, block, sizeof *block);
    size_t room = sodium_base64_ENCODED_LEN(sealed.len, B64);
    char *text = arena_alloc(req->arena, room);
    struct buf *out = cognito_reply(req);

    json_open(out, NULL);
    json_str(out, "ChallengeName", "PASSWORD_VERIFIER");
    json_open(out, "ChallengeParameters");
    json_hex(out, req->arena, "SALT", call->srp->verifier.salt, SRP_SALT_BYTES);
    json_str(out, "SECRET_BLOCK", sodium_bin2base64(text, room, sealed.data, sealed.len, B64));
    json_hex(out, req->arena, "SRP_B", b, SRP_NUMBER_BYTES);
    json_str(out, "USERNAME", in->parameters->username);
    json_id(out, "USER_ID_FOR_SRP", &call->srp->verifier.user);
    json_close(out);
    json_close(out);
    return ERR_OK;
}

static enum err srp_begin_work(struct req *req, struct call *call)
{
    struct srp_call *srp = call->srp;
    struct block *block = &srp->block;
    int64_t now_ms = clock_now_ms();
    uint8_t b[SRP_NUMBER_BYTES];

    block->id = id_new(now_ms);
    block->user = srp->verifier.user;
    if (call->known)
        block->account = call->account.id;
    if (call->waits)
        block->sign_up = call->waiting.id;
    block->attempt = call->attempt;
    block->expires_at_ms = now_ms + BLOCK_MS;
    memcpy(block->password, srp->verifier.password, sizeof block->password);
    srp_challenge(&srp->verifier, srp->a, &block->secret, b);
    enum err e = reply_challenge(req, call, block, b);
    OPENSSL_cleanse(block, sizeof *block);
    return e;
}

/* ---- its answer ---- */

static bool is_user(struct req *req, const struct id *user, const char *username)
{
    struct id named = user_of(req, username), given;

    return id_equal(&named, user) || (id_parse(username, strlen(username), &given) && id_equal(&given, user));
}

/* The account that the challenged name has, and the sign-up, or the name alone: whose guesses these are. */
static void find_subject(struct req *req, struct tx *tx, struct call *call)
{
    struct srp_call *srp = call->srp;

    /* Nobody has the zero id; both are looked for all the same. */
    call->waits = sign_up_by_id(tx, &srp->block.sign_up, &call->waiting);
    call->known = account_by_id(tx, &srp->block.account, &call->account);
    call->attempt = srp->block.attempt;
    if (call->known) {
        call->attempt = attempts_key(identity_of(req)->attempts, ATTEMPT_PASSWORD, call->account.email_key, NULL); /* also across a restart */
        call->kept = (struct attempts_kept){ call->account.id, call->account.failures, call->account.failed_at_ms };
    }
    find_verifiers(req, tx, call, &srp->block.user);
    if (srp->block.of_sign_up)
        take_sign_up(srp);
    /* The password was changed meanwhile: whatever is answered is wrong. */
    if (CRYPTO_memcmp(srp->verifier.password, srp->block.password, sizeof srp->block.password) != 0)
        srp->genuine = false;
}

static enum err srp_answer_look(struct req *req, struct tx *tx, struct call *call)
{
    const struct srp_answer *in = call->in;
    struct srp_call *srp = call->srp = ARENA_NEW(req->arena, struct srp_call);
    struct totp totp;
    int64_t at_ms;

    if (!srp_time_read(in->responses->timestamp, &at_ms))
        return refuse(req, InvalidParameterException, "TIMESTAMP format should be EEE MMM d HH:mm:ss z yyyy in english.");
    if (at_ms < tx->now_ms - CLOCK_MS || at_ms > tx->now_ms + CLOCK_MS)
        return refuse(req, InvalidParameterException, "TIMESTAMP is more than 15 minutes off: set the clock.");
    srp->sealed = block_read(req, in->responses->block, &srp->block);
    if (!srp->sealed.len || !is_user(req, &srp->block.user, in->responses->username) || challenge_is_spent(tx, &srp->block.id))
        return refuse(req, NotAuthorizedException, "Invalid session for the user.");
    if (tx->now_ms >= srp->block.expires_at_ms)
        return refuse(req, NotAuthorizedException, "Invalid session for the user, session is expired.");
    find_subject(req, tx, call);
    if (guess_must_wait(req, call, ATTEMPT_PASSWORD, tx->now_ms))
        return refuse(req, NotAuthorizedException, "Password attempts exceeded");
    call->second_factor = totp_read(tx, &call->account.id, &totp) && totp.enabled;
    call->challenge = srp->block.id;
    call->challenge_expires_at_ms = srp->block.expires_at_ms;
    return ERR_OK;
}

static bool signature_good(struct req *req, const struct call *call)
{
    const struct srp_answer *in = call->in;
    const struct srp_call *srp = call->srp;
    const char *text = in->responses->signature, *end = NULL;
    uint8_t key[SRP_KEY_BYTES], proof[SRP_PROOF_BYTES], given[SRP_PROOF_BYTES];
    size_t len = 0;

    srp_key(&srp->verifier, &srp->block.secret, key);
    srp_proof(key, srp_pool_name(identity_of(req)), &srp->block.user, srp->sealed, in->responses->timestamp, proof);
    bool read = sodium_base642bin(given, sizeof given, text, strlen(text), NULL, &len, &end, B64) == 0 && !*end && len == sizeof given;
    bool good = read && CRYPTO_memcmp(given, proof, sizeof proof) == 0;
    OPENSSL_cleanse(key, sizeof key);
    OPENSSL_cleanse(proof, sizeof proof);
    return good && srp->genuine;
}

/* After a wrong answer the next challenge is for the other password. */
static void pass_turn(struct req *req, const struct block *block, int64_t now_ms)
{
    struct attempts *attempts = identity_of(req)->attempts;
    struct attempt_key turn = key_of_id(req, ATTEMPT_SRP_TURN, &block->sign_up);

    if (block->of_sign_up)
        attempts_add(attempts, ATTEMPT_SRP_TURN, &turn, NULL, now_ms);
    else
        attempts_clear(attempts, ATTEMPT_SRP_TURN, &turn);
}

static enum err srp_answer_work(struct req *req, struct call *call)
{
    struct attempts *attempts = identity_of(req)->attempts;
    struct attempt_key block = key_of_id(req, ATTEMPT_SRP_BLOCK, &call->srp->block.id);
    int64_t now_ms = clock_now_ms();

    if (attempts_count(attempts, ATTEMPT_SRP_BLOCK, &block, now_ms) > 0)
        return refuse(req, NotAuthorizedException, "Invalid session for the user.");
    if (guess_must_wait(req, call, ATTEMPT_PASSWORD, now_ms))
        return refuse(req, NotAuthorizedException, "Password attempts exceeded");
    if (!signature_good(req, call)) {
        attempts_add(attempts, ATTEMPT_SRP_BLOCK, &block, NULL, now_ms);
        guess_was_wrong(req, call, ATTEMPT_PASSWORD, now_ms);
        pass_turn(req, &call->srp->block, now_ms);
        return refuse(req, NotAuthorizedException, NULL);
    }
    if (call->srp->block.of_sign_up) /* as with USER_PASSWORD_AUTH it neither counts nor forgives a guess at the account's */
        return refuse(req, UserNotConfirmedException, NULL);
    return call_password_was_right(req, call, NULL, now_ms);
}

static enum err srp_answer_finish(struct req *req, struct tx *tx, struct call *call)
{
    if (!challenge_spend(tx, &call->challenge, call->challenge_expires_at_ms))
        return refuse(req, NotAuthorizedException, "Invalid session for the user.");
    return call_sign_in(req, tx, call);
}

/*
 * On the lane of hashing: an answer is a sign-in, and its queue bounds a flood of them.
 *
 * A challenge takes 0.8 ms, and 4 us longer for a name with a verifier, whose
 * rows are there to be read (measured, some 2,000 pairs). So it is answered at a
 * fixed time, which costs the lane nothing when others wait: theirs is over then.
 * Its answer reads the same rows, and calculates for 1.2 ms: that has its time too.
 */
const struct operation srp_operations[] = {
    { "InitiateAuth", "USER_SRP_AUTH", &srp_begin_shape, .srp = true, .limit = "sign-in", .per_minute = 30, .look = srp_begin_look, .lane = LANE_HASH,
      .work = srp_begin_work, .least_us = 3000 },
    { "RespondToAuthChallenge", "PASSWORD_VERIFIER", &srp_answer_shape, .srp = true, .limit = "sign-in-proof", .per_minute = 30,
      .look = srp_answer_look, .lane = LANE_HASH, .work = srp_answer_work, .least_us = 5000, .finish = srp_answer_finish },
    OPERATION_END
};
