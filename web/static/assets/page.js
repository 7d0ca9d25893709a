/* The list of upcoming events, from the same API that everyone may use. Text is set as text, never as markup. */
const list = document.getElementById('events');
const note = document.getElementById('note');
const more = document.getElementById('more');
const search = document.getElementById('q');
let cursor = null;
let asked = 0;

const element = (name, className, text) => {
  const node = document.createElement(name);
  if (className) node.className = className;
  node.textContent = text;
  return node;
};

/* Minor units by the currency's own number of digits: 2500 EUR is 25.00, 2500 JPY is 2500. */
const money = (amount, currency) => {
  const format = new Intl.NumberFormat(undefined, { style: 'currency', currency });
  return format.format(amount / 10 ** format.resolvedOptions().maximumFractionDigits);
};

const when = (event) => new Intl.DateTimeFormat(undefined, {
  weekday: 'short', day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit',
  timeZone: event.timezone, timeZoneName: 'short',
}).format(new Date(event.startsAt));

const where = (event) => {
  const venue = event.venue ?? {};
  const place = [venue.name, venue.city].filter(Boolean).join(', ');
  return place || (event.online ? 'Online' : 'Place to be announced');
};

const price = (event) => {
  const prices = event.ticketTypes.map((type) => type.price);
  const least = Math.min(...prices);
  const most = Math.max(...prices);
  if (most === 0) return 'Free';
  if (least === 0) return `Free to ${money(most, event.currency)}`;
  return `${least < most ? 'from ' : ''}${money(least, event.currency)}`;
};

const left = (event) => {
  const seats = Math.min(event.ticketTypes.reduce((sum, type) => sum + type.available, 0), event.capacity);
  if (seats === 0) return element('span', 'left none', 'Sold out');
  if (seats <= 20) return element('span', 'left few', `${seats} left`);
  return element('span', 'left', 'Available');
};

const card = (event) => {
  const item = document.createElement('li');
  const line = element('p', 'price', price(event));
  line.append(left(event));
  item.append(element('time', 'when', when(event)), element('h3', 'title', event.title), element('p', 'where', where(event)), line);
  item.querySelector('time').dateTime = event.startsAt;
  return item;
};

const say = (text) => {
  note.textContent = text;
  note.hidden = !text;
};

async function load(fresh) {
  const mine = ++asked;
  const query = new URLSearchParams({ limit: '24' });
  if (search.value.trim()) query.set('q', search.value.trim());
  if (!fresh && cursor) query.set('cursor', cursor);
  list.setAttribute('aria-busy', 'true');
  try {
    const response = await fetch(`/v1/events?${query}`);
    if (!response.ok) throw new Error(String(response.status));
    const page = await response.json();
    if (mine !== asked) return; /* a later search has been asked for meanwhile */
    if (fresh) list.replaceChildren();
    list.append(...page.items.map(card));
    cursor = page.nextCursor;
    more.hidden = !cursor;
    say(list.children.length ? '' : 'No upcoming events fit.');
  } catch {
    if (mine === asked) say('The events could not be loaded. Try again in a moment.');
  } finally {
    if (mine === asked) list.setAttribute('aria-busy', 'false');
  }
}

async function health() {
  const at = document.getElementById('health');
  try {
    at.textContent = (await fetch('/readyz')).ok ? 'It is up and ready.' : 'It is starting or stopping.';
  } catch {
    at.textContent = 'It does not answer.';
  }
}

let pause;
search.addEventListener('input', () => {
  clearTimeout(pause);
  pause = setTimeout(() => load(true), 200);
});
search.form.addEventListener('submit', (submit) => {
  submit.preventDefault();
  load(true);
});
more.addEventListener('click', () => load(false));
health();
load(true);
