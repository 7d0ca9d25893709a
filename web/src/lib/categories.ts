import type { MessageDescriptor } from '@lingui/core';
import { msg } from '@lingui/core/macro';

/** The categories that pages offer. The API takes any lower-case slug; one that is not here is shown as it is. */
export const categories: Record<string, MessageDescriptor> = {
  arts: msg`Arts`,
  business: msg`Business`,
  community: msg`Community`,
  education: msg`Education`,
  family: msg`Family`,
  film: msg`Film`,
  food: msg`Food`,
  literature: msg`Literature`,
  music: msg`Music`,
  outdoors: msg`Outdoors`,
  sports: msg`Sports`,
  technology: msg`Technology`,
  theatre: msg`Theatre`,
};
