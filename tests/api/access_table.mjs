// Who may what, written by hand from the contract: every route of /openapi.json, for every kind of caller, on every kind of thing.
// access.test.mjs calls them all. A route that is not here fails the test.
//
// The columns:
//   anon   no token                               mgr    staff of the event and of the draft: manager
//   bad    a token that is none                   gate   the same: gate
//   off    the token of a disabled account        gone   was staff of both, and was removed
//   buyer  an attendee, with registration,        dev    a scanner device of that event (of the draft, where the thing is the draft's)
//          tickets, a hold                        devx   a scanner device of another event
//   other  another attendee                       admin  a member of Admins
//   own    the organizer of both events
//   rival  an organizer of other events
//
// The things: `event` published, with a picture; `draft` of the same organizer; `none`: ids that nobody has; `lost`: the event, and a child of it that
// nobody has; `self`: where nothing is named.
//
// A row is what a right request gets. What is refused (401, 403, 404) must be refused alike with a body that is wrong, for the refusal comes first;
// what is allowed then gets 422. Where that is otherwise, because what is asked about stands in the body itself, `bad` has the row for a wrong body.
// `fresh` makes a thing of its own for a call that uses it up; `last` names who loses by the call what other cells need.
export const roles = ['anon', 'bad', 'off', 'buyer', 'other', 'own', 'rival', 'mgr', 'gate', 'gone', 'dev', 'devx', 'admin'];

// A 1 x 1 PNG.
const picture = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');
const image = { bytes: picture, type: 'image/png' };

//                      anon bad off buyer other own rival mgr gate gone dev devx admin
const everybody =      '200 401 401 200 200 200 200 200 200 200 403 403 200';
const signedIn =       '401 401 401 200 200 200 200 200 200 200 403 403 200';
// What hangs on an event, by who has a right to it.
const managers = {
    event:             '401 401 401 403 403 200 403 200 403 403 403 403 200',
    draft:             '401 401 401 404 404 200 404 200 403 404 403 403 200',
    none:              '401 401 401 404 404 404 404 404 404 404 403 403 404',
};
const owners = {
    event:             '401 401 401 403 403 200 403 403 403 403 403 403 200',
    draft:             '401 401 401 404 404 200 404 403 403 404 403 403 200',
    none:              '401 401 401 404 404 404 404 404 404 404 403 403 404',
};
const atTheGate = {
    event:             '401 401 401 403 403 200 403 200 200 403 200 403 200',
    draft:             '401 401 401 404 404 200 404 200 200 404 200 404 200',
    none:              '401 401 401 404 404 404 404 404 404 404 404 404 404',
};
const as = (status, rows) => Object.fromEntries(Object.entries(rows).map(([thing, row]) => [thing, row.replaceAll('200', String(status))]));
const noChild =        '401 401 401 403 403 404 403 404 403 403 403 403 404';

let n = 0;
const address = () => `access-${++n}@example.org`;

