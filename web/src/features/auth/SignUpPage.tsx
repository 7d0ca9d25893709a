import { i18n } from '@lingui/core';
import { Trans, useLingui } from '@lingui/react/macro';
import { Link, useNavigate, useSearchParams } from 'react-router';
import { auth } from '@/app/session';
import { safeNext } from '@/lib/next';
import { Button, Field, Notice } from '@/ui';
import { AuthCard, PasswordField } from './parts';
import { field, useAction } from './useAction';

export default function SignUpPage() {
  const { t } = useLingui();
  const [params] = useSearchParams();
  const navigate = useNavigate();
  const next = safeNext(params.get('next'));
  const role = params.get('role') === 'organizer' ? 'organizer' : 'attendee';

  const action = useAction(async (form) => {
    const { signUp, flow } = await auth();
    const email = field(form, 'email');
    const name = field(form, 'name');
    await signUp({
      username: email,
      password: String(form.get('password') ?? ''),
      options: {
        userAttributes: { email, ...(name && { name }), locale: i18n.locale, 'custom:role': String(form.get('role')) },
        autoSignIn: flow,
      },
    });
    navigate(`/auth/verify?${new URLSearchParams({ email, next })}`);
  });

  return (
    <AuthCard title={t`Create an account`}>
      <form onSubmit={(event) => void action.submit(event)} className="space-y-4">
        <Field label={t`Your name`} name="name" autoComplete="name" maxLength={200} />
        <Field
          label={t`E-mail address`}
          name="email"
          type="email"
          autoComplete="username"
          required
          maxLength={254}
          hint={t`Your tickets go there.`}
        />
        <PasswordField name="password" fresh />
        <fieldset>
          <legend className="mb-1 font-medium">
            <Trans>What do you want to do?</Trans>
          </legend>
          <label className="flex min-h-11 items-center gap-3">
            <input type="radio" name="role" value="attendee" defaultChecked={role === 'attendee'} className="size-5 accent-accent" />
            <Trans>Go to events</Trans>
          </label>
          <label className="flex min-h-11 items-center gap-3">
            <input type="radio" name="role" value="organizer" defaultChecked={role === 'organizer'} className="size-5 accent-accent" />
            <Trans>Put on events, and go to others'</Trans>
          </label>
        </fieldset>
        {action.error && <Notice tone="bad" title={action.error} />}
        <Button type="submit" busy={action.busy} className="w-full">
          <Trans>Create the account</Trans>
        </Button>
      </form>
      <p className="mt-4">
        <Link to={`/auth/sign-in?next=${encodeURIComponent(next)}`} className="inline-flex min-h-11 items-center">
          <Trans>I have an account already</Trans>
        </Link>
      </p>
    </AuthCard>
  );
}
