"""The way to the mail relay of the settings: plain on this host, STARTTLS or TLS elsewhere, with or without a
login."""

import smtplib
import ssl
from pathlib import Path

from server.foundation import refusals
from server.foundation.settings import Settings


def connect(settings: Settings, timeout: float = 10.0) -> smtplib.SMTP:
    """A session that is ready for mails; use it in a `with`. Its certificate is checked against the name.

    Raises OSError (every SMTPException is one; so is a certificate that is not right) and
    ConfigurationError (the password's file).
    """
    host, _, port = settings.smtp.rpartition(":")
    if settings.smtp_tls == "tls":
        relay: smtplib.SMTP = smtplib.SMTP_SSL(
            host, int(port), timeout=timeout, context=ssl.create_default_context()
        )
    else:
        relay = smtplib.SMTP(host, int(port), timeout=timeout)
    try:
        if settings.smtp_tls == "starttls":
            relay.starttls(context=ssl.create_default_context())
        if settings.smtp_user:
            password = refusals.private_text(Path(settings.smtp_password_file), "the mail relay's password")
            relay.login(settings.smtp_user, password)
        relay.ehlo_or_helo_if_needed()
    except BaseException:
        relay.close()
        raise
    return relay
