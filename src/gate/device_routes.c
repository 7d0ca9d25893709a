/* device_routes.c - scanner devices over HTTP: tables and thin handlers. */
#include "gate/device.h"
#include "tickets/qr.h"

/* Claims that one address may try: nobody guesses 256 bits, but nobody need try, either. */
#define CLAIMS_A_MINUTE 30

static void device_members(struct buf *out, const struct device *device)
{
    json_id(out, "deviceId", &device->id);
    json_id(out, "eventId", &device->event);
    json_str(out, "name", device->name);
    json_str(out, "gate", device->gate);
    json_str(out, "status", device_status_words[device->status]);
    json_id(out, "madeBy", &device->made_by);
    json_time(out, "createdAt", device->created_at_ms);
    json_time_or_null(out, "claimedAt", device->claimed_at_ms);
    json_time_or_null(out, "lastSeenAt", device->seen_at_ms);
    json_time_or_null(out, "revokedAt", device->revoked_at_ms);
}

static enum err reply_device(struct req *req, const struct device *device)
{
    struct buf *out = reply_json(req, 200);

    json_open(out, NULL);
    device_members(out, device);
    json_close(out);
    return ERR_OK;
}

/* With what sets the phone up: the code, and the page that takes it as a QR code. The code stands in the fragment, which no server's log sees. */
static enum err reply_code(struct req *req, int status, const struct device *device, const char *code)
{
    const char *url = arena_printf(req->arena, "%s/scan#claim=%s", req->app->public_url, code);
    struct buf *out = reply_json(req, status), svg = buf_in(req->arena);

    json_open(out, NULL);
    device_members(out, device);
    json_str(out, "token", code);
    json_time(out, "tokenExpiresAt", device->code_expires_at_ms);
    json_str(out, "qrText", url);
    if (qr_svg(&svg, url))
        json_strn(out, "qrSvg", svg.data, svg.len);
    else
        json_nil(out, "qrSvg"); /* an address beyond all measure */
    json_close(out);
    return ERR_OK;
}

/* ---- by who runs the event ---- */

struct device_in {
    struct given given;
    const char *name, *gate;
};
enum { DEVICE_NAME, DEVICE_GATE };
static const struct field device_new_fields[] = {
    FIELD(device_in, "name", name, FIELD_LINE, REQUIRED, 1, 100),
    FIELD_WITH_HELP(device_in, "gate", gate, FIELD_LINE, OPTIONAL | NULLABLE, 1, 100, "Where it stands; its scans are of this gate unless they name another."),
    FIELD_END
};
static const struct shape device_new_shape = SHAPE(device_in, "DeviceNew", device_new_fields);
static const struct field device_patch_fields[] = {
    FIELD(device_in, "name", name, FIELD_LINE, OPTIONAL, 1, 100),
    FIELD(device_in, "gate", gate, FIELD_LINE, OPTIONAL | NULLABLE, 1, 100),
    FIELD_END
};
static const struct shape device_patch_shape = SHAPE(device_in, "DevicePatch", device_patch_fields);

static enum err make_device(struct req *req, struct tx *tx)
{
    const struct device_in *in = req->body;
    struct device device;
    struct event event;
    const char *code;
    enum err e = event_for_manager(tx, &req->caller, &req->id[0], &event);

    if (!e)
        e = device_make(tx, &event, in->name, in->gate, &device, &code);
    return e ? e : reply_code(req, 201, &device, code);
}

/* The device that the path names, for who runs its event. */
static enum err find_device(struct req *req, struct tx *tx, struct event *event, struct device *out)
{
    enum err e = event_for_manager(tx, &req->caller, &req->id[0], event);

    if (e)
        return e;
    return device_find(tx, &req->id[0], &req->id[1], out) ? ERR_OK : ERR_NOT_FOUND;
}

static enum err provision_device(struct req *req, struct tx *tx)
{
    struct device device;
    struct event event;
    const char *code;
    enum err e = find_device(req, tx, &event, &device);

    if (!e)
        e = device_provision(tx, &event, &device, &code);
    return e ? e : reply_code(req, 200, &device, code);
}

static enum err change_device(struct req *req, struct tx *tx)
{
    const struct device_in *in = req->body;
    struct device device;
    enum err e = find_device(req, tx, NULL, &device);

    if (e)
        return e;
    device_change(tx, &device, given(&in->given, DEVICE_NAME) ? in->name : device.name, given(&in->given, DEVICE_GATE) ? in->gate : device.gate);
    return reply_device(req, &device);
}

static enum err revoke_device(struct req *req, struct tx *tx)
{
    struct device device;
    enum err e = find_device(req, tx, NULL, &device);

