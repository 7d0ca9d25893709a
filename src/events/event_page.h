/*
 * event_page.h - what a page about events says before any script runs: to search engines, to link previews, to who has no JavaScript.
 *
 * Title, OpenGraph and schema.org's JSON-LD in the head, plain HTML in the
 * body, the event itself as data for the app. Text is the organizer's, so all
 * of it passes html_text or html_json.
 */
#ifndef USHER_EVENTS_EVENT_PAGE_H
#define USHER_EVENTS_EVENT_PAGE_H

#include "events/event.h"

extern const struct route event_page_routes[]; /* "/", "/e/{eventId}", "/sitemap.xml", "/robots.txt" */

#endif
