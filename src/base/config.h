/*
 * config.h - every setting, in one table.
 *
 * A setting is a key of the configuration file (`key = value`, '#' comments)
 * and the environment variable USHER_KEY; the environment wins. The table in
 * config.c holds name, type, bounds, default and help text; `usher help config`
 * prints it. An unknown key or USHER_ variable is an error that names the
 * nearest known one, before anything is opened. Settings of what comes later
 * (PostgreSQL, S3) are known and refused with a clear sentence.
 *
 * Read once at start; constant from then on: any thread reads freely.
 */
#ifndef USHER_BASE_CONFIG_H
#define USHER_BASE_CONFIG_H

#include "base/buf.h"

struct config {
    const char *data;           /* --data, USHER_DATA: the data folder */
    const char *listen;         /* --listen, USHER_LISTEN: ADDR:PORT; port 0 takes any free one */
    const char *public_url;     /* NULL: the first start's listen address, then kept in the store */
    int hold_seconds;           /* 600; 1..86400 */
    int expiry_grace_seconds;   /* 120 */
    bool limits;                /* rate limits and connections per address */
    const char *cors_origins;   /* exact origins, separated by spaces or commas; NULL: none */
    const char *tls_cert, *tls_key;
    const char *oidc_issuer, *oidc_client_id, *oidc_jwks_url, *oidc_groups_claim; /* another issuer in place of our own pool; NULL issuer: none */
    const char *smtp_url, *mail_from;
    const char *stripe_secret_key, *stripe_publishable_key, *stripe_webhook_secret, *stripe_api_base;
    bool block_disputed;        /* tickets whose payment is disputed, or was lost so, open no gate */
    const char *sim_mischief;   /* rules of the simulator's misbehaviour; NULL: none */
    const char *database_url;   /* refused until the PostgreSQL engine is there */
    const char *s3_endpoint, *s3_bucket, *s3_region, *s3_access_key, *s3_secret_key; /* refused until then */
    int access_token_seconds, refresh_token_seconds; /* 3600, 30 days */
    int refresh_grace_seconds;  /* 60; 0..3600 */
    int argon2_memory_kib, argon2_passes; /* 19456, 2 */
    bool srp;                   /* sign-in by USER_SRP_AUTH */
    int max_connections, max_connections_per_address; /* 4096, 1024 */
    const char *log_level;      /* debug, info, warn, error */
    bool access_log;
    const char *test_clock;     /* for tests: see clock_follow_file */
    const char *trusted_proxies;/* addresses whose X-Forwarded-For and -Proto are believed; NULL: none */
};

/* Read `file` (NULL: none) and the environment. On a fault writes one sentence to `error` (heap) and returns false. */
bool config_load(const char *file, struct config *out, struct buf *error);
/* As if the setting stood in the environment: for --data and --listen. */
bool config_override(struct config *config, const char *key, const char *value, struct buf *error);
/* The table as text, for `usher help config` and docs/operating.md. */
void config_describe(struct buf *out);
void config_free(struct config *config);

#endif
