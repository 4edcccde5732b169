"""Electronic seals, signatures and timestamps on PDF documents, and their verification.

Bytes in, bytes out. A *seal* is made by an organisation, a *signature* by a person (eIDAS,
articles 3, 25 and 35): no word of this package calls one the other.
"""
