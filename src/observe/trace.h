/*
 * trace.h - trace ids: W3C traceparent and X-Amzn-Trace-Id, taken up where they are sound.
 */
#ifndef USHER_OBSERVE_TRACE_H
#define USHER_OBSERVE_TRACE_H

#include "base/util.h"

/* Trace Context, level 1: "00-<32 lower hex>-<16 lower hex>-<2 hex>". False for upper case, a zero id, version ff, or further fields in version 00. */
bool trace_parse_w3c(const char *text, char trace_id[33], char flags[3]);
/* "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=...;Sampled=1", its fields in any order: the root with its dashes taken out. */
bool trace_parse_amzn(const char *text, char trace_id[33]);
/* A new id: the first 8 hex digits are the second, as X-Ray wants it; the others come from `random`. */
void trace_new(int64_t now_ms, const uint64_t random[2], char trace_id[33]);

/* "00-<trace>-<span>-<flags>" and "Root=1-xxxxxxxx-yyyyyyyyyyyyyyyyyyyyyyyy". */
void trace_write_w3c(const char trace_id[33], uint64_t span, const char *flags, char out[56]);
void trace_write_amzn(const char trace_id[33], char out[64]);

#endif
