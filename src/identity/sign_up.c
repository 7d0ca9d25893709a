/*
 * sign_up.c - sign-ups that wait for their code.
 *
 * No account is made before somebody proved the mailbox, so that a sign-up does
 * the same and answers the same whether the address has an account or not: it
 * leaves a row here, and only the job that mails looks further.
 *
 * Each client has one sign-up under a name, with a code of its own (code.c): a
 * later one of the same client takes its place, one of another client stands
 * beside it. So nobody slips their own password under the code that the
 * mailbox's owner is about to type.
 */
#include "identity/parts.h"

SQL(sign_up_put_sql, "INSERT INTO sign_up (subject, client, id, email, name, locale, groups, password, verifier, created_at)"
                     " VALUES (:subject, :client, :id, :email, :name, :locale, :groups, :password, :verifier, :now)"
                     " ON CONFLICT (subject, client) DO UPDATE SET id = excluded.id, email = excluded.email, name = excluded.name,"
                     " locale = excluded.locale, groups = excluded.groups, password = excluded.password,"
                     " verifier = excluded.verifier, created_at = excluded.created_at");
SQL(sign_up_trim_sql, "DELETE FROM sign_up WHERE subject = :subject AND client IN"
                      " (SELECT client FROM sign_up WHERE subject = :subject ORDER BY created_at DESC LIMIT 100 OFFSET 16)");
#define COLUMNS "client, id, email, name, locale, groups, password, verifier"
SQL(sign_up_list_sql, "SELECT " COLUMNS " FROM sign_up"
                      " WHERE subject = :subject AND created_at > :since ORDER BY created_at DESC LIMIT 16");
SQL(sign_up_by_id_sql, "SELECT " COLUMNS " FROM sign_up WHERE id = :id AND created_at > :since");
SQL(sign_up_remove_sql, "DELETE FROM sign_up WHERE subject = :subject");
SQL(sign_up_old_sql, "DELETE FROM sign_up WHERE (subject, client) IN"
                     " (SELECT subject, client FROM sign_up WHERE created_at < :before ORDER BY created_at LIMIT 100)");

static int64_t before_which_all_is_over(const struct tx *tx)
{
    return tx->now_ms - (int64_t)CODE_SIGN_UP_HOURS * 3600 * 1000;
}

void sign_up_put(struct tx *tx, const struct id *subject, const struct id *client, const struct account *account)
{
    struct query *q = query(tx, &sign_up_put_sql);

    bind_id(q, ":subject", subject);
    bind_id(q, ":client", client);
    bind_id(q, ":id", &account->id);
    bind_text(q, ":email", account->email);
    bind_text(q, ":name", account->name);
    bind_text(q, ":locale", account->locale);
    bind_int(q, ":groups", account->groups);
    bind_text(q, ":password", account->password);
    if (account->verifier.len)
        bind_blob(q, ":verifier", account->verifier.data, account->verifier.len);
    else
        bind_null(q, ":verifier");
    bind_int(q, ":now", tx->now_ms);
    query_run(q);
    q = query(tx, &sign_up_trim_sql);
    bind_id(q, ":subject", subject);
    query_run(q);
}

static void read_sign_up(struct query *q, struct arena *arena, struct account *out)
{
    *out = (struct account){
        .id = col_id(q, 1),
        .email = col_text(q, 2, arena),
        .name = col_text(q, 3, arena),
        .locale = col_text(q, 4, arena),
        .groups = (unsigned)col_int(q, 5),
        .status = ACCOUNT_UNCONFIRMED,
        .password = col_text(q, 6, arena),
        .verifier = col_blob(q, 7, arena),
    };
    out->email_key = account_fold_email(arena, out->email);
}

size_t sign_up_find(struct tx *tx, const struct id *subject, const struct id *client, struct account *out, bool *own)
{
    struct query *q = query(tx, &sign_up_list_sql);
    size_t count = 0;

    bind_id(q, ":subject", subject);
    bind_int(q, ":since", before_which_all_is_over(tx));
    *own = false;
    for (; query_row(q); count++) {
        struct id of = col_id(q, 0);
        bool same = id_equal(&of, client);

        if (count && !same)
            continue;
        *own = same;
        read_sign_up(q, tx->arena, out);
    }
    query_end(q);
    return count;
}

bool sign_up_by_id(struct tx *tx, const struct id *id, struct account *out)
{
    struct query *q = query(tx, &sign_up_by_id_sql);

    bind_id(q, ":id", id);
    bind_int(q, ":since", before_which_all_is_over(tx));
    bool found = query_row(q);
    if (found)
        read_sign_up(q, tx->arena, out);
    query_end(q);
    return found;
}

void sign_up_remove(struct tx *tx, const struct id *subject)
{
    struct query *q = query(tx, &sign_up_remove_sql);

    bind_id(q, ":subject", subject);
    query_run(q);
}

int64_t sign_up_remove_old(struct tx *tx)
{
    struct query *q = query(tx, &sign_up_old_sql);

    bind_int(q, ":before", before_which_all_is_over(tx));
    return query_run(q);
}