    if (e)
        return e;
    device_revoke(tx, &device);
    return reply_empty(req, 204);
}

struct devices_query {
    struct given given;
    int64_t limit;
    const char *cursor;
};
static const struct field devices_query_fields[] = { LIST_FIELDS(devices_query), FIELD_END };
static const struct shape devices_query_shape = SHAPE(devices_query, "DevicesQuery", devices_query_fields);

static enum err list_devices(struct req *req, struct tx *tx)
{
    const struct devices_query *in = req->query;
    struct device *rows;
    struct page page;
    struct buf *out;
    size_t count;
    bool more;
    enum err e = event_for_manager(tx, &req->caller, &req->id[0], NULL);

    if (!e)
        e = page_read(req, in->limit, in->cursor, &page);
    if (e)
        return e;
    count = devices_of_event(tx, &req->id[0], &page, &rows, &more);
    out = reply_json(req, 200);
    json_open(out, NULL);
    json_open_array(out, "items");
    for (size_t i = 0; i < count; i++) {
        json_open(out, NULL);
        device_members(out, &rows[i]);
        json_close(out);
    }
    json_close_array(out);
    page_write_next(out, more, 0, more ? &rows[count - 1].id : NULL);
    json_close(out);
    return ERR_OK;
}

/* ---- by the device ---- */

/* What a scanner has to know of itself. */
static void self_members(struct buf *out, struct app *app, const struct device *device, const struct event *event)
{
    json_id(out, "deviceId", &device->id);
    json_str(out, "name", device->name);
    json_str(out, "gate", device->gate);
    json_time(out, "expiresAt", event->ends_at_ms + EVENT_GATE_AFTER_END_MS);
    event_json(out, "event", app, event);
}

struct claim {
    struct given given;
    const char *token;
};
static const struct field claim_fields[] = { FIELD(claim, "token", token, FIELD_LINE, REQUIRED, 1, 200), FIELD_END };
static const struct shape claim_shape = SHAPE(claim, "DeviceClaim", claim_fields);

static enum err limit_claims(struct req *req, struct tx *tx)
{
    return http_limit_take(req, "claim", CLAIMS_A_MINUTE) ? ERR_OK : ERR_TOO_MANY_REQUESTS;
}

static enum err key_of_claim(struct req *req, struct tx *tx, struct id *out)
{
    return device_event_of_code(tx, ((const struct claim *)req->body)->token, out);
}

static enum err claim_device(struct req *req, struct tx *tx)
{
    const struct claim *in = req->body;
    struct device device;
    struct event event;
    const char *credential;
    struct buf *out;
    enum err e = device_claim(tx, in->token, &device, &credential);

    if (e)
        return e;
    if (!event_find(tx, &device.event, &event))
        return ERR_NOT_FOUND;
    out = reply_json(req, 200);
    json_open(out, NULL);
    self_members(out, req->app, &device, &event);
    json_str(out, "credential", credential);
    json_close(out);
    return ERR_OK;
}

static enum err show_self(struct req *req, struct tx *tx)
{
    struct device device;
    struct event event;
    struct buf *out;
    enum err e;

    if (id_is_zero(&req->caller.gate_of))
        return fail(tx, ERR_NOT_FOUND, "You are a person, not a scanner device.");
    e = event_for_gate(tx, &req->caller, &req->caller.gate_of, &event); /* a suspended one sees nothing of its event, least of all a draft */
    if (e)
        return e;
    if (!device_find(tx, &event.id, &req->caller.account, &device))
        return ERR_NOT_FOUND;
    out = reply_json(req, 200);
    json_open(out, NULL);
    self_members(out, req->app, &device, &event);
    json_close(out);
    return ERR_OK;
}

/* ---- tables ---- */

