import type { ComponentType } from 'react';
import { wordsOf } from '@/i18n';

/** A route's `lazy`: its page and its feature's words, fetched at the same time; and those of other features whose parts it is made of. */
export function page(feature: string, load: () => Promise<{ default: ComponentType }>, ...others: string[]) {
  return async () => {
    const [module] = await Promise.all([load(), ...[feature, ...others].map(wordsOf)]);
    return { Component: module.default };
  };
}
