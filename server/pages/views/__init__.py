"""What each page shows: frozen values read from the database, in words of one language. Nothing here writes.

May import every subject's models and readers, `server.pages.words` and `server.locales.formats`.
"""
