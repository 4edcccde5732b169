from django.urls import URLPattern, URLResolver, path

from core.views import journal, pages

urlpatterns: list[URLPattern | URLResolver] = [
    path("mentions-legales/", pages.legal_notice, name="legal_notice"),
    path("donnees-personnelles/", pages.privacy, name="privacy"),
    path("accessibilite/", pages.accessibility_statement, name="accessibility_statement"),
    path("securite/", pages.security_contact, name="security_contact"),
    path("journal/", journal.journal, name="journal"),
    path("journal/export/", journal.journal_export, name="journal_export"),
    path("aide/", pages.help_page, name="help"),
    path("plan-du-site/", pages.site_map, name="site_map"),
    path(".well-known/security.txt", pages.security_txt, name="security_txt"),
    path("robots.txt", pages.robots_txt, name="robots_txt"),
    path("favicon.ico", pages.favicon, name="favicon"),
]
