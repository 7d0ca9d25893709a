/*
 * Every statement of the program, against the schema: it prepares, it finds what it reads through an index, and it
 * says nothing that PostgreSQL would read otherwise.
 */
#include "store_world.h"

#include <ctype.h>
#include <stdio.h>

#include <sqlite3.h>

#include "store/migrations.h"

/* What may be read from end to end: tables that hold a handful of rows by their nature. */
static const char *const small_tables[] = { "meta", NULL };

/* Words that one engine does not know, or reads in its own way. Compared as whole words in either case; with a parenthesis, only as a call. */
static const char *const foreign_words[] = {
    "AUTOINCREMENT", "LIKE", "ILIKE", "GLOB", "REGEXP", "ROWID", "DATETIME(", "DATE(", "STRFTIME(", "JULIANDAY(", "UNIXEPOCH(", "NOW(",
    "CURRENT_TIMESTAMP", "IFNULL(", "GREATEST(", "LEAST(", "OR REPLACE", "OR IGNORE", "PRAGMA", "ANY(", "UNNEST(", "INDEXED BY", "MERGE INTO", "RANDOM(",
    "PRINTF(", "TOTAL_CHANGES(", "CHANGES(", "LAST_INSERT_ROWID(", "GROUP_CONCAT(", "STRING_AGG(", "FOR UPDATE", "SKIP LOCKED", NULL,
};

static sqlite3 *open_schema(void)
{
    sqlite3 *db = NULL;

    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    for (const struct migration *step = store_migrations; step->version; step++) {
        for (const char *const *text = step->statements; *text; text++)
            assert_int_equal(sqlite3_exec(db, *text, NULL, NULL, NULL), SQLITE_OK);
    }
    return db;
}

/* The table of a plan's line "SCAN x", or NULL when the line reads no table from end to end. */
static const char *scanned(const char *detail)
{
    if (strncmp(detail, "SCAN ", 5) != 0)
        return NULL;
    if (strstr(detail, "CONSTANT ROW") || detail[5] == '(') /* VALUES, a sub-query's own rows */
        return NULL;
    return detail + 5;
}

static bool is_word(const char *name, size_t len, const char *word)
{
    return strlen(word) == len && strncmp(name, word, len) == 0;
}

/* Is `name` (len bytes) what a WITH or a sub-query of `text` is called: "name (columns) AS (", "name AS (", ") AS name"? */
static bool is_named_query(const char *name, size_t len, const char *text)
{
    for (const char *at = text; (at = strstr(at, " ")); ) {
        const char *end = ++at + len;

        if (strncmp(at, name, len) != 0 || (*end && strchr(" ,)", *end) == NULL))
            continue;
        if (at - text >= 5 && memcmp(at - 5, ") AS ", 5) == 0)
            return true;
        if (strncmp(end, " (", 2) == 0 && strchr(end, ')'))
            end = strchr(end, ')') + 1;
        if (strncmp(end, " AS (", 5) == 0 && strstr(text, "WITH "))
            return true;
    }
    return false;
}

/* What feeds a named query has lines of its own in the plan. */
static bool may_be_scanned(const char *table, const char *text)
{
    size_t len = strcspn(table, " ");

    for (const char *const *small = small_tables; *small; small++) {
        if (is_word(table, len, *small))
            return true;
    }
    return is_named_query(table, len, text);
}

static int check_plan(sqlite3 *db, const struct sql *sql)
{
    sqlite3_stmt *stmt = NULL;
    char *explain = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", sql->text);
    int faults = 0;

    if (sqlite3_prepare_v2(db, explain, -1, &stmt, NULL) != SQLITE_OK) {
        print_error("%s does not prepare: %s\n  %s\n", sql->name, sqlite3_errmsg(db), sql->text);
        faults++;
    } else {
        while (sqlite3_step(stmt) == SQLITE_ROW) {
            const char *detail = (const char *)sqlite3_column_text(stmt, 3);
            const char *table = scanned(detail);

            if (table && !may_be_scanned(table, sql->text)) {
                print_error("%s: %s\n  %s\n", sql->name, detail, sql->text);
                faults++;
            }
        }
    }
    sqlite3_finalize(stmt);
    sqlite3_free(explain);
    return faults;
}

static void every_statement_prepares_and_uses_an_index(void **state)
{
    sqlite3 *db = open_schema();
    int faults = 0;

    assert_true(sql_count() > 0);
    for (size_t i = 0; i < sql_count(); i++)
        faults += check_plan(db, sql_at(i));
    sqlite3_close(db);
    assert_int_equal(faults, 0);
}

