import type { ComponentType } from 'react';
import { wordsOf } from '@/i18n';

/** A route's `lazy`: its page and its feature's words, fetched at the same time. */
export function page(feature: string, load: () => Promise<{ default: ComponentType }>) {
  return async () => {
    const [module] = await Promise.all([load(), wordsOf(feature)]);
    return { Component: module.default };
  };
}
