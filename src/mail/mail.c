/* Asking for messages, and sending them: into files of DIR/outbox, or to an SMTP server. Neither address nor text is ever logged. */
#include "mail/mail_inside.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jansson.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/log.h"

struct mail {
    /* Constant after mail_open. */
    const char *from;
    int outbox;           /* -1 where SMTP is set */

    /* Guards smtp: held while a message is handed over, never together with another lock. */
    pthread_mutex_t lock;
    struct smtp *smtp;    /* NULL: into the outbox */
};

struct mail *mail_open(struct app *app, const char *dir, struct buf *error)
{
    struct mail *mail = calloc(1, sizeof *mail);
    char path[4096];

    if (!mail)
        log_die("Out of memory.");
    pthread_mutex_init(&mail->lock, NULL);
    mail->outbox = -1;
    mail->from = app->config->mail_from ? app->config->mail_from : "tickets@localhost";
    if (app->config->smtp_url) {
        mail->smtp = smtp_open(app->config->smtp_url, error);
        if (mail->smtp)
            return mail;
    } else {
        snprintf(path, sizeof path, "%s/outbox", dir);
        if ((mkdir(path, 0700) == 0 || errno == EEXIST) && (mail->outbox = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) >= 0)
            return mail;
        buf_printf(error, "The folder %s cannot be used: %s.", path, strerror(errno));
    }
    mail_close(mail);
    return NULL;
}

void mail_close(struct mail *mail)
{
    if (!mail)
        return;
    smtp_close(mail->smtp);
    if (mail->outbox >= 0)
        close(mail->outbox);
    pthread_mutex_destroy(&mail->lock);
    free(mail);
}

static bool write_all(int fd, struct bytes bytes)
{
    const char *at = bytes.data;

    for (size_t left = bytes.len; left;) {
        ssize_t n = write(fd, at, left);

        if (n < 0 && errno != EINTR)
            return false;
        if (n > 0) {
            at += n;
            left -= (size_t)n;
        }
    }
    return true;
}

/* Whole or not there, and one file a message however often it is sent. */
static enum err into_outbox(struct mail *mail, const struct id *id, struct bytes message)
{
    char text[ID_TEXT_LEN + 1], name[64], fresh[64];
    bool written;
    int fd, error;

    id_format(id, text);
    snprintf(name, sizeof name, "%s.eml", text);
    snprintf(fresh, sizeof fresh, ".%s.new", text);
    fd = openat(mail->outbox, fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    written = fd >= 0 && write_all(fd, message) && fsync(fd) == 0 && renameat(mail->outbox, fresh, mail->outbox, name) == 0 && fsync(mail->outbox) == 0;
    error = errno;
    if (fd >= 0)
        close(fd);
    if (written)
        return ERR_OK;
    unlinkat(mail->outbox, fresh, 0);
    log_error("A mail could not be written into the outbox: %s.", strerror(error));
    return error == ENOSPC || error == EDQUOT ? ERR_DISK_FULL : ERR_INTERNAL;
}

/* The address alone, of "Name <address>". */
static const char *bare(struct arena *arena, const char *from)
{
    const char *open = strchr(from, '<');

    return open ? arena_copy(arena, open + 1, strcspn(open + 1, ">")) : from;
}

enum err mail_send(struct mail *mail, struct arena *arena, const struct mail_message *message, int64_t now_ms)
{
    struct bytes text;

    /* Accounts that were deleted have no address any more: nobody is written to, and that is no fault. */
    if (!strchr(message->to, '@'))
        return ERR_OK;
    enum err e = mail_compose(arena, mail->from, message, now_ms, &text);

