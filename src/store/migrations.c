/*
 * The schema, as numbered steps. A step that has been released never changes;
 * a new one is added behind it.
 *
 * Bytes written are the limit of the whole path,
 * so: 16-byte ids, few and partial indexes, children clustered under their
 * parents, counters in narrow rows. Times are epoch milliseconds in UTC, money
 * is in minor units. Every table has a declared primary key, for the changeset
 * of the oplog is made of those.
 */
#include "store/migrations.h"

#include <stddef.h>

static const char *const first[] = {
    /* ---- accounts (identity/) ---- */
    "CREATE TABLE account ("
    " id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),"
    " email TEXT NOT NULL,"              /* as its owner writes it */
    " email_key TEXT NOT NULL,"          /* folded; what sign-in looks up */
    " name TEXT,"
    " locale TEXT,"
    " groups INTEGER NOT NULL,"          /* bits: 1 Attendees, 2 Organizers, 4 Admins; taken on at confirmation */
    " status INTEGER NOT NULL CHECK (status IN (0, 1, 2)),"  /* unconfirmed, confirmed, disabled */
    " password TEXT NOT NULL,"           /* libsodium's Argon2id string */
    " epoch INTEGER NOT NULL DEFAULT 0," /* raised by sign-out everywhere, disabling, a new password: older tokens are void */
    " failures INTEGER NOT NULL DEFAULT 0,"
    " failed_at INTEGER,"
    " created_at INTEGER NOT NULL,"
    " updated_at INTEGER NOT NULL"
    ") STRICT",
    "CREATE UNIQUE INDEX account_email ON account (email_key)",
    /* One live code an account and purpose (1 confirm sign-up, 2 reset password); kept as a hash. */
    "CREATE TABLE account_code ("
    " account BLOB NOT NULL, purpose INTEGER NOT NULL, hash BLOB NOT NULL,"
    " expires_at INTEGER NOT NULL, attempts INTEGER NOT NULL DEFAULT 0,"
    " PRIMARY KEY (account, purpose)"
    ") STRICT, WITHOUT ROWID",
    /* A sign-in on one device. Its refresh tokens follow one another; `hash` is SHA-256 of the newest. */
    "CREATE TABLE session ("
    " id BLOB NOT NULL PRIMARY KEY,"     /* origin_jti */
    " account BLOB NOT NULL, hash BLOB NOT NULL, previous_hash BLOB, rotated_at INTEGER,"
    " epoch INTEGER NOT NULL,"           /* account.epoch when it began; when that rises, the session is over */
    " auth_time INTEGER NOT NULL, expires_at INTEGER NOT NULL, revoked_at INTEGER"
    ") STRICT",
    "CREATE INDEX session_account ON session (account)",
    "CREATE INDEX session_expiry ON session (expires_at)",

    /* ---- events (events/) ---- */
    "CREATE TABLE event ("
    " id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),"
    " organizer BLOB NOT NULL,"
    " status INTEGER NOT NULL CHECK (status IN (0, 1, 2))," /* draft, published, cancelled */
    " title TEXT NOT NULL, description TEXT, category TEXT,"
    " starts_at INTEGER NOT NULL, ends_at INTEGER NOT NULL, admission_starts_at INTEGER, timezone TEXT NOT NULL,"
    " venue_name TEXT, venue_address TEXT, venue_city TEXT, venue_country TEXT,"
    " city_key TEXT,"                    /* venue_city folded, for the filter */
    " listed INTEGER NOT NULL CHECK (listed IN (0, 1))," /* published and not yet known to have ended: keeps the lists' indexes free of the past */
    " online INTEGER NOT NULL DEFAULT 0,"
    " image TEXT,"                       /* object key of the picture */
    " currency TEXT NOT NULL,"
    " version INTEGER NOT NULL DEFAULT 1," /* raised by each change of this row or its types; the ETag of If-Match */
    " created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,"
    " CHECK (ends_at > starts_at)"
    ") STRICT",
    "CREATE INDEX event_organizer ON event (organizer, id)",
    "CREATE INDEX event_listing ON event (starts_at, id) WHERE listed = 1",
    "CREATE INDEX event_category ON event (category, starts_at, id) WHERE listed = 1",
    "CREATE INDEX event_city ON event (city_key, starts_at, id) WHERE listed = 1",
    "CREATE INDEX event_organizer_listing ON event (organizer, starts_at, id) WHERE listed = 1",
    "CREATE INDEX event_over ON event (ends_at) WHERE listed = 1",
    /* A ticket type's id is its event's with n in the last byte. */
    "CREATE TABLE ticket_type ("
    " event BLOB NOT NULL, n INTEGER NOT NULL CHECK (n BETWEEN 1 AND 255),"
    " name TEXT NOT NULL, description TEXT, price INTEGER NOT NULL CHECK (price >= 0),"
    " sale_starts_at INTEGER, sale_ends_at INTEGER,"
    " min_per_order INTEGER NOT NULL DEFAULT 1, max_per_order INTEGER, max_per_account INTEGER,"
    " PRIMARY KEY (event, n)"
    ") STRICT, WITHOUT ROWID",
    /* The counters, apart from everything wide: row n counts ticket type n, row 0 the whole event (quantity = capacity). */
    "CREATE TABLE stock ("
    " event BLOB NOT NULL, n INTEGER NOT NULL,"
    " quantity INTEGER NOT NULL, held INTEGER NOT NULL DEFAULT 0, sold INTEGER NOT NULL DEFAULT 0,"
    " PRIMARY KEY (event, n),"
    " CHECK (held >= 0 AND sold >= 0 AND held + sold <= quantity)"
    ") STRICT, WITHOUT ROWID",
    /* Search: folded words of title, description, category, venue and city of listed events. */
    "CREATE TABLE event_word ("
    " word TEXT NOT NULL, event BLOB NOT NULL, PRIMARY KEY (word, event)"
    ") STRICT, WITHOUT ROWID",
    "CREATE INDEX event_word_event ON event_word (event)",

    /* ---- registrations and their tickets (registrations/) ---- */
    "CREATE TABLE registration ("
    " id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),"
    " event BLOB NOT NULL, account BLOB NOT NULL,"
    " status INTEGER NOT NULL CHECK (status BETWEEN 0 AND 4)," /* pending, confirmed, cancelled, expired, refunded */
    " items TEXT NOT NULL,"              /* [[n, quantity, unit price], ...] in the order of the request */
    " attendees TEXT,"                   /* one entry a ticket, in ticket order: [[name, email], null, ...]; NULL: none named */
    " quantity INTEGER NOT NULL CHECK (quantity BETWEEN 1 AND 255),"
    " amount INTEGER NOT NULL CHECK (amount >= 0), refunded INTEGER NOT NULL DEFAULT 0,"
    " currency TEXT NOT NULL,"
    " expires_at INTEGER,"               /* set while pending */
    " extended INTEGER NOT NULL DEFAULT 0," /* paying lengthened the hold (once) */
    " intent TEXT,"                      /* payment intent in force, if any */
    " created_at INTEGER NOT NULL, confirmed_at INTEGER,"
    " CHECK ((status = 0) = (expires_at IS NOT NULL)), CHECK (refunded BETWEEN 0 AND amount)"
    ") STRICT",
    "CREATE INDEX registration_account ON registration (account, id)",
    "CREATE INDEX registration_event ON registration (event, id)",
    "CREATE INDEX registration_expiry ON registration (expires_at, id) WHERE status = 0",
    /* Only where a type limits an account: tickets held or sold to it. */
    "CREATE TABLE account_quota ("
    " event BLOB NOT NULL, account BLOB NOT NULL, n INTEGER NOT NULL, taken INTEGER NOT NULL CHECK (taken >= 0),"
    " PRIMARY KEY (event, account, n)"
    ") STRICT, WITHOUT ROWID",
    /* A ticket's id is its registration's with n in the last byte. */
    "CREATE TABLE ticket ("
    " registration BLOB NOT NULL, n INTEGER NOT NULL CHECK (n BETWEEN 1 AND 255),"
    " type INTEGER NOT NULL,"            /* the ticket type's n */
    " status INTEGER NOT NULL DEFAULT 0 CHECK (status IN (0, 1, 2))," /* valid, used, cancelled */
    " edition INTEGER NOT NULL DEFAULT 1,"
    " used_at INTEGER, used_gate TEXT,"
    " PRIMARY KEY (registration, n),"
    " CHECK (status <> 1 OR used_at IS NOT NULL)"
    ") STRICT, WITHOUT ROWID",

    /* ---- gate/ ---- */
    /* The history of one ticket at the doors: n counts from 1; an admission (kind 1) or its undoing (kind 2). */
    "CREATE TABLE check_in ("
    " event BLOB NOT NULL, ticket BLOB NOT NULL, n INTEGER NOT NULL,"
    " kind INTEGER NOT NULL CHECK (kind IN (1, 2)),"
    " at INTEGER NOT NULL, scanned_at INTEGER, gate TEXT, device TEXT, actor BLOB NOT NULL,"
    " PRIMARY KEY (event, ticket, n)"
    ") STRICT, WITHOUT ROWID",

    /* ---- payments/ ---- */
    "CREATE TABLE payment ("
    " registration BLOB NOT NULL, attempt INTEGER NOT NULL,"
    " status INTEGER NOT NULL CHECK (status BETWEEN 0 AND 5)," /* creating, open, processing, succeeded, cancelled, failed */
    " amount INTEGER NOT NULL, currency TEXT NOT NULL,"
    " intent TEXT, client_secret TEXT,"
    " received INTEGER NOT NULL DEFAULT 0,"
    " lease_until INTEGER, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,"
    " PRIMARY KEY (registration, attempt)"
    ") STRICT, WITHOUT ROWID",
    "CREATE UNIQUE INDEX payment_intent ON payment (intent) WHERE intent IS NOT NULL",
    "CREATE INDEX payment_open ON payment (updated_at) WHERE status IN (0, 1, 2)",
    "CREATE TABLE refund ("
    " id BLOB NOT NULL PRIMARY KEY, registration BLOB NOT NULL, intent TEXT NOT NULL,"
    " amount INTEGER NOT NULL CHECK (amount > 0), currency TEXT NOT NULL,"
    " status INTEGER NOT NULL CHECK (status BETWEEN 0 AND 3)," /* asked, pending, succeeded, failed */
    " reason TEXT, tickets TEXT, provider_id TEXT, failure TEXT,"
    " actor BLOB, created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL"
    ") STRICT",
    "CREATE INDEX refund_registration ON refund (registration)",
    "CREATE INDEX refund_open ON refund (updated_at) WHERE status IN (0, 1)",
    "CREATE TABLE provider_event ("
    " id TEXT NOT NULL PRIMARY KEY, at INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID",
    "CREATE INDEX provider_event_at ON provider_event (at)",

    /* ---- jobs and idempotency (store/, http/) ---- */
    "CREATE TABLE job ("
    " id INTEGER PRIMARY KEY NOT NULL, lane INTEGER NOT NULL, kind TEXT NOT NULL, key TEXT,"
    " generation INTEGER NOT NULL DEFAULT 1, payload TEXT,"
    " run_at INTEGER NOT NULL,"          /* when due; while claimed, the end of the lease, unless it was asked for again meanwhile */
    " lease_until INTEGER,"              /* set while claimed */
    " attempts INTEGER NOT NULL DEFAULT 0, parked INTEGER NOT NULL DEFAULT 0, failure TEXT,"
    " created_at INTEGER NOT NULL"
    ") STRICT",
    "CREATE UNIQUE INDEX job_key ON job (kind, key) WHERE key IS NOT NULL",
    "CREATE INDEX job_due ON job (lane, run_at, id) WHERE parked = 0",
    "CREATE INDEX job_parked ON job (id) WHERE parked = 1",
    /* Rows in order of making, so that clearing after 24 h takes the lowest ids and needs no index by time. */
    "CREATE TABLE idempotency ("
    " id INTEGER PRIMARY KEY NOT NULL, key TEXT NOT NULL, account BLOB NOT NULL,"
    " request BLOB NOT NULL,"            /* SHA-256 of method, path and body */
    " status INTEGER NOT NULL, location TEXT, reply BLOB NOT NULL, created_at INTEGER NOT NULL"
    ") STRICT",
    "CREATE UNIQUE INDEX idempotency_key ON idempotency (key, account)",

    /* ---- the trail ---- */
    "CREATE TABLE oplog ("
    " seq INTEGER PRIMARY KEY NOT NULL, at INTEGER NOT NULL,"
    " changes BLOB NOT NULL,"            /* SQLite changeset of the batch */
    " notes TEXT,"                       /* a line each: kind, thing, about, actor */
    " total INTEGER NOT NULL"            /* bytes of changes and notes in this row and all before it: what pruning frees, without a sum */
    ") STRICT",
    "CREATE TABLE meta (key TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID",
    NULL,
};

