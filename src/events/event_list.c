/*
 * event_list.c - see event_list.h.
 *
 * A list walks one index from the cursor on and stops at the end of the page.
 * Which index is chosen by the narrowest filter that has one; the other filters
 * are tested on the way. A search starts from its rarest word when that is on
 * few events, and else tests the words of each event on the walk (a common word
 * is soon found), for which event_word's second index is made.
 */
#include "events/event_list.h"

#include <assert.h>
#include <string.h>

#include "events/event_search.h"

/* Up to so many events a word is "rare": they are all fetched and sorted. */
#define RARE_MAX 200
/* So many are looked at for one page of a search; about 2 ms. */
#define WALK_MAX 1000

/* ---- statements ---- */

/* `term` k of a search is on the event; terms that were not asked pass. */
#define HAS_WORD(k)                                                                                                        \
    " AND (:terms < " #k " OR EXISTS (SELECT 1 FROM event_word w WHERE w.event = e.id AND w.word >= :from" #k " AND w.word < :to" #k "))"
#define HAS_ALL_WORDS                                                                                                      \
    HAS_WORD(1) HAS_WORD(2) HAS_WORD(3) HAS_WORD(4) HAS_WORD(5) HAS_WORD(6) HAS_WORD(7) HAS_WORD(8) HAS_WORD(9)            \
    HAS_WORD(10) HAS_WORD(11) HAS_WORD(12) HAS_WORD(13) HAS_WORD(14) HAS_WORD(15) HAS_WORD(16)
_Static_assert(SEARCH_TERMS_MAX == 16, "HAS_ALL_WORDS has a line for each");

#define LISTED " FROM event e JOIN stock s ON s.event = e.id AND s.n = 0 WHERE e.listed = 1 AND e.ends_at > :now"
#define BEHIND_CURSOR " AND e.starts_at >= :from AND e.starts_at <= :to AND (e.starts_at, e.id) > (:at, :id)"
/* The other filters, as flags so that both engines know the parameters' types. */
#define ANY_CATEGORY " AND (:any_category = 1 OR e.category = :category)"
#define ANY_CITY " AND (:any_city = 1 OR e.city_key = :city)"
#define ANY_ORGANIZER " AND (:any_organizer = 1 OR e.organizer = :organizer)"
#define IN_ORDER " ORDER BY e.starts_at, e.id LIMIT :limit"

SQL(event_list_all, "SELECT " EVENT_COLUMNS LISTED BEHIND_CURSOR IN_ORDER);
SQL(event_list_by_category, "SELECT " EVENT_COLUMNS LISTED " AND e.category = :category" BEHIND_CURSOR IN_ORDER);
SQL(event_list_by_city, "SELECT " EVENT_COLUMNS LISTED " AND e.city_key = :city" BEHIND_CURSOR ANY_CATEGORY IN_ORDER);
SQL(event_list_by_organizer,
    "SELECT " EVENT_COLUMNS LISTED " AND e.organizer = :organizer" BEHIND_CURSOR ANY_CATEGORY ANY_CITY IN_ORDER);
/* The unary plus keeps an engine from walking the listing when the words are few. */
SQL(event_list_by_rare_word,
    "SELECT " EVENT_COLUMNS " FROM event e JOIN stock s ON s.event = e.id AND s.n = 0"
    " WHERE e.id IN (SELECT r.event FROM event_word r WHERE r.word >= :rare_from AND r.word < :rare_to)"
    " AND +e.listed = 1 AND +e.ends_at > :now AND +e.starts_at >= :from AND +e.starts_at <= :to AND (+e.starts_at, +e.id) > (:at, :id)"
    ANY_CATEGORY ANY_CITY ANY_ORGANIZER HAS_ALL_WORDS IN_ORDER);
SQL(event_list_by_walk,
    "SELECT " EVENT_COLUMNS LISTED BEHIND_CURSOR " AND (e.starts_at, e.id) <= (:until_at, :until_id)"
    ANY_CATEGORY ANY_CITY ANY_ORGANIZER HAS_ALL_WORDS IN_ORDER);
/* Where a walk has to stop; the index alone answers it. */
SQL(event_list_walk_end,
    "SELECT e.starts_at, e.id FROM event e WHERE e.listed = 1" BEHIND_CURSOR " ORDER BY e.starts_at, e.id LIMIT 1 OFFSET :skip");
SQL(event_word_is_common, "SELECT 1 FROM event_word WHERE word >= :from AND word < :to LIMIT 1 OFFSET :rare");

SQL(event_list_mine,
    "SELECT " EVENT_COLUMNS " FROM event e JOIN stock s ON s.event = e.id AND s.n = 0"
    " WHERE e.organizer = :organizer AND e.id < :before AND (:any_status = 1 OR e.status = :status)"
    " AND e.ends_at > :ends_behind AND e.ends_at <= :ends_by"
    " ORDER BY e.id DESC LIMIT :limit");

