"""Menu entries of this room."""

from budget.permissions import is_budget_reader
from core.navigation import register

register("Budget", "Budget", "budget_overview", visible=is_budget_reader, order=50)
