/*
 * code_mail.c - asking for a code and having it mailed, alike for every name.
 *
 * Whoever asks leaves a code and a job, whether there is anybody to write to or
 * not. The job's key is the name's subject and the client; its payload is when
 * it was asked for, and the address as it was typed.
 */
#include "identity/operations.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "mail/mail.h"

bool code_mail_take(struct req *req, const struct call *call, enum code_purpose purpose, const char *name, int64_t now_ms)
{
    static const enum attempt_kind kinds[] = { ATTEMPT_MAIL, ATTEMPT_NAME_MAIL, ATTEMPT_NAME_MAIL_ALL };
    struct attempts *attempts = identity_of(req)->attempts;
    const char *what = arena_printf(req->arena, "%d %s", purpose, name);
    struct attempt_key keys[COUNT(kinds)];

    for (size_t i = 0; i < COUNT(kinds); i++)
        keys[i] = attempts_key(attempts, kinds[i], what, kinds[i] == ATTEMPT_MAIL ? &call->client : NULL);
    bool first = attempts_count(attempts, ATTEMPT_MAIL, &keys[0], now_ms) == 0;
    for (size_t i = 0; i < COUNT(kinds); i++) {
        /* Others' asking does not stand before who asks for the first time. */
        if (!(first && kinds[i] == ATTEMPT_NAME_MAIL) && attempts_wait_ms(attempts, kinds[i], &keys[i], NULL, now_ms) > 0)
            return false;
    }
    for (size_t i = 0; i < COUNT(kinds); i++)
        attempts_add(attempts, kinds[i], &keys[i], NULL, now_ms);
    return true;
}

struct code_for code_for_name(struct req *req, const struct call *call, enum code_purpose purpose, const char *username)
{
    const char *key = account_fold_email(req->arena, username);

    return (struct code_for){ identity_subject(identity_of(req), key ? key : username), purpose, call->client };
}

enum err refuse_code(struct req *req, enum code_verdict verdict)
{
    return verdict == CODE_EXPIRED ? refuse(req, ExpiredCodeException, NULL) : refuse(req, CodeMismatchException, NULL);
}

/* The job does more for somebody than for nobody. It begins when the answer has long left, so that neither that answer nor the one to the next question
 * takes longer for it: measured, a job that began at once could be seen in the time of the answer (|t| of 13 over 2,100 pairs). */
#define CODE_MAIL_AFTER_MS 300

void code_job_ask(struct tx *tx, const char *kind, const struct code_for *what, const char *email)
{
    char *key = arena_alloc(tx->arena, 2 * (ID_TEXT_LEN + 1));

    id_format(&what->subject, key);
    key[ID_TEXT_LEN] = ' ';
    id_format(&what->client, key + ID_TEXT_LEN + 1);
    job_ask(tx, kind, key, arena_printf(tx->arena, "%" PRId64 " %s", tx->now_ms, email), tx->now_ms + CODE_MAIL_AFTER_MS);
}

bool code_job_read(const struct job *job, enum code_purpose purpose, struct code_for *out, const char **email)
{
    const char *blank = job->payload ? strchr(job->payload, ' ') : NULL;

    out->purpose = purpose;
    *email = blank ? blank + 1 : NULL;
    return blank && strlen(job->key) == 2 * ID_TEXT_LEN + 1 && id_parse(job->key, ID_TEXT_LEN, &out->subject) &&
           id_parse(job->key + ID_TEXT_LEN + 1, ID_TEXT_LEN, &out->client);
}

enum err code_job_send(struct job *job, const struct code_for *what, struct mail_message *message)
{
    /* A job that is done twice sends the same message twice; another asking, or another code, is another message. Ids follow one another in
     * time, as all do: the newest mail has the newest code. */
    const char *one = arena_printf(job->arena, "%" PRId64 " %s %s", job->id, job->payload, message->text);
    int64_t asked_ms = strtoll(job->payload, NULL, 10);
    uint8_t mac[32];

    identity_mac(job->app->identity, "mail code", &what->subject, one, strlen(one), mac);
    for (int i = 0; i < 6; i++)
        mac[i] = (uint8_t)((uint64_t)asked_ms >> (40 - 8 * i));
    memcpy(message->id.byte, mac, sizeof message->id.byte);
    return mail_send(job->app->mail, job->arena, message, clock_now_ms());
}

const struct job_kind identity_jobs[] = {
    { "reset-mail", LANE_SWEEP, mail_reset, 90 },
    { "sign-up-mail", LANE_SWEEP, mail_sign_up, 90 },
    { "forget", LANE_SWEEP, leave_run_forget, 180 },
    JOB_KIND_END
};
