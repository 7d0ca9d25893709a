// Words by language. A catalog belongs to the frame or to one feature, and is fetched with it; a change of language fetches all that are in use.
import { i18n, type Messages } from '@lingui/core';

export const locales = { en: 'English', de: 'Deutsch' } as const;
export type Locale = keyof typeof locales;

const frame = import.meta.glob<{ messages: Messages }>('./locales/*.po');
const features = import.meta.glob<{ messages: Messages }>('./features/*/locales/*.po');
const inUse = new Set<string>();

function stored(): string | null {
  try {
    return localStorage.getItem('usher.locale');
  } catch {
    return null;
  }
}

/** What was chosen, else the first of the browser's languages that we have, else English. */
export function preferredLocale(): Locale {
  const wished = [stored(), ...navigator.languages].map((tag) => tag?.slice(0, 2));
  return (wished.find((tag) => tag && tag in locales) as Locale | undefined) ?? 'en';
}

async function load(locale: Locale, feature: string): Promise<void> {
  const file = feature ? features[`./features/${feature}/locales/${locale}.po`] : frame[`./locales/${locale}.po`];
  if (file) i18n.load(locale, (await file()).messages);
}

/** Fetch a feature's words for the language in use. */
export async function wordsOf(feature: string): Promise<void> {
  if (inUse.has(feature)) return;
  await load(i18n.locale as Locale, feature);
  inUse.add(feature);
  i18n.activate(i18n.locale);
}

/** Begin with, or change to, a language. */
export async function speak(locale: Locale): Promise<void> {
  await Promise.all(['', ...inUse].map((feature) => load(locale, feature)));
  i18n.activate(locale);
  document.documentElement.lang = locale;
}

export function choose(locale: Locale): Promise<void> {
  try {
    localStorage.setItem('usher.locale', locale);
  } catch {
    // No storage: the choice holds for this page.
  }
  return speak(locale);
}
