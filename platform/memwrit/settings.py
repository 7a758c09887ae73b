"""The one settings file. Every value an operator may change is an environment variable (`docs/settings.md`)."""

from __future__ import annotations

import secrets
from datetime import timedelta
from importlib import import_module
from pathlib import Path

from memwrit import environment as env

CHECKOUT = Path(__file__).resolve().parents[2]
BASE_DIR = CHECKOUT if (CHECKOUT / "manage.py").exists() else Path.cwd()
MEMWRIT_DATA = Path(env.text("MEMWRIT_DATA", str(BASE_DIR / ".memwrit")))

DEBUG = False
# Nothing that must outlive a process is signed with it yet; several web processes need one value in common.
SECRET_KEY = env.text("SECRET_KEY") or secrets.token_urlsafe(48)
ALLOWED_HOSTS = env.listing("ALLOWED_HOSTS", "127.0.0.1,localhost,[::1]")
PUBLIC_URL = env.text("PUBLIC_URL", "http://127.0.0.1:8700")
# How many proxies of ours a request passes: strangers are told apart by what the outermost one writes.
PROXIES = env.whole("PROXIES", 0)
ROOT_URLCONF = "memwrit.urls"
WSGI_APPLICATION = "memwrit.wsgi.application"
APPEND_SLASH = False
USE_TZ = True
TIME_ZONE = "UTC"
USE_I18N = False
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

INSTALLED_APPS = [
    "foundation.kernel",
    "foundation.keyring",
    "foundation.search",
    "foundation.rest",
    "audit",
    "tenants",
    "guard",
    "governance",
    "memwrit.console",
    "rest_framework",
    "drf_spectacular",
    "django.contrib.staticfiles",
]
MIDDLEWARE = [
    "foundation.rest.middleware.Envelope",
    "foundation.rest.shedding.Shed",
    "memwrit.console.middleware.Walls",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
]
TEMPLATES: list[dict[str, object]] = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {"context_processors": ["django.template.context_processors.request"]},
    }
]

# The console's own files and htmx; nothing of what other packages would have served. They are found where they are
# installed, so nothing is collected; their addresses change with their content.
STATIC_URL = "/console/static/"
STATICFILES_FINDERS = ["django.contrib.staticfiles.finders.FileSystemFinder"]
HTMX = Path(import_module("django_htmx").__path__[0])
STATICFILES_DIRS = [
    ("console", Path(__file__).resolve().parent / "console" / "static" / "console"),
    ("django_htmx", HTMX / "static" / "django_htmx"),
]
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = False
WHITENOISE_MAX_AGE = 365 * 24 * 3600
WHITENOISE_ALLOW_ALL_ORIGINS = False

# Forms of the console. A proxy that ends TLS leaves http between itself and us: the public address is the origin.
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL]
CSRF_COOKIE_SECURE = PUBLIC_URL.startswith("https:")
CSRF_COOKIE_NAME = "__Host-memwrit-csrf" if CSRF_COOKIE_SECURE else "memwrit-csrf"
CSRF_COOKIE_HTTPONLY = True
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_AGE = None
CSRF_FAILURE_VIEW = "memwrit.console.refusals.forged"

# Each alias is one PostgreSQL role. A process is given only the URLs of the roles it may use (security.md §1).
DATABASES = env.databases(
    {
        "default": "DATABASE_URL",
        "owner": "DATABASE_OWNER_URL",
        "sequencer": "DATABASE_SEQUENCER_URL",
        "relay": "DATABASE_RELAY_URL",
        "eraser": "DATABASE_ERASER_URL",
        "backup": "DATABASE_BACKUP_URL",
        "keyring": "KEYRING_DATABASE_URL",
        "keyring_eraser": "KEYRING_ERASER_URL",
        "keyring_owner": "KEYRING_OWNER_URL",
        "keyring_backup": "KEYRING_BACKUP_URL",
    }
)
DATABASE_ROUTERS = ["memwrit.routers.KeyringRouter"]

