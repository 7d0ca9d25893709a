import { useLingui } from '@lingui/react/macro';
import { ApiError } from '@/api/errors';
import { useAuthError } from '@/features/auth/errors';
import { useErrorText } from '@/ui';

/** What the account's own operations may answer, where the sign-in's words would mislead. */
export function useAccountError(): (error: unknown) => string {
  const { t } = useLingui();
  const auth = useAuthError();
  const api = useErrorText();
  return (error) => {
    if (error instanceof ApiError && error.status === 409 && /published events/i.test(error.message))
      return t`You have published events that are not over yet, and their guests must have somebody to turn to. Cancel them first, or wait until they are over.`;
    if (error instanceof ApiError) return api(error);
    const { name, message } = error instanceof Error ? error : { name: '', message: '' };
    if (name === 'NotAuthorizedException' && /^sign in again/i.test(message)) return t`Please sign in again first.`;
    if (name === 'NotAuthorizedException' && /token/i.test(message)) return t`You were signed out meanwhile. Please sign in again.`;
    if (name === 'NotAuthorizedException') return t`This is not your present password.`;
    if (name === 'LimitExceededException') return t`Too many tries. Please wait a while.`;
    return auth(error);
  };
}