/* Accounts that were deleted, and second factors. */
static const char *const second[] = {
    /* ---- accounts (identity/) ---- */
    "ALTER TABLE account ADD COLUMN deleted_at INTEGER", /* set: the person is gone, what is left is a number that accounting needs */
    /* An authenticator app (RFC 6238). Secrets are sealed under the server's key. `pending` was given out and not proven yet, `secret` was;
     * enabled: sign-in asks for it. last_step: no step counts twice. */
    "CREATE TABLE totp ("
    " account BLOB NOT NULL PRIMARY KEY, secret BLOB, pending BLOB, enabled INTEGER NOT NULL DEFAULT 0 CHECK (enabled IN (0, 1)),"
    " last_step INTEGER NOT NULL DEFAULT 0, name TEXT, made_at INTEGER NOT NULL,"
    " CHECK (enabled = 0 OR secret IS NOT NULL)"
    ") STRICT, WITHOUT ROWID",
    "CREATE TABLE recovery_code ("
    " account BLOB NOT NULL, n INTEGER NOT NULL, hash BLOB NOT NULL, used_at INTEGER,"
    " PRIMARY KEY (account, n)"
    ") STRICT, WITHOUT ROWID",
    /* Challenges that were answered: none is answered twice. */
    "CREATE TABLE spent_challenge (id BLOB NOT NULL PRIMARY KEY, expires_at INTEGER NOT NULL) STRICT, WITHOUT ROWID",
    "CREATE INDEX spent_challenge_expiry ON spent_challenge (expires_at)",
    NULL,
};