    if (e)
        return e;
    if (!mail->smtp)
        return into_outbox(mail, &message->id, text);
    pthread_mutex_lock(&mail->lock);
    e = smtp_send(mail->smtp, bare(arena, mail->from), message->to, text);
    pthread_mutex_unlock(&mail->lock);
    return e;
}

/* ---- the job: {"id","to","toName","subject","text","html"}, under the key "<account> <message>" where it is somebody's ---- */

static const char *key_of_person(struct arena *arena, const struct id *account)
{
    char text[ID_TEXT_LEN + 1];

    id_format(account, text);
    return arena_printf(arena, "%s ", text);
}

static const char *key_of_message(struct arena *arena, const struct id *account, const struct id *id)
{
    char text[ID_TEXT_LEN + 1];

    id_format(id, text);
    return id_is_zero(account) ? NULL : arena_printf(arena, "%s%s", key_of_person(arena, account), text);
}

void mail_ask(struct tx *tx, const struct mail_message *message)
{
    struct buf payload = buf_in(tx->arena);
    struct id id = id_is_zero(&message->id) ? id_new(tx->now_ms) : message->id;

    json_open(&payload, NULL);
    json_id(&payload, "id", &id);
    json_str(&payload, "to", message->to);
    json_str(&payload, "toName", message->to_name);
    json_str(&payload, "subject", message->subject);
    json_str(&payload, "text", message->text);
    json_str(&payload, "html", message->html);
    json_close(&payload);
    job_ask(tx, "mail", key_of_message(tx->arena, &message->account, &id), payload.data, 0);
}

static enum err run_mail(struct job *job)
{
    struct mail_message message = { 0 };
    const char *id;
    json_t *root;
    enum err e = json_parse(job->arena, job->payload, strlen(job->payload), &root, &job->fault);

    if (e)
        return e;
    id = json_string_value(json_object_get(root, "id"));
    message.to = json_string_value(json_object_get(root, "to"));
    message.to_name = json_string_value(json_object_get(root, "toName"));
    message.subject = json_string_value(json_object_get(root, "subject"));
    message.text = json_string_value(json_object_get(root, "text"));
    message.html = json_string_value(json_object_get(root, "html"));
    if (!id || !id_parse(id, strlen(id), &message.id) || !message.to || !message.subject || !message.text)
        return fault_set(&job->fault, ERR_INTERNAL, "The job does not hold a message.");
    e = mail_send(job->app->mail, job->arena, &message, clock_now_ms());
    if (e == ERR_INVALID)
        return fault_set(&job->fault, e, "The address is none that mail can be sent to.");
    return e;
}

const struct job_kind mail_jobs[] = {
    { .name = "mail", .lane = LANE_SWEEP, .run = run_mail, .lease_seconds = 60 },
    JOB_KIND_END
};

/* ---- what waits for one person ---- */

static const char *key_of_id(struct arena *arena, const struct person_walk *walk)
{
    return id_is_zero(&walk->after) ? NULL : key_of_message(arena, &walk->account, &walk->after);
}

/* Moves the walk to the last of `count`; a key ends in the message's id. */
static void walk_to(struct person_walk *walk, const struct job_waiting *mails, size_t count)
{
    const char *key = count ? mails[count - 1].key : "";

    walk->more = count == PERSON_SLICE && id_parse(key + strlen(key) - ID_TEXT_LEN, ID_TEXT_LEN, &walk->after);
}

/* Not the text: it may hold a code that is still good. */
static void write_mails(struct tx *tx, struct person_walk *walk, struct buf *out)
{
    struct job_waiting *mails;
    size_t count = jobs_with_prefix(tx, "mail", key_of_person(tx->arena, &walk->account), key_of_id(tx->arena, walk), &mails);

    for (size_t i = 0; i < count; i++) {
        json_t *root;

        if (json_parse(tx->arena, mails[i].payload, strlen(mails[i].payload), &root, tx->fault))
            continue;
        json_open(out, NULL);
        json_str(out, "to", json_string_value(json_object_get(root, "to")));
        json_str(out, "subject", json_string_value(json_object_get(root, "subject")));
        json_time(out, "askedAt", mails[i].created_at_ms);
        json_int(out, "attempts", mails[i].attempts);
        json_close(out);
    }
    walk_to(walk, mails, count);
}

struct drop {
    const struct person_walk *from;
    struct person_walk to;
};

static enum err drop_run(struct tx *tx, void *arg)
{
    struct drop *drop = arg;
    struct job_waiting *mails;
    size_t count = jobs_with_prefix(tx, "mail", key_of_person(tx->arena, &drop->from->account), key_of_id(tx->arena, drop->from), &mails);

    for (size_t i = 0; i < count; i++)
        job_drop(tx, mails[i].id);
    walk_to(&drop->to, mails, count);
    return ERR_OK;
}

static enum err forget_mails(struct person_walk *walk)
{
    struct person_walk from = *walk;
    struct drop drop = { &from, from };
    enum err e = store_write_wait(walk->app->store, walk->arena, walk->fault, &walk->account, false, drop_run, &drop);

    if (!e)
        *walk = drop.to;
    return e;
}

const struct person_part mail_people[] = {
    { .name = "mailsWaiting", .holds = "job.key job.payload", .write = write_mails, .forget = forget_mails },
    PERSON_END
};