/* The types of 25 events at once: a usual page in one statement, the largest in four. */
#define EVENTS_A_STATEMENT 25
SQL(event_types_of_many,
    "SELECT " EVENT_TYPE_COLUMNS " FROM ticket_type t JOIN stock s ON s.event = t.event AND s.n = t.n"
    " WHERE t.event IN (:e0, :e1, :e2, :e3, :e4, :e5, :e6, :e7, :e8, :e9, :e10, :e11, :e12, :e13, :e14, :e15, :e16, :e17, :e18, :e19,"
    " :e20, :e21, :e22, :e23, :e24) ORDER BY t.event, t.n");
static const char *const event_names[EVENTS_A_STATEMENT] = {
    ":e0", ":e1", ":e2", ":e3", ":e4", ":e5", ":e6", ":e7", ":e8", ":e9", ":e10", ":e11", ":e12", ":e13", ":e14", ":e15", ":e16", ":e17",
    ":e18", ":e19", ":e20", ":e21", ":e22", ":e23", ":e24",
};
static const char *const term_from[SEARCH_TERMS_MAX] = {
    ":from1", ":from2", ":from3", ":from4", ":from5", ":from6", ":from7", ":from8", ":from9", ":from10", ":from11", ":from12", ":from13",
    ":from14", ":from15", ":from16",
};
static const char *const term_to[SEARCH_TERMS_MAX] = {
    ":to1", ":to2", ":to3", ":to4", ":to5", ":to6", ":to7", ":to8", ":to9", ":to10", ":to11", ":to12", ":to13", ":to14", ":to15", ":to16",
};

/* ---- the types of a page ---- */

static struct event *item_with_id(struct event *items, size_t count, const struct id *id)
{
    for (size_t i = 0; i < count; i++)
        if (id_equal(&items[i].id, id))
            return &items[i];
    return NULL;
}

static void read_types(struct tx *tx, struct event *items, size_t count)
{
    static const struct id none;
    struct ticket_type type;
    struct query *q = query(tx, &event_types_of_many);

    assert(count <= EVENTS_A_STATEMENT);
    for (size_t i = 0; i < EVENTS_A_STATEMENT; i++)
        bind_id(q, event_names[i], i < count ? &items[i].id : &none);
    while (query_row(q)) {
        struct id id = col_id(q, 0);
        struct event *event = item_with_id(items, count, &id);

        if (!event || event->type_count == EVENT_TYPES_MAX)
            continue;
        event_type_read_row(q, tx, &id, &type);
        if ((event->type_count & (event->type_count - 1)) == 0) { /* full at 0, 1, 2, 4, ...: make it twice as large */
            struct ticket_type *room = ARENA_ARRAY(tx->arena, event->type_count ? event->type_count * 2 : 1, struct ticket_type);

            if (event->type_count)
                memcpy(room, event->types, event->type_count * sizeof *room);
            event->types = room;
        }
        event->types[event->type_count++] = type;
    }
    query_end(q);
}

static void read_all_types(struct tx *tx, struct event_page *page)
{
    for (size_t i = 0; i < page->count; i += EVENTS_A_STATEMENT)
        read_types(tx, page->items + i, MIN(EVENTS_A_STATEMENT, page->count - i));
}

/* ---- what the public looks for ---- */

/* The first term that is on few events, or -1. */
static int rare_term(struct tx *tx, const struct search_term *term, size_t terms)
{
    for (size_t i = 0; i < terms; i++) { /* at most 16 short walks; nearly always one */
        struct query *q = query(tx, &event_word_is_common);
        bool common;

        bind_text(q, ":from", term[i].from);
        bind_text(q, ":to", term[i].to);
        bind_int(q, ":rare", RARE_MAX);
        common = query_row(q);
        query_end(q);
        if (!common)
            return (int)i;
    }
    return -1;
}

static void bind_terms(struct query *q, const struct search_term *term, size_t terms)
{
    bind_int(q, ":terms", (int64_t)terms);
    for (size_t i = 0; i < SEARCH_TERMS_MAX; i++) {
        bind_text(q, term_from[i], i < terms ? term[i].from : "");
        bind_text(q, term_to[i], i < terms ? term[i].to : "");
    }
}

static void bind_window(struct query *q, const struct event_filter *filter, const struct page *page)
{
    static const struct id none;

    bind_int(q, ":from", page->after ? MAX(filter->from_ms, page->at) : filter->from_ms);
    bind_int(q, ":to", filter->to_ms ? filter->to_ms : INT64_MAX);
    bind_int(q, ":at", page->after ? page->at : INT64_MIN);
    bind_id(q, ":id", page->after ? &page->id : &none);
}

static void bind_category(struct query *q, const struct event_filter *filter)
{
    bind_int(q, ":any_category", !filter->category);
    bind_text(q, ":category", filter->category ? filter->category : "");
}