/* Wrong second factors outlive a restart, as wrong passwords do. */
static const char *const totp_failures[] = {
    "ALTER TABLE totp ADD COLUMN failures INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE totp ADD COLUMN failed_at INTEGER",
    NULL,
};

/* Who helps at an event, and the scanners at its gates. Secrets are kept as their SHA-256. */
static const char *const staff[] = {
    /* ---- events/ ---- */
    /* A row is an invitation until `account` took it. */
    "CREATE TABLE staff ("
    " id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16), event BLOB NOT NULL,"
    " email TEXT NOT NULL, email_key TEXT NOT NULL,"       /* the address invited, and folded */
    " role INTEGER NOT NULL CHECK (role IN (0, 1)),"       /* gate, manager */
    " account BLOB,"
    " hash BLOB NOT NULL, expires_at INTEGER NOT NULL,"    /* of the token in the newest mail, which works until then */
    " invited_by BLOB NOT NULL, invited_at INTEGER NOT NULL, accepted_at INTEGER,"
    " CHECK ((account IS NULL) = (accepted_at IS NULL))"
    ") STRICT",
    "CREATE UNIQUE INDEX staff_event ON staff (event, email_key)",
    "CREATE UNIQUE INDEX staff_account ON staff (account, event) WHERE account IS NOT NULL",
    "CREATE UNIQUE INDEX staff_hash ON staff (hash)",
    "CREATE INDEX staff_expiry ON staff (expires_at) WHERE account IS NULL",
    /* Invitations mailed in the last 24 hours, for their limits. */
    "CREATE TABLE staff_mail ("
    " id BLOB NOT NULL PRIMARY KEY, inviter BLOB NOT NULL, email_key TEXT NOT NULL, at INTEGER NOT NULL"
    ") STRICT",
    "CREATE INDEX staff_mail_inviter ON staff_mail (inviter, at)",
    "CREATE INDEX staff_mail_address ON staff_mail (email_key, at)",
    "CREATE INDEX staff_mail_at ON staff_mail (at)",

    /* ---- gate/ ---- */
    /* token: the one-time code that a device claims itself with. credential: what it then sends; epoch rises with each claim. */
    "CREATE TABLE device ("
    " id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16), event BLOB NOT NULL,"
    " name TEXT NOT NULL, gate TEXT, made_by BLOB NOT NULL, created_at INTEGER NOT NULL,"
    " token_hash BLOB, token_expires_at INTEGER,"
    " credential_hash BLOB, epoch INTEGER NOT NULL DEFAULT 0, claimed_at INTEGER, seen_at INTEGER, revoked_at INTEGER,"
    " CHECK ((token_hash IS NULL) = (token_expires_at IS NULL)), CHECK (revoked_at IS NULL OR (token_hash IS NULL AND credential_hash IS NULL))"
    ") STRICT",
    "CREATE INDEX device_event ON device (event, id)",
    "CREATE UNIQUE INDEX device_token ON device (token_hash) WHERE token_hash IS NOT NULL",
    "CREATE UNIQUE INDEX device_credential ON device (credential_hash) WHERE credential_hash IS NOT NULL",
    NULL,
};