const struct route device_routes[] = {
    { .method = "GET", .path = "/v1/events/{eventId}/devices", .kind = READ, .handler = list_devices, .who = WHO_SIGNED_IN, .allow = event_allow_manager,
      .query = &devices_query_shape, .summary = "The event's scanner devices, revoked ones too", .answer = "DeviceList" },
    { .method = "POST", .path = "/v1/events/{eventId}/devices", .kind = WRITE, .handler = make_device, .who = WHO_SIGNED_IN, .allow = event_allow_manager,
      .body = &device_new_shape, .key = event_key, .secret = true, .summary = "Make a scanner device; its one-time code, good for 15 minutes, is shown this once",
      .answer = "DeviceCode", .answer_status = 201 },
    { .method = "POST", .path = "/v1/events/{eventId}/devices/{deviceId}/provision", .kind = WRITE, .handler = provision_device, .who = WHO_SIGNED_IN,
      .allow = event_allow_manager, .key = event_key, .secret = true, .summary = "A new one-time code for a device whose phone was lost; the older credential ends",
      .answer = "DeviceCode" },
    { .method = "PATCH", .path = "/v1/events/{eventId}/devices/{deviceId}", .kind = WRITE, .handler = change_device, .who = WHO_SIGNED_IN,
      .allow = event_allow_manager, .body = &device_patch_shape, .key = event_key, .summary = "Rename a device, or move it to another gate", .answer = "Device" },
    { .method = "DELETE", .path = "/v1/events/{eventId}/devices/{deviceId}", .kind = WRITE, .handler = revoke_device, .who = WHO_SIGNED_IN,
      .allow = event_allow_manager, .key = event_key, .urgent = true, .summary = "Revoke a device: it opens nothing any more", .answer_status = 204 },
    { .method = "POST", .path = "/v1/devices/claim", .kind = WORK, .handler = limit_claims, .before_reads = true, .after = claim_device, .body = &claim_shape,
      .key = key_of_claim, .secret = true, .summary = "Become the scanner device of a one-time code; the credential is shown this once", .answer = "DeviceClaimed" },
    { .method = "GET", .path = "/v1/device", .kind = READ, .handler = show_self, .who = WHO_SIGNED_IN, .devices = true,
      .summary = "The scanner device that asks, and its event", .answer = "DeviceSelf" },
    ROUTE_END
};

#define TEXT "{\"type\":\"string\"}"
#define TEXT_OR_NULL "{\"type\":[\"string\",\"null\"]}"
#define UUID "{\"type\":\"string\",\"format\":\"uuid\"}"
#define TIME "{\"type\":\"string\",\"format\":\"date-time\"}"
#define TIME_OR_NULL "{\"type\":[\"string\",\"null\"],\"format\":\"date-time\"}"
#define DEVICE_MEMBERS                                                                                                                     \
    "\"deviceId\":" UUID ",\"eventId\":" UUID ",\"name\":" TEXT ",\"gate\":" TEXT_OR_NULL                                                    \
    ",\"status\":{\"enum\":[\"waiting\",\"expired\",\"active\",\"suspended\",\"revoked\"]},\"madeBy\":" UUID ",\"createdAt\":" TIME ",\"claimedAt\":" TIME_OR_NULL \
    ",\"lastSeenAt\":" TIME_OR_NULL ",\"revokedAt\":" TIME_OR_NULL
#define DEVICE_REQUIRED "\"deviceId\",\"eventId\",\"name\",\"gate\",\"status\",\"madeBy\",\"createdAt\",\"claimedAt\",\"lastSeenAt\",\"revokedAt\""
#define SELF_MEMBERS                                                                                               \
    "\"deviceId\":" UUID ",\"name\":" TEXT ",\"gate\":" TEXT_OR_NULL ",\"expiresAt\":" TIME ",\"event\":{\"$ref\":\"#/components/schemas/Event\"}"
#define SELF_REQUIRED "\"deviceId\",\"name\",\"gate\",\"expiresAt\",\"event\""

const struct answer_schema device_schemas[] = {
    { "Device", "{\"type\":\"object\",\"required\":[" DEVICE_REQUIRED "],\"properties\":{" DEVICE_MEMBERS "}}" },
    { "DeviceList",
      "{\"type\":\"object\",\"required\":[\"items\",\"nextCursor\"],\"properties\":{\"items\":{\"type\":\"array\",\"items\":"
      "{\"$ref\":\"#/components/schemas/Device\"}},\"nextCursor\":" TEXT_OR_NULL "}}" },
    { "DeviceCode",
      "{\"type\":\"object\",\"required\":[" DEVICE_REQUIRED ",\"token\",\"tokenExpiresAt\",\"qrText\",\"qrSvg\"],\"properties\":{" DEVICE_MEMBERS
      ",\"token\":" TEXT ",\"tokenExpiresAt\":" TIME ",\"qrText\":" TEXT ",\"qrSvg\":" TEXT_OR_NULL "}}" },
    { "DeviceSelf", "{\"type\":\"object\",\"required\":[" SELF_REQUIRED "],\"properties\":{" SELF_MEMBERS "}}" },
    { "DeviceClaimed", "{\"type\":\"object\",\"required\":[" SELF_REQUIRED ",\"credential\"],\"properties\":{" SELF_MEMBERS ",\"credential\":" TEXT "}}" },
    { NULL, NULL },
};
