/*
 * operations.h - one operation of Cognito's wire, as a row of a table: what it takes, and its steps.
 *
 *     look     in a snapshot: read what the request is about; refuse what can be refused at once
 *     work     on LANE_HASH for what hashes a password, on LANE_SIGN for what only signs; others have none
 *     finish   in the writer's transaction: change rows, answer
 *
 * A step that answers is the last one. An operation with several flows has a
 * row for each. A new operation is a shape, its steps and a row; identity_routes.c
 * walks the lists.
 */
#ifndef USHER_IDENTITY_OPERATIONS_H
#define USHER_IDENTITY_OPERATIONS_H

#include "identity/cognito.h"
#include "identity/parts.h"

struct operation;

/* One request under way, between its steps. */
struct call {
    const struct operation *operation;
    int64_t began_us;            /* clock_mono_us */
    enum lane lane;              /* the operation's; `look` may change it */
    void *in;                    /* the operation's body, read by its shape */
    bool known;                  /* there is such an account: */
    struct account account;
    bool waits;                  /* this client has a sign-up under the name, whether that has an account or not: */
    struct account waiting;
    struct id client;            /* stands for the client's address */
    struct attempt_key attempt;  /* the name, for counting */
    struct attempts_kept kept;
    struct jwt_claims claims;    /* of the access token in the body */
    struct refresh_token token;
    struct session session;
    char *access_token, *id_token;
    const char *new_password;    /* its hash */
    bool srp_wanted;             /* the setting is on, and the account's password has no verifier yet */
    struct bytes srp_verifier;   /* sealed, to be kept; empty: none */
    struct srp_call *srp;        /* of srp_operations.c */
    bool second_factor;          /* the account has one enabled: the password alone signs nobody in */
    int64_t totp_step;           /* whose code was given; 0: a recovery code */
    struct id challenge;
    int64_t challenge_expires_at_ms;
};

typedef enum err step(struct req *req, struct tx *tx, struct call *call);

struct operation {
    const char *name, *flow;     /* flow: the value of AuthFlow or ChallengeName, where the operation has one; name NULL ends a list */
    const struct shape *shape;   /* its struct begins as for_client, unless `by_token` is set: then it is with_access_token */
    bool by_token;
    bool srp;                    /* only with the setting srp on */
    const char *limit;           /* what is counted by the client's address, or NULL */
    int per_minute;
    step *look;
    enum lane lane;
    enum err (*work)(struct req *req, struct call *call);
    int least_us;                /* `work` ends no sooner than this after the request came: what takes microseconds longer for some names does not show */
    step *finish;
};
#define OPERATION_END { .name = NULL }

extern const struct operation sign_up_operations[];  /* sign_up_operations.c */
extern const struct operation sign_in_operations[];  /* sign_in_operations.c */
extern const struct operation srp_operations[];      /* srp_operations.c */
extern const struct operation token_operations[];    /* token_operations.c */
extern const struct operation mfa_operations[];      /* mfa_operations.c */
extern const struct operation account_operations[];  /* account_operations.c */

/* What the request's body asks for, by the operation's name (NULL: none was given): its row, and the body by its shape. *operation is NULL when an
 * exception was answered. An error is json_parse's. */
enum err operation_read(struct req *req, const char *name, const struct operation **operation, void **in);

/* How each body begins that names the client. */
struct for_client {
    struct given given;
    const char *client_id;
};
#define CLIENT_FIELD(type_) FIELD(type_, "ClientId", client_id, FIELD_LINE, REQUIRED, 1, 128)

struct with_access_token {
    struct given given;
    const char *token;
};
extern const struct shape with_access_token_shape;

/* One of UserAttributes. */
struct attribute {
    struct given given;
    const char *name, *value;
};
extern const struct shape attribute_shape;
/* Put one attribute of the account with this address where it belongs; NULL, or what is wrong with it. */
const char *attribute_take(struct account *account, const char *email, const struct attribute *attribute);

enum { TOKEN_TEXT_MAX = 8192 }; /* of a token in a body; ours are about 1,000 */

