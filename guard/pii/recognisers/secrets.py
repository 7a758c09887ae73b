"""Keys and passwords, by family. They are never kept and never reversible, so doubt is settled against the text."""

import re

from guard.pii.entities import Entity
from guard.pii.recognisers.patterned import LIKELY, SURE, Pattern, Patterned, holds

_S = Entity.SECRET

# Tokens whose prefix names their maker.
_FAMILIES = (
    r"(?:AKIA|ASIA|AGPA|AIDA|AROA|ANPA|ABIA|ACCA)[A-Z0-9]{16}",  # AWS
    r"gh[pousr]_[A-Za-z0-9]{20,255}",  # GitHub
    r"github_pat_[A-Za-z0-9_]{22,255}",
    r"glpat-[A-Za-z0-9_\-]{20,255}",  # GitLab
    r"xox[abeoprs]-[A-Za-z0-9\-]{10,250}",  # Slack
    r"xapp-\d-[A-Za-z0-9\-]{10,250}",
    r"AIza[A-Za-z0-9_\-]{35}",  # Google
    r"ya29\.[A-Za-z0-9_\-]{20,1000}",
    r"GOCSPX-[A-Za-z0-9_\-]{20,60}",
    r"(?:sk|pk|rk)_(?:live|test)_[A-Za-z0-9]{10,250}",  # Stripe
    r"whsec_[A-Za-z0-9]{16,250}",
    r"sk-(?:ant-|proj-|svcacct-|or-)?[A-Za-z0-9_\-]{20,250}",  # OpenAI, Anthropic and those who write like them
    r"hf_[A-Za-z0-9]{20,100}",  # Hugging Face
    r"npm_[A-Za-z0-9]{30,100}",
    r"pypi-[A-Za-z0-9_\-]{50,500}",
    r"SG\.[A-Za-z0-9_\-]{16,64}\.[A-Za-z0-9_\-]{16,64}",  # SendGrid
    r"key-[0-9a-f]{32}",  # Mailgun
    r"SK[0-9a-f]{32}",  # Twilio
    r"dop_v1_[0-9a-f]{64}",  # DigitalOcean
    r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}",  # Shopify
    r"mw_[0-9a-fA-F\-]{8,36}_[A-Za-z0-9]{2,40}_[A-Za-z0-9_\-]{8,100}",  # our own
    r"eyJ[A-Za-z0-9_\-]{8,4000}\.eyJ[A-Za-z0-9_\-]{8,8000}\.[A-Za-z0-9_\-]{8,2000}",  # JWT
    r"AGE-SECRET-KEY-1[A-Z0-9]{58}",
)
_NAMED = (
    r"pass(?:word|wd|phrase|code)?|pwd|secret|token|api[_ -]?key|apikey|access[_ -]?key|secret[_ -]?key|"
    r"private[_ -]?key|"
    r"client[_ -]?secret|auth[_ -]?token|aws_secret_access_key|pin(?: code)?|contraseña|mot de passe|passwort|"
    r"kennwort|senha|wachtwoord"
)
_named = holds("pass", "pwd", "secret", "token", "key", "pin", "contraseña", "kennwort", "senha", "wachtwoord")
_PEM = (
    r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?:[^-]|"
    r"-(?!----)){0,16384}(?:-----END [A-Z0-9 ]{0,40}-----)?"
)


def _mixed(value: str) -> bool:
    """Digits and letters, long enough: what nobody writes as a word."""
    return len(value) >= 8 and any(sign.isdigit() for sign in value) and any(sign.isalpha() for sign in value)


def secrets() -> Patterned:
    return Patterned(
        "secrets",
        (
            Pattern(_S, re.compile(_PEM), needs=holds("-----begin")),
            Pattern(_S, re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(_FAMILIES)})(?![A-Za-z0-9])")),
            Pattern(
                _S,
                re.compile(r"\b[A-Za-z][A-Za-z0-9+.\-]{1,20}://(?P<n>[^\s/:@]{0,200}:[^\s/@]{1,200})@"),
                SURE,
                "n",
                needs=holds("://"),
            ),
            Pattern(
                _S,
                re.compile(
                    rf"(?i)(?<![a-z])(?:{_NAMED})[\"']?\s{{0,3}}(?:=|:=|:|=>)\s{{0,3}}(?P<n>\"[^\"\n]{{1,200}}\"|"
                    rf"'[^'\n]{{1,200}}'|[^\s,;\"']{{3,200}})"
                ),
                SURE,
                "n",
                needs=_named,
            ),
            Pattern(
                _S,
                re.compile(
                    rf"(?i)(?<![a-z])(?:{_NAMED})\s{{1,3}}(?:is|are|was|ist|es|est|è|é)\s{{1,3}}(?:now\s|"
                    rf"set to\s)?(?P<n>[^\s,;]{{4,200}}[^\s,;.!?])"
                ),
                LIKELY,
                "n",
                check=_looks_secret,
                needs=_named,
            ),
            Pattern(
                _S,
                re.compile(r"(?i)\b(?:bearer|basic)\s{1,3}(?P<n>[A-Za-z0-9._~+/\-]{12,4000}={0,2})"),
                SURE,
                "n",
                check=_mixed,
                needs=holds("bearer", "basic"),
            ),
            Pattern(
                _S,
                re.compile(r"(?i)\b(?:accountkey|sharedaccesskey|pwd|password)=(?P<n>[^\s;\"']{3,200})"),
                SURE,
                "n",
                needs=holds("="),
            ),
            Pattern(
                _S,
                re.compile(
                    r"(?i)(?:secret|key|token)\W{0,10}(?P<n>(?<![A-Za-z0-9+/])[A-Za-z0-9+/]{40}(?![A-Za-z0-9+/=]))"
                ),
                SURE,
                "n",
                check=_mixed,
                needs=holds("secret", "key", "token"),
            ),
        ),
    )


def _looks_secret(value: str) -> bool:
    """Not a plain word: "the password is wrong" names none."""
    return not value.isalpha() or len(value) > 20
