/* receipt.c - numbers, what stands on a receipt, and having it in the object store; see receipt.h. */
#include "tickets/receipt.h"

#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/json.h"
#include "base/money.h"
#include "events/discount.h"
#include "objects/objects.h"
#include "tickets/tickets_inside.h"

#define RATES_MAX 100        /* as many as an event may have ticket types */
#define RECEIPTS_FIRST 16    /* room to begin with: few registrations have more than a receipt and a credit note */

SQL(receipt_by_source, "SELECT 1 FROM receipt WHERE source = :source");
SQL(receipt_of_registration, "SELECT organizer, kind, number, source, content, made_at FROM receipt WHERE registration = :registration");
SQL(receipt_next, "INSERT INTO receipt_series (organizer, kind, last) VALUES (:organizer, :kind, 1)"
                  " ON CONFLICT (organizer, kind) DO UPDATE SET last = receipt_series.last + 1");
SQL(receipt_last, "SELECT last FROM receipt_series WHERE organizer = :organizer AND kind = :kind");
SQL(receipt_insert, "INSERT INTO receipt (organizer, kind, number, source, registration, content, made_at)"
                    " VALUES (:organizer, :kind, :number, :source, :registration, :content, :now)");

/* ---- reading ---- */

static int by_making(const void *a, const void *b)
{
    const struct receipt *x = a, *y = b;

    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return (x->number > y->number) - (x->number < y->number);
}

static json_t *parsed(struct arena *arena, const char *content)
{
    struct fault ignored = { .arena = arena };
    json_t *doc;

    return content && json_parse(arena, content, strlen(content), &doc, &ignored) == ERR_OK ? doc : NULL;
}

/* Twice the room: an arena's pieces do not grow. */
static struct receipt *wider(struct arena *arena, const struct receipt *old, size_t count)
{
    struct receipt *out = ARENA_ARRAY(arena, 2 * count, struct receipt);

    memcpy(out, old, count * sizeof *out);
    return out;
}

size_t receipts_of(struct tx *tx, const struct id *registration, struct receipt **out)
{
    struct query *q = query(tx, &receipt_of_registration);
    size_t count = 0, room = RECEIPTS_FIRST;

    *out = ARENA_ARRAY(tx->arena, room, struct receipt);
    bind_id(q, ":registration", registration);
    while (query_row(q)) {
        struct receipt *receipt;

        if (count == room) {
            *out = wider(tx->arena, *out, count);
            room *= 2;
        }
        receipt = &(*out)[count++];
        *receipt = (struct receipt){ .organizer = col_id(q, 0), .kind = (enum receipt_kind)col_int(q, 1), .number = col_int(q, 2), .source = col_id(q, 3),
                                     .content = col_text(q, 4, tx->arena), .made_at_ms = col_int(q, 5) };
        receipt->amount = json_integer_value(json_object_get(parsed(tx->arena, receipt->content), "amount"));
    }
    query_end(q);
    qsort(*out, count, sizeof **out, by_making);
    return count;
}

bool receipt_is_due(const struct registration *reg)
{
    return reg->amount > 0 && reg->confirmed_at_ms != 0;
}

char *receipt_number(struct arena *arena, const struct receipt *receipt)
{
    return arena_printf(arena, "%c-%06" PRId64, receipt->kind == RECEIPT_CREDIT ? 'C' : 'R', receipt->number);
}

/* ---- taxes by rate ---- */

struct rate {
    struct price_tax of;
    int64_t base, tax;       /* what it is on (with it, where it is included), and what it comes to */
};
struct rates {
    struct rate rate[RATES_MAX];
    size_t count;
};

static struct rate *rate_of(struct rates *rates, struct price_tax of)
{
    for (size_t i = 0; i < rates->count; i++)
        if (rates->rate[i].of.bps == of.bps && rates->rate[i].of.included == of.included)
            return &rates->rate[i];
    if (rates->count == RATES_MAX)
        return &rates->rate[RATES_MAX - 1];
    rates->rate[rates->count].of = of;
    return &rates->rate[rates->count++];
}