KMS = env.text("KMS", f"file:{MEMWRIT_DATA / 'keys' / 'kms'}")
AUDIT_PIN = env.text("AUDIT_PIN", f"file:{MEMWRIT_DATA / 'pin'}")
# Wrapped keys as they survive each rotation: without them an older dump of the keyring opens nothing of such a shard.
KEYRING_COPIES = env.text("KEYRING_COPIES")
ERASURE_LEDGER = env.text("ERASURE_LEDGER", f"file:{MEMWRIT_DATA / 'erasures'}")
# How long what is partly derived from something erased may wait, restricted, to be derived anew before it goes too.
ERASURE_REDERIVE_WITHIN = timedelta(hours=float(env.text("ERASURE_REDERIVE_HOURS", "24")))
SEARCH_ENGINE = env.text("SEARCH_ENGINE", "postgres")
OPENSEARCH_URL = env.text("OPENSEARCH_URL")
OPENSEARCH_USER = env.text("OPENSEARCH_USER")
OPENSEARCH_PASSWORD = env.text("OPENSEARCH_PASSWORD")
OPENSEARCH_CA = env.text("OPENSEARCH_CA")
OPENSEARCH_TIMEOUT = float(env.text("OPENSEARCH_TIMEOUT", "5"))
OPENSEARCH_PREFIX = env.text("OPENSEARCH_PREFIX", "memwrit")
OPENSEARCH_SHARDS = env.whole("OPENSEARCH_SHARDS", 1)
OPENSEARCH_REPLICAS = env.text("OPENSEARCH_REPLICAS", "0-1")
# Tenants with an index of their own: large ones (see foundation.search.opensearch.indices.LARGE) and regulated ones.
OPENSEARCH_OWN_INDEX = env.listing("OPENSEARCH_OWN_INDEX")
EMBEDDER = env.text("EMBEDDER", "minilm")
EMBEDDERS = env.listing("EMBEDDERS", "")
INDEX_REKEY_WITHIN = timedelta(hours=float(env.text("INDEX_REKEY_HOURS", "24")))
INDEX_DRAIN = timedelta(seconds=float(env.text("INDEX_DRAIN_SECONDS", "30")))
EMBEDDER_THREADS = int(env.text("EMBEDDER_THREADS", "1"))
# How many memories may wait for review at once: of one source, and of one writer.
GUARD_HOLDS_PER_SOURCE = int(env.text("GUARD_HOLDS_PER_SOURCE", "100"))
GUARD_HOLDS_PER_WRITER = int(env.text("GUARD_HOLDS_PER_WRITER", "1000"))
# How many lessons of a tenant may be active at once.
LESSON_CAP = int(env.text("LESSON_CAP", "200"))
# How many values a person may have revealed at once, and how many a minute after that.
REVEAL_RATE = (int(env.text("REVEAL_BURST", "20")), float(env.text("REVEAL_PER_MINUTE", "1")))
PII_WORKERS = int(env.text("PII_WORKERS", "1"))
PII_TIMEOUT = float(env.text("PII_TIMEOUT", "10"))
PII_LANGUAGE = env.text("PII_LANGUAGE", "en")
# Requests that may wait for a thread of one web process; more are refused (503) until fewer wait.
WEB_QUEUE = env.whole("WEB_QUEUE", 16)
MODELS = Path(env.text("MODELS", str(MEMWRIT_DATA / "models")))
# Origins that outgoing requests may reach though they are http or private: `judge=http://127.0.0.1:8080`.
EGRESS_ALLOW = env.listing("EGRESS_ALLOW")
JUDGE_URL = env.text("JUDGE_URL")
JUDGE_MODEL = env.text("JUDGE_MODEL", "default")
JUDGE_API_KEY = env.text("JUDGE_API_KEY")
JUDGE_TIMEOUT = float(env.text("JUDGE_TIMEOUT", "20"))
JUDGE_DAILY = env.whole("JUDGE_DAILY", 500)
# Tenants whose held and disputed texts may leave the deployment for the judge: ids, or * for all. Nobody by default.
JUDGE_TENANTS = env.listing("JUDGE_TENANTS")
# Who cosigns the directory of all logs (c2sp.org/tlog-witness): `<vkey>=<submission prefix>`.
WITNESSES = env.listing("WITNESSES")
BROKER_URL = env.text("BROKER_URL")
BROKER_CA = env.text("BROKER_CA")
BROKER_CERT = env.text("BROKER_CERT")
BROKER_KEY = env.text("BROKER_KEY")
BROKER_AHEAD = env.whole("BROKER_AHEAD", 2)
# Where the worker tells how it does; the web process and the supervisor read it.
PULSE = env.text("PULSE", str(MEMWRIT_DATA / "pulse.json"))

