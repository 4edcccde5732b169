"""Trouble of the servers becomes a page in French that says what to do."""

from collections.abc import Callable
from http import HTTPStatus

from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from core.returning import page_at


class PageOfAFormMiddleware:
    """The address of a form that was opened by hand, or loaded again after an error, says so instead of a blank page."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if response.status_code == HTTPStatus.METHOD_NOT_ALLOWED and request.method == "GET" and not response.content:
            context = {"form_page": page_at(request.path, request)}
            page = render(request, "405.html", context, status=HTTPStatus.METHOD_NOT_ALLOWED)
            page["Allow"] = response.get("Allow", "")
            return page
        return response


class ServerTroubleMiddleware:
    """A database that is away or too slow answers 503 with a plain page; nothing of it reaches the person."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, exception: Exception) -> HttpResponse | None:
        if isinstance(exception, OperationalError):
            response = render(request, "503.html", status=503, using=None)
            response["Retry-After"] = "30"
            return response
        return None
