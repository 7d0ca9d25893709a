import { useLingui } from '@lingui/react/macro';
import type { Fault } from './draft';

/** In words what is wrong with a field. */
export function useFaultText(): (fault: Fault) => string {
  const { t } = useLingui();
  return (fault) => {
    switch (fault) {
      case 'required':
        return t`This is needed.`;
      case 'number':
        return t`A whole number, please.`;
      case 'money':
        return t`An amount in this currency, please, such as 25 or 25.50.`;
      case 'percent':
        return t`A percentage from 0 to 100, please.`;
      case 'skipped':
        return t`This time does not exist on that day.`;
      case 'order':
        return t`The end has to be after the start.`;
    }
  };
}
