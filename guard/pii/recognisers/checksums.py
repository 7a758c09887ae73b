"""Check digits of cards, accounts and identity numbers. Pure: each takes the bare signs and tells if they add up."""

from collections.abc import Sequence

_NIR_CORSICA = {"2A": "19", "2B": "18"}
_CF_ODD_VALUES = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)
_CF_ODD = dict(zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", _CF_ODD_VALUES, strict=True)) | dict(
    zip("0123456789", _CF_ODD_VALUES, strict=False)
)
_DNI_LETTERS = "TRWAGMYFPDXBNJZSQVHLCKE"


def luhn(digits: str) -> bool:
    """ISO/IEC 7812: cards, Swedish and Canadian numbers."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def iban(signs: str) -> bool:
    """ISO 13616: the four leading signs moved to the end, letters as 10 to 35, is 1 modulo 97."""
    rotated = signs[4:] + signs[:4]
    return int("".join(str(int(sign, 36)) for sign in rotated)) % 97 == 1


def ssn(digits: str) -> bool:
    """US: the areas, groups and serials that are issued (no check digit)."""
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    return area not in ("000", "666") and area < "900" and group != "00" and serial != "0000"


def nino(signs: str) -> bool:
    """UK National Insurance: prefixes that are given out."""
    prefix = signs[:2]
    bad = {"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"}
    return prefix not in bad and prefix[0] not in "DFIQUV" and prefix[1] not in "DFIQUVO" and signs[8:] in "ABCD"


def nhs(digits: str) -> bool:
    """UK NHS number: modulo 11 with weights 10 to 2."""
    check = 11 - _weighted(digits[:9], range(10, 1, -1)) % 11
    return check != 10 and check % 11 == int(digits[9])


def dni(signs: str) -> bool:
    """ES DNI and NIE: the letter is the number modulo 23; X, Y, Z lead as 0, 1, 2."""
    number = signs[:-1].replace("X", "0").replace("Y", "1").replace("Z", "2")
    return _DNI_LETTERS[int(number) % 23] == signs[-1]


def nir(signs: str) -> bool:
    """FR NIR: the key is 97 minus the number modulo 97; Corsica's departments count as 19 and 18."""
    department = signs[5:7]
    number = signs[:5] + _NIR_CORSICA.get(department, department) + signs[7:13]
    return number.isdigit() and 97 - int(number) % 97 == int(signs[13:])


def steuer_id(digits: str) -> bool:
    """DE Steuer-ID: ISO 7064 MOD 11,10; of the first ten digits exactly one stands twice or thrice."""
    repeats = sorted(digits[:10].count(digit) for digit in set(digits[:10]))
    if digits[0] == "0" or repeats[-1] not in (2, 3) or repeats[-2] != 1:
        return False
    product = 10
    for digit in digits[:10]:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    return (11 - product) % 10 == int(digits[10])


def codice_fiscale(signs: str) -> bool:
    """IT: odd places by table, even places by value, modulo 26."""
    total = sum(_CF_ODD[sign] for sign in signs[0:15:2])
    total += sum(int(sign) if sign.isdigit() else ord(sign) - 65 for sign in signs[1:15:2])
    return chr(65 + total % 26) == signs[15]


def pesel(digits: str) -> bool:
    """PL: weights 1 3 7 9, and a month (with its century) that exists."""
    total = _weighted(digits[:10], (1, 3, 7, 9, 1, 3, 7, 9, 1, 3))
    month, day = int(digits[2:4]) % 20, int(digits[4:6])
    return (10 - total % 10) % 10 == int(digits[10]) and 1 <= month <= 12 and 1 <= day <= 31


def bsn(digits: str) -> bool:
    """NL: the eleven test, last weight minus 1."""
    return digits != "000000000" and _weighted(digits, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0


def nif_pt(digits: str) -> bool:
    """PT: modulo 11 with weights 9 to 2."""
    check = 11 - _weighted(digits[:8], range(9, 1, -1)) % 11
    return digits[0] in "123568" and (0 if check > 9 else check) == int(digits[8])


def cpf(digits: str) -> bool:
    """BR: two check digits, modulo 11; eleven equal digits are not one."""
    if len(set(digits)) == 1:
        return False
    return all(_weighted(digits[:size], range(size + 1, 1, -1)) * 10 % 11 % 10 == int(digits[size]) for size in (9, 10))


def national_number_be(digits: str) -> bool:
    """BE: 97 minus the number modulo 97, with a 2 before it for those born from 2000 on."""
    check = int(digits[9:])
    return check in (97 - int(digits[:9]) % 97, 97 - int("2" + digits[:9]) % 97)


def ahv(digits: str) -> bool:
    """CH: EAN-13 that begins with 756."""
    return digits.startswith("756") and _weighted(digits, (1, 3) * 6 + (1,)) % 10 == 0


def personnummer(digits: str) -> bool:
    """SE: Luhn over the last ten, with a month and a day (plus 60 for co-ordination numbers) that exist."""
    ten = digits[-10:]
    return luhn(ten) and 1 <= int(ten[2:4]) <= 12 and 1 <= int(ten[4:6]) % 60 <= 31


def hetu(signs: str) -> bool:
    """FI: the remainder of nine digits by 31, as one of 31 signs; the date must exist. The century sign is left out."""
    digits, day, month = signs[:6] + signs[-4:-1], int(signs[:2]), int(signs[2:4])
    return 1 <= day <= 31 and 1 <= month <= 12 and signs[-1] == "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(digits) % 31]


def cpr(digits: str) -> bool:
    """DK: a date and four digits; the sum by 11 holds for numbers given out before 2007 alone, so it is not asked."""
    return 1 <= int(digits[:2]) <= 31 and 1 <= int(digits[2:4]) <= 12


def fodselsnummer(digits: str) -> bool:
    """NO: two check digits by 11; the day may be raised by 40 (D number), the month by 40."""
    first = _weighted(digits[:10], (3, 7, 6, 1, 8, 9, 4, 5, 2, 1)) % 11 == 0
    second = _weighted(digits, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)) % 11 == 0
    return first and second and 1 <= int(digits[:2]) % 40 <= 31 and 1 <= int(digits[2:4]) % 40 <= 12


def tfn(digits: str) -> bool:
    """AU: nine digits, weighted, by 11."""
    return _weighted(digits, (1, 4, 3, 7, 5, 8, 6, 9, 10)) % 11 == 0


def aadhaar(digits: str) -> bool:
    """IN: Verhoeff over twelve digits of which the first is 2 to 9."""
    check = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit)
        for _ in range(place % 8):
            value = _VERHOEFF_TURN[value]
        check = _dihedral(check, value)
    return digits[0] > "1" and check == 0


_VERHOEFF_TURN = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)


def _dihedral(left: int, right: int) -> int:
    """The product in the group of a pentagon's ten symmetries: 0 to 4 turn it, 5 to 9 turn it over."""
    if left < 5:
        return (left + right) % 5 + (5 if right >= 5 else 0)
    return (left - right) % 5 + (0 if right >= 5 else 5)


def _weighted(digits: str, weights: Sequence[int]) -> int:
    return sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True))
