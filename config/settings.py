"""Settings, from the environment (``config/environment.py``). The same file serves development, tests and
production; only the environment differs."""

import os
from datetime import timedelta
from typing import Any

from celery.schedules import crontab
from csp.constants import NONCE, NONE, SELF
from kombu import Queue

from config.environment import BASE_DIR, data_dir, database, flag, listed, secret, server_addresses

DATA_DIR = data_dir()
DEBUG = flag("GUICHET_DEBUG")
SECRET_KEY = secret("GUICHET_SECRET_KEY")
# Former keys, still believed while the key is changed (docs/operations.md).
SECRET_KEY_FALLBACKS = listed("GUICHET_SECRET_KEY_FALLBACKS")
SITE_URL = os.environ.get("GUICHET_SITE_URL", "http://127.0.0.1:8000").rstrip("/")
SECURE = SITE_URL.startswith("https://")
ALLOWED_HOSTS = listed("GUICHET_ALLOWED_HOSTS", "127.0.0.1,localhost,[::1],testserver")
CSRF_TRUSTED_ORIGINS = [SITE_URL]
# web, worker, beat or command: the web gives up early, scripts may take their time.
PROCESS = os.environ.get("GUICHET_PROCESS", "command")

INSTALLED_APPS = [
    "django.contrib.contenttypes",
    "django.contrib.auth",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "config.apps.AdministrationConfig",
    "django.forms",
    "core",
    "accounts",
    "territories",
    "calls",
    "applications",
    "budget",
    "jury",
    "conventions",
    "demonstration",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.socialaccount",
    "widget_tweaks",
    "dsfr",
    "crispy_forms",
    "django_htmx",
    "csp",
    "django_fsm",
    "django_structlog",
    "django_prometheus",
]

MIDDLEWARE = [
    "django_prometheus.middleware.PrometheusBeforeMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "accounts.middleware.SignInMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "accounts.middleware.SecondFactorMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "core.middleware.PageOfAFormMiddleware",
    "core.middleware.ServerTroubleMiddleware",
    "django_prometheus.middleware.PrometheusAfterMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
FORM_RENDERER = "django.forms.renderers.TemplatesSetting"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "csp.context_processors.nonce",
                "core.context_processors.site",
            ],
            "builtins": ["core.templatetags.guichet", "core.templatetags.components"],
        },
    }
]

# ---------------------------------------------------------------- database
ADDRESSES = server_addresses()
_TIMEOUTS = {
    "web": "-c statement_timeout=10000 -c lock_timeout=5000 -c jit=off",
    "worker": "-c statement_timeout=120000 -c lock_timeout=30000 -c jit=off",
}.get(PROCESS, "-c lock_timeout=60000 -c jit=off")
DATABASE_POOL = flag("GUICHET_DATABASE_POOL", default=PROCESS == "web")
DATABASES = {
    # The role that serves: it may only INSERT and SELECT on ledger, journal and documents.
    "default": database(ADDRESSES["database"], options=_TIMEOUTS, pool=DATABASE_POOL),
    # The role that owns the schema and migrates; never used by a request.
    "owner": database(ADDRESSES["owner"], options="-c lock_timeout=60000 -c jit=off"),
}
DATABASE_APP_ROLE = os.environ.get("GUICHET_APP_ROLE", "guichet_app")
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

CACHES = {
    "default": {
        "BACKEND": "django.core.cache.backends.db.DatabaseCache",
        "LOCATION": "core_cache",
        "OPTIONS": {"MAX_ENTRIES": 100_000},
    }
}
SESSION_ENGINE = "django.contrib.sessions.backends.db"
SESSION_COOKIE_AGE = 60 * 60 * 10
SESSION_COOKIE_SECURE = SECURE
CSRF_COOKIE_SECURE = SECURE
SESSION_COOKIE_HTTPONLY = True
CSRF_COOKIE_HTTPONLY = True

# ---------------------------------------------------------------- language, time
LANGUAGE_CODE = "fr"
TIME_ZONE = "Europe/Paris"
USE_TZ = True
USE_I18N = True
USE_THOUSAND_SEPARATOR = True

# ---------------------------------------------------------------- files
STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS: list[Any] = [BASE_DIR / "static"]
# Official logos of the funders, put here by the operator: france-relance.svg, nextgenerationeu.svg (docs/adr/0020).
LOGOS_DIR = os.environ.get("GUICHET_LOGOS_DIR", "")
if LOGOS_DIR:
    STATICFILES_DIRS.append(("logos", LOGOS_DIR))
