/* Tickets as rows, as text, as PDFs in the store and as mail. With the argument "render" this program is the drawing child. */
#include "store_world.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/random.h"
#include "mail/mail.h"
#include "objects/objects.h"
#include "tickets/tickets_inside.h"

#define AT 1795374000000LL    /* Sunday 22 November 2026, 19:00 UTC */
#define STARTS 1804876200000LL /* Friday 12 March 2027, 18:30 UTC */
#define HOUR 3600000LL

SQL(put_account, "INSERT INTO account (id, email, email_key, name, groups, status, password, created_at, updated_at)"
                 " VALUES (:id, :email, :email, :name, 1, 1, '', 0, 0)");
SQL(put_event, "INSERT INTO event (id, organizer, status, listed, title, starts_at, ends_at, admission_starts_at, timezone, venue_name, venue_address, venue_city,"
               " venue_country, currency, created_at, updated_at) VALUES (:id, :organizer, 1, 1, :title, :starts_at, :ends_at, :doors, 'Europe/Amsterdam', 'Grote Zaal',"
               " 'Vredenburgkade 11', 'Utrecht', 'NL', 'EUR', 0, 0)");
SQL(put_type, "INSERT INTO ticket_type (event, n, name, price) VALUES (:event, 1, 'Balcony', 4250)");
SQL(put_stock, "INSERT INTO stock (event, n, quantity) VALUES (:event, :n, 500)");
SQL(put_registration, "INSERT INTO registration (id, event, account, status, items, attendees, quantity, amount, currency, created_at, confirmed_at)"
                      " VALUES (:id, :event, :account, :status, :items, :attendees, :quantity, :amount, 'EUR', :now, :now)");
SQL(put_ticket, "INSERT INTO ticket (registration, n, type, status, used_at) VALUES (:registration, :n, 1, :status, :used_at)");
SQL(retitle, "UPDATE event SET title = :title WHERE id = :id");

/* The server's; no token is cached here. */
void http_epoch_raised(struct app *app, const struct id *account)
{
}

static struct world *world;
static struct config config = { .mail_from = "tickets@example.org" };
static struct id organizer, buyer, other, event[2];

/* ---- filling ---- */

struct order_in {
    struct id id, event, account;
    int64_t status, quantity, ticket_status;
    const char *attendees;
};

static enum err fill(struct tx *tx, void *arg)
{
    const struct { const struct id *id; const char *email, *name; } accounts[] = { { &organizer, "org@example.org", "Stichting Nordlicht" },
        { &buyer, "jose@example.org", "José Ñúñez" }, { &other, "other@example.org", NULL } };
    struct query *q;

    for (size_t i = 0; i < COUNT(accounts); i++) {
        q = query(tx, &put_account);
        bind_id(q, ":id", accounts[i].id);
        bind_text(q, ":email", accounts[i].email);
        bind_text(q, ":name", accounts[i].name);
        query_run(q);
    }
    for (size_t i = 0; i < COUNT(event); i++) {
        q = query(tx, &put_event);
        bind_id(q, ":id", &event[i]);
        bind_id(q, ":organizer", &organizer);
        bind_text(q, ":title", i ? "Second <Night> & more" : "Nordlicht Festival");
        bind_int(q, ":starts_at", STARTS);
        bind_int(q, ":ends_at", STARTS + 4 * HOUR);
        bind_int(q, ":doors", STARTS - HOUR);
        query_run(q);
        q = query(tx, &put_type);
        bind_id(q, ":event", &event[i]);
        query_run(q);
        for (int n = 0; n < 2; n++) {
            q = query(tx, &put_stock);
            bind_id(q, ":event", &event[i]);
            bind_int(q, ":n", n);
            query_run(q);
        }
    }
    return ERR_OK;
}

static enum err put_order(struct tx *tx, void *arg)
{
    const struct order_in *in = arg;
    struct query *q = query(tx, &put_registration);
    char items[64];

