"""Addresses of the site. Rooms name their views without a namespace; paths are French."""

from django.conf import settings
from django.contrib import admin
from django.contrib.auth.decorators import login_not_required
from django.urls import include, path
from django_prometheus.exports import ExportToDjangoView

from core.views import health

urlpatterns = [
    path("", include("core.urls")),
    path("", include("calls.urls")),
    path("", include("territories.urls")),
    path("", include("accounts.urls")),
    path("", include("applications.urls")),
    path("", include("budget.urls")),
    path("", include("jury.urls")),
    path("", include("conventions.urls")),
    path("administration/", admin.site.urls),
    path("sante/web/", health.health_web, name="health_web"),
    path("sante/travaux/", health.health_jobs, name="health_jobs"),
]

if settings.EXPOSE_METRICS:
    # Scraped from inside the network only: the reverse proxy does not forward this path.
    urlpatterns.append(path("metrics", login_not_required(ExportToDjangoView), name="metrics"))

handler400 = "core.views.pages.bad_request"
handler403 = "core.views.pages.permission_denied"
handler404 = "core.views.pages.page_not_found"
handler500 = "core.views.pages.server_error"
