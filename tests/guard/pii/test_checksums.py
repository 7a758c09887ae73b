"""Each check takes numbers that are known to be right and refuses them with one sign changed."""

import string

import pytest

from guard.pii.recognisers import checksums

GOOD = [
    (checksums.luhn, "4111111111111111"),
    (checksums.luhn, "378282246310005"),
    (checksums.iban, "DE89370400440532013000"),
    (checksums.iban, "GB29NWBK60161331926819"),
    (checksums.iban, "NO9386011117947"),
    (checksums.nhs, "9434765919"),
    (checksums.dni, "12345678Z"),
    (checksums.dni, "X1234567L"),
    (checksums.nir, "255081416802538"),
    (checksums.nir, "180012A00400168"),
    (checksums.steuer_id, "86095742719"),
    (checksums.steuer_id, "47036892816"),
    (checksums.codice_fiscale, "RSSMRA85T10A562S"),
    (checksums.pesel, "44051401359"),
    (checksums.pesel, "02070803628"),
    (checksums.bsn, "111222333"),
    (checksums.nif_pt, "123456789"),
    (checksums.cpf, "52998224725"),
    (checksums.national_number_be, "85073003328"),
    (checksums.ahv, "7569217076985"),
    (checksums.personnummer, "8112189876"),
    (checksums.hetu, "131052308T"),
    (checksums.hetu, "131052A308T"),
    (checksums.fodselsnummer, "01010750160"),
    (checksums.tfn, "123456782"),
    (checksums.aadhaar, "234123412346"),
]


@pytest.mark.parametrize(("check", "number"), GOOD)
def test_a_right_number_passes(check, number):
    assert check(number)


@pytest.mark.parametrize(("check", "number"), GOOD)
def test_a_number_with_one_sign_changed_does_not(check, number):
    place = len(number) - 1 if number[-1].isalpha() else len(number) - 2
    alphabet = string.ascii_uppercase if number[place].isalpha() else string.digits
    wrong = [number[:place] + sign + number[place + 1 :] for sign in alphabet if sign != number[place]]
    assert [each for each in wrong if check(each)] == []


@pytest.mark.parametrize("number", ["000121234", "666121234", "900121234", "123001234", "123120000"])
def test_social_security_numbers_that_are_never_issued_fail(number):
    assert checksums.ssn("536904399")
    assert not checksums.ssn(number)


@pytest.mark.parametrize("number", ["BG123456A", "DA123456A", "AO123456A", "AB123456E", "ZZ123456A"])
def test_insurance_numbers_with_prefixes_that_are_never_issued_fail(number):
    assert checksums.nino("AB123456C")
    assert not checksums.nino(number)


@pytest.mark.parametrize("number", ["11111111111", "00000000000"])
def test_eleven_equal_digits_are_no_cpf(number):
    assert not checksums.cpf(number)


@pytest.mark.parametrize("number", ["3207614285", "0713614285"])
def test_a_danish_number_begins_with_a_day_that_can_be(number):
    assert checksums.cpr("0707614285")
    assert not checksums.cpr(number)