    snprintf(items, sizeof items, "[[1,%d,4250]]", (int)in->quantity);
    bind_id(q, ":id", &in->id);
    bind_id(q, ":event", &in->event);
    bind_id(q, ":account", &in->account);
    bind_int(q, ":status", in->status);
    bind_text(q, ":items", items);
    bind_text(q, ":attendees", in->attendees);
    bind_int(q, ":quantity", in->quantity);
    bind_int(q, ":amount", 4250 * in->quantity);
    bind_int(q, ":now", AT);
    query_run(q);
    for (int n = 1; n <= in->quantity; n++) {
        q = query(tx, &put_ticket);
        bind_id(q, ":registration", &in->id);
        bind_int(q, ":n", n);
        bind_int(q, ":status", n == 2 ? in->ticket_status : TICKET_VALID);
        bind_time_or_null(q, ":used_at", n == 2 && in->ticket_status == TICKET_USED ? AT + HOUR : 0);
        query_run(q);
    }
    return ERR_OK;
}

static void write_now(enum err (*run)(struct tx *tx, void *arg), void *arg)
{
    struct fault fault = { .arena = world->arena };

    assert_int_equal(store_write_wait(world->store, world->arena, &fault, &event[0], false, run, arg), ERR_OK);
}

static struct id add_order(const struct id *of_event, const struct id *account, int64_t quantity, int64_t second, const char *attendees)
{
    struct order_in in = { id_new(clock_now_ms()), *of_event, *account, REGISTRATION_CONFIRMED, quantity, second, attendees };

    write_now(put_order, &in);
    return in.id;
}

static int set_up(void **state)
{
    struct buf error = buf_heap();

    world = world_new();
    store_start(world->store);
    world->app.config = &config;
    world->app.public_url = "http://127.0.0.1:8080";
    world->app.objects = objects_open(&world->app, world->dir, &error);
    world->app.mail = mail_open(&world->app, world->dir, &error);
    world->app.tickets = tickets_open(&world->app, world->dir, &error);
    assert_null(error.data);
    organizer = id_new(AT);
    buyer = id_new(AT);
    other = id_new(AT);
    event[0] = id_new(AT);
    event[1] = id_new(AT);
    write_now(fill, NULL);
    return 0;
}

static int tear_down(void **state)
{
    tickets_close(world->app.tickets);
    mail_close(world->app.mail);
    objects_close(world->app.objects);
    world_free(world);
    return 0;
}

/* ---- reading ---- */

static struct tx tx;
static struct fault fault;

static void begin(void)
{
    fault = (struct fault){ .arena = world->arena };
    reader_begin(world->reader, &tx, world->arena, &fault);
}

static void end(void)
{
    reader_end(world->reader, &tx);
}

static void a_ticket_is_found_with_all_that_it_hangs_on(void **state)
{
    struct id order = add_order(&event[0], &buyer, 3, TICKET_USED, "[[\"Łukasz\",\"l@example.org\"],null,[null,\"x@example.org\"]]"), id;
    const char *const names[] = { "Łukasz", "José Ñúñez", "José Ñúñez" };
    struct ticket ticket;

    begin();
    for (unsigned n = 1; n <= 3; n++) {
        id = id_child(&order, n);
        assert_true(ticket_find_to_print(&tx, &id, &ticket));
        assert_string_equal(ticket.attendee_name, names[n - 1]);
        assert_int_equal(ticket.row.status, n == 2 ? TICKET_USED : TICKET_VALID);
        assert_string_equal(ticket.event.title, "Nordlicht Festival");
        assert_string_equal(ticket.organizer_name, "Stichting Nordlicht");
    }
    id = id_child(&order, 4);
    assert_false(ticket_find(&tx, &id, &ticket));
    assert_false(ticket_find(&tx, &order, &ticket));
    assert_false(ticket_find(&tx, &event[0], &ticket));
    end();
}

static void a_ticket_s_json_is_the_contract_s(void **state)
{
    struct id order = add_order(&event[0], &other, 2, TICKET_USED, NULL), id = id_child(&order, 2);
    struct buf out = buf_in(world->arena);
    struct ticket_token token;
    struct ticket ticket;
    char *code;

    begin();
    assert_true(ticket_find(&tx, &id, &ticket));
    end();
    ticket_json(&out, NULL, &world->app, &ticket);
    assert_non_null(strstr(out.data, "\"attendeeName\":\"other@example.org\",\"status\":\"used\",\"qrCode\":\""));
    assert_non_null(strstr(out.data, "\"usedAt\":\"2026-11-22T20:00:00.000Z\",\"event\":{\"title\":\"Nordlicht Festival\",\"startsAt\":\"2027-03-12T18:30:00.000Z\","
                                     "\"timezone\":\"Europe/Amsterdam\",\"venue\":{\"name\":\"Grote Zaal\",\"address\":\"Vredenburgkade 11\",\"city\":\"Utrecht\",\"country\":\"NL\"}}}"));
    code = strstr(out.data, "\"qrCode\":\"") + 10;
    assert_true(ticket_token_verify(world->app.tickets, code, TICKET_TOKEN_LEN, &token));
    assert_true(id_equal(&token.ticket, &id));
    assert_memory_equal(token.event_tail, event[0].byte + 8, 8);
}

