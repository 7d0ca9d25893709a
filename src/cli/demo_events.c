/* demo_events.c - what the demo puts on. Believable, in many scripts, and relative to the day it is made. */
#include "cli/demo.h"

#include "base/util.h"

const struct demo_event demo_events[] = {
    { .title = "Makers' Fair: Solder, Saw, Sew", .category = "family", .timezone = "Europe/London", .days = 0, .hours_from_now = -1, .length_h = 7,
      .venue = "Victoria Baths", .address = "Hathersage Road", .city = "Manchester", .country = "GB", .currency = "GBP", .capacity = 300,
      .description = "Forty benches, forty people who show how it is done. Bring something broken and take it home repaired.\n\n"
                     "Children under twelve need no ticket, only a grown-up.",
      .types = "[{\"name\":\"Entry\",\"price\":0,\"quantity\":260,\"maxPerOrder\":6},"
               "{\"name\":\"Entry and workshop\",\"description\":\"One workshop of your choice, material included\",\"price\":1200,\"quantity\":40}]" },
    { .title = "Compilers & Coffee", .category = "technology", .timezone = "Europe/Berlin", .days = 12, .hour = 18, .minute = 30, .length_h = 3,
      .venue = "c-base", .address = "Rungestraße 20", .city = "Berlin", .country = "DE", .currency = "EUR", .capacity = 60,
      .description = "Three talks of twenty minutes: register allocation by hand, a linker in a weekend, and why your sanitizer is right.",
      .types = "[{\"name\":\"Seat\",\"price\":0,\"quantity\":60,\"maxPerOrder\":2,\"maxPerAccount\":2}]" },
    { .title = "Letterpress for Beginners", .category = "arts", .timezone = "Europe/Dublin", .days = 9, .hour = 10, .minute = 0, .length_h = 6,
      .venue = "National Print Museum", .address = "Beggars Bush, Haddington Road", .city = "Dublin", .country = "IE", .currency = "EUR",
      .capacity = 12,
      .description = "Set a card of your own in metal type and print it on a press from 1910. Small, so that everyone gets ink on their hands.",
      .types = "[{\"name\":\"Place at the press\",\"price\":0,\"quantity\":12,\"maxPerOrder\":3}]" },
    { .title = "Kwartet Zofii Wiśniewskiej: Bałtyk nocą", .category = "music", .timezone = "Europe/Warsaw", .days = 30, .hour = 20, .minute = 0,
      .length_h = 2, .venue = "Teatr Leśny", .address = "ul. Jaśkowa Dolina 45", .city = "Gdańsk", .country = "PL", .currency = "PLN",
      .capacity = 240, .description = "Jazz znad zimnego morza: trąbka, wiolonczela, kontrabas i cisza pomiędzy nimi.",
      .types = "[{\"name\":\"Parter\",\"price\":12000,\"quantity\":160,\"maxPerOrder\":8,\"taxRateBps\":800},"
               "{\"name\":\"Balkon\",\"price\":8000,\"quantity\":80,\"maxPerOrder\":8,\"taxRateBps\":800},"
               "{\"name\":\"Ulgowy\",\"description\":\"Uczniowie, studenci, seniorzy\",\"price\":4500,\"quantity\":60,\"maxPerOrder\":4,\"taxRateBps\":800}]",
      .seller = "{\"name\":\"Fundacja Bałtyk Nocą\",\"address\":\"ul. Długa 12\\n80-827 Gdańsk\",\"taxId\":\"PL5830000000\"}",
      .code = "BALTYK10", .code_percent_bps = 1000, .code_max_uses = 50 },
    { .title = "東京ナイトラン 10K", .category = "sports", .timezone = "Asia/Tokyo", .days = 45, .hour = 19, .minute = 0, .length_h = 3,
      .venue = "代々木公園", .address = "渋谷区代々木神園町2-1", .city = "東京", .country = "JP", .currency = "JPY", .capacity = 800,
      .description = "街の灯りの中を走る10キロ。完走者全員にメダルと温かいお茶をお渡しします。",
      .types = "[{\"name\":\"一般\",\"price\":4500,\"quantity\":600,\"taxRateBps\":1000},{\"name\":\"学生\",\"price\":2500,\"quantity\":200,\"taxRateBps\":1000}]",
      .fee = "{\"fixed\":220}" },
    { .title = "ليلة الخط العربي", .category = "arts", .timezone = "Africa/Cairo", .days = 21, .hour = 18, .minute = 0, .length_h = 4,
      .venue = "بيت السحيمي", .address = "حارة الدرب الأصفر", .city = "القاهرة", .country = "EG", .currency = "EGP", .capacity = 120,
      .description = "ورشة وعرض حي مع ثلاثة خطاطين: الثلث والديواني والكوفي. الأدوات متوفرة لكل مشارك.",
      .types = "[{\"name\":\"دخول عام\",\"price\":25000,\"quantity\":100},{\"name\":\"ورشة\",\"price\":60000,\"quantity\":20,\"maxPerOrder\":2}]" },
    { .title = "Mercado de Inverno: Street Food Weekend", .category = "food", .timezone = "Europe/Lisbon", .days = 5, .hour = 12, .minute = 0,
      .length_h = 34, .venue = "LX Factory", .address = "Rua Rodrigues de Faria 103", .city = "Lisboa", .country = "PT", .currency = "EUR",
      .capacity = 1500, .description = "Trinta cozinhas, duas noites, um rio. O bilhete inclui a primeira bebida.",
      .types = "[{\"name\":\"Um dia\",\"price\":500,\"quantity\":1000,\"maxPerOrder\":10,\"taxRateBps\":2300},"
               "{\"name\":\"Fim de semana\",\"price\":800,\"quantity\":500,\"taxRateBps\":2300}]",
      .fee = "{\"fixed\":20,\"percentBps\":300}" },
    { .title = "दिल्ली किताब मेला: कहानी की शाम", .category = "literature", .timezone = "Asia/Kolkata", .days = 18, .hour = 17, .minute = 30,
      .length_h = 3, .venue = "त्रिवेणी कला संगम", .address = "205 तानसेन मार्ग", .city = "नई दिल्ली", .country = "IN", .currency = "INR", .capacity = 180,
      .description = "पाँच लेखक, पाँच अधूरी कहानियाँ, और श्रोता जो उन्हें पूरा करते हैं।",
      .types = "[{\"name\":\"प्रवेश\",\"price\":15000,\"quantity\":180}]" },
    { .title = "คืนหมอลำ กลางกรุง", .category = "music", .timezone = "Asia/Bangkok", .days = 26, .hour = 20, .minute = 30, .length_h = 4,
      .venue = "ช่างชุ่ย", .address = "460/8 ถนนสิรินธร", .city = "กรุงเทพมหานคร", .country = "TH", .currency = "THB", .capacity = 400,
      .description = "แคน พิณ และเสียงร้องจากอีสาน ใจกลางเมืองใหญ่",
      .types = "[{\"name\":\"บัตรยืน\",\"price\":45000,\"quantity\":300},{\"name\":\"บัตรนั่ง\",\"price\":80000,\"quantity\":100}]" },
    { .title = "Tango en San Telmo: Orquesta Típica", .category = "music", .timezone = "America/Argentina/Buenos_Aires", .days = 16, .hour = 21,
      .minute = 0, .length_h = 3, .venue = "Centro Cultural Torquato Tasso", .address = "Defensa 1575", .city = "Buenos Aires", .country = "AR",
      .currency = "ARS", .capacity = 150, .description = "Once músicos, cuatro bandoneones y una pista que no descansa. Clase para principiantes a las 20.",
      .types = "[{\"name\":\"General\",\"price\":1800000,\"quantity\":110},{\"name\":\"Mesa\",\"price\":2600000,\"quantity\":40,\"minPerOrder\":2}]" },
    { .title = "Inside a Storage Engine, Live", .category = "technology", .timezone = "UTC", .days = 7, .hour = 16, .minute = 0, .length_h = 2,
      .online = true, .currency = "USD", .capacity = 1000,
      .description = "A two-hour guided read through a write-ahead log: pages, checksums, checkpoints, and what happens when the power goes.",
      .types = "[{\"name\":\"Live stream\",\"price\":2900,\"quantity\":900},{\"name\":\"Student\",\"price\":0,\"quantity\":100,\"maxPerOrder\":1,"
               "\"maxPerAccount\":1},{\"name\":\"Backstage questions\",\"price\":4900,\"quantity\":20,\"hidden\":true}]",
      .code = "FSYNC" },
    { .title = "Dawn Paddle and Breakfast", .category = "outdoors", .timezone = "Australia/Sydney", .days = 14, .hour = 5, .minute = 45, .length_h = 3,
      .venue = "Rose Bay Ferry Wharf", .address = "Lyne Park", .city = "Sydney", .country = "AU", .currency = "AUD", .capacity = 24,
      .description = "Kayaks, a flat harbour, and the sun coming up behind the heads. Coffee on the beach afterwards.",
      .types = "[{\"name\":\"Single kayak\",\"price\":8900,\"quantity\":12,\"taxRateBps\":1000,\"taxIncluded\":false},"
               "{\"name\":\"Double kayak (two people)\",\"price\":15000,\"quantity\":6,\"taxRateBps\":1000,\"taxIncluded\":false}]" },
    { .title = "Freiluftkino: Metropolis", .category = "film", .timezone = "Europe/Vienna", .days = 20, .hour = 20, .minute = 0, .length_h = 3,
      .venue = "Karlsplatz", .city = "Wien", .country = "AT", .currency = "EUR", .capacity = 500, .cancelled = true,
      .description = "Der Film von 1927 mit neuer Orgelmusik. Abgesagt: die Leinwand ist dem Sturm nicht gewachsen.",
      .types = "[{\"name\":\"Liegestuhl\",\"price\":0,\"quantity\":500}]" },
    { .title = "Summer Garden Concerts (working title)", .category = "music", .timezone = "Europe/Berlin", .days = 200, .hour = 19, .minute = 0,
      .length_h = 4, .venue = "Botanischer Garten", .city = "Berlin", .country = "DE", .currency = "EUR", .capacity = 700, .draft = true,
      .description = "Line-up to be confirmed.", .types = "[{\"name\":\"Early bird\",\"price\":2400,\"quantity\":200},{\"name\":\"Regular\",\"price\":3200,\"quantity\":500}]" },
};
const size_t demo_event_count = COUNT(demo_events);

const struct demo_person demo_people[] = {
    { "ada.lovelace", "Ada Lovelace" },          { "zbigniew.zolc", "Zbigniew Żółć" },     { "misaki.tanaka", "田中 美咲" },
    { "nour.elmasri", "نور المصري" },             { "priya.sharma", "प्रिया शर्मा" },            { "somchai.jaidee", "สมชาย ใจดี" },
    { "nguyen.thi.hoa", "Nguyễn Thị Hoa" },      { "siobhan.obrien", "Siobhán O'Brien" },   { "joao.magalhaes", "João Magalhães" },
    { "li.wei", "李伟" },                          { "asa.lindqvist", "Åsa Lindqvist" },       { "dmitri.volkov", "Дмитрий Волков" },
};
const size_t demo_person_count = COUNT(demo_people);