/* What money did: every movement, disputes, and what an event's policy lets its buyers give back. */
static const char *const money[] = {
    "ALTER TABLE event ADD COLUMN refund_until INTEGER", /* buyers may give tickets back until then; NULL: the organizer decides each case */
    "ALTER TABLE event ADD COLUMN refund_fee_percent INTEGER NOT NULL DEFAULT 0 CHECK (refund_fee_percent BETWEEN 0 AND 100)",
    "ALTER TABLE registration ADD COLUMN kept INTEGER NOT NULL DEFAULT 0 CHECK (kept >= 0)", /* of `amount`: kept when the buyer gave tickets back */
    "ALTER TABLE registration ADD COLUMN disputed INTEGER NOT NULL DEFAULT 0 CHECK (disputed IN (0, 1))", /* a bank holds or took the money back */
    "ALTER TABLE payment ADD COLUMN balance TEXT", /* the provider's balance transaction of its charge, once its fee is in the ledger */
    "CREATE INDEX payment_unbooked ON payment (updated_at) WHERE received > 0 AND balance IS NULL",
    /* Rows are only ever added. `back`: the movement of the same kind and provider id was undone (a refund that failed). */
    "CREATE TABLE ledger ("
    " provider_id TEXT NOT NULL, kind INTEGER NOT NULL CHECK (kind BETWEEN 0 AND 4)," /* charge, fee, refund, dispute, adjustment */
    " back INTEGER NOT NULL DEFAULT 0 CHECK (back IN (0, 1)),"
    " event BLOB NOT NULL, registration BLOB NOT NULL,"
    " amount INTEGER NOT NULL, currency TEXT NOT NULL," /* minor units; positive: to the organizer */
    " at INTEGER NOT NULL,"              /* when the provider moved it */
    " PRIMARY KEY (provider_id, kind, back)"
    ") STRICT, WITHOUT ROWID",
    "CREATE INDEX ledger_event ON ledger (event, at, provider_id, kind, back)",
    "CREATE INDEX ledger_registration ON ledger (registration)",
    "CREATE TABLE dispute ("
    " id TEXT NOT NULL PRIMARY KEY, event BLOB NOT NULL, registration BLOB NOT NULL, intent TEXT NOT NULL,"
    " amount INTEGER NOT NULL, currency TEXT NOT NULL,"
    " status INTEGER NOT NULL CHECK (status BETWEEN 0 AND 7)," /* dispute.h; up to 3 it is open */
    " reason TEXT, evidence_due INTEGER,"
    " evidence TEXT NOT NULL,"           /* who came in where and when, as JSON: kept when everything else of a person is deleted */
    " created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID",
    "CREATE INDEX dispute_registration ON dispute (registration)",
    "CREATE INDEX dispute_event ON dispute (event, created_at)",
    "CREATE INDEX dispute_open ON dispute (updated_at) WHERE status <= 3",
    /* What moved before there was a ledger. */
    "INSERT INTO ledger (provider_id, kind, event, registration, amount, currency, at)"
    " SELECT p.intent, 0, r.event, r.id, p.received, p.currency, p.updated_at FROM payment p JOIN registration r ON r.id = p.registration"
    " WHERE p.received > 0 AND p.intent IS NOT NULL",
    "INSERT INTO ledger (provider_id, kind, event, registration, amount, currency, at)"
    " SELECT f.provider_id, 2, r.event, r.id, -f.amount, f.currency, f.updated_at FROM refund f JOIN registration r ON r.id = f.registration"
    " WHERE f.status IN (1, 2) AND f.provider_id IS NOT NULL ON CONFLICT (provider_id, kind, back) DO NOTHING",
    NULL,
};