WHITENOISE_KEEP_ONLY_HASHED_FILES = False
WHITENOISE_USE_FINDERS = flag("GUICHET_STATIC_FROM_SOURCES", default=PROCESS == "command")
WHITENOISE_AUTOREFRESH = False
FILES_DIR = DATA_DIR / "files"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage", "OPTIONS": {"location": FILES_DIR}},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if PROCESS in {"web", "worker", "beat"}
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
if os.environ.get("GUICHET_S3_BUCKET"):
    STORAGES["default"] = {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": os.environ["GUICHET_S3_BUCKET"],
            "endpoint_url": os.environ.get("GUICHET_S3_ENDPOINT"),
            "access_key": os.environ.get("GUICHET_S3_ACCESS_KEY"),
            "secret_key": os.environ.get("GUICHET_S3_SECRET_KEY"),
            "default_acl": "private",
            "file_overwrite": False,
            "object_parameters": {"ServerSideEncryption": "AES256"},
        },
    }
FILE_UPLOAD_MAX_MEMORY_SIZE = 2_621_440
DATA_UPLOAD_MAX_MEMORY_SIZE = 5_242_880
ATTACHMENT_MAX_BYTES = int(os.environ.get("GUICHET_ATTACHMENT_MAX_BYTES", 10 * 1024 * 1024))
# What the antivirus reads of a file at most: its StreamMaxLength, 12 MiB in deploy/clamd.conf.
CLAMD_MAX_BYTES = int(os.environ.get("GUICHET_CLAMD_MAX_BYTES", 12 * 1024 * 1024))
CLAMD_ADDRESS = os.environ.get("GUICHET_CLAMD", "")  # host:port or the path of a socket; empty: no antivirus
HOLD_UNSCANNED_FILES = flag("GUICHET_HOLD_UNSCANNED", default=bool(CLAMD_ADDRESS))

# ---------------------------------------------------------------- signature
PKI_DIR = DATA_DIR / "pki"
SEAL_PKCS12 = os.environ.get("GUICHET_SEAL_PKCS12", "")  # path; empty: the demonstration key
SEAL_PASSPHRASE = os.environ.get("GUICHET_SEAL_PASSPHRASE", "")
SEAL_PKCS11_MODULE = os.environ.get("GUICHET_SEAL_PKCS11_MODULE", "")
SEAL_PKCS11_TOKEN = os.environ.get("GUICHET_SEAL_PKCS11_TOKEN", "")
SEAL_PKCS11_KEY = os.environ.get("GUICHET_SEAL_PKCS11_KEY", "")
SEAL_PKCS11_PIN = os.environ.get("GUICHET_SEAL_PKCS11_PIN", "")
TIMESTAMP_URL = os.environ.get("GUICHET_TIMESTAMP_URL", "")  # RFC 3161; empty: the demonstration authority
TIMESTAMP_USER = os.environ.get("GUICHET_TIMESTAMP_USER", "")
TIMESTAMP_PASSWORD = os.environ.get("GUICHET_TIMESTAMP_PASSWORD", "")
PERSON_KEYS_DIR = os.environ.get("GUICHET_PERSON_KEYS_DIR", "")  # <id>.p12 and <id>.passphrase; empty: demonstration
TRUST_ROOTS = listed("GUICHET_TRUST_ROOTS")  # paths of PEM or DER files
TRUST_INTERMEDIATES = listed("GUICHET_TRUST_INTERMEDIATES")
TRUST_CRLS = listed("GUICHET_TRUST_CRLS")
DEMONSTRATION_PKI = flag("GUICHET_DEMONSTRATION_PKI", default=not SEAL_PKCS12 and not SEAL_PKCS11_MODULE)

