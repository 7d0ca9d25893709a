/*
 * objects.h - the object store: files under DIR/objects, fetched by presigned URLs (SigV4 query form).
 *
 * The server's own /objects/{bucket}/{key} verifies what it presigned, with the
 * S3 rules of wire.md 2.1: path not normalised, host signed with its port, all
 * query parameters but the signature signed, X-Amz-Expires at most 7 days,
 * constant-time compare; errors are S3's XML. Credentials are made on first start (DIR/keys/objects, 0600).
 */
#ifndef USHER_OBJECTS_OBJECTS_H
#define USHER_OBJECTS_OBJECTS_H

#include "http/http.h"

struct objects *objects_open(struct app *app, const char *dir, struct buf *error);
void objects_close(struct objects *objects);

/* Written to a temporary name, synced, renamed. ERR_DISK_FULL or ERR_INTERNAL. `key`: [A-Za-z0-9._/-], no "..", no leading '/'. Blocks. */
enum err objects_put(struct objects *objects, const char *key, const void *data, size_t len);
bool objects_exists(struct objects *objects, const char *key);
/* An open descriptor and the size; -1 when there is none. */
int objects_file(struct objects *objects, const char *key, int64_t *size);
enum err objects_delete(struct objects *objects, const char *key);
/* Delete the objects of one folder ("tickets/x") whose name in it `gone` says so of. When this returns ERR_OK they stay away, also after a power cut. Blocks. */
enum err objects_clear(struct objects *objects, const char *folder, bool (*gone)(void *arg, const char *name), void *arg);

/* A GET address good for `seconds`; the answer names the file `filename` and the type. Any thread, no I/O. */
char *objects_presign(struct objects *objects, struct arena *arena, const char *key, const char *filename, const char *content_type,
                      int seconds, int64_t now_ms);

/* ---- SigV4, query form, for any S3 (pure; unit-tested against the AWS SDK's vectors) ---- */
struct sigv4 {
    const char *access_key, *secret_key, *region, *host; /* host with a non-default port */
};
/* scheme://host/path?query&X-Amz-Signature=…; `extra_query` is NULL or an array of name, value, …, NULL (raw, not encoded). */
char *sigv4_presign(struct arena *arena, const struct sigv4 *with, const char *method, const char *scheme, const char *raw_path,
                    const char *const *extra_query, int seconds, int64_t now_ms);
enum sigv4_verdict { SIGV4_GOOD, SIGV4_MALFORMED, SIGV4_UNKNOWN_KEY, SIGV4_MISMATCH, SIGV4_EXPIRED };
/* Verify a request as received: raw (still encoded) path and query. */
enum sigv4_verdict sigv4_verify(struct arena *arena, const struct sigv4 *with, const char *method, const char *encoded_path,
                                const char *raw_query, const char *host_header, int64_t now_ms);

extern const struct route object_routes[];  /* GET, HEAD /objects/{key...}; raw */

#endif
