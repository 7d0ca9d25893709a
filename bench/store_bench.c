/*
 * store_bench.c - how many holds a second the writer makes durable, and what one costs.
 *
 *     store_bench DIR [seconds] [events]
 *
 * A hold is what POST /v1/registrations writes: two conditional stock updates,
 * a registration, and an idempotency row with a reply of 600 bytes. 16, 64 and
 * 256 are outstanding at a time, each queued again from its `done`, so that
 * nothing but the queue, the writer and the engine is measured. CPU is the
 * whole process's; log bytes are counted in pages written to the WAL.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/clock.h"
#include "base/random.h"
#include "store/store.h"

#define OUTSTANDING_MAX 256

SQL(bench_stock_new, "INSERT INTO stock (event, n, quantity) VALUES (:event, :n, 1000000000)");
SQL(bench_take, "UPDATE stock SET held = held + :quantity WHERE event = :event AND n = :n AND held + sold + :quantity <= quantity");
SQL(bench_register,
    "INSERT INTO registration (id, event, account, status, items, attendees, quantity, amount, currency, expires_at, created_at, confirmed_at)"
    " VALUES (:id, :event, :account, 0, :items, NULL, 2, 5000, 'EUR', :expires_at, :now, NULL)");
SQL(bench_remember,
    "INSERT INTO idempotency (key, account, request, status, location, reply, created_at)"
    " VALUES (:key, :account, :request, 201, NULL, :reply, :now) ON CONFLICT (key, account) DO NOTHING");
SQL(bench_oplog, "SELECT max(seq), max(total) FROM oplog");

struct client {
    struct write write;
    struct bench *bench;
};

struct bench {
    struct store *store;
    struct id *events;
    unsigned event_count, next_event;
    struct client clients[OUTSTANDING_MAX];
    /* The writer's thread alone, until `over`. */
    bool over;
    uint64_t done, failed;
    int outstanding;
    pthread_mutex_t lock;
    pthread_cond_t changed; /* outstanding reached 0 */
};

static bool take(struct tx *tx, const struct id *event, int n)
{
    struct query *q = query(tx, &bench_take);

    bind_int(q, ":quantity", 2);
    bind_id(q, ":event", event);
    bind_int(q, ":n", n);
    return query_run(q) == 1;
}

static enum err hold(struct write *write, struct tx *tx)
{
    static const char reply[600] = "{\"id\":\"";
    struct client *client = CONTAINER_OF(write, struct client, write);
    struct bench *bench = client->bench;
    struct id event = bench->events[bench->next_event++ % bench->event_count], id = id_new(tx->now_ms), account = id_new(tx->now_ms);
    char key[ID_TEXT_LEN + 1];
    struct query *q;

    if (!take(tx, &event, 0) || !take(tx, &event, 1))
        return ERR_SOLD_OUT;
    random_bytes(account.byte, 8); /* buyers come in no order */
    q = query(tx, &bench_register);
    bind_id(q, ":id", &id);
    bind_id(q, ":event", &event);
    bind_id(q, ":account", &account);
    bind_text(q, ":items", "[[1,2,2500]]");
    bind_int(q, ":expires_at", tx->now_ms + 600000);
    bind_int(q, ":now", tx->now_ms);
    query_run(q);
    id_format(&id, key);
    q = query(tx, &bench_remember);
    bind_text(q, ":key", key);
    bind_id(q, ":account", &account);
    bind_blob(q, ":request", account.byte, 16);
    bind_blob(q, ":reply", reply, sizeof reply);
    bind_int(q, ":now", tx->now_ms);
    return query_run(q) == 1 ? ERR_OK : ERR_CONFLICT;
}

static void hold_done(struct write *write, enum err outcome)
{
    struct client *client = CONTAINER_OF(write, struct client, write);
    struct bench *bench = client->bench;

    bench->done++;
    bench->failed += outcome != ERR_OK;
    pthread_mutex_lock(&bench->lock);
    if (bench->over || store_write(bench->store, write) != ERR_OK) {
        if (--bench->outstanding == 0)
            pthread_cond_signal(&bench->changed);
    }
    pthread_mutex_unlock(&bench->lock);
}

static enum err make_stock(struct tx *tx, void *arg)
{
    struct bench *bench = arg;

