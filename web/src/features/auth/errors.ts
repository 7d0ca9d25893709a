import { useLingui } from '@lingui/react/macro';

/** Cognito's exceptions in words for people. What is told is the same for names that somebody has and names that nobody has. */
export function useAuthError(): (error: unknown) => string {
  const { t } = useLingui();
  return (error) => {
    const { name, message } = error instanceof Error ? error : { name: '', message: String(error) };
    switch (name) {
      case 'NotAuthorizedException':
        return /exceeded/i.test(message)
          ? t`Too many wrong passwords. Wait a while, or ask for a new password.`
          : /disabled/i.test(message)
            ? t`This account is disabled.`
            : t`The address or the password is not right.`;
      case 'CodeMismatchException':
      case 'EnableSoftwareTokenMFAException':
        return t`This code is not right. Please look again.`;
      case 'ExpiredCodeException':
        return t`This code holds no longer. Ask for a new one.`;
      case 'InvalidPasswordException':
        return message.replace(/^Password did not conform with policy:?\s*/i, '') || t`This password is too weak.`;
      case 'InvalidParameterException':
        return /email/i.test(message) ? t`This is no e-mail address.` : t`Something in this form is not right. Please look again.`;
      case 'InternalErrorException':
        return t`The server is busy. Please try again in a moment.`;
      case 'LimitExceededException':
      case 'TooManyRequestsException':
        return t`Too many tries. Please wait a moment and try again.`;
      case 'UsernameExistsException':
        return t`There is an account with this address already.`;
      case 'NetworkError':
        return t`The server could not be reached. Check your connection.`;
      default:
        return message || t`Something went wrong. Please try again.`;
    }
  };
}