static void rates_add(struct rates *rates, const struct price_line *line)
{
    struct rate *rate;

    if (!line->tax_rate.bps)
        return;
    rate = rate_of(rates, line->tax_rate);
    rate->base += line->quantity * line->unit - line->discount;
    rate->tax += line->tax;
}

static void rates_of_registration(const struct registration *reg, struct rates *out)
{
    for (size_t i = 0; i < reg->item_count; i++) {
        struct price_line line = registration_line(&reg->items[i]);

        rates_add(out, &line);
    }
}

/* "19 %", "7.5 %", "8.25 %". */
static char *percent_text(struct arena *arena, int64_t bps)
{
    if (bps % 100 == 0)
        return arena_printf(arena, "%" PRId64 " %%", bps / 100);
    if (bps % 10 == 0)
        return arena_printf(arena, "%" PRId64 ".%" PRId64 " %%", bps / 100, bps % 100 / 10);
    return arena_printf(arena, "%" PRId64 ".%02" PRId64 " %%", bps / 100, bps % 100);
}

/* ---- what it says ---- */

struct paper {
    struct tx *tx;
    struct registration reg;
    struct event event;
    struct account buyer, organizer;
    struct buf out;
};

static const char *money(struct paper *paper, int64_t amount)
{
    return money_text(paper->tx->arena, paper->reg.currency, amount);
}

static void line_json(struct paper *paper, const char *what, const char *number, const char *each, const char *amount)
{
    json_open_array(&paper->out, NULL);
    json_str(&paper->out, NULL, what);
    json_str(&paper->out, NULL, number);
    json_str(&paper->out, NULL, each);
    json_str(&paper->out, NULL, amount);
    json_close_array(&paper->out);
}

static void sum_json(struct paper *paper, const char *what, const char *amount)
{
    json_open_array(&paper->out, NULL);
    json_str(&paper->out, NULL, what);
    json_str(&paper->out, NULL, amount);
    json_close_array(&paper->out);
}

static const char *type_name(const struct event *event, unsigned n)
{
    for (size_t i = 0; i < event->type_count; i++)
        if (event->types[i].n == n)
            return event->types[i].name;
    return "Ticket";
}

/* The lines that are there, each on its own. */
static const char *stacked(struct arena *arena, const char *a, const char *b, const char *c)
{
    return arena_printf(arena, "%s%s%s%s%s", a ? a : "", a && (b || c) ? "\n" : "", b ? b : "", b && c ? "\n" : "", c ? c : "");
}

static void parties(struct paper *paper, const char *number)
{
    struct arena *arena = paper->tx->arena;
    const struct event *event = &paper->event;
    const char *seller = event->seller_name ? event->seller_name : paper->organizer.name ? paper->organizer.name : paper->organizer.email;
    const char *tax_id = event->seller_tax_id ? arena_printf(arena, "Tax ID %s", event->seller_tax_id) : NULL;

    json_str(&paper->out, "number", number);
    json_str(&paper->out, "date", day_text(arena, event, paper->tx->now_ms));
    json_str(&paper->out, "author", seller ? seller : "Usher");
    json_str(&paper->out, "seller", stacked(arena, seller, event->seller_address, tax_id));
    /* It outlives the account, so it has no more of a person than bookkeeping needs: the name, and an address only where there is none. */
    json_str(&paper->out, "buyer", paper->buyer.name ? paper->buyer.name : paper->buyer.email);
    json_str(&paper->out, "event", stacked(arena, event->title, when_text(arena, event), venue_text(arena, event)));
    json_int(&paper->out, "dated", paper->tx->now_ms);
}