/* Accounts that were deleted before everything else that is held on a person went too: that is made good. */
static const char *const left_before[] = {
    "INSERT INTO job (lane, kind, key, run_at, created_at) SELECT 0, 'forget', lower(substr(hex(id), 1, 8) || '-' || substr(hex(id), 9, 4)"
    " || '-' || substr(hex(id), 13, 4) || '-' || substr(hex(id), 17, 4) || '-' || substr(hex(id), 21)), deleted_at, deleted_at"
    " FROM account WHERE deleted_at IS NOT NULL",
    NULL,
};

/* What tickets cost beyond their price: taxes, a service fee, discount codes; and receipts. */
static const char *const prices[] = {
    /* ---- events (events/) ---- */
    "ALTER TABLE event ADD COLUMN fee_fixed INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE event ADD COLUMN fee_bps INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE event ADD COLUMN fee_by_organizer INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE event ADD COLUMN seller_name TEXT",
    "ALTER TABLE event ADD COLUMN seller_address TEXT",
    "ALTER TABLE event ADD COLUMN seller_tax_id TEXT",
    "ALTER TABLE ticket_type ADD COLUMN tax_bps INTEGER NOT NULL DEFAULT 0",
    "ALTER TABLE ticket_type ADD COLUMN tax_included INTEGER NOT NULL DEFAULT 1",
    "ALTER TABLE ticket_type ADD COLUMN hidden INTEGER NOT NULL DEFAULT 0",
    /* A use is a registration that is pending or confirmed; `used` counts them, and the CHECK is the second fence. */
    "CREATE TABLE discount_code ("
    " event BLOB NOT NULL, id BLOB NOT NULL CHECK (length(id) = 16),"
    " code TEXT NOT NULL, code_key TEXT NOT NULL," /* as it was written; folded */
    " kind INTEGER NOT NULL CHECK (kind BETWEEN 0 AND 3)," /* opens hidden types only, percent, amount an order, amount a ticket */
    " value INTEGER NOT NULL,"           /* basis points or minor units */
    " types BLOB,"                       /* a byte for each ticket type's n that it is for; NULL: all that are not hidden */
    " max_uses INTEGER, max_uses_per_account INTEGER, max_tickets INTEGER,"
    " starts_at INTEGER, ends_at INTEGER,"
    " active INTEGER NOT NULL CHECK (active IN (0, 1)),"
    " used INTEGER NOT NULL DEFAULT 0,"
    " created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL,"
    " PRIMARY KEY (event, id),"
    " CHECK (used >= 0 AND (max_uses IS NULL OR used <= max_uses))"
    ") STRICT, WITHOUT ROWID",
    "CREATE UNIQUE INDEX discount_code_key ON discount_code (event, code_key)",
    /* The same by account; a row stays when its uses come back, and says that the code was used once. */
    "CREATE TABLE discount_use ("
    " event BLOB NOT NULL, code BLOB NOT NULL, account BLOB NOT NULL, taken INTEGER NOT NULL CHECK (taken >= 0),"
    " PRIMARY KEY (event, code, account)"
    ") STRICT, WITHOUT ROWID",

    /* ---- registrations (registrations/) ---- */
    "ALTER TABLE registration ADD COLUMN code BLOB", /* the discount code's id */

    /* ---- receipts (tickets/) ---- */
    /* Numbers without gaps: `last` and the row that has the number are written in one transaction, in the organizer's lane. */
    "CREATE TABLE receipt_series ("
    " organizer BLOB NOT NULL, kind INTEGER NOT NULL CHECK (kind IN (1, 2))," /* receipts, credit notes */
    " last INTEGER NOT NULL,"
    " PRIMARY KEY (organizer, kind)"
    ") STRICT, WITHOUT ROWID",
    "CREATE TABLE receipt ("
    " organizer BLOB NOT NULL, kind INTEGER NOT NULL, number INTEGER NOT NULL,"
    " source BLOB NOT NULL,"             /* what it is for: the registration, or the refund */
    " registration BLOB NOT NULL,"
    " content TEXT NOT NULL,"            /* what it says, as JSON: later changes of the event or of a name do not touch it */
    " made_at INTEGER NOT NULL,"
    " PRIMARY KEY (organizer, kind, number)"
    ") STRICT, WITHOUT ROWID",
    "CREATE UNIQUE INDEX receipt_source ON receipt (source)",
    "CREATE INDEX receipt_registration ON receipt (registration)",
    NULL,
};

