"""Menu entries of this room."""

from core.navigation import register, signed_in

register("Ma collectivité", "Ma collectivité", "affiliation_home", visible=signed_in, order=20)
