# Issuers of payment cards: what their numbers begin with and how long they are.
#
# Sources: Wikipedia's "Payment card number" (its section on issuer identification numbers, 2023 and 2024), Braintree's
# credit-card-type, test numbers that issuers and payment services publish.  Left out on purpose: UATP (1…, 15 digits)
# and GPN (1946…), which ids and epoch times begin like, and InterPayment and InstaPayment (636 to 639), which the ticks
# of .NET do.


cdef enum:
    FEWEST_DIGITS = 13
    MOST_DIGITS = 19

cdef struct Issuer:
    uint32_t first          # of its numbers' first six digits
    uint32_t last
    uint32_t lengths        # bit n: so many digits

cdef object ANY_LENGTH = range(FEWEST_DIGITS, MOST_DIGITS + 1)
cdef object LONG_CARD = range(16, MOST_DIGITS + 1)
cdef list ISSUER_TABLE = [
    ("4", "4", (13, 16, 19)),  # Visa, and Dankort, Elo, Electron in its range
    ("51", "55", (16,)),  # Mastercard
    ("2221", "2720", (16,)),  # Mastercard
    ("34", "34", (15,)),  # American Express
    ("37", "37", (15,)),  # American Express
    ("30", "30", range(14, MOST_DIGITS + 1)),  # Diners Club, and JCB's old ones
    ("36", "36", range(14, MOST_DIGITS + 1)),  # Diners Club
    ("38", "39", range(14, MOST_DIGITS + 1)),  # Diners Club, Hipercard
    ("3528", "3589", LONG_CARD),  # JCB, RuPay, LankaPay
    ("6011", "6011", LONG_CARD),  # Discover
    ("644", "649", LONG_CARD),  # Discover
    ("65", "65", LONG_CARD),  # Discover, RuPay, Troy, Elo, Verve
    ("62", "62", LONG_CARD),  # UnionPay, Elo
    ("8100", "8171", LONG_CARD),  # UnionPay
    ("2200", "2204", LONG_CARD),  # Mir
    ("2205", "2205", (16,)),  # BORICA
    ("50", "50", ANY_LENGTH),  # Maestro, Elo, Verve, Dankort, Aura, RuPay, Meeza
    ("56", "58", ANY_LENGTH),  # Maestro, Bankcard, Uzcard, Cabal
    ("6304", "6304", ANY_LENGTH),  # Maestro, Laser
    ("6331", "6331", (16, 18, 19)),  # Switch
    ("6333", "6334", (16, 18, 19)),  # Switch, Solo
    ("636297", "636297", (16,)),  # Elo
    ("636368", "636368", (16,)),  # Elo
    ("637095", "637095", (16,)),  # Hiper
    ("637374", "637374", (16,)),  # Hiper
    ("637433", "637433", (16,)),  # Hiper
    ("637568", "637568", (16,)),  # Hiper
    ("637599", "637599", (16,)),  # Hiper
    ("637609", "637609", (16,)),  # Hiper
    ("637612", "637612", (16,)),  # Hiper
    ("67", "67", ANY_LENGTH),  # Maestro, Laser, Solo, Bancontact
    ("60", "60", (16,)),  # RuPay, Hipercard, Cabal, UkrCard
    ("604001", "604200", LONG_CARD),  # UkrCard
    ("81", "82", (16,)),  # RuPay
    ("8600", "8600", (16,)),  # Uzcard
    ("9704", "9704", (16, 19)),  # Napas
    ("9792", "9792", (16,)),  # Troy
    ("9860", "9860", (16,)),  # Humo
]
cdef Issuer ISSUERS[64]
cdef int ISSUER_COUNT = len(ISSUER_TABLE)


cdef int fill_issuers() except -1:
    cdef int i
    for i, (first, last, lengths) in enumerate(ISSUER_TABLE):
        ISSUERS[i].first = int(first.ljust(6, "0"))
        ISSUERS[i].last = int(last.ljust(6, "9"))
        ISSUERS[i].lengths = sum([1 << length for length in lengths])
    return 0


fill_issuers()


cdef bint is_issued(const uint8_t* digits, int count):
    """Are these digits an issuer's, as many as they must be, and is the last one right?"""
    cdef uint32_t prefix = 0
    cdef int i
    for i in range(6):
        prefix = prefix * 10 + digits[i]
    for i in range(ISSUER_COUNT):
        if ISSUERS[i].first <= prefix <= ISSUERS[i].last and ISSUERS[i].lengths >> count & 1:
            return holds_luhn(digits, count)
    return False


cdef bint holds_luhn(const uint8_t* digits, int count):
    cdef int i, sum = 0, digit
    for i in range(count):
        digit = digits[count - 1 - i] << (i & 1)
        sum += digit - 9 if digit > 9 else digit
    return sum % 10 == 0
