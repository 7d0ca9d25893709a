// What the server wrote into the page: its settings, its time, and the thing that the page is about, so that the first view needs no further request.
import type { Event } from '@/api/types';

export type Config = {
  apiEndpoint: string;
  identityEndpoint: string;
  userPoolId: string;
  userPoolClientId: string;
  paymentProvider: 'stripe' | 'simulator';
  publishableKey: string;
};

type Boot = { config?: Config; now?: string; event?: Event };

function read(): Boot {
  const text = document.getElementById('boot')?.textContent;
  if (!text) return {};
  try {
    return JSON.parse(text) as Boot;
  } catch {
    return {};
  }
}

export const boot = read();

let asked: Promise<Config> | undefined;

/** The server's settings for the web app; from the page, else asked for once (again after a failure). */
export function config(): Promise<Config> {
  asked ??= boot.config
    ? Promise.resolve(boot.config)
    : fetch('/config.json').then(async (answer) => {
        if (!answer.ok) throw new Error(`GET /config.json: ${answer.status}`);
        return (await answer.json()) as Config;
      });
  asked.catch(() => {
    asked = undefined;
  });
  return asked;
}
