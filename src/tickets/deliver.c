/*
 * The job "deliver": draw the tickets of a confirmed registration and mail them
 * to their buyer. Its key begins with the registration's id; what follows tells
 * one asking from another. The message's id comes from key and generation, so
 * that doing the job twice sends the same message, and asking again another.
 */
#include "tickets/tickets_inside.h"

#include <string.h>
#include <unistd.h>

#include <openssl/sha.h>

#include "base/clock.h"
#include "base/log.h"
#include "events/ics.h"
#include "mail/mail.h"
#include "objects/objects.h"
#include "tickets/receipt.h"

/* Beyond either, the mail has addresses instead: mail servers commonly refuse 10 MB, and base64 adds a third. */
#define ATTACHED_MAX 10
#define ATTACHED_BYTES_MAX (5 * 1024 * 1024)
#define LINK_SECONDS 604800 /* a week, the longest that a presigned address lasts */

struct order {
    struct registration registration;
    struct event event;
    struct account buyer;
    struct ticket *tickets; /* those not cancelled */
    const char **keys;      /* their objects */
    size_t count;
    bool has_receipt;
    struct receipt receipt;
    const char *receipt_key;
};

/* Everything in one snapshot. False when there is nothing to send (any more). */
static bool order_read(struct job *job, const struct id *registration, struct order *out)
{
    struct account organizer = { 0 };
    struct ticket_row *rows;
    struct receipt *receipts;
    struct tx tx;
    size_t count = 0;
    bool found;

    reader_begin(job->reader, &tx, job->arena, &job->fault);
    found = registration_find(&tx, registration, &out->registration) && out->registration.status == REGISTRATION_CONFIRMED &&
            event_find(&tx, &out->registration.event, &out->event) && account_by_id(&tx, &out->registration.account, &out->buyer);
    if (found) {
        account_by_id(&tx, &out->event.organizer, &organizer);
        count = registration_tickets(&tx, registration, &rows);
        out->has_receipt = receipts_of(&tx, registration, &receipts) > 0;
        if (out->has_receipt)
            out->receipt = receipts[0];
    }
    reader_end(job->reader, &tx);

    out->tickets = ARENA_ARRAY(job->arena, count, struct ticket);
    out->keys = ARENA_ARRAY(job->arena, count, const char *);
    for (size_t i = 0; i < count; i++) {
        if (rows[i].status == TICKET_CANCELLED)
            continue;
        out->tickets[out->count++] = (struct ticket){
            .id = id_child(registration, rows[i].n),
            .row = rows[i],
            .registration = out->registration,
            .event = out->event,
            .attendee_name = ticket_attendee_name(&out->registration, rows[i].n, &out->buyer),
            .organizer_name = organizer.name,
        };
    }
    return out->count > 0;
}

static enum err draw_all(struct job *job, struct order *order)
{
    for (size_t i = 0; i < order->count; i++) {
        enum err e = ticket_pdf_ready(job->app, job->arena, &order->tickets[i], &order->keys[i]);

        if (e)
            return fault_set(&job->fault, e, "A ticket could not be drawn or stored.");
    }
    if (order->has_receipt && receipt_pdf_ready(job->app, job->arena, &order->receipt, &order->receipt_key))
        return fault_set(&job->fault, ERR_BUSY, "The receipt could not be drawn or stored.");
    return ERR_OK;
}

static bool read_object(struct job *job, const char *key, struct bytes *out)
{
    int64_t size = 0, got = 0;
    int fd = objects_file(job->app->objects, key, &size);
    char *data;

    if (fd < 0 || size > ATTACHED_BYTES_MAX) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    data = arena_alloc(job->arena, (size_t)size);
    while (got < size) {
        ssize_t n = read(fd, data + got, (size_t)(size - got));

        if (n <= 0)
            break;
        got += n;
    }
    close(fd);
    *out = (struct bytes){ data, (size_t)got };
    return got == size;
}

/* The PDFs, or none of them when they are too many or too much. */
static size_t attach_tickets(struct job *job, const struct order *order, struct mail_attachment *out)
{
    size_t bytes = 0;

    if (order->count > ATTACHED_MAX)
        return 0;
    for (size_t i = 0; i < order->count; i++) {
        out[i].filename = ticket_pdf_name(job->arena, &order->tickets[i]);
        out[i].content_type = "application/pdf";
        if (!read_object(job, order->keys[i], &out[i].body))
            return 0;
        bytes += out[i].body.len;
    }
    return bytes <= ATTACHED_BYTES_MAX ? order->count : 0;
}

/* ---- the text ---- */

static const char *type_name(const struct event *event, unsigned n)
{
    for (size_t i = 0; i < event->type_count; i++) {
        if (event->types[i].n == n)
            return event->types[i].name;
    }
    return "Ticket";
}