# Telemetry, by OpenTelemetry's own variables; the exporters' others (`OTEL_EXPORTER_OTLP_*`) are read by its SDK.
OTEL_ENDPOINT = env.text("OTEL_EXPORTER_OTLP_ENDPOINT")
OTEL_HEADERS = env.text("OTEL_EXPORTER_OTLP_HEADERS")
OTEL_DISABLED = env.text("OTEL_SDK_DISABLED").lower() == "true"
_TO = "otlp" if OTEL_ENDPOINT else "none"
OTEL_TRACES = env.among("OTEL_TRACES_EXPORTER", _TO, frozenset({"otlp"}))
OTEL_METRICS = env.among("OTEL_METRICS_EXPORTER", _TO, frozenset({"otlp", "prometheus"}))
OTEL_LOGS = env.among("OTEL_LOGS_EXPORTER", "none", frozenset({"otlp"}))
METRICS_HOST = env.text("OTEL_EXPORTER_PROMETHEUS_HOST", "127.0.0.1")
METRICS_PORT = env.whole("OTEL_EXPORTER_PROMETHEUS_PORT", 9464)
METRICS_TOKEN = env.text("METRICS_TOKEN")
METRICS_FOLDER = env.text("METRICS_FOLDER", str(MEMWRIT_DATA / "metrics"))
# How often every tenant's index is compared with its records, for the parity metrics; 0: never by itself.
PARITY_EVERY = timedelta(hours=float(env.text("PARITY_HOURS", "24")))

CACHE_URL = env.text("CACHE_URL")
CACHES = {
    "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": CACHE_URL}
    if CACHE_URL
    else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
}

# Bodies are held in memory: an upload spooled to a temporary file would be readable text at rest.
FILE_UPLOAD_HANDLERS = ["django.core.files.uploadhandler.MemoryFileUploadHandler"]
DATA_UPLOAD_MAX_MEMORY_SIZE = 16 * 1024 * 1024

# Who is asking, whether he may, and where denials are recorded: handed to the ground, which knows none of the apps.
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["tenants.authentication.ApiKeyAuthentication"],
    "UNAUTHENTICATED_USER": None,
    "UNAUTHENTICATED_TOKEN": None,
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
MEMWRIT_POLICY = "tenants.policy.may"
MEMWRIT_DENIAL = "tenants.services.deny.record"
# Who keeps the records that the guard's lessons are made of: it has no memories of its own.
GUARD_RECORDS = "governance.lessons.Records"
MEMWRIT_LOOK = "tenants.services.look.record"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"reticent": {"()": "memwrit.logs.Reticent"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "reticent"}},
    "root": {"handlers": ["stderr"], "level": env.text("LOG_LEVEL", "WARNING")},
    "loggers": {
        "django": {"handlers": [], "propagate": True},
        "memwrit": {"level": "INFO"},
        # Its warnings quote the paths that strangers ask for.
        "django.request": {"level": "ERROR"},
    },
}