/* All pages of a list, each of `limit`; the number of tickets. Checks that the order is total and nothing comes twice. */
static size_t walk(const struct id *account, struct ticket_filter filter, int64_t limit)
{
    struct page page = { .limit = limit };
    struct id last_order = { 0 };
    unsigned last_n = 0;
    size_t total = 0;
    bool more = true;

    while (more) {
        struct ticket *list;
        size_t count;

        begin();
        count = tickets_of_account(&tx, account, &filter, &page, &list, &more);
        end();
        assert_true(count <= (size_t)limit && (count || !more));
        for (size_t i = 0; i < count; i++) {
            if (total + i) {
                int order = id_compare(&list[i].registration.id, &last_order);

                assert_true(order < 0 || (order == 0 && list[i].row.n > last_n));
            }
            last_order = list[i].registration.id;
            last_n = list[i].row.n;
            assert_true(id_equal(&list[i].registration.account, account));
        }
        total += count;
        page = (struct page){ limit, true, last_n, last_order };
    }
    return total;
}

static void lists_are_whole_in_any_page_size(void **state)
{
    struct id account = id_new(AT);
    struct ticket_filter all = { 0 }, second = { .event = event[1] }, used = { .by_status = true, .status = TICKET_USED },
                         cancelled = { .event = event[0], .by_status = true, .status = TICKET_CANCELLED };

    for (int i = 0; i < 7; i++)
        add_order(&event[i % 2], &account, i + 1, i % 2 ? TICKET_USED : TICKET_CANCELLED, i == 3 ? "[[\"A\",null],null,[\"C\",null],null]" : NULL);
    /* 1 + 2 + ... + 7; odd ones are of the second event, their second ticket used. */
    for (int64_t limit = 1; limit <= 30; limit += limit < 5 ? 1 : 5) {
        assert_int_equal(walk(&account, all, limit), 28);
        assert_int_equal(walk(&account, second, limit), 12);
        assert_int_equal(walk(&account, used, limit), 3);
        assert_int_equal(walk(&account, cancelled, limit), 3);
    }
    assert_int_equal(walk(&organizer, all, 10), 0);
}

static void texts_on_the_page(void **state)
{
    struct event e = { .starts_at_ms = STARTS, .ends_at_ms = STARTS + 4 * HOUR, .timezone = "Europe/Amsterdam" };
    struct id order = { { 1, 2, 3, 4, 5, 6, 0x77, 8, 0x89, 10, 0xa1, 0xb2, 0xc3, 0xd4, 0xe5, 0 } };
    static const struct { const char *currency; int64_t amount; const char *text; } prices[] = {
        { "EUR", 4250, "EUR 42.50" }, { "EUR", 5, "EUR 0.05" }, { "JPY", 5000, "JPY 5000" }, { "KWD", 12345, "KWD 12.345" }, { "EUR", 0, "Free" }, { "USD", 100, "USD 1.00" },
    };

    assert_string_equal(when_text(world->arena, &e), "Friday 12 March 2027, 19:30–23:30 CET");
    e.ends_at_ms = STARTS + 8 * HOUR;
    assert_string_equal(when_text(world->arena, &e), "Friday 12 March 2027, 19:30–03:30 CET");
    e.ends_at_ms = STARTS + 52 * HOUR;
    assert_string_equal(when_text(world->arena, &e), "Fri 12 Mar 2027, 19:30 – Sun 14 Mar 2027, 23:30 CET");
    e.timezone = "Asia/Bangkok";
    e.ends_at_ms = STARTS + HOUR;
    assert_string_equal(when_text(world->arena, &e), "Saturday 13 March 2027, 01:30–02:30 UTC+07");
    e.timezone = "No/Such";
    assert_string_equal(when_text(world->arena, &e), "Friday 12 March 2027, 18:30–19:30 UTC");
    assert_null(venue_text(world->arena, &e));
    e.venue_city = "Łódź";
    assert_string_equal(venue_text(world->arena, &e), "Łódź");
    e.venue_country = "PL";
    e.venue_name = "Manufaktura";
    e.online = true;
    assert_string_equal(venue_text(world->arena, &e), "Manufaktura\nŁódź, PL\nOnline");
    assert_string_equal(order_reference(world->arena, &order), "A1B2C3D4E5");
    for (size_t i = 0; i < COUNT(prices); i++)
        assert_string_equal(price_text(world->arena, prices[i].currency, prices[i].amount), prices[i].text);
}

