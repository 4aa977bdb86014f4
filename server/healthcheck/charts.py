"""The check of what charts are drawn from: this database, or InfluxDB beside it, which follows the ledger."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from server.healthcheck.check import BAD, OK, WARN, Check
from server.healthcheck.check import message as _
from server.telemetry.store import TROUBLES, State, ViewStatus

_LASTS = timedelta(hours=1)
"""What fails for so long does not pass by itself."""

_SAID: Mapping[State, str] = {
    State.BEHIND: _("InfluxDB suit, %(lag)s relevés de retard"),
    State.REBUILDING: _("les courbes sont refaites à partir du registre, il reste %(lag)s relevés"),
    State.UNREACHABLE: _("InfluxDB ne répond pas"),
    State.SLOW: _("InfluxDB répond trop lentement"),
    State.FULL: _("InfluxDB n'a plus de place"),
    State.REFUSED: _("InfluxDB refuse le jeton"),
    State.MISSING: _("il manque à InfluxDB un seau que le jeton ne peut pas créer"),
    State.FAULTY: _("InfluxDB répond par une erreur"),
}
_ADVICE: Mapping[State, str] = {
    State.UNREACHABLE: _("Démarrez-la, ou vérifiez influx_url. Rien n'est perdu : elle rattrapera seule."),
    State.SLOW: _("Voyez la charge de sa machine. Rien n'est perdu : elle rattrapera seule."),
    State.FULL: _("Faites de la place, puis redémarrez InfluxDB : elle ne reprend pas sans cela."),
    State.REFUSED: _("Mettez dans influx_token_file un jeton qui lit et écrit ses seaux."),
    State.MISSING: _("Créez-le, ou donnez un jeton qui peut le créer."),
    State.FAULTY: _("Lisez le journal du serveur : il dit laquelle."),
}


def charts(found: ViewStatus, now: datetime) -> Check:
    """By the view's own word. Nothing is lost in any of its states: charts then come from the SQL views."""
    title = _("Courbes")
    if found.state is State.LEVEL:
        said = _("à jour dans InfluxDB") if found.kind == "influx" else _("à jour dans la base")
        return Check("telemetry", title, OK, said)
    lasts = found.failing_since is not None and now - found.failing_since > _LASTS
    state = (BAD if lasts else WARN) if found.state in TROUBLES else OK
    return Check(
        "telemetry", title, state, _SAID[found.state], _ADVICE.get(found.state, ""), {"lag": found.lag}
    )
