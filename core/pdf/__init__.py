"""Accessible, archivable PDF documents: HTML in, PDF/A-3a bytes out."""
