/*
 * cognito.h - the form of Amazon Cognito's wire: JSON 1.1 in, JSON or a named exception out.
 *
 * A refusal is a reply (HTTP 400 with "__type"), not an enum err: the clients
 * know its names and decide by them what to do. Amplify signs its user out on
 * NotAuthorizedException at a refresh and tries again on 5xx,
 * TooManyRequestsException and LimitExceededException, so an overload must
 * never look like the first.
 */
#ifndef USHER_IDENTITY_COGNITO_H
#define USHER_IDENTITY_COGNITO_H

#include "http/req.h"

/* Name, and the sentence for when nothing more special is to be said. Cognito's own words where they are known: pages show them to people. */
#define COGNITO_ERRORS(X)                                                                                   \
    X(CodeMismatchException, "Invalid verification code provided, please try again.")                       \
    X(EnableSoftwareTokenMFAException, "Code mismatch")                                                     \
    X(ExpiredCodeException, "Invalid code provided, please request a code again.")                          \
    X(InternalErrorException, "Something went wrong here.")                                                 \
    X(InvalidParameterException, "A parameter is not valid.")                                               \
    X(InvalidPasswordException, "Password did not conform with policy")                                     \
    X(LimitExceededException, "Attempt limit exceeded, please try after some time.")                        \
    X(NotAuthorizedException, "Incorrect username or password.")                                            \
    X(RefreshTokenReuseException, "Refresh Token has been reused")                                          \
    X(ResourceNotFoundException, "User pool client does not exist.")                                        \
    X(SerializationException, "The body is not JSON.")                                                      \
    X(TooManyRequestsException, "Too many requests")                                                        \
    X(UnknownOperationException, "There is no such operation.")                                             \
    X(UnsupportedTokenTypeException, "Only a refresh token can be revoked.")                                \
    X(UserNotConfirmedException, "User is not confirmed.")                                                  \
    X(UsernameExistsException, "An account with the given email already exists.")

enum cognito_error {
#define X(name, text) COGNITO_##name,
    COGNITO_ERRORS(X)
#undef X
    COGNITO_ERROR_COUNT
};

/* Answer with an exception; `format` NULL takes its own sentence. Always ERR_OK, for `return`: what the transaction wrote stands. */
enum err cognito_refuse(struct req *req, enum cognito_error error, const char *format, ...) PRINTF_LIKE(3, 4);
/* The same in short. */
#define refuse(req, name, ...) cognito_refuse((req), COGNITO_##name, __VA_ARGS__)

/* route.problem: whatever http found wrong, in this wire's words. */
void cognito_problem(struct req *req, enum err e);

/* Begin a 200 answer: write an object into the returned buf. */
struct buf *cognito_reply(struct req *req);
enum err cognito_reply_empty(struct req *req); /* "{}": an empty body breaks Amplify */

/* The operation named by X-Amz-Target, or NULL. */
const char *cognito_operation(const struct req *req);
/* Read `document` by `shape`. As with all AWS JSON services, members that the shape does not know are passed over.
 * False when it answered with an exception already. */
bool cognito_read(struct req *req, struct json_t *document, const struct shape *shape, void **out);

/* "ada@example.org" as "a***@e***". */
const char *cognito_mask(struct arena *arena, const char *email);
/* "CodeDeliveryDetails": {...} */
void cognito_delivery(struct buf *out, struct arena *arena, const char *email);

#endif
