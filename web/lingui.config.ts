import { defineConfig } from '@lingui/cli';
import { formatter } from '@lingui/format-po';

// A catalog for the frame and one for each feature, so that a page loads only its own words.
export default defineConfig({
  sourceLocale: 'en',
  locales: ['en', 'de'],
  format: formatter({ lineNumbers: false }),
  catalogs: [
    { path: 'src/locales/{locale}', include: ['src'], exclude: ['src/features/**'] },
    { path: 'src/features/{name}/locales/{locale}', include: ['src/features/{name}'] },
  ],
});
