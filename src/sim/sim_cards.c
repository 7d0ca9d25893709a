/* sim_cards.c - the published test cards (docs.stripe.com/testing) and what they do. */
#include <string.h>

#include "sim/sim_inside.h"

#define DECLINED "Your card was declined."
#define CARD(number_, brand_, country_, ...) { .number = (number_), .brand = (brand_), .country = (country_), .names = { __VA_ARGS__ } }
#define HABIT(number_, habit_, ...) { .number = (number_), .brand = "visa", .country = "US", .habit = (habit_), .names = { __VA_ARGS__ } }
#define DECLINE(number_, code_, decline_, param_, message_, ...) \
    { .number = (number_), .brand = "visa", .country = "US", .code = (code_), .decline_code = (decline_), .param = (param_), .message = (message_), .names = { __VA_ARGS__ } }
#define ASKS_AND_DECLINES(number_, country_, decline_, message_, ...)                                                                              \
    { .number = (number_), .brand = "visa", .country = (country_), .habit = HABIT_ASKS, .code = "card_declined", .decline_code = (decline_), \
      .message = (message_), .names = { __VA_ARGS__ } }
/* Accounts at a bank are no cards: their "number" is a name that no form can send. */
#define BANK(name_, habit_, code_, message_) \
    { .number = (name_), .brand = "bank", .country = "US", .habit = (habit_), .code = (code_), .message = (message_), .names = { (name_) } }