/* Signing in without sending the password. */
static const char *const srp[] = {
    /* salt and verifier, sealed under a key of their own (identity/srp.h); empty while the setting srp is off */
    "CREATE TABLE srp_verifier (account BLOB NOT NULL PRIMARY KEY, sealed BLOB NOT NULL) STRICT, WITHOUT ROWID",
    NULL,
};

/* Codes by client, and sign-ups that are no accounts yet. Codes under way are asked for anew; who was never confirmed signs up anew. */
static const char *const mail_codes[] = {
    "DROP TABLE account_code",
    "DELETE FROM account WHERE status = 0",
    /* `subject` is an HMAC of the folded address, `client` of the asker's address. A code is derived from its seed (identity/code.c).
     * guesses: wrong ones by other clients. purpose: 1 confirm sign-up, 2 reset password. */
    "CREATE TABLE mail_code ("
    " subject BLOB NOT NULL, purpose INTEGER NOT NULL, client BLOB NOT NULL, seed BLOB NOT NULL,"
    " expires_at INTEGER NOT NULL, guesses INTEGER NOT NULL DEFAULT 0,"
    " PRIMARY KEY (subject, purpose, client)"
    ") STRICT, WITHOUT ROWID",
    "CREATE INDEX mail_code_expiry ON mail_code (expires_at)",
    /* Wrong guesses of a client since it last asked, for any name that was guessed at. */
    "CREATE TABLE code_guess ("
    " subject BLOB NOT NULL, purpose INTEGER NOT NULL, client BLOB NOT NULL, count INTEGER NOT NULL, at INTEGER NOT NULL,"
    " PRIMARY KEY (subject, purpose, client)"
    ") STRICT, WITHOUT ROWID",
    "CREATE INDEX code_guess_at ON code_guess (at)",
    "CREATE TABLE sign_up ("
    " subject BLOB NOT NULL, client BLOB NOT NULL, id BLOB NOT NULL," /* id: the account's to be */
    " email TEXT NOT NULL, name TEXT, locale TEXT, groups INTEGER NOT NULL, password TEXT NOT NULL,"
    " verifier BLOB, created_at INTEGER NOT NULL," /* verifier: as in srp_verifier */
    " PRIMARY KEY (subject, client)"
    ") STRICT, WITHOUT ROWID",
    "CREATE UNIQUE INDEX sign_up_id ON sign_up (id)",
    "CREATE INDEX sign_up_created ON sign_up (created_at)",
    NULL,
};