/* One line, whatever a person typed: a name must not begin paragraphs of its own in our mail. */
static void add_line(struct buf *out, const char *text)
{
    for (; *text; text++)
        buf_char(out, *text == '\n' || *text == '\r' || *text == '\t' ? ' ' : *text);
}

static void add_html(struct buf *out, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '&': buf_str(out, "&amp;"); break;
        case '<': buf_str(out, "&lt;"); break;
        case '>': buf_str(out, "&gt;"); break;
        case '"': buf_str(out, "&quot;"); break;
        case '\n': buf_str(out, "<br>\n"); break;
        default: buf_char(out, *text);
        }
    }
}

static const char *plural(size_t count, const char *one, const char *many)
{
    return count == 1 ? one : many;
}

static char *text_body(struct job *job, const struct order *order, bool attached)
{
    struct buf out = buf_in(job->arena);
    const char *venue = venue_text(job->arena, &order->event);
    int64_t now_ms = clock_now_ms();

    buf_str(&out, "Hello ");
    add_line(&out, order->buyer.name ? order->buyer.name : order->buyer.email);
    buf_printf(&out, ",\n\n%s:\n\n", attached ? plural(order->count, "here is your ticket for", "here are your tickets for")
                                              : plural(order->count, "your ticket is ready for", "your tickets are ready for"));
    add_line(&out, order->event.title);
    buf_printf(&out, "\n%s\n", when_text(job->arena, &order->event));
    if (venue)
        buf_printf(&out, "%s\n", venue);
    buf_printf(&out, "\nOrder %s, %s\n\n", order_reference(job->arena, &order->registration.id),
               price_text(job->arena, order->registration.currency, order->registration.amount));
    for (size_t i = 0; i < order->count; i++) {
        const struct ticket *ticket = &order->tickets[i];

        buf_printf(&out, "%u. ", ticket->row.n);
        add_line(&out, type_name(&order->event, ticket->row.type));
        buf_str(&out, " - ");
        add_line(&out, ticket->attendee_name ? ticket->attendee_name : "Guest");
        buf_char(&out, '\n');
        if (!attached)
            buf_printf(&out, "   %s\n", ticket_pdf_url(job->app, job->arena, ticket, order->keys[i], LINK_SECONDS, now_ms));
    }
    buf_printf(&out, "\n%s Each ticket admits one person, once: keep its code to yourself.\n",
               attached ? "Show the code at the door, on paper or on a screen." : "The addresses are good for a week.");
    if (order->has_receipt)
        buf_printf(&out, "Receipt %s is attached.\n", receipt_number(job->arena, &order->receipt));
    buf_printf(&out, "\nYour tickets are always at %s/tickets\n", job->app->public_url);
    return out.data;
}

static char *html_body(struct job *job, const struct order *order, bool attached)
{
    struct buf out = buf_in(job->arena);
    const char *venue = venue_text(job->arena, &order->event);
    int64_t now_ms = clock_now_ms();

    buf_str(&out, "<!doctype html>\n<html lang=\"en\"><body style=\"margin:0;padding:24px;background:#f2f3f7;font-family:'Noto Sans',Helvetica,Arial,sans-serif;"
                  "color:#14161f\">\n<div style=\"max-width:560px;margin:0 auto;background:#ffffff;border-radius:12px;overflow:hidden\">\n"
                  "<div style=\"background:#14123d;color:#ffffff;padding:24px\">\n<h1 style=\"margin:0 0 8px;font-size:24px;line-height:1.25\">");
    add_html(&out, order->event.title);
    buf_str(&out, "</h1>\n<p style=\"margin:0;color:#ffc247;font-weight:bold\">");
    add_html(&out, when_text(job->arena, &order->event));
    buf_str(&out, "</p>\n</div>\n<div style=\"padding:24px;line-height:1.5\">\n<p style=\"margin-top:0\">Hello ");
    add_html(&out, order->buyer.name ? order->buyer.name : order->buyer.email);
    buf_printf(&out, ",<br>\n%s.</p>\n", attached ? plural(order->count, "your ticket is attached", "your tickets are attached")
                                                  : plural(order->count, "your ticket is ready", "your tickets are ready"));
    if (venue) {
        buf_str(&out, "<p>");
        add_html(&out, venue);
        buf_str(&out, "</p>\n");
    }
    buf_str(&out, "<ol style=\"padding-left:20px\">\n");
    for (size_t i = 0; i < order->count; i++) {
        const struct ticket *ticket = &order->tickets[i];

        buf_printf(&out, "<li value=\"%u\">", ticket->row.n);
        if (!attached) {
            buf_str(&out, "<a href=\"");
            add_html(&out, ticket_pdf_url(job->app, job->arena, ticket, order->keys[i], LINK_SECONDS, now_ms));
            buf_str(&out, "\">");
        }
        add_html(&out, type_name(&order->event, ticket->row.type));
        buf_str(&out, attached ? " – " : "</a> – ");
        add_html(&out, ticket->attendee_name ? ticket->attendee_name : "Guest");
        buf_str(&out, "</li>\n");
    }
    buf_printf(&out, "</ol>\n<p>Order <strong>%s</strong>, %s</p>\n", order_reference(job->arena, &order->registration.id),
               price_text(job->arena, order->registration.currency, order->registration.amount));
    buf_printf(&out, "<p>%s Each ticket admits one person, once: keep its code to yourself.</p>\n",
               attached ? "Show the code at the door, on paper or on a screen." : "The addresses are good for a week.");
    if (order->has_receipt)
        buf_printf(&out, "<p>Receipt %s is attached.</p>\n", receipt_number(job->arena, &order->receipt));
    buf_str(&out, "<p style=\"margin-bottom:0\"><a href=\"");
    add_html(&out, job->app->public_url);
    buf_str(&out, "/tickets\">All your tickets</a></p>\n</div>\n</div>\n</body></html>\n");
    return out.data;
}

