/* sim_cards.c - the published test cards (docs.stripe.com/testing) and what they do. */
#include <string.h>

#include "sim/sim_inside.h"

#define DECLINED "Your card was declined."

static const struct sim_card cards[] = {
    { "4242424242424242", "visa", { "pm_card_visa" }, NULL, NULL, NULL, false, NULL },
    { "4000056655665556", "visa", { "pm_card_visa_debit" }, NULL, NULL, NULL, false, NULL },
    { "5555555555554444", "mastercard", { "pm_card_mastercard" }, NULL, NULL, NULL, false, NULL },
    { "2223003122003222", "mastercard", { NULL }, NULL, NULL, NULL, false, NULL },
    { "5200828282828210", "mastercard", { "pm_card_mastercard_debit" }, NULL, NULL, NULL, false, NULL },
    { "5105105105105100", "mastercard", { "pm_card_mastercard_prepaid" }, NULL, NULL, NULL, false, NULL },
    { "378282246310005", "amex", { "pm_card_amex" }, NULL, NULL, NULL, false, NULL },
    { "371449635398431", "amex", { NULL }, NULL, NULL, NULL, false, NULL },
    { "6011111111111117", "discover", { "pm_card_discover" }, NULL, NULL, NULL, false, NULL },
    { "3056930009020004", "diners", { "pm_card_diners" }, NULL, NULL, NULL, false, NULL },
    { "3566002020360505", "jcb", { "pm_card_jcb" }, NULL, NULL, NULL, false, NULL },
    { "6200000000000005", "unionpay", { "pm_card_unionpay" }, NULL, NULL, NULL, false, NULL },
    { "4000002760000016", "visa", { "pm_card_de" }, NULL, NULL, NULL, false, NULL },
    { "4000002500001001", "visa", { "pm_card_visa_cartesBancaires" }, NULL, NULL, NULL, false, NULL },
    { "4000000000000077", "visa", { "pm_card_bypassPending" }, NULL, NULL, NULL, false, NULL },

    { "4000000000000002", "visa", { "pm_card_visa_chargeDeclined", "pm_card_chargeDeclined" }, "card_declined", "generic_decline", DECLINED, false, NULL },
    { "4000000000009995", "visa", { "pm_card_visa_chargeDeclinedInsufficientFunds", "pm_card_chargeDeclinedInsufficientFunds" }, "card_declined",
      "insufficient_funds", "Your card has insufficient funds.", false, NULL },
    { "4000000000009987", "visa", { "pm_card_visa_chargeDeclinedLostCard", "pm_card_chargeDeclinedLostCard" }, "card_declined", "lost_card", DECLINED, false, NULL },
    { "4000000000009979", "visa", { "pm_card_visa_chargeDeclinedStolenCard", "pm_card_chargeDeclinedStolenCard" }, "card_declined", "stolen_card", DECLINED,
      false, NULL },
    { "4000000000000069", "visa", { "pm_card_chargeDeclinedExpiredCard", "pm_card_visa_chargeDeclinedExpiredCard" }, "expired_card", "expired_card",
      "Your card has expired.", false, NULL },
    { "4000000000000127", "visa", { "pm_card_chargeDeclinedIncorrectCvc", "pm_card_visa_chargeDeclinedIncorrectCvc" }, "incorrect_cvc", "incorrect_cvc",
      "Your card's security code is incorrect.", false, NULL },
    { "4000000000000119", "visa", { "pm_card_chargeDeclinedProcessingError", "pm_card_visa_chargeDeclinedProcessingError" }, "processing_error",
      "processing_error", "An error occurred while processing your card. Try again in a little bit.", false, NULL },
    { "4000000000006975", "visa", { "pm_card_visa_chargeDeclinedVelocityLimitExceeded", "pm_card_chargeDeclinedVelocityLimitExceeded" }, "card_declined",
      "card_velocity_exceeded", DECLINED, false, NULL },
    { "4100000000000019", "visa", { "pm_card_radarBlock", "pm_card_chargeDeclinedFraudulent", "pm_card_visa_chargeDeclinedFraudulent" }, "card_declined",
      "fraudulent", DECLINED, false, NULL },
    { "4000000000000341", "visa", { "pm_card_chargeCustomerFail" }, "card_declined", "generic_decline", DECLINED, false, NULL },

    { "4000002500003155", "visa", { "pm_card_authenticationRequiredOnSetup" }, NULL, NULL, NULL, true, NULL },
    { "4000000000003220", "visa", { "pm_card_threeDSecure2Required" }, NULL, NULL, NULL, true, NULL },
    { "4000000000003063", "visa", { "pm_card_threeDSecureRequired" }, NULL, NULL, NULL, true, NULL },
    { "4000002760003184", "visa", { "pm_card_authenticationRequired" }, NULL, NULL, NULL, true, NULL },
    { "4000008400001629", "visa", { "pm_card_threeDSecureRequiredChargeDeclined" }, "card_declined", "generic_decline", DECLINED, true, NULL },
    { "4000008260003178", "visa", { "pm_card_authenticationRequiredChargeDeclinedInsufficientFunds" }, "card_declined", "insufficient_funds",
      "Your card has insufficient funds.", true, NULL },
    { "4000000000003055", "visa", { "pm_card_threeDSecureOptional" }, NULL, NULL, NULL, false, NULL },

    { "4000000000007726", "visa", { "pm_card_pendingRefund" }, NULL, NULL, NULL, false, "pending" },
    { "4000000000005126", "visa", { "pm_card_refundFail" }, NULL, NULL, NULL, false, "fails" },
};

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