static const struct sim_card cards[] = {
    CARD("4242424242424242", "visa", "US", "pm_card_visa", "pm_card_us"),
    CARD("4000056655665556", "visa", "US", "pm_card_visa_debit"),
    CARD("5555555555554444", "mastercard", "US", "pm_card_mastercard"),
    CARD("2223003122003222", "mastercard", "US", NULL),
    CARD("5200828282828210", "mastercard", "US", "pm_card_mastercard_debit"),
    CARD("5105105105105100", "mastercard", "US", "pm_card_mastercard_prepaid"),
    CARD("378282246310005", "amex", "US", "pm_card_amex"),
    CARD("371449635398431", "amex", "US", NULL),
    CARD("6011111111111117", "discover", "US", "pm_card_discover"),
    CARD("6011000990139424", "discover", "US", NULL),
    CARD("3056930009020004", "diners", "US", "pm_card_diners"),
    CARD("36227206271667", "diners", "US", NULL),
    CARD("3566002020360505", "jcb", "JP", "pm_card_jcb"),
    CARD("6200000000000005", "unionpay", "CN", "pm_card_unionpay"),
    CARD("4000002500001001", "visa", "FR", "pm_card_visa_cartesBancaires"),

    CARD("4000000320000021", "visa", "AR", "pm_card_ar"),
    CARD("4000000760000002", "visa", "BR", "pm_card_br"),
    CARD("4000001240000000", "visa", "CA", "pm_card_ca"),
    CARD("4000004840008001", "visa", "MX", "pm_card_mx"),
    CARD("4000000400000008", "visa", "AT", "pm_card_at"),
    CARD("4000000560000004", "visa", "BE", "pm_card_be"),
    CARD("4000002030000002", "visa", "CZ", "pm_card_cz"),
    CARD("4000002080000001", "visa", "DK", "pm_card_dk"),
    CARD("4000002460000001", "visa", "FI", "pm_card_fi"),
    CARD("4000002500000003", "visa", "FR", "pm_card_fr"),
    CARD("4000002760000016", "visa", "DE", "pm_card_de"),
    CARD("4000003720000005", "visa", "IE", "pm_card_ie"),
    CARD("4000003800000008", "visa", "IT", "pm_card_it"),
    CARD("4000004420000006", "visa", "LU", "pm_card_lu"),
    CARD("4000005280000002", "visa", "NL", "pm_card_nl"),
    CARD("4000005780000007", "visa", "NO", "pm_card_no"),
    CARD("4000006160000005", "visa", "PL", "pm_card_pl"),
    CARD("4000006200000007", "visa", "PT", "pm_card_pt"),
    CARD("4000007240000007", "visa", "ES", "pm_card_es"),
    CARD("4000007520000008", "visa", "SE", "pm_card_se"),
    CARD("4000007560000009", "visa", "CH", "pm_card_ch"),
    CARD("4000008260000000", "visa", "GB", "pm_card_gb"),
    CARD("4000058260000005", "visa", "GB", "pm_card_gb_debit"),
    CARD("4000000360000006", "visa", "AU", "pm_card_au"),
    CARD("4000001560000002", "visa", "CN", "pm_card_cn"),
    CARD("4000003440000004", "visa", "HK", "pm_card_hk"),
    CARD("4000003560000008", "visa", "IN", "pm_card_in"),
    CARD("4000003920000003", "visa", "JP", "pm_card_jp"),
    CARD("4000005540000008", "visa", "NZ", "pm_card_nz"),
    CARD("4000007020000003", "visa", "SG", "pm_card_sg"),

    DECLINE("4000000000000002", "card_declined", "generic_decline", NULL, DECLINED, "pm_card_visa_chargeDeclined", "pm_card_chargeDeclined"),
    DECLINE("4000000000009995", "card_declined", "insufficient_funds", NULL, "Your card has insufficient funds.",
            "pm_card_visa_chargeDeclinedInsufficientFunds", "pm_card_chargeDeclinedInsufficientFunds"),
    DECLINE("4000000000009987", "card_declined", "lost_card", NULL, DECLINED, "pm_card_visa_chargeDeclinedLostCard", "pm_card_chargeDeclinedLostCard"),
    DECLINE("4000000000009979", "card_declined", "stolen_card", NULL, DECLINED, "pm_card_visa_chargeDeclinedStolenCard", "pm_card_chargeDeclinedStolenCard"),
    DECLINE("4000000000000069", "expired_card", "expired_card", "exp_month", "Your card has expired.", "pm_card_chargeDeclinedExpiredCard",
            "pm_card_visa_chargeDeclinedExpiredCard"),
    DECLINE("4000000000000127", "incorrect_cvc", "incorrect_cvc", "cvc", "Your card's security code is incorrect.", "pm_card_chargeDeclinedIncorrectCvc",
            "pm_card_visa_chargeDeclinedIncorrectCvc"),
    DECLINE("4000000000000119", "processing_error", "processing_error", NULL, "An error occurred while processing your card. Try again in a little bit.",
            "pm_card_chargeDeclinedProcessingError", "pm_card_visa_chargeDeclinedProcessingError"),
    DECLINE("4000000000006975", "card_declined", "card_velocity_exceeded", NULL,
            "Your card was declined for making repeated attempts too frequently or exceeding its amount limit.",
            "pm_card_visa_chargeDeclinedVelocityLimitExceeded", "pm_card_chargeDeclinedVelocityLimitExceeded"),
    DECLINE("4100000000000019", "card_declined", "fraudulent", NULL, DECLINED, "pm_card_radarBlock", "pm_card_chargeDeclinedFraudulent",
            "pm_card_visa_chargeDeclinedFraudulent"),
    DECLINE("4000000000000341", "card_declined", "generic_decline", NULL, DECLINED, "pm_card_chargeCustomerFail"),

    { .number = "4000002500003155", .brand = "visa", .country = "FR", .habit = HABIT_ASKS, .names = { "pm_card_authenticationRequiredOnSetup" } },
    { .number = "4000002760003184", .brand = "visa", .country = "DE", .habit = HABIT_ASKS, .names = { "pm_card_authenticationRequired" } },
    HABIT("4000000000003220", HABIT_ASKS, "pm_card_threeDSecure2Required"),
    HABIT("4000000000003063", HABIT_ASKS, "pm_card_threeDSecureRequired"),
    ASKS_AND_DECLINES("4000008400001629", "US", "generic_decline", DECLINED, "pm_card_threeDSecureRequiredChargeDeclined"),
    ASKS_AND_DECLINES("4000008260003178", "GB", "insufficient_funds", "Your card has insufficient funds.",
                      "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds"),
    DECLINE("4000008400001280", "card_declined", "generic_decline", NULL, DECLINED, "pm_card_threeDSecureRequiredProcessingError"),
    HABIT("4000000000003055", HABIT_NONE, "pm_card_threeDSecureOptional"),

    HABIT("4000000000000077", HABIT_AVAILABLE, "pm_card_bypassPending"),
    HABIT("4000000000000101", HABIT_CVC_FAILS, "pm_card_cvcCheckFail"),
    HABIT("4000000000007726", HABIT_REFUND_PENDING, "pm_card_pendingRefund"),
    HABIT("4000000000005126", HABIT_REFUND_FAILS, "pm_card_refundFail"),
    HABIT("4000000000000259", HABIT_FRAUDULENT, "pm_card_createDispute", "pm_card_chargeDisputed"),
    HABIT("4000000000002685", HABIT_NOT_RECEIVED, "pm_card_createDisputeProductNotReceived"),
    HABIT("4000000000001976", HABIT_INQUIRY, "pm_card_createDisputeInquiry"),

    BANK("pm_usBankAccount_success", HABIT_BANK, NULL, NULL),
    BANK("pm_usBankAccount_processing", HABIT_NEVER_SETTLES, NULL, NULL),
    BANK("pm_usBankAccount_insufficientFunds", HABIT_BANK, "payment_method_customer_decline", "The customer's account has insufficient funds to cover this payment."),
    BANK("pm_usBankAccount_accountClosed", HABIT_BANK, "account_closed", "The customer's bank account has been closed."),
    BANK("pm_usBankAccount_noAccount", HABIT_BANK, "no_account", "The customer's bank account could not be located."),
    BANK("pm_usBankAccount_debitNotAuthorized", HABIT_BANK, "debit_not_authorized",
         "The customer has notified their bank that this payment was unauthorized."),
};

const struct sim_card *sim_card_at(size_t i)
{
    return i < COUNT(cards) ? &cards[i] : NULL;
}

const struct sim_card *sim_card_named(const char *payment_method)
{
    for (size_t i = 0; i < COUNT(cards); i++)
        for (size_t j = 0; j < COUNT(cards[i].names) && cards[i].names[j]; j++)
            if (strcmp(payment_method, cards[i].names[j]) == 0)
                return &cards[i];
    return NULL;
}

const struct sim_card *sim_card_numbered(const char *number)
{
    for (size_t i = 0; i < COUNT(cards); i++)
        if (strcmp(number, cards[i].number) == 0)
            return &cards[i];
    return NULL;
}

bool sim_card_luhn(const char *number)
{
    size_t len = strlen(number);
    int sum = 0;

    if (len < 12 || len > 19 || strspn(number, "0123456789") != len)
        return false;
    for (size_t i = 0; i < len; i++) {
        int digit = number[len - 1 - i] - '0';

        if (i % 2)
            digit = digit < 5 ? 2 * digit : 2 * digit - 9;
        sum += digit;
    }
    return sum % 10 == 0;
}