static inline struct identity *identity_of(const struct req *req)
{
    return req->app->identity;
}

/* Find the account of a name; a name without one is counted just the same. Also the sign-up that this client itself has waiting there. */
void call_find_account(struct req *req, struct tx *tx, struct call *call, const char *username, enum attempt_kind kind);
/* Guesses at call->attempt's password or second factor (ATTEMPT_PASSWORD, ATTEMPT_TOTP) are counted by its name, and by the client's address
 * over all names (not with USHER_LIMITS off). Must the next one wait? */
bool guess_must_wait(struct req *req, const struct call *call, enum attempt_kind kind, int64_t now_ms);
/* Count a wrong one. True when it is the one that closes the name's door. */
bool guess_was_wrong(struct req *req, const struct call *call, enum attempt_kind kind, int64_t now_ms);
/* The name's are forgiven; of the address's those passwords that were typed there under this very name: a venue's WiFi is one address, and whoever gets in
 * in the end was not guessing. No others, or an account of one's own would forgive guessing at those of others. */
void guess_was_right(struct req *req, const struct call *call, enum attempt_kind kind, int64_t now_ms);
/* May one more code be mailed to this name (folded, or as typed where it is no text)? Counts it if so. By name and address, so that nobody uses
 * up what belongs to the owner, and by name in all, so that a mailbox gets a bounded number. */
bool code_mail_take(struct req *req, const struct call *call, enum code_purpose purpose, const char *name, int64_t now_ms);
/* The codes of this name, as this client asks for them and types them. */
struct code_for code_for_name(struct req *req, const struct call *call, enum code_purpose purpose, const char *username);
enum err refuse_code(struct req *req, enum code_verdict verdict); /* not CODE_GOOD */
/* Have the client's code mailed by a job of this kind, if there is anybody to mail it to. `email` as it was typed. */
void code_job_ask(struct tx *tx, const char *kind, const struct code_for *what, const char *email);
/* In such a job: what it is about, and the address as it was typed; false when it is none of ours. */
bool code_job_read(const struct job *job, enum code_purpose purpose, struct code_for *out, const char **email);
struct mail_message;
/* Send it under an id that is the same however often the job is done. */
enum err code_job_send(struct job *job, const struct code_for *what, struct mail_message *message);
enum err mail_reset(struct job *job);    /* account_operations.c */
enum err mail_sign_up(struct job *job);  /* sign_up_operations.c */
/* The claims of the access token in the body, and its account. False when it answered with an exception. */
bool call_find_by_access_token(struct req *req, struct tx *tx, struct call *call);
/* In `finish`, where others may have signed out meanwhile: the account once more. False when it answered with an exception. */
bool call_still_signed_in(struct req *req, struct tx *tx, struct call *call);

/* Tell the account's owner by mail, once this transaction is durable, what was just done to the account. */
void account_notify(struct tx *tx, const struct account *account, const char *subject, const char *text);

/* In `work`, with the setting srp on: the verifier of a password, with the Argon2id text that is or will be the account's. */
void call_make_verifier(struct req *req, struct call *call, const char *hash, const char *password);
/* In `finish`, once that text is in the account's row. */
void call_keep_verifier(struct tx *tx, const struct call *call, const struct id *account);

/* In `work`: the password of call->account was found right. What is left of a sign-in there: is the account in order, does its hash need to be made
 * anew, its tokens. `password` NULL: nobody sent it. */
enum err call_password_was_right(struct req *req, struct call *call, const char *password, int64_t now_ms);
/* The `finish` behind it. */
enum err call_sign_in(struct req *req, struct tx *tx, struct call *call);

/* In `finish`, behind the right password: ask for the second factor. */
enum err mfa_challenge(struct req *req, struct tx *tx, const struct account *account, const struct totp *totp);

/* A `work`: sign the two tokens of call->session; 270-540 us. */
enum err call_sign_tokens(struct req *req, struct call *call);
/* AuthenticationResult. `refresh` NULL: the client keeps the one it has. */
enum err call_reply_tokens(struct req *req, const struct call *call, const struct refresh_token *refresh);

#endif
