// Short names for the API's shapes; all of them come from the generated schema.
import type { components } from './schema';

type Schemas = components['schemas'];
export type Event = Schemas['Event'];
export type TicketType = Schemas['TicketType'];
export type Registration = Schemas['Registration'];
export type Ticket = Schemas['Ticket'];
export type EventStats = Schemas['EventStats'];
export type PaymentIntent = Schemas['PaymentIntent'];
export type Verdict = Schemas['Verdict'];
export type MyEvent = Schemas['MyEvent'];
export type EventNew = Schemas['EventNew'];
export type EventPatch = Schemas['EventPatch'];
export type EventFinance = Schemas['EventFinance'];
export type RegistrationDetail = Schemas['RegistrationDetail'];
export type DiscountCode = Schemas['DiscountCode'];
export type Staff = Schemas['Staff'];
export type StaffOfEvent = Schemas['StaffOfEvent'];
export type Device = Schemas['Device'];
export type DeviceCode = Schemas['DeviceCode'];
export type DiscountCodePatch = Schemas['DiscountCodePatch'];
export type StaffInvitation = Schemas['StaffInvitation'];
