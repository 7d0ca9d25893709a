/* copy.h - copying files and trees for backup and restore, hashing on the way. Paths are relative to open folders. */
#ifndef USHER_CLI_COPY_H
#define USHER_CLI_COPY_H

#include "base/buf.h"

#define SHA256_HEX 64

struct copied {
    uint64_t files, bytes;
};

/* Copy a file (0600; `to` must not exist), making the folders above it (0700). `hex` gets the SHA-256 of what was copied.
 * False with a sentence; `missing` (may be NULL) is set instead when the source is not there. Not synced: see copy_sync. */
bool copy_file(int from_folder, const char *from, int to_folder, const char *to, char hex[SHA256_HEX + 1], struct copied *copied, bool *missing,
               struct buf *error);
/* Copy everything under `name`, at most 16 folders deep, without names that begin with a dot. Appends "<sha256>  <path>\n" for each
 * file to `sums`. A file that goes away meanwhile is left out; a `name` that is not there is an empty tree. */
bool copy_tree(int from_folder, const char *name, int to_folder, struct buf *sums, struct copied *copied, struct buf *error);
/* The SHA-256 of a file that is there already. */
bool copy_hash(int folder, const char *path, char hex[SHA256_HEX + 1], struct copied *copied, struct buf *error);
bool copy_write(int folder, const char *path, const struct buf *text, struct buf *error);
void copy_hash_text(const struct buf *text, char hex[SHA256_HEX + 1]);
/* Everything written to the file system of `folder` is durable when this returns true. */
bool copy_sync(int folder, struct buf *error);
/* Remove a tree of ours, at most 16 deep; what cannot be removed stays. */
void copy_remove(int folder, const char *name);
/* From now on every copying in this process fails: the server ends, and does not wait for a backup. Any thread. */
void copy_cancel(void);

#endif
