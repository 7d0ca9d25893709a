/*
 * mail.h - composing messages (RFC 5322, MIME) and sending them: into files of DIR/outbox, or by SMTP.
 *
 * A message is asked for inside a transaction (mail_ask) and goes out at least
 * once after the commit; its Message-ID is fixed when it is asked for, so that a
 * second sending is recognizable, and an .eml file is written once under that name.
 */
#ifndef USHER_MAIL_MAIL_H
#define USHER_MAIL_MAIL_H

#include "store/lanes.h"
#include "store/person.h"

struct mail_attachment {
    const char *filename, *content_type; /* content_type with its parameters, e.g. "text/calendar; charset=utf-8; method=PUBLISH" */
    struct bytes body;
};
struct mail_message {
    const char *to, *to_name;     /* an address that passed FIELD_EMAIL; the name may be NULL */
    const char *subject, *text, *html; /* html may be NULL */
    const struct mail_attachment *attachments;
    size_t attachment_count;
    struct id id;                 /* Message-ID's local part */
    struct id account;            /* whose: it is in that person's export while it waits, and is dropped when the account is deleted; zero: nobody's */
};

struct mail *mail_open(struct app *app, const char *dir, struct buf *error);
void mail_close(struct mail *mail);

/* The message as bytes, CRLF lines of at most 998 (76 where encoded). Header text is RFC 2047; control characters in addresses are refused (ERR_INVALID). */
enum err mail_compose(struct arena *arena, const char *from, const struct mail_message *message, int64_t now_ms, struct bytes *out);
/* Ask for a message without attachments in this transaction. */
void mail_ask(struct tx *tx, const struct mail_message *message);
/* Send now; for jobs. Blocks. Without an '@' in `to` (an account that was deleted) there is nobody to send to, and that is ERR_OK. */
enum err mail_send(struct mail *mail, struct arena *arena, const struct mail_message *message, int64_t now_ms);

extern const struct job_kind mail_jobs[];   /* "mail" */
extern const struct person_part mail_people[];

#endif