# ---------------------------------------------------------------- people
AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = [
    "allauth.account.auth_backends.AuthenticationBackend",
    "calls.backends.MandateBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.ScryptPasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "accounts.passwords.LengthByRoleValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "home"
ACCOUNT_ADAPTER = "accounts.adapters.AccountAdapter"
SOCIALACCOUNT_ADAPTER = "accounts.adapters.SocialAccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "mandatory"
ACCOUNT_PREVENT_ENUMERATION = "strict"
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_ENABLED = True
ACCOUNT_EMAIL_VERIFICATION_BY_CODE_TIMEOUT = 15 * 60
ACCOUNT_EMAIL_VERIFICATION_SUPPORTS_RESEND = True
ACCOUNT_EMAIL_SUBJECT_PREFIX = ""
ACCOUNT_EMAIL_NOTIFICATIONS = True
ACCOUNT_CHANGE_EMAIL = True
# A code that only serves in the browser that asked for it, rather than a link that opens the account to its bearer.
ACCOUNT_PASSWORD_RESET_BY_CODE_ENABLED = True
ACCOUNT_PASSWORD_RESET_BY_CODE_TIMEOUT = 15 * 60
ACCOUNT_LOGIN_ON_PASSWORD_RESET = False
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_LOGOUT_REDIRECT_URL = "home"
ACCOUNT_RATE_LIMITS = {
    # A whole prefecture may share one address; failures are counted per account and address (AccountAdapter).
    "login": "120/m/ip",
    "login_failed": "30/m/ip,5/300s/key",
}
ACCOUNT_FORMS = {
    "login": "accounts.forms.LoginForm",
    "signup": "accounts.forms.SignupForm",
    "add_email": "accounts.forms.AddEmailForm",
    "change_password": "accounts.forms.ChangePasswordForm",
    "set_password": "accounts.forms.SetPasswordForm",
    "reset_password": "accounts.forms.ResetPasswordForm",
    "reset_password_from_key": "accounts.forms.ResetPasswordKeyForm",
    "reauthenticate": "accounts.forms.PasswordAgainForm",
    "confirm_email_verification_code": "accounts.forms.EmailCodeForm",
    "confirm_password_reset_code": "accounts.forms.PasswordResetCodeForm",
}
MFA_FORMS = {
    "authenticate": "accounts.forms.AuthenticateForm",
    "authenticate_webauthn": "accounts.forms.AuthenticateWebAuthnForm",
    "reauthenticate": "accounts.forms.ReauthenticateForm",
    "reauthenticate_webauthn": "accounts.forms.ReauthenticateWebAuthnForm",
    "activate_totp": "accounts.forms.ActivateTOTPForm",
    "add_webauthn": "accounts.forms.AddWebAuthnForm",
    "edit_webauthn": "accounts.forms.EditWebAuthnForm",
}
ACCOUNT_LOGOUT_ON_GET = False
ACCOUNT_REAUTHENTICATION_REQUIRED = True
MFA_ADAPTER = "accounts.adapters.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_PASSKEY_LOGIN_ENABLED = False
MFA_TOTP_ISSUER = "Guichet"
MFA_TOTP_TOLERANCE = 1
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not SECURE
USERSESSIONS_TRACK_ACTIVITY = True
PROCONNECT_SERVER_URL = os.environ.get("GUICHET_PROCONNECT_SERVER_URL", "")
SOCIALACCOUNT_EMAIL_AUTHENTICATION = False
SOCIALACCOUNT_LOGIN_ON_GET = False
SOCIALACCOUNT_PROVIDERS = {
    "proconnect": {
        "APPS": (
            [
                {
                    "provider_id": "proconnect",
                    "name": "ProConnect",
                    "client_id": os.environ.get("GUICHET_PROCONNECT_CLIENT_ID", ""),
                    "secret": os.environ.get("GUICHET_PROCONNECT_CLIENT_SECRET", ""),
                    "settings": {
                        "server_url": PROCONNECT_SERVER_URL,
                        "scope": ["openid", "given_name", "usual_name", "email", "siret"],
                        "oauth_pkce_enabled": True,
                        "auth_params": {"acr_values": "eidas1"},
                    },
                }
            ]
            if PROCONNECT_SERVER_URL
            else []
        ),
    }
}

# ---------------------------------------------------------------- mail
EMAIL_URL_HOST = os.environ.get("GUICHET_SMTP_HOST", "")
EMAIL_BACKEND = (
    "django.core.mail.backends.smtp.EmailBackend"
    if EMAIL_URL_HOST
    else "django.core.mail.backends.filebased.EmailBackend"
)
EMAIL_FILE_PATH = DATA_DIR / "mails"
EMAIL_HOST = EMAIL_URL_HOST
# TLS from the first byte (port 465) excludes STARTTLS (port 587).
EMAIL_USE_SSL = flag("GUICHET_SMTP_SSL")
EMAIL_PORT = int(os.environ.get("GUICHET_SMTP_PORT", "465" if EMAIL_USE_SSL else "587"))
EMAIL_HOST_USER = os.environ.get("GUICHET_SMTP_USER", "")
EMAIL_HOST_PASSWORD = os.environ.get("GUICHET_SMTP_PASSWORD", "")
EMAIL_USE_TLS = flag("GUICHET_SMTP_TLS", default=bool(EMAIL_URL_HOST) and not EMAIL_USE_SSL)
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = os.environ.get("GUICHET_FROM_EMAIL", "Guichet <ne-pas-repondre@guichet.invalid>")

# ---------------------------------------------------------------- jobs
CELERY_BROKER_URL = ADDRESSES["broker"]
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
# The sign of life does not queue behind a batch of conventions.
CELERY_TASK_QUEUES = (Queue("celery"), Queue("pulse"))
CELERY_TASK_DEFAULT_QUEUE = "celery"
CELERY_TASK_ROUTES = {"core.tasks.heartbeat_task": {"queue": "pulse"}}
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_TIME_LIMIT = 300
CELERY_TASK_SOFT_TIME_LIMIT = 240
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
# Above the longest task (300 s), so that no task is given twice while it runs.
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 900,
    "socket_connect_timeout": 1,
    "socket_timeout": 5 if PROCESS == "worker" else 1,
    "max_retries": 1,
    "retry_policy": {"max_retries": 1},
}
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TIMEZONE = TIME_ZONE
CELERY_BEAT_SCHEDULE_FILENAME = str(DATA_DIR / "celerybeat-schedule")
CELERY_BEAT_SCHEDULE = {
    "outbox-sweep": {"task": "core.tasks.sweep_outbox_task", "schedule": timedelta(seconds=15)},
    "heartbeat": {"task": "core.tasks.heartbeat_task", "schedule": timedelta(seconds=15)},
    "journal-anchor": {"task": "core.tasks.anchor_journal_task", "schedule": crontab(hour=23, minute=45)},
    "queue-unscanned": {"task": "core.tasks.queue_unscanned_task", "schedule": crontab(minute=35)},
    "deem-complete": {"task": "applications.tasks.deem_complete_task", "schedule": crontab(minute=5)},
    "remind-drafts": {"task": "applications.tasks.remind_drafts_task", "schedule": crontab(hour=8, minute=0)},
    "remind-completions": {"task": "applications.tasks.remind_completions_task", "schedule": crontab(hour=8, minute=5)},
    "remind-reports": {"task": "conventions.tasks.remind_reports_task", "schedule": crontab(hour=8, minute=10)},
    "signing-sweep": {"task": "conventions.tasks.sweep_signings_task", "schedule": timedelta(seconds=60)},
    "forget-expired": {"task": "accounts.tasks.forget_expired_task", "schedule": crontab(hour=3, minute=15)},
}

