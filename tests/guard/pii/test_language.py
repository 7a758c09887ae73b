"""Languages are told, or the text is held; names do not mislead."""

import pytest

from guard.pii.language import language_of

READ = {
    "en": "The weather is fine today and we are going to the beach.",
    "de": "Heute ist das Wetter schön und wir gehen zum Strand.",
    "fr": "Il fait beau aujourd'hui et nous allons à la plage.",
    "es": "Hoy hace buen tiempo y nos vamos a la playa.",
    "it": "Oggi il tempo è bello e andiamo in spiaggia.",
    "pt": "Hoje o tempo está bom e vamos à praia.",
    "nl": "Vandaag is het mooi weer en gaan we naar het strand.",
}
FOREIGN = [
    "Zażółć gęślą jaźń, a potem pójdziemy na spacer do lasu.",
    "Bugün hava çok güzel ve biz denize gidiyoruz.",
    "Tänään on kaunis sää ja menemme rannalle uimaan.",
    "Ma szép idő van, és kimegyünk a partra.",
    "Hôm nay trời đẹp và chúng tôi đi biển.",
    "Idag är det fint väder och vi går till stranden.",
    "Hari ini cuaca bagus dan kami pergi ke pantai.",
    "Danas je lijepo vrijeme i idemo na plažu.",
    "Сегодня хорошая погода",
    "今天天气很好",
    "الطقس جميل اليوم",
    "Σήμερα ο καιρός είναι καλός",
]


@pytest.mark.parametrize(("code", "text"), READ.items())
def test_a_language_that_is_read_is_told(code, text):
    assert language_of(text, "en") == code


@pytest.mark.parametrize("text", FOREIGN)
def test_a_language_that_is_not_read_is_none(text):
    assert language_of(text, "en") is None


@pytest.mark.parametrize(
    "text",
    [
        "Jožef Albin had given Jožef Albin his address in København",
        "Tomomi Nishiyama lives at 86036 Rua do Arenque 1634",
        "Krisztián Szöllösy listed his top 20 songs",
        "Glad it helped ya, Melanie!",
    ],
)
def test_foreign_names_do_not_make_an_english_text_foreign(text):
    assert language_of(text, "en") == "en"


def test_a_short_text_is_in_the_tenants_language():
    assert language_of("Ana Diaz", "es") == "es"
    assert language_of("", "de") == "de"
    assert language_of("4711 - 0815", "fr") == "fr"


def test_a_short_text_in_another_script_is_still_foreign():
    assert language_of("Анна", "en") is None
