/*
 * device.h - scanners that keep one event's gate without anybody's password on them.
 *
 *     WAITING --claim--> ACTIVE --revoke--> REVOKED          (WAITING and EXPIRED are revoked alike)
 *      |  ^  ^             |
 * 15 min  |   \--provision-/     the old credential ends
 *      v  |                      SUSPENDED (derived): ACTIVE, and who made it does not manage the event any more
 *     EXPIRED (derived), also at once when who made it does not manage the event any more
 *
 * The organizer or a manager makes a device and shows its one-time code as a QR code; the phone at the gate reads it and claims itself, without a
 * sign-in. What it gets is a credential of 256 random bits, of which only the hash is kept. It is good for the gate of this one event (struct caller,
 * gate_of), until 24 hours after the event's end or until it is revoked, which holds from that instant on: remembered tokens are dropped, and each
 * write asks again in its own transaction. It rests on the word of who made it (or provisioned it last): once that account does not manage the event
 * any more, the device is let in nowhere (event.c), so that who is removed leaves no way back in.
 *
 * Always true, by the schema's CHECK: a revoked device has neither code nor credential.
 */
#ifndef USHER_GATE_DEVICE_H
#define USHER_GATE_DEVICE_H

#include "events/event.h"

/* What a credential and a one-time code begin with, so that people and scanners of leaked secrets know them. No JWT begins so. */
#define DEVICE_CREDENTIAL_PREFIX "usher_device_"
#define DEVICE_CODE_PREFIX "usher_claim_"
#define DEVICE_CODE_MS (INT64_C(15) * 60 * 1000)
/* Not revoked ones of an event; and all of it, for revoked ones stay as the names behind old scans. */
#define DEVICES_MAX 100
#define DEVICES_EVER_MAX 1000

enum device_status { DEVICE_WAITING, DEVICE_EXPIRED, DEVICE_ACTIVE, DEVICE_SUSPENDED, DEVICE_REVOKED };
extern const char *const device_status_words[];

struct device {
    struct id id, event, made_by;
    const char *name, *gate;  /* gate: NULL when it has no fixed place */
    enum device_status status;
    int64_t created_at_ms, claimed_at_ms, seen_at_ms, revoked_at_ms; /* 0: never; seen to the minute */
    int64_t code_expires_at_ms; /* of a code that was not claimed; 0: none */
};

bool device_find(struct tx *tx, const struct id *event, const struct id *id, struct device *out);
/* Of an event, in order of making, those behind page->id. */
size_t devices_of_event(struct tx *tx, const struct id *event, const struct page *page, struct device **out, bool *more);

/* A new device, and its code in tx->arena. ERR_CONFLICT where the event is over or has as many as it may. `gate` may be NULL. */
enum err device_make(struct tx *tx, const struct event *event, const char *name, const char *gate, struct device *out, const char **code);
/* A new code for one that is there: its phone was lost, or the code ran out. An old credential ends at once, and who asks answers for the device
 * from now on. ERR_CONFLICT when it is revoked or the event is over. */
enum err device_provision(struct tx *tx, const struct event *event, struct device *device, const char **code);
/* The code's device becomes ACTIVE; its credential in tx->arena. ERR_NOT_FOUND, alike, for a code that is none, is older than 15 minutes, was claimed
 * or withdrawn: of two claims at one instant the second finds none. */
enum err device_claim(struct tx *tx, const char *code, struct device *out, const char **credential);
/* Whose lane a claim belongs to: the device's event. ERR_NOT_FOUND as device_claim has it, so that guesses never reach the writer. */
enum err device_event_of_code(struct tx *tx, const char *code, struct id *out);
void device_change(struct tx *tx, struct device *device, const char *name, const char *gate);
/* From this commit on it opens nothing. Once more changes nothing. */
void device_revoke(struct tx *tx, struct device *device);
/* The gate that a device was set up for, in tx->arena, or NULL. */
const char *device_gate(struct tx *tx, const struct id *device);

/* http_hooks that know both: scanners' credentials here, people's tokens in identity. */
enum err gate_authenticate(struct app *app, struct tx *tx, const char *token, size_t len, struct caller *out);
enum err gate_still_valid(struct tx *tx, const struct caller *caller);

extern const struct route device_routes[];
extern const struct answer_schema device_schemas[];

#endif