# ---------------------------------------------------------------- pages
CRISPY_ALLOWED_TEMPLATE_PACKS = ["dsfr"]
CRISPY_TEMPLATE_PACK = "dsfr"
DSFR_USE_INTEGRITY_CHECKSUMS = False
# The library would trust any text it is given as markup.
DSFR_CONTENT_IS_SAFE = False
CSRF_FAILURE_VIEW = "core.views.pages.csrf_failure"
# What the operator says of itself on the public pages; what is not set is shown as still to be completed.
PUBLIC_NOTICE = {
    name: os.environ.get(f"GUICHET_{name.upper()}", "")
    for name in (
        "publisher",
        "publisher_address",
        "publication_director",
        "host",
        "host_address",
        "contact_email",
        "privacy_email",
        "security_email",
        "accessibility_email",
    )
}
MESSAGE_STORAGE = "core.message_storage.EachOnceStorage"

# ---------------------------------------------------------------- security
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "object-src": [NONE],
        "manifest-src": [SELF],
    }
}
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_HSTS_SECONDS = 31_536_000 if SECURE else 0
SECURE_SSL_REDIRECT = False  # the reverse proxy redirects
X_FRAME_OPTIONS = "DENY"
if flag("GUICHET_BEHIND_PROXY"):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
# Forwarded addresses are believed only from these proxies.
TRUSTED_PROXIES = listed("GUICHET_TRUSTED_PROXIES")

# ---------------------------------------------------------------- logs
DJANGO_STRUCTLOG_CELERY_ENABLED = True
DJANGO_STRUCTLOG_USER_ID_FIELD = "pk"
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False  # an address is personal data; the proxy keeps its own logs
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "json": {"()": "core.logs.json_formatter"},
        "plain": {"format": "%(levelname)s %(name)s %(message)s"},
    },
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "json" if PROCESS in {"web", "worker", "beat"} else "plain",
        }
    },
    "root": {"handlers": ["console"], "level": os.environ.get("GUICHET_LOG_LEVEL", "WARNING")},
    "loggers": {
        "guichet": {"level": "INFO"},
        # A refused or unknown page is not an event of operations.
        "django.request": {"level": "ERROR"},
    },
}
if os.environ.get("GUICHET_SENTRY_DSN"):
    from core.error_reports import start_error_reports

    start_error_reports(os.environ["GUICHET_SENTRY_DSN"])

# Demonstration: accounts with known passwords and a banner on each page. Never set where real dossiers are.
DEMONSTRATION = flag("GUICHET_DEMONSTRATION")
EXPOSE_METRICS = flag("GUICHET_METRICS")