static void taxes_json(struct paper *paper, const struct rates *rates)
{
    struct arena *arena = paper->tx->arena;

    json_open_array(&paper->out, "taxes");
    for (size_t i = 0; i < rates->count; i++) {
        json_open_array(&paper->out, NULL);
        json_int(&paper->out, NULL, rates->rate[i].of.bps);
        json_int(&paper->out, NULL, rates->rate[i].of.included);
        json_int(&paper->out, NULL, rates->rate[i].tax);
        json_close_array(&paper->out);
    }
    json_close_array(&paper->out);
    json_open_array(&paper->out, "taxLines");
    for (size_t i = 0; i < rates->count; i++) {
        const struct rate *rate = &rates->rate[i];

        if (!rate->base && !rate->tax)
            continue;
        if (rate->base)
            sum_json(paper, arena_printf(arena, "Tax %s %s %s", percent_text(arena, rate->of.bps), rate->of.included ? "included in" : "on", money(paper, rate->base)),
                     money(paper, rate->tax));
        else
            sum_json(paper, arena_printf(arena, "Including tax %s", percent_text(arena, rate->of.bps)), money(paper, rate->tax));
    }
    json_close_array(&paper->out);
}

static void sale_lines(struct paper *paper)
{
    struct arena *arena = paper->tx->arena;

    json_open_array(&paper->out, "lines");
    for (size_t i = 0; i < paper->reg.item_count; i++) {
        const struct registration_item *item = &paper->reg.items[i];

        line_json(paper, type_name(&paper->event, item->n), arena_printf(arena, "%" PRId64, item->quantity), money(paper, item->unit_price),
                  money(paper, item->quantity * item->unit_price));
    }
    json_close_array(&paper->out);
}

static void sale_sums(struct paper *paper, const struct rates *rates)
{
    struct arena *arena = paper->tx->arena;
    struct price_sums sums = registration_sums(&paper->reg);
    struct discount_code code = { 0 };

    json_open_array(&paper->out, "sums");
    sum_json(paper, "Subtotal", money(paper, sums.subtotal));
    if (sums.discount) {
        discount_find(paper->tx, &paper->reg.event, &paper->reg.code, &code);
        sum_json(paper, code.code ? arena_printf(arena, "Discount (%s)", code.code) : "Discount", money(paper, -sums.discount));
    }
    if (sums.fees)
        sum_json(paper, "Service fee", money(paper, sums.fees));
    for (size_t i = 0; i < rates->count; i++)
        if (!rates->rate[i].of.included)
            sum_json(paper, arena_printf(arena, "Tax %s", percent_text(arena, rates->rate[i].of.bps)), money(paper, rates->rate[i].tax));
    json_close_array(&paper->out);
}

static void write_sale(struct paper *paper, const struct receipt *receipt)
{
    struct arena *arena = paper->tx->arena;
    struct rates *rates = ARENA_NEW(arena, struct rates);

    rates_of_registration(&paper->reg, rates);
    json_open(&paper->out, NULL);
    json_str(&paper->out, "title", "Receipt");
    parties(paper, receipt_number(arena, receipt));
    json_str(&paper->out, "payment", stacked(arena, arena_printf(arena, "Paid by card on %s", day_text(arena, &paper->event, paper->reg.confirmed_at_ms)),
                                             paper->reg.intent, arena_printf(arena, "Order %s", order_reference(arena, &paper->reg.id))));
    sale_lines(paper);
    sale_sums(paper, rates);
    json_str(&paper->out, "totalLabel", "Total paid");
    json_str(&paper->out, "total", money(paper, paper->reg.amount));
    json_int(&paper->out, "amount", paper->reg.amount);
    taxes_json(paper, rates);
    json_str(&paper->out, "foot", arena_printf(arena, "Receipt %s for order %s", receipt_number(arena, receipt), order_reference(arena, &paper->reg.id)));
    json_close(&paper->out);
}

/* ---- a credit note ---- */

struct credit {
    struct id refund, registration;
    int64_t amount;
    const char *tickets;
};