export const table = {
    // ---- events ----
    'POST /v1/events': { body: (w) => w.usher.eventBody({ status: 'draft' }), rows: {
        self:          '401 401 401 403 403 201 201 403 403 403 403 403 201' } },
    'GET /v1/events': { rows: { self: everybody } },
    'GET /v1/events/{eventId}': { rows: {
        event: everybody,
        draft:         '404 401 401 404 404 200 404 200 200 404 403 403 200',
        none:          '404 401 401 404 404 404 404 404 404 404 403 403 404' } },
    'GET /v1/events/{eventId}.ics': { rows: {
        event: everybody,
        draft:         '404 401 401 404 404 200 404 200 200 404 403 403 200',
        none:          '404 401 401 404 404 404 404 404 404 404 403 403 404' } },
    'GET /v1/events/{eventId}/image': { rows: {
        event: everybody,
        draft:         '404 401 401 404 404 200 404 200 200 404 403 403 200',
        none:          '404 401 401 404 404 404 404 404 404 404 403 403 404' } },
    'GET /v1/my-events': { rows: {
        self:          '401 401 401 403 403 200 200 403 403 403 403 403 200' } },
    'PATCH /v1/events/{eventId}': { body: () => ({ description: `Better ${++n}` }), rows: managers },
    // A picture that is wrong is 415; there is no 422 in it.
    'PUT /v1/events/{eventId}/image': { raw: image, wrong: { bytes: Buffer.from('no picture'), type: 'image/png' }, wrongStatus: 415, rows: managers },
    'POST /v1/events/{eventId}/cancel': { fresh: (w, thing) => w.newEvent(thing), rows: owners },
    'GET /v1/events/{eventId}/finance': { rows: owners },
    'GET /v1/events/{eventId}/finance.csv': { rows: owners },
    'GET /v1/events/{eventId}/stats': { rows: managers },
    'GET /v1/events/{eventId}/registrations': { rows: managers },
    'GET /v1/events/{eventId}/registrations.csv': { rows: managers },

    'GET /v1/events/{eventId}/discount-codes': { rows: managers },
    'POST /v1/events/{eventId}/discount-codes': { body: () => ({ code: `CODE${++n}`, percentBps: 1000 }), rows: as(201, managers) },
    'POST /v1/events/{eventId}/discount-codes/batch': { body: () => ({ count: 1, percentBps: 1000 }), rows: as(201, managers) },
    'PATCH /v1/events/{eventId}/discount-codes/{discountCodeId}': { body: () => ({ maxUses: ++n }), rows: { ...managers, lost: noChild }, bad: {
        lost:          '401 401 401 403 403 422 403 422 403 403 403 403 422' } },
    'DELETE /v1/events/{eventId}/discount-codes/{discountCodeId}': { fresh: (w, thing) => w.newCode(thing), rows: { ...as(204, managers), lost: noChild } },

    // ---- registrations and tickets: another's does not exist ----
    'POST /v1/registrations': { body: (w, ids) => ({ eventId: ids.eventId, items: [{ ticketTypeId: ids.ticketTypeId, quantity: 1 }] }), rows: {
        event: signedIn.replaceAll('200', '201'),
        draft:         '401 401 401 404 404 409 404 409 404 404 403 403 409',
        none:          '401 401 401 404 404 404 404 404 404 404 403 403 404' }, bad: {
        draft:         '401 401 401 422 422 422 422 422 422 422 403 403 422',
        none:          '401 401 401 422 422 422 422 422 422 422 403 403 422' } },
    'POST /v1/price-quotes': { body: (w, ids) => ({ eventId: ids.eventId, items: [{ ticketTypeId: ids.ticketTypeId, quantity: 1 }] }), rows: {
        event: everybody,
        draft:         '404 401 401 404 404 200 404 200 404 404 403 403 200',
        none:          '404 401 401 404 404 404 404 404 404 404 403 403 404' }, bad: {
        draft:         '422 401 401 422 422 422 422 422 422 422 403 403 422',
        none:          '422 401 401 422 422 422 422 422 422 422 403 403 422' } },
    'GET /v1/registrations': { rows: { self: signedIn } },
    'GET /v1/registrations/{registrationId}': { rows: {
        event:         '401 401 401 200 404 200 404 200 404 404 403 403 200',
        none:          '401 401 401 404 404 404 404 404 404 404 403 403 404' } },
    // Only its buyer gives a hold back; for all others it is another's.
    'DELETE /v1/registrations/{registrationId}': { ids: (w) => ({ registrationId: w.hold.registrationId }), rows: {
        event:         '401 401 401 200 404 404 404 404 404 404 403 403 404',
        none:          '401 401 401 404 404 404 404 404 404 404 403 403 404' } },
    'GET /v1/registrations/{registrationId}/receipt': { rows: {
        event:         '401 401 401 200 404 200 404 200 404 404 403 403 200',
        none:          '401 401 401 404 404 404 404 404 404 404 403 403 404' } },
    'POST /v1/registrations/{registrationId}/resend': { rows: {
        event:         '401 401 401 202 404 202 404 202 404 404 403 403 202',
        none:          '401 401 401 404 404 404 404 404 404 404 403 403 404' } },
    // Its buyer sees it and may not refund it.
    'POST /v1/registrations/{registrationId}/refund': { body: (w, ids) => ({ ticketIds: [ids.refundId] }), fresh: (w) => ({ refundId: w.paid.ticketIds.pop() }), rows: {
        event:         '401 401 401 403 404 200 404 200 404 404 403 403 200',
        none:          '401 401 401 404 404 404 404 404 404 404 403 403 404' } },
    'POST /v1/create-payment-intent': { body: (w, ids, thing) => ({ registrationId: thing === 'event' ? w.toPay.registrationId : ids.registrationId }), rows: {
        event:         '401 401 401 200 404 404 404 404 404 404 403 403 404',
        none:          '401 401 401 404 404 404 404 404 404 404 403 403 404' }, bad: {
        event:         '401 401 401 422 422 422 422 422 422 422 403 403 422',
        none:          '401 401 401 422 422 422 422 422 422 422 403 403 422' } },
    'GET /v1/tickets': { rows: { self: signedIn } },
    'GET /v1/tickets/{ticketId}': { rows: {
        event:         '401 401 401 200 404 200 404 200 404 404 403 403 200',
        none:          '401 401 401 404 404 404 404 404 404 404 403 403 404' } },

    // ---- the gate ----
    'GET /v1/gate-keys': { rows: {
        self:          '200 401 401 200 200 200 200 200 200 200 200 200 200' } },
    // The event stands in the body: before it is judged, refused is who works at no event at all.
    'POST /v1/validate-ticket': { body: (w, ids) => ({ eventId: ids.eventId, ticketId: ids.ticketId }), rows: {
        event:         '401 401 401 403 403 200 403 200 200 403 200 403 200',
        draft:         '401 401 401 403 403 200 404 200 200 403 200 404 200',
        none:          '401 401 401 403 403 404 404 404 404 403 404 404 404' }, bad: {
        event:         '401 401 401 403 403 422 422 422 422 403 422 422 422',
        draft:         '401 401 401 403 403 422 422 422 422 403 422 422 422',
        none:          '401 401 401 403 403 422 422 422 422 403 422 422 422' } },
    'GET /v1/events/{eventId}/roster': { rows: atTheGate },
    'GET /v1/events/{eventId}/check-in-counts': { rows: atTheGate },
    'POST /v1/events/{eventId}/check-ins': { body: (w, ids) => ({ scans: [{ ticketId: ids.ticketId }] }), rows: atTheGate },
    'POST /v1/events/{eventId}/check-ins/undo': { body: (w, ids) => ({ ticketId: ids.ticketId }), fresh: (w, thing) => w.scanned(thing), rows: {
        ...atTheGate,
        draft:         '401 401 401 404 404 404 404 404 404 404 404 404 404' /* it has no tickets */ }, bad: {
        draft:         '401 401 401 404 404 422 404 422 422 404 422 404 422' } },

    // ---- staff ----
    'GET /v1/events/{eventId}/staff': { rows: managers },
    'POST /v1/events/{eventId}/staff': { body: () => ({ email: address(), role: 'gate' }), rows: as(201, managers) },
    'POST /v1/events/{eventId}/staff (a manager)': { body: () => ({ email: address(), role: 'manager' }), rows: {
        event:         '401 401 401 403 403 201 403 403 403 403 403 403 201',
        draft:         '401 401 401 404 404 201 404 403 403 404 403 403 201' }, bad: {
        event:         '401 401 401 403 403 422 403 422 403 403 403 403 422',
        draft:         '401 401 401 404 404 422 404 422 403 404 403 403 422' } },
    'PATCH /v1/events/{eventId}/staff/{staffId}': { body: () => ({ role: 'gate' }), rows: {
        event:         '401 401 401 403 403 200 403 403 403 403 403 403 200',
        draft:         '401 401 401 404 404 200 404 403 403 404 403 403 200',
        none:          '401 401 401 404 404 404 404 404 404 404 403 403 404',
        lost:          '401 401 401 403 403 404 403 403 403 403 403 403 404' }, bad: {
        lost:          '401 401 401 403 403 422 403 403 403 403 403 403 422' } },
    'DELETE /v1/events/{eventId}/staff/{staffId}': { fresh: (w, thing) => w.invited(thing), rows: {
        ...as(204, managers), lost: noChild } },
    'DELETE /v1/events/{eventId}/staff/{staffId} (a manager)': { ids: (w, thing) => ({ staffId: w.ids[thing].managerId }), fresh: (w, thing) => w.invited(thing, 'manager'), rows: {
        event:         '401 401 401 403 403 204 403 403 403 403 403 403 204',
        draft:         '401 401 401 404 404 204 404 403 403 404 403 403 204' } },
    'DELETE /v1/events/{eventId}/staff/{staffId} (oneself)': { ids: (w, thing) => ({ staffId: w.ids[thing].gateId }), fresh: (w, thing) => w.invited(thing), rows: {
        event:         '401 401 401 403 403 204 403 204 204 403 403 403 204',
        draft:         '401 401 401 404 404 204 404 204 204 404 403 403 204' }, last: ['gate'] },
    'POST /v1/events/{eventId}/staff/{staffId}/resend': { rows: { ...managers, lost: noChild } },
    'POST /v1/staff-invitations/accept': { body: (w, ids, thing) => ({ token: thing === 'event' ? w.invitation : 'A'.repeat(43) }), rows: {
        event:         '401 401 401 403 403 403 403 403 403 403 403 403 403' /* mailed to somebody else */,
        none:          '401 401 401 404 404 404 404 404 404 404 403 403 404' }, bad: {
        event:         '401 401 401 422 422 422 422 422 422 422 403 403 422',
        none:          '401 401 401 422 422 422 422 422 422 422 403 403 422' } },
    'POST /v1/staff-invitations/look': { body: (w, ids, thing) => ({ token: thing === 'event' ? w.invitation : 'A'.repeat(43) }), rows: {
        event: everybody /* who has the token may look */,
        none:          '404 401 401 404 404 404 404 404 404 404 403 403 404' }, bad: {
        event:         '422 401 401 422 422 422 422 422 422 422 403 403 422',
        none:          '422 401 401 422 422 422 422 422 422 422 403 403 422' } },
    'GET /v1/me/staff': { rows: { self: signedIn } },

    // ---- scanner devices ----
    'GET /v1/events/{eventId}/devices': { rows: managers },
    'POST /v1/events/{eventId}/devices': { body: () => ({ name: 'Phone' }), rows: as(201, managers) },
    'PATCH /v1/events/{eventId}/devices/{deviceId}': { body: () => ({ name: `Phone ${++n}` }), rows: { ...managers, lost: noChild }, bad: {
        lost:          '401 401 401 403 403 422 403 422 403 403 403 403 422' } },
    'POST /v1/events/{eventId}/devices/{deviceId}/provision': { fresh: (w, thing) => w.newDevice(thing), rows: { ...managers, lost: noChild } },
    'DELETE /v1/events/{eventId}/devices/{deviceId}': { fresh: (w, thing) => w.newDevice(thing), rows: { ...as(204, managers), lost: noChild } },
    // Anybody may claim who has the code; here nobody has one.
    'POST /v1/devices/claim': { body: () => ({ token: `usher_claim_${'A'.repeat(43)}` }), rows: {
        self:          '404 401 401 404 404 404 404 404 404 404 403 403 404' }, bad: {
        self:          '422 401 401 422 422 422 422 422 422 422 403 403 422' } },
    'GET /v1/device': { rows: {
        self:          '401 401 401 404 404 404 404 404 404 404 200 200 404' } },

    // ---- oneself ----
    'GET /v1/me/mfa': { rows: { self: signedIn } },
    'POST /v1/me/recovery-codes': { rows: { self: as(409, { self: signedIn }).self /* none of them has a second factor */ } },
    'GET /v1/me/export': { rows: { self: signedIn } },
    'DELETE /v1/me': { rows: {
        self:          '401 401 401 204 204 409 409 204 204 204 403 403 204' /* own and rival sell */ }, last: ['buyer', 'other', 'mgr', 'gate', 'gone', 'admin'] },
};

// No token is read there: what they take is signed or sealed by itself. Everybody gets what a stranger gets.
export const tokenless = {
    'POST /identity/': 400,
    'GET /identity/{path}': 404,
    'GET /objects/{key}': 403,
    'POST /v1/stripe-webhook': 400,
};