/* What the provider's account moved for our payments, as its own books have it. */
static const char *const balance[] = {
    "CREATE TABLE balance_transaction ("
    " id TEXT NOT NULL PRIMARY KEY, event BLOB NOT NULL, registration BLOB NOT NULL,"
    " amount INTEGER NOT NULL, fee INTEGER NOT NULL, currency TEXT NOT NULL," /* minor units of the account's currency; what is left is amount - fee */
    " available_at INTEGER NOT NULL,"    /* when it may be paid out */
    " at INTEGER NOT NULL"
    ") STRICT, WITHOUT ROWID",
    "CREATE INDEX balance_transaction_registration ON balance_transaction (registration)",
    "CREATE INDEX balance_transaction_event ON balance_transaction (event, available_at, currency)",
    NULL,
};

#define BYTES_1_TO_255 \
    "X'" \
    "0102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F202122232425262728292A2B2C2D2E2F303132333435363738393A3B3C3D3E3F40" \
    "4142434445464748494A4B4C4D4E4F505152535455565758595A5B5C5D5E5F606162636465666768696A6B6C6D6E6F707172737475767778797A7B7C7D7E7F80" \
    "8182838485868788898A8B8C8D8E8F909192939495969798999A9B9C9D9E9FA0A1A2A3A4A5A6A7A8A9AAABACADAEAFB0B1B2B3B4B5B6B7B8B9BABBBCBDBEBFC0" \
    "C1C2C3C4C5C6C7C8C9CACBCCCDCECFD0D1D2D3D4D5D6D7D8D9DADBDCDDDEDFE0E1E2E3E4E5E6E7E8E9EAEBECEDEEEFF0F1F2F3F4F5F6F7F8F9FAFBFCFDFEFF" \
    "'"
/* Numbers of ticket types that an event has given, so that none is given twice: a discount code, once bound to a type, never meets another. What was
 * removed before this counts where a code still names it. */
static const char *const type_numbers[] = {
    "ALTER TABLE event ADD COLUMN types_made INTEGER NOT NULL DEFAULT 0",
    "UPDATE event SET types_made = COALESCE((SELECT max(n) FROM ticket_type t WHERE t.event = event.id), 0)",
    "UPDATE event SET types_made = max(types_made, COALESCE((WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 255)"
    " SELECT max(number.n) FROM number, discount_code c WHERE c.event = event.id AND instr(c.types, substr(" BYTES_1_TO_255 ", number.n, 1)) > 0), 0))"
    " WHERE id IN (SELECT event FROM discount_code WHERE types IS NOT NULL)",
    NULL,
};

const struct migration store_migrations[] = {
    { 1, first },
    { 2, second },
    { 3, totp_failures },
    { 4, staff },
    { 5, money },
    { 6, left_before },
    { 7, prices },
    { 8, srp },
    { 9, mail_codes },
    { 10, balance },
    { 11, type_numbers },
    { 0, NULL },
};
