"""What a form says of a value out of bounds, for every form of the site: our own short sentences.

Django's begin with « Assurez-vous que cette valeur… » and count for nobody. A field that gives its own ``error_messages``
keeps them.
"""

from django import forms
from django.db import models

BOUNDS = {
    "max_length": "%(limit_value)d caractères au plus (vous en avez écrit %(show_value)d).",
    "min_length": "%(limit_value)d caractères au moins (vous en avez écrit %(show_value)d).",
    "min_value": "Indiquez %(limit_value)s ou plus.",
    "max_value": "Indiquez %(limit_value)s ou moins.",
    "max_digits": "Ce nombre est trop long. Nombre de chiffres\u00a0: %(max)s au plus.",
    "max_decimal_places": "Nombre de chiffres après la virgule\u00a0: %(max)s au plus.",
    "max_whole_digits": "Ce nombre est trop grand. Nombre de chiffres avant la virgule\u00a0: %(max)s au plus.",
}
FILE_NAME = "Le nom du fichier compte %(max)d caractères au plus (le vôtre en compte %(length)d)."


def speak_plainly() -> None:
    """Gives these sentences to the fields of forms and of models; fields made afterwards take them up."""
    for kind in (forms.Field, models.Field):
        kind.default_error_messages = {**getattr(kind, "default_error_messages", {}), **BOUNDS}
    forms.FileField.default_error_messages = {**forms.FileField.default_error_messages, "max_length": FILE_NAME}
