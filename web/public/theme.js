// Before the first paint, so that a dark page never flashes white. A file of its own, for the policy forbids scripts in the page.
try {
    const theme = localStorage.getItem('usher.theme');
    if (theme === 'light' || theme === 'dark') document.documentElement.dataset.theme = theme;
} catch {
    // No storage: the system's own choice stands.
}
