/* outside_claims.c - see outside.h: what a token of another issuer says. */
#include <jansson.h>
#include <sodium.h>
#include <string.h>

#include "base/json.h"
#include "identity/outside.h"
#include "identity/parts.h"

enum { SUB_BYTES_MAX = 255, NAME_BYTES_MAX = 200 }; /* OpenID Connect Core, 2: "sub" has at most 255 */

static const char *text_of(const json_t *object, const char *name)
{
    return json_string_value(json_object_get(object, name)); /* NULL when absent or no string */
}

static bool is(const char *text, const char *want)
{
    return text && strcmp(text, want) == 0;
}

/* ---- ids ---- */

static struct id id_of(const char *label, const char *issuer, const char *text)
{
    crypto_hash_sha256_state state;
    uint8_t hash[32];
    struct id id;

    crypto_hash_sha256_init(&state);
    /* Each with its NUL: no two triples are one text. */
    crypto_hash_sha256_update(&state, (const uint8_t *)label, strlen(label) + 1);
    crypto_hash_sha256_update(&state, (const uint8_t *)issuer, strlen(issuer) + 1);
    crypto_hash_sha256_update(&state, (const uint8_t *)text, strlen(text) + 1);
    crypto_hash_sha256_final(&state, hash);
    memcpy(id.byte, hash, sizeof id.byte);
    id.byte[6] = (uint8_t)(0x70 | (id.byte[6] & 0x0F));
    id.byte[8] = (uint8_t)(0x80 | (id.byte[8] & 0x3F));
    id.byte[15] = 0; /* it is nobody's child */
    return id;
}

struct id outside_account_id(const char *issuer, const char *sub)
{
    return id_of("outside account", issuer, sub);
}

/* ---- for whom ---- */

static bool audience_holds(const json_t *audience, const char *client)
{
    size_t i;
    json_t *item;

    json_array_foreach(audience, i, item)
    {
        if (is(json_string_value(item), client))
            return true;
    }
    return is(json_string_value(audience), client);
}

static bool is_for_us(const json_t *body, const char *client)
{
    const char *use = text_of(body, "token_use"), *type = text_of(body, "typ"), *party = text_of(body, "azp");
    bool in_audience = audience_holds(json_object_get(body, "aud"), client);

    if (json_object_get(body, "events"))
        return false;
    if (json_object_get(body, "token_use"))
        return is(use, "id") ? in_audience : is(use, "access") && is(text_of(body, "client_id"), client);
    if (json_object_get(body, "typ") && !is(type, "ID") && !is(type, "Bearer"))
        return false;
    if (is(type, "ID"))
        return in_audience && (!json_object_get(body, "azp") || is(party, client));
    return in_audience || is(party, client) || is(text_of(body, "client_id"), client);
}

/* ---- what they may ---- */

static const json_t *find_claim(const json_t *body, const char *path)
{
    const json_t *found = json_object_get(body, path);
    char name[128];

    if (found)
        return found;
    for (found = body; found && *path;) {
        size_t len = strcspn(path, ".");

        if (len >= sizeof name)
            return NULL;
        memcpy(name, path, len);
        name[len] = '\0';
        found = json_object_get(found, name);
        path += len;
        path += *path == '.';
    }
    return found;
}

static unsigned group_bit(const json_t *item)
{
    const char *name = json_string_value(item);

    return name ? jwt_group_bit(name + (*name == '/')) : 0;
}

/* `whole`: who is in no group has no such claim. */
static void read_groups(const json_t *claim, bool whole, struct outside_claims *out)
{
    size_t i;
    json_t *item;

    out->has_groups = json_is_array(claim) || json_is_string(claim) || (whole && !claim);
    out->groups = group_bit(claim);
    json_array_foreach(claim, i, item)
        out->groups |= group_bit(item);
}

/* ---- who ---- */

/* One line of a length that a name has, in the arena; else NULL. */
static const char *line_of(struct arena *arena, const json_t *body, const char *name)
{
    const char *text = text_of(body, name);

    if (!text || !*text || strlen(text) > NAME_BYTES_MAX)
        return NULL;
    for (const char *c = text; *c; c++) {
        if ((unsigned char)*c < ' ' || *c == 0x7f)
            return NULL;
    }
    return arena_strdup(arena, text);
}

/* An address that the issuer vouches for. Cognito writes the flag as a text for some sources. */
static const char *email_of(struct arena *arena, const json_t *body)
{
    const json_t *verified = json_object_get(body, "email_verified");
    const char *email = text_of(body, "email");

    if (!email || (verified && !json_is_true(verified) && !is(json_string_value(verified), "true")) || !account_email_good(email))
        return NULL;
    return arena_strdup(arena, email);
}

static const char *handle_of(struct arena *arena, const json_t *body, const char *sub)
{
    static const char *const names[] = { "preferred_username", "cognito:username", "username" };
    const char *handle = NULL;

    for (size_t i = 0; !handle && i < COUNT(names); i++) {
        handle = line_of(arena, body, names[i]);
        if (is(handle, sub)) /* a number is no name */
            handle = NULL;
    }
    return handle;
}

static bool read_claims(const struct jwt_pool *pool, const char *groups_claim, struct arena *arena, const json_t *body, struct outside_claims *out)
{
    const char *sub = text_of(body, "sub"), *session = text_of(body, "origin_jti");

    *out = (struct outside_claims){ 0 };
    if (!is(text_of(body, "iss"), pool->issuer) || !is_for_us(body, pool->client_id) || !sub || !*sub || strlen(sub) > SUB_BYTES_MAX)
        return false;
    if (!session)
        session = text_of(body, "sid");
    out->account = outside_account_id(pool->issuer, sub);
    out->session = id_of("outside session", pool->issuer, session ? session : sub);
    out->email = email_of(arena, body);
    out->name = line_of(arena, body, "name");
    out->handle = handle_of(arena, body, sub);
    /* Cognito's tokens, of either use, name all groups that there are: taken out of the last one, its person must not keep it here. */
    read_groups(find_claim(body, groups_claim), json_object_get(body, "token_use"), out);
    return true;
}

enum outside_worth outside_judge(const struct jwt_pool *pool, const char *groups_claim, struct arena *arena, const char *text, size_t len, int64_t now_ms,
                                 struct outside_claims *out)
{
    json_t *body = NULL;
    enum jwt_opened opened = jwt_open(pool, arena, text, len, now_ms, &body);

    if (opened != JWT_OPEN)
        return opened == JWT_NO_KEY ? OUTSIDE_NO_KEY : OUTSIDE_BAD;
    if (!read_claims(pool, groups_claim, arena, body, out))
        return OUTSIDE_BAD;
    switch (jwt_judge_times(body, now_ms, &out->issued_at_s, &out->expires_at_s)) {
    case JWT_GOOD:
        return OUTSIDE_GOOD;
    case JWT_EXPIRED:
        return OUTSIDE_EXPIRED;
    default:
        return OUTSIDE_BAD;
    }
}