/* ---- the job ---- */

static struct id message_id(const struct job *job)
{
    unsigned char digest[SHA256_DIGEST_LENGTH];
    struct buf text = buf_in(job->arena);
    struct id out;

    buf_printf(&text, "deliver %s %" PRId64, job->key, job->generation);
    SHA256((const unsigned char *)text.data, text.len, digest);
    memcpy(out.byte, digest, sizeof out.byte);
    return out;
}

static enum err send_order(struct job *job, const struct order *order)
{
    struct mail_attachment *files = ARENA_ARRAY(job->arena, ATTACHED_MAX + 2, struct mail_attachment);
    size_t attached = attach_tickets(job, order, files);
    struct buf calendar = buf_in(job->arena);
    struct bytes receipt;
    struct mail_message message = {
        .to = order->buyer.email,
        .to_name = order->buyer.name,
        .subject = arena_printf(job->arena, "%s %s", plural(order->count, "Your ticket for", "Your tickets for"), order->event.title),
        .text = text_body(job, order, attached > 0),
        .html = html_body(job, order, attached > 0),
        .attachments = files,
        .id = message_id(job),
    };
    enum err e;

    ics_event(&calendar, job->app, &order->event);
    files[attached++] = (struct mail_attachment){ "event.ics", "text/calendar; charset=utf-8; method=PUBLISH", buf_bytes(&calendar) };
    if (order->has_receipt && read_object(job, order->receipt_key, &receipt))
        files[attached++] = (struct mail_attachment){ receipt_pdf_name(job->arena, &order->receipt), "application/pdf", receipt };
    message.attachment_count = attached;
    e = mail_send(job->app->mail, job->arena, &message, clock_now_ms());
    return e ? fault_set(&job->fault, e, "The mail could not be sent.") : ERR_OK;
}

static enum err run_deliver(struct job *job)
{
    struct order order = { 0 };
    struct id registration;
    enum err e;

    if (!job->key || strlen(job->key) < ID_TEXT_LEN || !id_parse(job->key, ID_TEXT_LEN, &registration))
        return fault_set(&job->fault, ERR_INTERNAL, "The job's key does not begin with a registration's id.");
    e = receipt_issue(job->app, job->reader, job->arena, &job->fault, &registration);
    if (e)
        return e;
    if (!order_read(job, &registration, &order))
        return ERR_OK; /* cancelled or refunded meanwhile, or its account is gone */
    e = draw_all(job, &order);
    return e ? e : send_order(job, &order);
}

void ticket_deliver_again(struct tx *tx, const struct id *registration)
{
    char first[ID_TEXT_LEN + 1], second[ID_TEXT_LEN + 1];
    struct id asking = id_new(tx->now_ms);

    id_format(registration, first);
    id_format(&asking, second);
    job_ask(tx, "deliver", arena_printf(tx->arena, "%s %s", first, second), NULL, 0);
}

const struct job_kind ticket_jobs[] = {
    /* 255 tickets of the slowest fonts take some 10 s. */
    { .name = "deliver", .lane = LANE_RENDER, .run = run_deliver, .lease_seconds = 120 },
    JOB_KIND_END
};

static void reap_idle(struct app *app, struct reader *reader, struct arena *arena)
{
    if (app->tickets)
        render_reap(app->tickets->render);
}

const struct sweep ticket_sweeps[] = {
    { .name = "render-idle", .every_ms = 30000, .run = reap_idle },
    SWEEP_END
};