static void bind_city(struct query *q, const struct event_filter *filter, const char *city)
{
    bind_int(q, ":any_city", !filter->city);
    bind_text(q, ":city", city ? city : "");
}

static struct query *list_query(struct tx *tx, const struct event_filter *filter, const struct search_term *term, size_t terms, int rare)
{
    const char *city = search_fold(tx->arena, filter->city);
    struct query *q;

    if (terms) {
        q = query(tx, rare >= 0 ? &event_list_by_rare_word : &event_list_by_walk);
        if (rare >= 0) {
            bind_text(q, ":rare_from", term[rare].from);
            bind_text(q, ":rare_to", term[rare].to);
        }
        bind_terms(q, term, terms);
        bind_category(q, filter);
        bind_city(q, filter, city);
        bind_int(q, ":any_organizer", id_is_zero(&filter->organizer));
        bind_id(q, ":organizer", &filter->organizer);
    } else if (!id_is_zero(&filter->organizer)) {
        q = query(tx, &event_list_by_organizer);
        bind_id(q, ":organizer", &filter->organizer);
        bind_category(q, filter);
        bind_city(q, filter, city);
    } else if (filter->city) {
        q = query(tx, &event_list_by_city);
        bind_text(q, ":city", city);
        bind_category(q, filter);
    } else if (filter->category) {
        q = query(tx, &event_list_by_category);
        bind_text(q, ":category", filter->category);
    } else {
        q = query(tx, &event_list_all);
    }
    return q;
}

/* The last event that this page's walk may look at; false when there are fewer than that many left. */
static bool walk_end(struct tx *tx, const struct event_filter *filter, const struct page *page, int64_t *at, struct id *id)
{
    struct query *q = query(tx, &event_list_walk_end);
    bool found;

    bind_window(q, filter, page);
    bind_int(q, ":skip", WALK_MAX - 1);
    found = query_row(q);
    if (found) {
        *at = col_int(q, 0);
        *id = col_id(q, 1);
    }
    query_end(q);
    return found;
}

void event_list(struct tx *tx, const struct event_filter *filter, const struct page *page, struct event_page *out)
{
    struct search_term term[SEARCH_TERMS_MAX];
    size_t terms = filter->words ? search_terms(tx->arena, filter->words, term) : 0;
    int rare = -1;
    bool walks, stops_short = false;
    int64_t until_at = INT64_MAX;
    struct id until_id;
    struct query *q;

    memset(&until_id, 0xff, sizeof until_id);
    *out = (struct event_page){ .items = ARENA_ARRAY(tx->arena, (size_t)page->limit, struct event) };
    if (filter->words && !terms) /* only signs: no event has them */
        return;
    if (terms)
        rare = rare_term(tx, term, terms);
    walks = terms && rare < 0;
    if (walks)
        stops_short = walk_end(tx, filter, page, &until_at, &until_id);
    q = list_query(tx, filter, term, terms, rare);
    bind_window(q, filter, page);
    bind_int(q, ":now", tx->now_ms);
    bind_int(q, ":limit", page->limit + 1);
    if (walks) {
        bind_int(q, ":until_at", until_at);
        bind_id(q, ":until_id", &until_id);
    }
    while (query_row(q)) {
        struct event *event = &out->items[out->count];

        if (out->count == (size_t)page->limit) {
            out->more = true;
            break;
        }
        event_read_row(q, tx, event);
        out->next_at = event->starts_at_ms;
        out->next_id = event->id;
        out->count++;
    }
    query_end(q);
    if (!out->more && stops_short) {
        out->more = true;
        out->next_at = until_at;
        out->next_id = until_id;
    }
    read_all_types(tx, out);
}

/* ---- what an organizer has ---- */

void event_list_of_organizer(struct tx *tx, const struct id *organizer, int status, const struct page *page, struct event_page *out)
{
    struct id last;
    struct query *q = query(tx, &event_list_mine);

    memset(&last, 0xff, sizeof last);
    *out = (struct event_page){ .items = ARENA_ARRAY(tx->arena, (size_t)page->limit, struct event) };
    bind_id(q, ":organizer", organizer);
    bind_id(q, ":before", page->after ? &page->id : &last);
    bind_int(q, ":any_status", status < 0);
    bind_int(q, ":status", status == EVENT_ENDED ? EVENT_PUBLISHED : MAX(status, 0));
    bind_int(q, ":ends_behind", status == EVENT_PUBLISHED ? tx->now_ms : INT64_MIN);
    bind_int(q, ":ends_by", status == EVENT_ENDED ? tx->now_ms : INT64_MAX);
    bind_int(q, ":limit", page->limit + 1);
    while (query_row(q)) {
        struct event *event = &out->items[out->count];

        if (out->count == (size_t)page->limit) {
            out->more = true;
            break;
        }
        event_read_row(q, tx, event);
        out->next_id = event->id;
        out->next_at = event->created_at_ms;
        out->count++;
    }
    query_end(q);
    read_all_types(tx, out);
}
