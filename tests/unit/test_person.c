/*
 * Nothing that is held on a person is forgotten by the export or by a deletion: every column of every table is either answered for by a part
 * (store/person.h), or stands below with the reason why it is nobody's.
 *
 * A new column fails this test. Does it hold an account's id, an address, a name, or words that somebody typed about himself? Then add it to the
 * `holds` of the part that gives it out and lets go of it (or make a new part, a row of the module's table). Else add it here.
 */
#include "store_world.h"

#include <sqlite3.h>

#include "cli/parts.h"
#include "store/migrations.h"

static const struct nobodys {
    const char *table, *columns, *why;
} nobodys[] = {
    { "account", "epoch deleted_at", "counters of the row itself" },
    { "mail_code", "purpose", "of a code that lives for hours" },
    { "code_guess", "purpose", "of guesses that are forgotten in a day" },
    { "session", "epoch", "the account's, when the session began" },
    { "totp", "last_step", "which code was used last; removed with the account" },
    { "recovery_code", "n used_at", "counted in the export; removed with the account" },
    { "spent_challenge", "id expires_at", "random numbers that live for minutes" },
    { "event", "id status title description category starts_at ends_at admission_starts_at timezone venue_name venue_address venue_city venue_country"
               " city_key listed online image currency version created_at updated_at refund_until refund_fee_percent"
               " fee_fixed fee_bps fee_by_organizer seller_name seller_address seller_tax_id types_made", "what an organizer tells the public of an event" },
    { "ticket_type", "event n name description price sale_starts_at sale_ends_at min_per_order max_per_order max_per_account"
                     " tax_bps tax_included hidden", "the event's" },
    { "stock", "event n quantity held sold", "counters of an event" },
    { "event_word", "word event", "words of what the public sees" },
    { "staff", "id event hash expires_at", "the event's, and of the mail that invites; an invitation that nobody took is the inviter's word, and goes 30 days after it ran out" },
    { "staff_mail", "id email_key at", "counted against floods of mail for 24 hours, then gone" },
    { "device", "id event name gate created_at token_hash token_expires_at credential_hash epoch claimed_at seen_at revoked_at", "a scanner, an event's thing" },
    { "registration", "event status items quantity amount refunded currency expires_at extended intent created_at confirmed_at kept"
                      " disputed code",
      "an order's own facts, exported with it; kept for accounting" },
    { "account_quota", "event n taken", "counts of orders" },
    { "discount_code", "event id code code_key kind value types max_uses max_uses_per_account max_tickets starts_at ends_at active used created_at updated_at",
      "the event's" },
    { "discount_use", "event code taken", "counts of orders" },
    { "receipt_series", "organizer kind last", "how many receipts an organizer has given: accounting" },
    { "receipt", "organizer kind number source made_at", "a receipt's own facts" },
    { "ticket", "n type status edition", "a ticket's own facts, exported with it" },
    { "check_in", "event n kind scanned_at", "the door's own facts, exported with the ticket's" },
    { "payment", "attempt status currency lease_until created_at updated_at balance", "a payment's own facts, exported with it; kept for accounting" },
    { "payment", "client_secret", "a secret, and the provider's" },
    { "refund", "id intent currency status tickets failure created_at updated_at", "a refund's own facts, exported with it; kept for accounting" },
    { "refund", "actor", "the number of the organizer who gave money back: accounting" },
    { "ledger", "provider_id kind back event registration amount currency at", "movements of money, by the provider's numbers: accounting" },
    { "balance_transaction", "id event registration amount fee currency available_at at", "the provider's books of those movements: accounting" },
    { "dispute", "id event intent amount currency status evidence_due created_at updated_at", "a dispute's own facts, exported with it; kept for accounting" },
    { "provider_event", "id at", "the provider's numbers" },
    { "job", "id lane kind generation run_at lease_until attempts parked failure created_at", "what is to be done, not about whom" },
    { "idempotency", "id request status created_at", "a hash, and the store's own facts" },
    { "oplog", "seq at changes notes total", "what the last day changed, for a restore: gone after 24 hours by itself (docs/security.md)" },
    { "meta", "key value", "the server's own settings" },
};

static sqlite3 *open_schema(void)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    for (const struct migration *step = store_migrations; step->version; step++)
        for (const char *const *text = step->statements; *text; text++)
            assert_int_equal(sqlite3_exec(db, *text, NULL, NULL, NULL), SQLITE_OK);
    return db;
}

/* How often `word` stands in a list with a blank between its words. */
static int times_in(const char *list, const char *word)
{
    size_t len = strlen(word);
    int times = 0;

    while (*list) {
        size_t next = strcspn(list, " ");

        times += next == len && strncmp(list, word, len) == 0;
        list += next + (list[next] == ' ');
    }
    return times;
}