/* Of earlier credit notes: their amounts, and taxes by rate (base is not used). */
static int64_t credited(struct tx *tx, const struct receipt *receipts, size_t count, struct rates *out)
{
    int64_t amount = 0;

    for (size_t i = 0; i < count; i++) {
        json_t *taxes = json_object_get(parsed(tx->arena, receipts[i].content), "taxes"), *tax;
        size_t k;

        if (receipts[i].kind != RECEIPT_CREDIT)
            continue;
        amount += receipts[i].amount;
        json_array_foreach(taxes, k, tax) {
            struct price_tax of = { json_integer_value(json_array_get(tax, 0)), json_integer_value(json_array_get(tax, 1)) != 0 };

            rate_of(out, of)->tax += json_integer_value(json_array_get(tax, 2));
        }
    }
    return amount;
}

/* What the named tickets cost and their taxes; 0 where none is named. */
static int64_t named_tickets(const struct registration *reg, const char *tickets, bool named[256], struct rates *out)
{
    int64_t sum = 0;

    for (const char *at = tickets; *at; at += *at != '\0') {
        char *end;
        unsigned long n = strtoul(at, &end, 10);

        if (end == at)
            continue;
        at = end;
        if (n >= 1 && n <= (unsigned long)reg->quantity && n < 256 && !named[n]) {
            struct price_line share = registration_ticket_price(reg, (unsigned)n);

            named[n] = true;
            sum += share.total;
            rates_add(out, &share);
        }
        if (!*at)
            break;
    }
    return sum;
}

/* The taxes in it. Of tickets that are given back whole, theirs; of the last of the money, what is left; of any other amount, its part. No rate gives
 * back more than was paid of it. */
static void credit_rates(struct paper *paper, const struct credit *credit, const struct rates *before, int64_t amount_before, struct rates *out, bool exact)
{
    const struct registration *reg = &paper->reg;
    struct rates *all = ARENA_NEW(paper->tx->arena, struct rates), *done = ARENA_NEW(paper->tx->arena, struct rates);

    *done = *before;
    rates_of_registration(reg, all);
    for (size_t i = 0; i < all->count; i++) {
        struct rate *to = rate_of(out, all->rate[i].of);
        int64_t left = MAX(0, all->rate[i].tax - rate_of(done, all->rate[i].of)->tax);

        if (amount_before + credit->amount >= reg->amount)
            to->tax = left;
        else if (!exact)
            to->tax = MIN(left, money_proportion(all->rate[i].tax, credit->amount, MAX(credit->amount, reg->amount), 1));
        else
            to->tax = MIN(left, to->tax);
    }
}

static void credit_lines(struct paper *paper, const struct credit *credit, const bool named[256], bool exact)
{
    struct arena *arena = paper->tx->arena;

    json_open_array(&paper->out, "lines");
    if (!exact) {
        line_json(paper, "Refund", "", "", money(paper, credit->amount));
    } else {
        unsigned first = 1;

        for (size_t i = 0; i < paper->reg.item_count; first += (unsigned)paper->reg.items[i++].quantity) {
            int64_t count = 0, sum = 0;

            for (unsigned n = first; n < first + (unsigned)paper->reg.items[i].quantity; n++)
                if (named[n]) {
                    count++;
                    sum += registration_ticket_price(&paper->reg, n).total;
                }
            if (count)
                line_json(paper, arena_printf(arena, "%s, returned", type_name(&paper->event, paper->reg.items[i].n)), arena_printf(arena, "%" PRId64, count), "",
                          money(paper, sum));
        }
    }
    json_close_array(&paper->out);
}

