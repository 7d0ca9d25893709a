export type Theme = 'system' | 'light' | 'dark';

export function currentTheme(): Theme {
  const theme = document.documentElement.dataset.theme;
  return theme === 'light' || theme === 'dark' ? theme : 'system';
}

/** Also for the next visit; public/theme.js reads it before the first paint. */
export function setTheme(theme: Theme): void {
  try {
    if (theme === 'system') localStorage.removeItem('usher.theme');
    else localStorage.setItem('usher.theme', theme);
  } catch {
    // No storage: the choice holds for this page.
  }
  if (theme === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
}