    for (unsigned i = 0; i < bench->event_count; i++) {
        for (int n = 0; n < 2; n++) {
            struct query *q = query(tx, &bench_stock_new);

            bind_id(q, ":event", &bench->events[i]);
            bind_int(q, ":n", n);
            query_run(q);
        }
    }
    return ERR_OK;
}

static double cpu_us(void)
{
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
}

static int64_t oplog_number(struct bench *bench, struct arena *arena, int col)
{
    struct reader *reader = reader_open(bench->store);
    struct fault fault = { .arena = arena };
    struct tx tx;
    struct query *q;
    int64_t number;

    reader_begin(reader, &tx, arena, &fault);
    q = query(&tx, &bench_oplog);
    number = query_row(q) ? col_int(q, col) : 0;
    reader_end(reader, &tx);
    reader_close(reader);
    return number;
}

static void measure(struct bench *bench, struct arena *arena, int outstanding, int seconds)
{
    struct store_stats before, after;
    int64_t begun_us = clock_mono_us(), oplog_bytes = oplog_number(bench, arena, 1);
    double cpu = cpu_us(), done, elapsed_us;
    struct timespec pause = { .tv_sec = seconds };

    bench->done = bench->failed = 0;
    bench->over = false;
    store_stats(bench->store, &before);
    bench->outstanding = outstanding;
    for (int i = 0; i < outstanding; i++)
        store_write(bench->store, &bench->clients[i].write);
    nanosleep(&pause, NULL);
    pthread_mutex_lock(&bench->lock);
    bench->over = true;
    while (bench->outstanding)
        pthread_cond_wait(&bench->changed, &bench->lock);
    pthread_mutex_unlock(&bench->lock);
    elapsed_us = (double)(clock_mono_us() - begun_us);
    store_stats(bench->store, &after);
    done = (double)bench->done;
    printf("%4d outstanding: %8.0f holds/s  %5.1f us CPU  %6.0f WAL bytes  %5.0f oplog bytes a hold  %5.1f holds a batch  %6.0f us a commit%s\n", outstanding,
           done * 1e6 / elapsed_us, (cpu_us() - cpu) / done, (double)(after.wal_bytes - before.wal_bytes) / done,
           (double)(oplog_number(bench, arena, 1) - oplog_bytes) / done, done / (double)(after.batches - before.batches),
           (double)(after.commit_us_total - before.commit_us_total) / (double)(after.batches - before.batches), bench->failed ? "  FAILURES" : "");
    fflush(stdout);
}

int main(int argc, char **argv)
{
    static struct bench bench = { .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };
    struct app app = { 0 };
    struct buf error = buf_heap();
    struct arena *arena = arena_new(0);
    int seconds = argc > 2 ? atoi(argv[2]) : 3;
    static const int outstanding[] = { 16, 64, 256 };

    bench.event_count = argc > 3 ? (unsigned)atoi(argv[3]) : 1;
    if (argc < 2 || seconds < 1 || bench.event_count < 1) {
        fputs("usage: store_bench DIR [seconds] [events]\n", stderr);
        return 2;
    }
    bench.store = store_open(&app, argv[1], &error);
    if (!bench.store) {
        fprintf(stderr, "%s\n", error.data);
        return 1;
    }
    app.store = bench.store;
    bench.events = arena_array(arena, bench.event_count, sizeof *bench.events);
    for (unsigned i = 0; i < bench.event_count; i++)
        bench.events[i] = id_new(clock_now_ms());
    for (int i = 0; i < OUTSTANDING_MAX; i++) {
        bench.clients[i].bench = &bench;
        bench.clients[i].write.run = hold;
        bench.clients[i].write.done = hold_done;
        bench.clients[i].write.arena = arena_new(1024);
    }
    store_start(bench.store);
    if (store_write_wait(bench.store, arena, NULL, NULL, false, make_stock, &bench) != ERR_OK)
        return 1;
    for (size_t i = 0; i < COUNT(outstanding); i++)
        measure(&bench, arena, outstanding[i], seconds);
    store_close(bench.store);
    for (int i = 0; i < OUTSTANDING_MAX; i++)
        arena_free(bench.clients[i].write.arena);
    arena_free(arena);
    return 0;
}