static void write_credit(struct paper *paper, const struct receipt *receipt, const struct credit *credit)
{
    struct arena *arena = paper->tx->arena;
    struct rates *rates = ARENA_NEW(arena, struct rates), *before = ARENA_NEW(arena, struct rates);
    struct receipt *papers;
    size_t count = receipts_of(paper->tx, &paper->reg.id, &papers);
    int64_t amount_before = credited(paper->tx, papers, count, before);
    bool named[256] = { false }, exact;

    exact = named_tickets(&paper->reg, credit->tickets, named, rates) == credit->amount && strcmp(credit->tickets, "all") != 0;
    if (!exact)
        *rates = (struct rates){ .count = 0 };
    credit_rates(paper, credit, before, amount_before, rates, exact);
    json_open(&paper->out, NULL);
    json_str(&paper->out, "title", "Credit note");
    parties(paper, receipt_number(arena, receipt));
    json_str(&paper->out, "payment", stacked(arena, count ? arena_printf(arena, "For receipt %s", receipt_number(arena, &papers[0])) : NULL, paper->reg.intent,
                                             arena_printf(arena, "Order %s", order_reference(arena, &paper->reg.id))));
    credit_lines(paper, credit, named, exact);
    json_open_array(&paper->out, "sums");
    json_close_array(&paper->out);
    json_str(&paper->out, "totalLabel", "Total given back");
    json_str(&paper->out, "total", money(paper, credit->amount));
    json_int(&paper->out, "amount", credit->amount);
    taxes_json(paper, rates);
    json_str(&paper->out, "foot", arena_printf(arena, "Credit note %s for order %s", receipt_number(arena, receipt), order_reference(arena, &paper->reg.id)));
    json_close(&paper->out);
}

/* ---- giving a number ---- */

struct issue {
    struct id registration, organizer;
    const struct credit *credit; /* NULL: the receipt */
};

static bool has_number(struct tx *tx, const struct id *source)
{
    struct query *q = query(tx, &receipt_by_source);
    bool found;

    bind_id(q, ":source", source);
    found = query_row(q);
    query_end(q);
    return found;
}

static int64_t next_number(struct tx *tx, const struct id *organizer, enum receipt_kind kind)
{
    struct query *q = query(tx, &receipt_next);
    int64_t number;

    bind_id(q, ":organizer", organizer);
    bind_int(q, ":kind", kind);
    query_run(q);
    q = query(tx, &receipt_last);
    bind_id(q, ":organizer", organizer);
    bind_int(q, ":kind", kind);
    number = query_row(q) ? col_int(q, 0) : 0;
    query_end(q);
    return number;
}

/* In the organizer's lane, where nobody else touches the sequence. */
static enum err issue_run(struct tx *tx, void *arg)
{
    const struct issue *issue = arg;
    struct receipt receipt = { .organizer = issue->organizer, .kind = issue->credit ? RECEIPT_CREDIT : RECEIPT_SALE,
                               .source = issue->credit ? issue->credit->refund : issue->registration };
    struct paper paper = { .tx = tx, .out = buf_in(tx->arena) };
    struct query *q;

    if (has_number(tx, &receipt.source) || !registration_find(tx, &issue->registration, &paper.reg) || !receipt_is_due(&paper.reg) ||
        !event_find(tx, &paper.reg.event, &paper.event))
        return ERR_OK;
    account_by_id(tx, &paper.reg.account, &paper.buyer);
    account_by_id(tx, &paper.event.organizer, &paper.organizer);
    receipt.number = next_number(tx, &receipt.organizer, receipt.kind);
    if (issue->credit)
        write_credit(&paper, &receipt, issue->credit);
    else
        write_sale(&paper, &receipt);
    q = query(tx, &receipt_insert);
    bind_id(q, ":organizer", &receipt.organizer);
    bind_int(q, ":kind", receipt.kind);
    bind_int(q, ":number", receipt.number);
    bind_id(q, ":source", &receipt.source);
    bind_id(q, ":registration", &issue->registration);
    bind_text(q, ":content", paper.out.data);
    bind_int(q, ":now", tx->now_ms);
    query_run(q);
    tx_note(tx, issue->credit ? "credit-note.made" : "receipt.made", &receipt.source, &receipt.organizer);
    return ERR_OK;
}

struct find_organizer {
    const struct id *registration;
    struct id organizer;
    bool due;
};