static enum err change_title(struct tx *write, void *arg)
{
    struct query *q = query(write, &retitle);

    bind_text(q, ":title", arg);
    bind_id(q, ":id", &event[1]);
    query_run(q);
    return ERR_OK;
}

static struct ticket printed(const struct id *id)
{
    struct ticket ticket;

    begin();
    assert_true(ticket_find_to_print(&tx, id, &ticket));
    end();
    return ticket;
}

static void a_pdf_is_drawn_once_and_again_when_what_it_says_has_changed(void **state)
{
    struct id order = add_order(&event[1], &buyer, 1, TICKET_VALID, NULL), id = id_child(&order, 1);
    struct ticket ticket = printed(&id);
    const char *key, *again;
    struct stat before, after;
    char path[512];

    assert_false(ticket_pdf_known(&world->app, ticket_pdf_key(&world->app, world->arena, &ticket)));
    assert_int_equal(ticket_pdf_ready(&world->app, world->arena, &ticket, &key), ERR_OK);
    assert_true(ticket_pdf_known(&world->app, key));
    assert_true(objects_exists(world->app.objects, key));
    snprintf(path, sizeof path, "%s/objects/%s", world->dir, key);
    assert_int_equal(stat(path, &before), 0);
    assert_int_equal(ticket_pdf_ready(&world->app, world->arena, &ticket, &again), ERR_OK);
    assert_int_equal(stat(path, &after), 0);
    assert_string_equal(key, again);
    assert_int_equal(before.st_ino, after.st_ino);

    write_now(change_title, "Third Night");
    ticket = printed(&id);
    assert_string_not_equal(ticket_pdf_key(&world->app, world->arena, &ticket), key);
    write_now(change_title, "Second <Night> & more");
    ticket = printed(&id);
    assert_string_equal(ticket_pdf_key(&world->app, world->arena, &ticket), key);
    assert_non_null(strstr(ticket_pdf_url(&world->app, world->arena, &ticket, key, 900, AT), "X-Amz-Expires=900"));
}

/* ---- the job ---- */

static enum err deliver(const char *key, int64_t generation)
{
    struct job job = { .app = &world->app, .reader = world->reader, .arena = world->arena, .kind = "deliver", .key = key, .attempt = 1, .generation = generation,
                       .fault = { .arena = world->arena } };

    return ticket_jobs[0].run(&job);
}

/* Quoted-printable lines joined again, so that a phrase can be looked for. */
static char *without_soft_breaks(char *text)
{
    char *to = text;

    for (const char *from = text; *from;) {
        if (strncmp(from, "=\r\n", 3) == 0)
            from += 3;
        else
            *to++ = *from++;
    }
    *to = '\0';
    return text;
}

/* The outbox's only message, taken out; NULL when it is empty, and it fails on two. */
static char *only_mail(void)
{
    char path[512], folder[128];
    struct dirent *entry;
    char *text = NULL;
    DIR *dir;

    snprintf(folder, sizeof folder, "%s/outbox", world->dir);
    dir = opendir(folder);
    while ((entry = readdir(dir))) {
        struct stat stat_buf;
        int fd;

        if (entry->d_name[0] == '.')
            continue;
        assert_null(text);
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        fd = open(path, O_RDONLY);
        assert_int_equal(fstat(fd, &stat_buf), 0);
        text = arena_alloc(world->arena, (size_t)stat_buf.st_size + 1);
        assert_int_equal(read(fd, text, (size_t)stat_buf.st_size), stat_buf.st_size);
        close(fd);
        unlink(path);
    }
    closedir(dir);
    return text ? without_soft_breaks(text) : NULL;
}

