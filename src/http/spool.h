/*
 * spool.h - an answer too big for memory: written piece by piece into a file without a name, and sent from there. On lanes only.
 *
 *     spool_open(&spool, req);
 *     while (...) spool_add(&spool, &piece);
 *     return spool_reply(&spool, "text/csv", "orders.csv");
 *
 * After a fault the rest is passed over; spool_reply tells it: ERR_DISK_FULL when the disk, or SPOOL_BYTES_MAX, had no room for it.
 */
#ifndef USHER_HTTP_SPOOL_H
#define USHER_HTTP_SPOOL_H

#include "http/req.h"

/* 1 GiB: a million registrations of ten named tickets each do not reach it. What would is refused before it fills the disk that sales need. */
#define SPOOL_BYTES_MAX ((int64_t)1 << 30)

struct spool {
    struct req *req;
    int file;
    int64_t written;
    enum err outcome;
};

void spool_open(struct spool *spool, struct req *req);
void spool_add(struct spool *spool, const void *data, size_t len);
/* Begins the reply with what was written, to be saved under `filename` (ASCII, no quotes), and ends the spool. */
enum err spool_reply(struct spool *spool, const char *content_type, const char *filename);
/* Ends it without a reply. */
void spool_drop(struct spool *spool);

#endif