static void find_organizer(struct app *app, struct reader *reader, struct arena *arena, struct fault *fault, struct find_organizer *find)
{
    struct tx tx = { .app = app };
    struct registration reg;
    struct event event;

    reader_begin(reader, &tx, arena, fault);
    find->due = registration_find(&tx, find->registration, &reg) && receipt_is_due(&reg) && event_find(&tx, &reg.event, &event);
    if (find->due)
        find->organizer = event.organizer;
    reader_end(reader, &tx);
}

static enum err issue(struct app *app, struct reader *reader, struct arena *arena, struct fault *fault, const struct id *registration, const struct credit *credit)
{
    struct find_organizer find = { .registration = registration };
    struct issue of = { .registration = *registration };
    enum err e;

    find_organizer(app, reader, arena, fault, &find);
    if (!find.due)
        return ERR_OK;
    of.organizer = find.organizer;
    e = store_write_wait(app->store, arena, fault, &of.organizer, false, issue_run, &of);
    if (e || !credit)
        return e;
    of.credit = credit; /* its receipt is there now, so that it has a number to name */
    return store_write_wait(app->store, arena, fault, &of.organizer, false, issue_run, &of);
}

enum err receipt_issue(struct app *app, struct reader *reader, struct arena *arena, struct fault *fault, const struct id *registration)
{
    return issue(app, reader, arena, fault, registration, NULL);
}

/* ---- the job ---- */

void receipt_ask_credit(struct tx *tx, const struct id *refund, const struct id *registration, int64_t amount, const char *tickets)
{
    char key[ID_TEXT_LEN + 1], of[ID_TEXT_LEN + 1];

    id_format(refund, key);
    id_format(registration, of);
    job_ask(tx, "credit-note", key, arena_printf(tx->arena, "%s %" PRId64 " %s", of, amount, tickets), 0);
}

static enum err run_credit(struct job *job)
{
    struct credit credit = { .amount = 0 };
    char *rest;

    if (!job->key || !id_parse(job->key, strlen(job->key), &credit.refund) || !job->payload || strlen(job->payload) < ID_TEXT_LEN ||
        !id_parse(job->payload, ID_TEXT_LEN, &credit.registration))
        return fault_set(&job->fault, ERR_INTERNAL, "The job does not name a refund and its registration.");
    credit.amount = strtoll(job->payload + ID_TEXT_LEN, &rest, 10);
    credit.tickets = rest + strspn(rest, " ");
    return issue(job->app, job->reader, job->arena, &job->fault, &credit.registration, &credit);
}

const struct job_kind receipt_jobs[] = {
    { .name = "credit-note", .lane = LANE_SWEEP, .run = run_credit, .lease_seconds = 60 },
    JOB_KIND_END
};

/* ---- the PDF ---- */

/* The page's design, so that a better one is another object. What a receipt says never changes. */
#define DESIGN 1

enum err receipt_pdf_ready(struct app *app, struct arena *arena, const struct receipt *receipt, const char **key)
{
    char organizer[ID_TEXT_LEN + 1];
    struct bytes pdf;
    enum err e = ERR_OK;

    id_format(&receipt->organizer, organizer);
    *key = arena_printf(arena, "receipts/%s/%s-%d.pdf", organizer, receipt_number(arena, receipt), DESIGN);
    if (!objects_exists(app->objects, *key)) {
        e = render_receipt_pdf(app->tickets->render, arena, receipt->content, strlen(receipt->content), &pdf);
        if (!e)
            e = objects_put(app->objects, *key, pdf.data, pdf.len);
    }
    return e;
}

char *receipt_pdf_name(struct arena *arena, const struct receipt *receipt)
{
    return arena_printf(arena, "%s-%s.pdf", receipt->kind == RECEIPT_CREDIT ? "credit-note" : "receipt", receipt_number(arena, receipt));
}

char *receipt_pdf_url(struct app *app, struct arena *arena, const struct receipt *receipt, const char *key, int seconds, int64_t now_ms)
{
    return objects_presign(app->objects, arena, key, receipt_pdf_name(arena, receipt), "application/pdf", seconds, now_ms);
}
