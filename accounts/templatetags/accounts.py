"""Words for what browsers say of themselves."""

from django import template

register = template.Library()

# In order: several browsers also claim to be the ones after them.
_BROWSERS = (("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "Mac"),
    ("Linux", "Linux"),
)


@register.filter
def browser_name(user_agent: str) -> str:
    """« Firefox sur Windows », or « Navigateur inconnu »."""
    browser = next((name for mark, name in _BROWSERS if mark in user_agent), "")
    system = next((name for mark, name in _SYSTEMS if mark in user_agent), "")
    if not browser:
        return f"Navigateur inconnu sur {system}" if system else "Navigateur inconnu"
    return f"{browser} sur {system}" if system else browser
