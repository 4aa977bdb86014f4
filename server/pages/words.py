"""How states look to people: a tone, a shape, a word. One table a subject; French is the message id."""

from collections.abc import Mapping
from dataclasses import dataclass

from server.alarms import rules
from server.coldchain import judge
from server.locales import translate
from server.orders import states

GOOD, INFO, WARN, BAD, CALM = "good", "info", "warn", "bad", "calm"


@dataclass(frozen=True, slots=True)
class Look:
    """What a state shows: `tone` (a tint), `icon` (a shape of its own), `word`."""

    tone: str
    icon: str
    word: str


def _(message: str) -> str:
    return message


ZONE: Mapping[str, Look] = {
    judge.OK: Look(GOOD, "check", _("dans les limites")),
    judge.TEMPERATURE: Look(BAD, "warn", _("température")),
    judge.DOOR: Look(WARN, "door", _("porte ouverte")),
    judge.DEFROST: Look(INFO, "snow", _("dégivrage")),
    judge.PROBE: Look(WARN, "probe", _("sonde en défaut")),
    judge.NODATA: Look(BAD, "silent", _("pas de données")),
}
BLOCKED: Mapping[str, Look] = {
    "bank": Look(BAD, "lock", _("portes bloquées")),
    "room": Look(BAD, "lock", _("chambre bloquée")),
}

COLD: Mapping[str, Look] = {
    "bad": Look(BAD, "warn", _("limite dépassée")),
    "warm": Look(WARN, "warn", _("un peu au-dessus, surveillé")),
    "unknown": Look(WARN, "silent", _("relevés attendus")),
    "good": Look(GOOD, "check", _("resté dans les limites")),
}
"""What is said of the cold since loading, the worst first."""

CLAIM_FOR_CUSTOMER: Mapping[str, Look] = {
    states.HELD: Look(CALM, "clock", _("en attente du paiement")),
    states.LAPSED: Look(CALM, "dash", _("abandonné")),
    states.PAID: Look(INFO, "clock", _("en préparation")),
    states.BOUND: Look(INFO, "clock", _("en préparation")),
    states.LOADED: Look(GOOD, "box", _("dans le casier")),
    states.COLLECTED: Look(GOOD, "check", _("retiré")),
    states.DOUBTFUL: Look(CALM, "question", _("porte ouverte et refermée")),
    states.EXPIRED: Look(WARN, "warn", _("période passée")),
    states.WITHDRAWN: Look(CALM, "euro", _("remboursé")),
    states.CLEARED: Look(CALM, "dash", _("terminé")),
    states.REFUSED: Look(CALM, "euro", _("remboursé")),
}

CLAIM_FOR_PRODUCER: Mapping[str, Look] = {
    states.PAID: Look(INFO, "clock", _("porte à venir")),
    states.BOUND: Look(WARN, "box", _("à déposer")),
    states.LOADED: Look(GOOD, "check", _("déposé")),
    states.COLLECTED: Look(GOOD, "check", _("retiré par le client")),
    states.DOUBTFUL: Look(CALM, "question", _("ouvert et refermé")),
    states.EXPIRED: Look(WARN, "warn", _("à reprendre")),
    states.WITHDRAWN: Look(CALM, "euro", _("annulé, à reprendre")),
}

DOOR: Mapping[str, Look] = {
    "free": Look(CALM, "empty", _("libre")),
    states.BOUND: Look(INFO, "clock", _("attend le dépôt")),
    states.LOADED: Look(GOOD, "box", _("chargé")),
    states.DOUBTFUL: Look(WARN, "question", _("à vérifier")),
    states.EXPIRED: Look(WARN, "clock", _("non retiré")),
    states.WITHDRAWN: Look(WARN, "euro", _("à reprendre")),
    "stocked": Look(WARN, "box", _("occupé sans commande")),
    "blocked": Look(BAD, "lock", _("bloqué")),
    "jam": Look(BAD, "stop", _("coincé")),
    "forced": Look(BAD, "warn", _("forcé")),
    "out": Look(CALM, "dash", _("hors service")),
}

ORDER: Mapping[str, Look] = {
    states.HELD: Look(CALM, "clock", _("en attente du paiement")),
    states.LAPSED: Look(CALM, "dash", _("abandonnée")),
    states.PAID: Look(INFO, "clock", _("payée")),
    states.REGISTERED: Look(INFO, "clock", _("code enregistré")),
    states.READY: Look(GOOD, "box", _("prête à retirer")),
    states.COLLECTED: Look(GOOD, "check", _("retirée")),
    states.EXPIRED: Look(WARN, "warn", _("non retirée")),
    states.REFUNDING: Look(INFO, "euro", _("remboursement en cours")),
    states.REFUNDED: Look(CALM, "euro", _("remboursée")),
}

PRESENCE: Mapping[str, Look] = {
    "online": Look(GOOD, "check", _("en ligne")),
    "off": Look(WARN, "dash", _("éteint")),
    "lost": Look(BAD, "silent", _("injoignable")),
    "unknown": Look(CALM, "question", _("jamais vu")),
    "revoked": Look(WARN, "stop", _("révoqué")),
}

CHECK: Mapping[str, Look] = {
    "bad": Look(BAD, "stop", _("à réparer")),
    "warn": Look(WARN, "warn", _("à voir")),
    "ok": Look(GOOD, "check", _("bien")),
}
"""A line of the list of health, the worst first."""

CLIMATE: Mapping[str, str] = {
    "ambient": _("ambiant"),
    "chilled": _("frais"),
    "frozen": _("surgelé"),
}

BLOCK_REASON: Mapping[str, str] = {
    "warm": _("Température au-dessus de la limite"),
    "cold": _("Température au-dessous de la limite"),
    "nodata": _("Plus aucune température"),
    "probe": _("Sondes en défaut"),
    "hand": _("Bloqué à la main"),
}