static int times_held(const char *table, const char *column)
{
    char *word = sqlite3_mprintf("%s.%s", table, column);
    int times = 0;

    for (const struct person_part *const *parts = person_tables; *parts; parts++)
        for (const struct person_part *part = *parts; part->name; part++)
            times += times_in(part->holds, word);
    sqlite3_free(word);
    for (size_t i = 0; i < COUNT(nobodys); i++)
        if (strcmp(nobodys[i].table, table) == 0)
            times += times_in(nobodys[i].columns, column);
    return times;
}

static void every_column_is_answered_for_once(void **state)
{
    sqlite3 *db = open_schema();
    sqlite3_stmt *stmt = NULL;
    int columns = 0, faults = 0;

    assert_int_equal(sqlite3_prepare_v2(db, "SELECT t.name, c.name FROM sqlite_schema t JOIN pragma_table_info(t.name) c WHERE t.type = 'table'", -1,
                                        &stmt, NULL), SQLITE_OK);
    while (sqlite3_step(stmt) == SQLITE_ROW) {
        const char *table = (const char *)sqlite3_column_text(stmt, 0), *column = (const char *)sqlite3_column_text(stmt, 1);
        int times = times_held(table, column);

        columns++;
        if (times != 1) {
            print_error("%s.%s is answered for %d times: what of a person is in it? See the head of this file.\n", table, column, times);
            faults++;
        }
    }
    sqlite3_finalize(stmt);
    assert_true(columns > 100);
    assert_int_equal(faults, 0);
    sqlite3_close(db);
}

static bool is_column(sqlite3 *db, const char *text, size_t len)
{
    char *sql = sqlite3_mprintf("SELECT 1 FROM sqlite_schema t JOIN pragma_table_info(t.name) c WHERE t.type = 'table' AND t.name || '.' || c.name = '%.*s'",
                                (int)len, text);
    sqlite3_stmt *stmt = NULL;
    bool found;

    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
    found = sqlite3_step(stmt) == SQLITE_ROW;
    sqlite3_finalize(stmt);
    sqlite3_free(sql);
    return found;
}

/* A part that went its way with its table, or a slip of the pen, is no answer. */
static void what_parts_hold_is_there(void **state)
{
    sqlite3 *db = open_schema();

    for (const struct person_part *const *parts = person_tables; *parts; parts++)
        for (const struct person_part *part = *parts; part->name; part++)
            for (const char *at = part->holds; *at; at += strspn(at, " ")) {
                size_t len = strcspn(at, " ");

                if (!is_column(db, at, len))
                    print_error("the part %s holds %.*s, which is not in the schema\n", part->name, (int)len, at);
                assert_true(is_column(db, at, len));
                at += len;
            }
    sqlite3_close(db);
}

static void each_part_gives_out_and_lets_go_or_says_why_not(void **state)
{
    char names[1024] = "";

    for (const struct person_part *const *parts = person_tables; *parts; parts++)
        for (const struct person_part *part = *parts; part->name; part++) {
            /* It does it, or says why not. */
            assert_true(!part->write != !part->unexported);
            assert_true(!part->forget != !part->kept);
            /* A name is a member of one document, and a word in the job's payload. */
            assert_int_equal(times_in(names, part->name), 0);
            assert_null(strpbrk(part->name, " \n"));
            assert_true(strlen(part->name) < 64 && strlen(names) + strlen(part->name) + 2 < sizeof names);
            strcat(strcat(names, part->name), " ");
        }
}

/* Who was deleted by an earlier version is forgotten by this one: the step of the schema asks for the job, under the id as everybody writes it. */
static void who_left_before_is_asked_about(void **state)
{
    static const char earlier[] = "INSERT INTO account (id, email, email_key, groups, status, password, created_at, updated_at, deleted_at) VALUES"
                                  " (x'01A20653F41A7B848A48F469280D6188', 'deleted:1', 'deleted:1', 1, 2, '', 1, 1, 1234),"
                                  " (x'01A20653F41A7B848A48F469280D6200', 'b@example.org', 'b@example.org', 1, 1, '', 1, 1, NULL)";
    sqlite3 *db = NULL;
    sqlite3_stmt *stmt = NULL;

    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    for (const struct migration *step = store_migrations; step->version; step++) {
        if (strncmp(step->statements[0], "INSERT INTO job", 15) == 0)
            assert_int_equal(sqlite3_exec(db, earlier, NULL, NULL, NULL), SQLITE_OK);
        for (const char *const *text = step->statements; *text; text++)
            assert_int_equal(sqlite3_exec(db, *text, NULL, NULL, NULL), SQLITE_OK);
    }
    assert_int_equal(sqlite3_prepare_v2(db, "SELECT group_concat(kind || ' ' || key || ' ' || lane || ' ' || run_at) FROM job", -1, &stmt, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(stmt, 0), "forget 01a20653-f41a-7b84-8a48-f469280d6188 0 1234");
    sqlite3_finalize(stmt);
    sqlite3_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_column_is_answered_for_once),
        cmocka_unit_test(what_parts_hold_is_there),
        cmocka_unit_test(who_left_before_is_asked_about),
        cmocka_unit_test(each_part_gives_out_and_lets_go_or_says_why_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
