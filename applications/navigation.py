"""Menu entries of this room."""

from applications.permissions import has_organisation, is_screening_agent
from core.navigation import register

register("Mes dossiers", "Mes dossiers", "application_list", visible=has_organisation, order=15)
register("Instruction", "Dossiers à instruire", "screening_list", visible=is_screening_agent, order=30)