/* Does a line of the statement's plan hold these words? */
static bool plan_has(sqlite3 *db, const char *name, const char *words)
{
    bool found = false;

    for (size_t i = 0; i < sql_count(); i++) {
        sqlite3_stmt *stmt = NULL;
        char *explain;

        if (strcmp(sql_at(i)->name, name) != 0)
            continue;
        explain = sqlite3_mprintf("EXPLAIN QUERY PLAN %s", sql_at(i)->text);
        assert_int_equal(sqlite3_prepare_v2(db, explain, -1, &stmt, NULL), SQLITE_OK);
        while (sqlite3_step(stmt) == SQLITE_ROW)
            found = found || strstr((const char *)sqlite3_column_text(stmt, 3), words);
        sqlite3_finalize(stmt);
        sqlite3_free(explain);
    }
    return found;
}

/* Every payment whose fee the key may not read stays in this index for ever; each round must begin behind the old ones. */
static void what_is_asked_each_round_does_not_grow_with_the_years(void **state)
{
    sqlite3 *db = open_schema();

    assert_true(plan_has(db, "unbooked_payments_sql", "payment_unbooked (updated_at>? AND updated_at<?)"));
    sqlite3_close(db);
}

static bool word_byte(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

/* The first thing in `text` that only one engine understands, or NULL. String literals are skipped; a parameter is no word. */
static const char *foreign_part(const char *text)
{
    static char found[64];
    char before = ' ';

    for (const char *at = text; *at; before = *at, at++) {
        if (*at == '\'') {
            for (at++; *at && *at != '\''; at++) {
            }
            if (!*at)
                return "a quote that does not end";
            continue;
        }
        if (strchr("$?@\"`[", *at))
            return snprintf(found, sizeof found, "%c", *at), found;
        if (*at == ':' && at[1] == ':')
            return "::";
        if (*at == '-' && at[1] == '>')
            return "->";
        if (strncasecmp(at, "json", 4) == 0 && !word_byte(before) && before != ':')
            return "json";
        if (word_byte(before) || before == ':' || before == '.' || !isalpha((unsigned char)*at))
            continue;
        for (const char *const *word = foreign_words; *word; word++) {
            size_t len = strlen(*word);

            if (strncasecmp(at, *word, len) == 0 && ((*word)[len - 1] == '(' || !word_byte(at[len])))
                return *word;
        }
    }
    return NULL;
}

static void no_statement_speaks_a_dialect(void **state)
{
    int faults = 0;

    for (size_t i = 0; i < sql_count(); i++) {
        const char *part = foreign_part(sql_at(i)->text);

        if (part) {
            print_error("%s: %s\n  %s\n", sql_at(i)->name, part, sql_at(i)->text);
            faults++;
        }
    }
    assert_int_equal(faults, 0);
}

static void the_check_itself_bites(void **state)
{
    static const struct sql bad[] = {
        { "scan", "SELECT title FROM event", 0 },
        { "scan_of_an_index", "SELECT id FROM event ORDER BY id", 0 },
        { "no_such_column", "SELECT colour FROM event WHERE id = :id", 0 },
        { "scan_inside", "SELECT id FROM event WHERE id IN (SELECT event FROM registration WHERE amount > 5)", 0 },
    };
    static const struct sql good[] = {
        { "by_id", "SELECT title FROM event WHERE id = :id", 0 },
        { "values", "INSERT INTO meta (key, value) VALUES (:a, :b), (:c, :d)", 0 },
        { "with", "WITH RECURSIVE some (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM some WHERE n < :to) SELECT n FROM some", 0 },
        { "sub_query", "SELECT count(*) FROM (SELECT id FROM event WHERE id > :id LIMIT 5) AS some", 0 },
    };
    sqlite3 *db = open_schema();

    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(check_plan(db, &bad[i]), 1);
    for (size_t i = 0; i < COUNT(good); i++)
        assert_int_equal(check_plan(db, &good[i]), 0);
    sqlite3_close(db);
    assert_string_equal(foreign_part("SELECT a::uuid"), "::");
    assert_string_equal(foreign_part("SELECT a WHERE b = $1"), "$");
    assert_string_equal(foreign_part("SELECT a WHERE b like :c"), "LIKE");
    assert_string_equal(foreign_part("SELECT json_extract(a, :c)"), "json");
    assert_string_equal(foreign_part("SELECT \"a\" FROM b"), "\"");
    assert_string_equal(foreign_part("SELECT datetime(a)"), "DATETIME(");
    assert_null(foreign_part("SELECT 'it''s like $1::x' FROM likes WHERE unlike = :like AND x.replace = :now"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_statement_prepares_and_uses_an_index),
        cmocka_unit_test(what_is_asked_each_round_does_not_grow_with_the_years),
        cmocka_unit_test(no_statement_speaks_a_dialect),
        cmocka_unit_test(the_check_itself_bites),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
