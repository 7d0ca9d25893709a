/*
 * gather.h - an SQLite VFS that writes a commit's log in one piece.
 *
 * SQLite writes each page of its write-ahead log with two calls: 24 bytes of
 * frame header, then the page. Under this VFS neighbouring writes to a log
 * gather in memory and reach the file below in one call, at the sync that makes
 * them durable or when GATHER_MAX is full. That is sound because a log's frames
 * mean nothing before the sync: the index in shared memory, which other
 * connections read by, is raised behind it (PRAGMA synchronous = FULL, and only
 * then). Whatever the writing connection itself reads, measures or cuts is
 * written out first. All other files are the VFS's below, untouched.
 */
#ifndef USHER_STORE_GATHER_H
#define USHER_STORE_GATHER_H

/* SQLite's unix VFS takes less than 128 KiB at a time (os_unix.c, seekAndWriteFd): 31 pages with their headers. */
enum { GATHER_MAX = 31 * (4096 + 24) };

/* The VFS's name for sqlite3_open_v2, registered over what is SQLite's default by then; NULL, which is the default itself, where
 * there is no memory for it. Once a process, then always the same. */
const char *gather_vfs(void);

#endif
