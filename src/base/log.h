/*
 * log.h - JSON lines on standard error.
 *
 * A line is put into a bounded buffer (1 MiB) and written by a thread of its
 * own, so that nothing waits for a slow terminal; what does not fit is dropped
 * and counted. Lines are out within 100 ms; log_flush waits until they are.
 * No secret, password, code, token or person's data goes into a line.
 */
#ifndef USHER_BASE_LOG_H
#define USHER_BASE_LOG_H

#include "base/util.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

void log_start(enum log_level least); /* before it, and after log_stop, lines are written at once */
void log_stop(void);
void log_flush(void);

/* {"time":...,"level":...,"message":...}; `message` is a sentence, printf-like, quoted as JSON. */
void log_line(enum log_level level, const char *format, ...) PRINTF_LIKE(2, 3);
#define log_info(...) log_line(LOG_INFO, __VA_ARGS__)
#define log_warn(...) log_line(LOG_WARN, __VA_ARGS__)
#define log_error(...) log_line(LOG_ERROR, __VA_ARGS__)
/* A whole JSON object without its newline, for the access log. */
void log_json(const char *json, size_t len);
uint64_t log_dropped(void);

/* Our own mistake, or a state from which going on would be worse: log, flush, exit 70 without any clean-up. */
_Noreturn void log_die(const char *format, ...) PRINTF_LIKE(1, 2);

#endif
