import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';

const css = readFileSync('src/styles/tokens.css', 'utf8');

function colours(block: RegExp): Record<string, string> {
  const body = css.match(block)?.[1] ?? '';
  return Object.fromEntries([...body.matchAll(/--([\w-]+):\s*(#[0-9a-f]{6})/g)].map(([, name, value]) => [name, value]));
}

// WCAG 2.2, "relative luminance" and "contrast ratio".
function luminance(hex: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((i) => {
    const c = Number.parseInt(hex.slice(i, i + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function contrast(a: string, b: string): number {
  const [dark = 0, light = 0] = [luminance(a), luminance(b)].sort((x, y) => x - y);
  return (light + 0.05) / (dark + 0.05);
}

const inks: [string, string[]][] = [
  ['text', ['bg', 'surface', 'surface-2', 'ok-soft', 'warn-soft', 'bad-soft', 'info-soft', 'accent-soft']],
  ['muted', ['bg', 'surface', 'surface-2']],
  ['accent', ['bg', 'surface']],
  ['accent-ink', ['accent']],
  ['ok', ['ok-soft', 'surface']],
  ['warn', ['warn-soft']],
  ['bad', ['bad-soft', 'surface']],
  ['info', ['info-soft']],
  ['band-ink', ['band']],
];

const themes = { light: /\[data-theme="light"\] \{\n([\s\S]*?)\n\}/, dark: /\[data-theme="dark"\] \{\n([\s\S]*?)\n\}/ };

test.each(Object.entries(themes))('in the %s theme every ink can be read on its ground', (_, block) => {
  const colour = colours(block);
  for (const [ink, grounds] of inks)
    for (const ground of grounds)
      expect([ink, ground, contrast(colour[ink] ?? '', colour[ground] ?? '') >= 4.5]).toEqual([ink, ground, true]);
  for (const ground of ['bg', 'surface']) expect(contrast(colour.control ?? '', colour[ground] ?? '')).toBeGreaterThanOrEqual(3);
});

test('who leaves the theme to the system gets the same dark', () => {
  expect(colours(/:root:not\(\[data-theme\]\) \{\n([\s\S]*?)\n {2}\}/)).toEqual(colours(themes.dark));
});