URGENCY: Mapping[str, Look] = {
    rules.URGENT: Look(BAD, "stop", _("urgente")),
    rules.HIGH: Look(WARN, "warn", _("importante")),
    rules.LOW: Look(CALM, "dash", _("à savoir")),
}

COMMAND_RESULT: Mapping[str, Look] = {
    "done": Look(GOOD, "check", _("fait")),
    "opened": Look(GOOD, "check", _("porte ouverte")),
    "jammed": Look(BAD, "stop", _("serrure coincée")),
    "already": Look(INFO, "door", _("déjà ouverte")),
    "noanswer": Look(BAD, "silent", _("la serrure ne répond pas")),
    "refused": Look(BAD, "lock", _("refusé par le contrôleur")),
    "failed": Look(BAD, "stop", _("échec")),
    "late": Look(WARN, "clock", _("arrivé trop tard : rien n'a bougé")),
    "otherboot": Look(WARN, "clock", _("contrôleur redémarré : rien n'a bougé")),
    "duplicate": Look(WARN, "stop", _("répétition refusée")),
    "badseal": Look(BAD, "stop", _("sceau faux : refusé")),
    "retained": Look(BAD, "stop", _("message retenu : refusé")),
    "malformed": Look(BAD, "stop", _("illisible : refusé")),
    "offline": Look(WARN, "silent", _("contrôleur absent : pas envoyé")),
    "undelivered": Look(WARN, "silent", _("pas parti de la passerelle")),
    "silent": Look(WARN, "question", _("pas de réponse")),
    "sent": Look(INFO, "clock", _("envoyé, réponse attendue")),
}

COMMAND_WORD: Mapping[str, str] = {
    "open": _("Ouvrir"),
    "block": _("Bloquer"),
    "release": _("Libérer"),
}

NOTED: Mapping[str, Look] = {
    "acknowledged": Look(GOOD, "check", _("Alarme acquittée.")),
    "sent": Look(INFO, "clock", _("Ordre envoyé. Le résultat s'affiche ci-dessous.")),
    "confirmed": Look(GOOD, "check", _("Contenu confirmé.")),
    "blocked": Look(INFO, "clock", _("Blocage envoyé au contrôleur.")),
    "releasing": Look(INFO, "clock", _("Libération envoyée au contrôleur.")),
    "refunding": Look(
        INFO, "clock", _("Remboursement demandé : il part dès que le code est retiré de l'armoire.")
    ),
    "lot-created": Look(GOOD, "check", _("Lot créé.")),
    "lot-placed": Look(GOOD, "check", _("Lot rangé.")),
    "room-breached": Look(
        BAD, "stop", _("Chambre hors limite ou sans température : aucun lot ne peut y entrer.")
    ),
    "room-too-warm-for-product": Look(
        BAD, "stop", _("La limite de cette chambre est trop chaude pour ce produit.")
    ),
    "offline": Look(WARN, "warn", _("Le contrôleur n'est pas joignable : rien n'a été envoyé.")),
    "acknowledged-already": Look(WARN, "warn", _("Quelqu'un a déjà acquitté cette alarme.")),
    "in-use": Look(WARN, "warn", _("Une commande a ses produits ici : remboursez-la d'abord.")),
    "impossible": Look(WARN, "warn", _("L'état présent ne le permet pas.")),
    "revoked": Look(
        GOOD, "check", _("Contrôleur révoqué : sa clé ne vaut plus, ses commandes sont remboursées.")
    ),
    "not-confirmed": Look(
        WARN, "warn", _("Rien n'a été fait : recopiez l'identifiant du contrôleur pour confirmer.")
    ),
    "comment-missing": Look(WARN, "warn", _("Il manque le motif.")),
    "reason-needed": Look(WARN, "warn", _("Il manque le motif.")),
    "use-by-passed": Look(WARN, "warn", _("La DLC est passée : ni vente, ni don.")),
    "quantity": Look(WARN, "warn", _("Cette quantité n'est pas valable.")),
}
"""What came of the form sent just before: the redirect carries only the word, never a text."""

GATEWAY_FACT: Mapping[str, str] = {
    "online": _("Contrôleurs en ligne"),
    "server": _("Joint le serveur"),
    "feed": _("Reçoit ses ordres"),
    "queued": _("En attente d'écriture"),
    "unwritten": _("Écritures échouées"),
    "store_kb": _("Fichier"),
    "free_mb": _("Disque libre"),
    "rss_kb": _("Mémoire"),
}
"""Figures of a gateway's health document (R-04)."""

LANE: Mapping[str, str] = {
    "events": _("des événements"),
    "live": _("des relevés"),
    "backfill": _("du rattrapage"),
    "health": _("de santé"),
}

ROOM_REFUSAL: Mapping[str, str] = {
    "room-breached": _("hors limite ou sans données : refusé"),
    "room-too-warm-for-product": _("limite trop chaude : refusé"),
}

GAP_CAUSE: Mapping[str, str] = {
    "missing": _("pas reçu"),
    "dropped": _("abandonné par le contrôleur, mémoire pleine"),
    "reboot": _("coupure du contrôleur"),
    "probes": _("aucune sonde ne répondait"),
}


def look(table: Mapping[str, Look], key: str, language: str) -> Look:
    """The look of a state in a language; an unknown state shows its own name rather than nothing."""
    found = table.get(key)
    if found is None:
        return Look(CALM, "question", key)
    return Look(found.tone, found.icon, translate(language, found.word))


def word(table: Mapping[str, str], key: str, language: str) -> str:
    """The word for a key in a language."""
    return translate(language, table.get(key, key))