static size_t times(const char *text, const char *what)
{
    size_t n = 0;

    while ((text = strstr(text, what))) {
        n++;
        text += strlen(what);
    }
    return n;
}

static void confirmed_tickets_are_mailed_to_their_buyer(void **state)
{
    struct id order = add_order(&event[1], &buyer, 3, TICKET_CANCELLED, "[[\"A\\nFake\",null],null,[\"<b>\",null]]");
    char key[ID_TEXT_LEN + 1], *first, *mail;

    id_format(&order, key);
    assert_int_equal(deliver(key, 1), ERR_OK);
    mail = first = only_mail();
    assert_non_null(mail);
    assert_non_null(strstr(mail, " <jose@example.org>\r\n"));
    assert_int_equal(times(mail, "Content-Type: application/pdf"), 3); /* and the receipt */
    assert_non_null(strstr(mail, "receipt-R-000001.pdf"));
    assert_int_equal(times(mail, "Content-Type: text/calendar; charset=utf-8; method=PUBLISH"), 1);
    assert_non_null(strstr(mail, "Second <Night> & more"));
    assert_non_null(strstr(mail, "Second &lt;Night&gt; &amp; more"));
    assert_non_null(strstr(mail, "1. Balcony - A Fake"));
    assert_null(strstr(mail, "2. Balcony"));
    assert_non_null(strstr(mail, "3. Balcony - <b>"));
    assert_non_null(strstr(mail, "&lt;b&gt;"));

    /* Done again after a crash it is the same message; asked for again it is another. */
    assert_int_equal(deliver(key, 1), ERR_OK);
    mail = only_mail();
    assert_memory_equal(strstr(mail, "Message-ID:"), strstr(first, "Message-ID:"), strlen(strstr(first, "Message-ID:")));
    assert_int_equal(deliver(key, 2), ERR_OK);
    mail = only_mail();
    assert_memory_not_equal(strstr(mail, "Message-ID:"), strstr(first, "Message-ID:"), 40);
    assert_int_equal(deliver(arena_printf(world->arena, "%s %s", key, key), 1), ERR_OK);
    assert_non_null(only_mail());
}

static void a_big_order_gets_addresses(void **state)
{
    struct id order = add_order(&event[0], &buyer, 11, TICKET_VALID, NULL);
    char key[ID_TEXT_LEN + 1], *mail;

    id_format(&order, key);
    assert_int_equal(deliver(key, 1), ERR_OK);
    mail = only_mail();
    assert_int_equal(times(mail, "Content-Type: application/pdf"), 1);
    assert_non_null(strstr(mail, "filename=\"receipt-R-")); /* the only one */
    assert_int_equal(times(mail, "Content-Type: text/calendar"), 1);
    assert_int_equal(times(mail, "X-Amz-Signature"), 22); /* in text and in HTML */
}

static void nothing_is_sent_for_what_is_no_longer_confirmed(void **state)
{
    struct order_in in = { id_new(clock_now_ms()), event[0], buyer, REGISTRATION_CANCELLED, 1, TICKET_VALID, NULL };
    char key[ID_TEXT_LEN + 1];
    struct id nobody = id_new(AT);

    write_now(put_order, &in);
    id_format(&in.id, key);
    assert_int_equal(deliver(key, 1), ERR_OK);
    assert_null(only_mail());
    id_format(&nobody, key);
    assert_int_equal(deliver(key, 1), ERR_OK);
    assert_null(only_mail());
    assert_int_equal(deliver("x", 1), ERR_INTERNAL);
    assert_int_equal(deliver(NULL, 1), ERR_INTERNAL);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_ticket_is_found_with_all_that_it_hangs_on), cmocka_unit_test(a_ticket_s_json_is_the_contract_s),
        cmocka_unit_test(lists_are_whole_in_any_page_size), cmocka_unit_test(texts_on_the_page),
        cmocka_unit_test(a_pdf_is_drawn_once_and_again_when_what_it_says_has_changed), cmocka_unit_test(confirmed_tickets_are_mailed_to_their_buyer),
        cmocka_unit_test(a_big_order_gets_addresses), cmocka_unit_test(nothing_is_sent_for_what_is_no_longer_confirmed),
    };

    if (argc == 2 && strcmp(argv[1], "render") == 0)
        return render_child_main();
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
