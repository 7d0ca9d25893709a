import { Trans, useLingui } from '@lingui/react/macro';
import { useNavigate } from 'react-router';
import { auth, type User, useSession } from '@/app/session';
import { field, useAction } from '@/features/auth/useAction';
import { choose, type Locale, locales } from '@/i18n';
import { Button, Card, Field, Notice, Select, useToast } from '@/ui';
import { useAccountError } from './errors';

/** Name and language: what tickets and mails call you, and in what tongue this page speaks, here and on the next device. */
export function Profile({ user }: { user: User }) {
  const { t, i18n } = useLingui();
  const { refresh, leave } = useSession();
  const navigate = useNavigate();
  const say = useToast();
  const words = useAccountError();
  const save = useAction(async (form) => {
    const { updateUserAttributes, renew } = await auth();
    const locale = field(form, 'locale') as Locale;
    await updateUserAttributes({ userAttributes: { name: field(form, 'name'), locale } });
    await renew();
    await Promise.all([refresh(), choose(locale)]);
    say(t`Saved.`);
  }, words);
  const out = async () => {
    await leave();
    navigate('/');
  };
  return (
    <Card>
      <h2 className="mb-3 text-xl font-bold">
        <Trans>You</Trans>
      </h2>
      <form onSubmit={(event) => void save.submit(event)} className="space-y-4">
        <Field label={t`Your name`} name="name" autoComplete="name" defaultValue={user.name} required maxLength={200} />
        <div>
          <p className="font-medium">
            <Trans>E-mail address</Trans>
          </p>
          <p className="break-words">{user.email}</p>
        </div>
        <Select label={t`Language`} name="locale" defaultValue={i18n.locale}>
          {Object.entries(locales).map(([tag, name]) => (
            <option key={tag} value={tag} lang={tag}>
              {name}
            </option>
          ))}
        </Select>
        {save.error && <Notice tone="bad" title={save.error} />}
        <div className="flex flex-wrap gap-2">
          <Button type="submit" busy={save.busy}>
            <Trans>Save</Trans>
          </Button>
          <Button look="secondary" onClick={() => void out()}>
            <Trans>Sign out</Trans>
          </Button>
        </div>
      </form>
    </Card>
  );
}
